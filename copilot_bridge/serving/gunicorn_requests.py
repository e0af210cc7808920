"""The differences from gunicorn in reading a request and starting its response."""

from functools import partial
from typing import Any

from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    UnsupportedTransferCoding,
)
from gunicorn.http.wsgi import Response

from copilot_bridge.serving.chunks import MAX_LINE_LENGTH, MalformedBody, parse_chunk_size
from copilot_bridge.streaming.socket_writer import GunicornSocketWriter, HeldSocket

# The statuses of gunicorn's errors; all others are 400.
STATUS_BY_ERROR = (
    (LimitRequestLine, 414),
    (LimitRequestHeaders, 431),
    (ExpectationFailed, 417),
    (UnsupportedTransferCoding, 501),
)


def status_of(error: Exception) -> int:
    return next((status for kind, status in STATUS_BY_ERROR if isinstance(error, kind)), 400)


def wrap_application(application: Any) -> Any:
    """Give the application a writer to the client's socket, and strict chunks."""

    def wrapped(environ: dict[str, Any], start_response: Any) -> Any:
        response: Any = getattr(start_response, "__self__", None)
        if type(response) is Response:  # HTTP/2 has another
            response.__class__ = JoiningResponse
            environ["copilot_bridge.socket_writer"] = GunicornSocketWriter(response)
            environ["copilot_bridge.hang_up"] = response.force_close
            start_response = partial(restartable_start_response, response)
        reader = getattr(environ["wsgi.input"], "reader", None)
        if type(reader) is ChunkedReader:
            reader.__class__ = StrictReader
        return application(environ, start_response)

    return wrapped


def restartable_start_response(
    response: Response, status: str, headers: list[tuple[str, str]], failure: Any = None
) -> Any:
    """WSGI's start_response.  A second call, after a failure, discards the headers of the first."""
    if failure and not response.headers_sent:
        response.headers, response.response_length = [], None
    return response.start_response(status, headers, failure)


class JoiningResponse(Response):  # type: ignore[misc]
    """A response whose head is sent together with the first piece of its body."""

    sock: Any

    def write(self, data: bytes) -> None:
        if self.headers_sent:
            super().write(data)
            return
        client, self.sock = self.sock, HeldSocket(self.sock)
        try:
            super().write(data)
            self.sock.release()
        finally:
            self.sock = client


class StrictReader(ChunkedReader):  # type: ignore[misc]
    """A chunked body.  gunicorn's own waits for a line end that can't come, and for a chunk of any size."""

    def parse_chunk_size(self, unreader: Any, data: bytes | None = None) -> tuple[int, bytes | None]:
        buffer = bytearray(data or b"")
        while b"\n" not in buffer:
            if len(buffer) > MAX_LINE_LENGTH:
                raise MalformedBody("the line before a chunk is too long")
            self.read_into(unreader, buffer)
        parse_chunk_size(bytes(buffer[: buffer.index(b"\n") + 1]))
        parsed: tuple[int, bytes | None] = super().parse_chunk_size(unreader, bytes(buffer))
        return parsed
