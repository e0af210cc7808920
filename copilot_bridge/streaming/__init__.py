"""Passes the body of upstream's response on to the client.

`response_body` reads it off the socket, `relay` waits for both ends, `socket_writer` writes to the client.
"""
