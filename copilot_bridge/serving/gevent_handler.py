"""A connection of gevent's own server: reads requests strictly, and sends errors in the form of the API."""

import logging
import re
import socket
from contextlib import suppress
from http.client import HTTPException
from typing import Any

import gevent
from gevent.pywsgi import Input, WSGIHandler

from copilot_bridge.http.drain import discard_input
from copilot_bridge.serving.chunks import ChunkedBody
from copilot_bridge.serving.error_response import error_response
from copilot_bridge.streaming.socket_writer import GeventSocketWriter, HeldSocket

log = logging.getLogger(__name__)

KEEPALIVE = 75  # seconds that a connection may wait for its next request, as under gunicorn

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[^\r\n\x00]*")
LENGTH = re.compile(r"[0-9]{1,18}")

REASONS = {
    "400": "the request is malformed",
    "414": "the request's first line is too long",
    "431": "the request has too many headers, or too long ones",
}


class MalformedRequest(ValueError):
    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


def check_headers(headers: Any) -> None:
    """Check that all servers on the way see the same headers, and the same end of the body.

    RFC 9112, sections 5 and 6.3.

    :param headers: an email.message.Message.
    :raises MalformedRequest:
    """
    for name, value in headers.items():
        if not NAME.fullmatch(name) or not VALUE.fullmatch(value):
            raise MalformedRequest(f"{name[:40]!r} is not a valid header")
    if headers.defects:
        raise MalformedRequest("a line among the headers is not a header")
    if headers.status:
        raise MalformedRequest(REASONS["431"], 431)
    codings = headers.get_all("transfer-encoding", [])
    lengths = headers.get_all("content-length", [])
    if codings and (lengths or [coding.strip(" \t").lower() for coding in codings] != ["chunked"]):
        raise MalformedRequest("Transfer-Encoding has to be `chunked`, without a Content-Length beside it")
    if lengths and (len(lengths) > 1 or not LENGTH.fullmatch(lengths[0].strip(" \t"))):
        raise MalformedRequest("Content-Length is not a number, or there are several")


class StrictInput(Input):  # type: ignore[misc]
    """A chunked request body."""

    def __init__(self, original: Input) -> None:
        super().__init__(original.rfile, None, original.socket, chunked_input=True)
        self._chunks = ChunkedBody(original.rfile)

    def _chunked_read(self, length: int | None = None, use_readline: bool = False) -> bytes:
        assert not use_readline
        self._send_100_continue()
        return self._chunks.read(length)

    def readline(self, size: int | None = None) -> bytes:
        raise NotImplementedError("the application reads whole bodies")

    def _discard(self) -> None:
        """Read nothing: the connection is closed where a chunked body was not read to its end."""


class Handler(WSGIHandler):  # type: ignore[misc]
    """Gives the application the client's socket, and leaves the log to the application."""

    wsgi_input: Any
    socket: Any

    def handle(self) -> None:
        """Send small writes at once, as gunicorn does.

        Otherwise the first event would wait 40 ms for the head's ACK.
        """
        with suppress(OSError):  # a Unix socket has no such option, nor has macOS once the client has left
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle()

    def handle_one_request(self) -> Any:
        self.path = ""
        result = super().handle_one_request()
        if isinstance(result, tuple):  # gevent's own status and response, without a body
            self.send_error(int(result[0]), REASONS.get(result[0], REASONS["400"]))
            return None
        return result

    def send_error(self, status: int, reason: str) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.socket.sendall(error_response(status, reason, self.path.partition("?")[0]))
            discard_input(self.socket)

    def MessageClass(self, *args: Any) -> Any:  # noqa: N802 - gevent's name
        try:
            headers = super().MessageClass(*args)
        except HTTPException as error:
            raise MalformedRequest(REASONS["431"], 431) from error
        check_headers(headers)
        return headers

    def _handle_client_error(self, ex: Exception) -> tuple[str, bytes] | None:
        status = getattr(ex, "status", 400)
        log.warning("Invalid request from %s: %s", self.client_address, ex)
        self.send_error(status, str(ex) if isinstance(ex, MalformedRequest) else REASONS["400"])
        return None

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        if self.wsgi_input.chunked_input:
            environ["wsgi.input"] = self.wsgi_input = StrictInput(self.wsgi_input)
        return environ | {
            "copilot_bridge.socket": self.socket,
            "copilot_bridge.socket_writer": GeventSocketWriter(self),
            "copilot_bridge.hang_up": self.close_after_response,
        }

    def _write_with_headers(self, data: bytes) -> None:
        """Send the head together with the first piece of the body."""
        client, self.socket = self.socket, HeldSocket(self.socket)
        try:
            super()._write_with_headers(data)
            self.socket.release()
        finally:
            self.socket = client

    def close_after_response(self) -> None:
        """Close the connection after this response, without reading the rest of the request."""
        self.close_connection = True
        self.wsgi_input._chunked_input_error = True

    def _log_error(self, kind: Any, error: Any, trace: Any) -> None:
        if not issubclass(kind, gevent.GreenletExit):
            log.error("Error handling request %s", self.path, exc_info=(kind, error, trace))

    def _send_error_response_if_possible(self, error_code: int) -> None:
        self.close_connection = True
        if not self.response_length:
            self.send_error(error_code, "internal error of the bridge: its log has more")

    def read_requestline(self) -> Any:
        """Wait for the next request, while the server may close the connection.  None closes it."""
        idle: set[gevent.Greenlet] = self.server.idle
        if not self.server.started:
            return None
        idle.add(gevent.getcurrent())
        try:
            return gevent.with_timeout(KEEPALIVE, super().read_requestline, timeout_value=None)
        finally:
            idle.discard(gevent.getcurrent())

    def log_request(self) -> None:
        """Log nothing: the application writes a line for each request."""
