"""Bodies that are read at once: whole responses, refusals, and the short end of a stream."""

from collections.abc import Iterator
from contextlib import closing, suppress

import requests
from urllib3.exceptions import HTTPError

from copilot_bridge.errors import UpstreamRefused
from copilot_bridge.upstream.transport.network_errors import incomplete_response

MEGABYTE = 1024 * 1024
DEFAULT_SIZE_LIMIT = 64 * MEGABYTE  # bytes of a response that comes in one piece
SIZE_LIMIT = "size_limit"  # the attribute of a response that sets another limit

PIECE_SIZE = 256 * 1024  # bytes of a body that are read at once

TAIL_TIMEOUT = 1.0  # seconds
MAX_TAIL = 65536  # bytes after the last event of a stream

MAX_ERROR_BODY = 65536  # bytes that are read of a refusal


def read_whole(response: requests.Response) -> bytes:
    """The body, decompressed.

    :raises StreamCut: it broke off.
    :raises UpstreamTimeout: it stopped.
    :raises UpstreamRefused: it is larger than a response may be.
    """
    limit: int = getattr(response, SIZE_LIMIT, DEFAULT_SIZE_LIMIT)
    compressed = "Content-Encoding" in response.raw.headers
    body = b""
    try:
        # `response.content` reads 10 kB at a time, which takes longer than all else.  A compressed body is
        # decompressed in steps, so it never takes more memory than is asked for.
        while len(body) <= limit and (
            piece := response.raw.read(limit + 1 - len(body), decode_content=compressed)
        ):
            body = body + piece if body else bytes(piece)
    except (HTTPError, OSError) as error:
        raise incomplete_response(error) from error
    if len(body) > limit:
        response.close()
        raise too_large(limit)
    return body


def read_pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the body, decompressed, in pieces of some 100 kB.  Closes the response.

    :raises StreamCut: it broke off.
    :raises UpstreamTimeout: it stopped.
    :raises UpstreamRefused: it is larger than a response may be.
    """
    left: int = getattr(response, SIZE_LIMIT, DEFAULT_SIZE_LIMIT)
    limit, compressed = left, "Content-Encoding" in response.raw.headers
    with closing(response):
        while True:
            try:
                piece = response.raw.read(PIECE_SIZE, decode_content=compressed)
            except (HTTPError, OSError) as error:
                raise incomplete_response(error) from error
            if not piece:
                return
            left -= len(piece)
            if left < 0:
                raise too_large(limit)
            yield piece


def too_large(limit: int) -> UpstreamRefused:
    return UpstreamRefused(f"the response is larger than {limit // MEGABYTE} MB", code="response_too_large")


def read_tail(response: requests.Response) -> None:
    """Read the end of a body of which nothing more is wanted, if it comes soon and is short.

    A connection can be used again only after its response has been read to the end.
    """
    sock = getattr(getattr(response.raw, "connection", None), "sock", None)
    if sock is None:
        return
    sock.settimeout(TAIL_TIMEOUT)
    with suppress(HTTPError, OSError):
        if len(response.raw.read(MAX_TAIL, decode_content=False)) < MAX_TAIL:
            return
    response.close()


def read_error_body(response: requests.Response) -> bytes:
    """The start of a refusal's body; b"" if it can't be read."""
    try:
        return bytes(response.raw.read(MAX_ERROR_BODY, decode_content=True) or b"")
    except Exception:  # noqa: BLE001 - urllib3's own errors, zlib's, the socket's: the status says enough
        return b""
    finally:
        response.close()
