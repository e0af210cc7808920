"""The WebSocket protocol (RFC 6455) without I/O, for both of the bridge's sides.

`websockets` has the rules of the protocol; the bytes travel where a connection is kept.  Whole text frames,
which are nearly all that a connection carries, do without the library's parser, because it would cost more
than everything else that is done to a streamed event.
"""
