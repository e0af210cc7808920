"""Responses over a WebSocket: turns of clients, each of which runs as a request does.

`upgrade` responds to the handshake, `session` serves a connection, and `turn` runs one of its turns.
"""
