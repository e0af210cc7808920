"""Responses over a WebSocket to Copilot: a conversation's connection remembers what was said on it.

`turns` is the door, `pool` keeps the connections, and `new_items` decides what a connection does not know.
"""
