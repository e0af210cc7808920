"""Reads a response body piece by piece, in a greenlet that has nothing else to wait for."""

from collections.abc import Iterator
from contextlib import suppress

from gevent.socket import wait_read

from copilot_bridge.errors import StreamCut, UpstreamTimeout
from copilot_bridge.streaming.response_body import Body


def pieces_of(body: Body, timeout: float) -> Iterator[bytes]:
    """Yield the pieces of a body as they arrive, each as large as can be.  Blocks the greenlet.

    :param timeout: seconds between two pieces.
    :raises StreamCut, UpstreamTimeout:
    """
    while not body.eof:
        if data := body.read_available():
            yield data
        elif not body.blocking and not body.eof:
            late = UpstreamTimeout(f"no byte from Copilot for {timeout:g} s")
            wait_read(body.fileno(), timeout=timeout, timeout_exc=late)


def read_to_end(body: Body, timeout: float) -> None:
    """Read the unneeded rest of a body, if it comes in time, so that its connection can be reused."""
    with suppress(StreamCut, UpstreamTimeout):
        for _piece in pieces_of(body, timeout):
            pass
