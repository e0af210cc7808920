"""Connections that are no longer the server's.  Servers import this module before the application."""

SESSIONS = "copilot_bridge_websockets"  # the name of the open WebSockets among the application's extensions


class TakenOver(list[bytes]):
    """The body of a response after which the server has nothing to send, and closes the connection."""
