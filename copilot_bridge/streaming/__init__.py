"""Passes an answer from upstream's socket to the client's.

`response_body` reads upstream's bytes, `relay` waits for both ends, `socket_writer` writes past the server.
"""
