"""A connection of gevent's own server: requests are read strictly, errors told as programs expect them."""

import logging
import re
import socket
from contextlib import suppress
from http.client import HTTPException
from typing import Any

import gevent
from gevent.pywsgi import Input, WSGIHandler

from copilot_bridge.http.drain import throw_away
from copilot_bridge.serving.chunks import ChunkedBody
from copilot_bridge.serving.refused import refusal
from copilot_bridge.streaming.socket_writer import GeventSocketWriter

log = logging.getLogger(__name__)

KEEPALIVE = 75  # seconds that a connection may wait for its next request, as under gunicorn

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[^\r\n\x00]*")
LENGTH = re.compile(r"[0-9]{1,18}")

REASONS = {
    "400": "the request can't be understood",
    "414": "the request's first line is too long",
    "431": "the request has too many headers, or too long ones",
}


class Refused(ValueError):
    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


def check_framing(headers: Any) -> None:
    """Raises Refused: a header is none, or others on the way may see the body's end elsewhere.

    RFC 9112, sections 5 and 6.3.  :param headers: an email.message.Message.
    """
    for name, value in headers.items():
        if not NAME.fullmatch(name) or not VALUE.fullmatch(value):
            raise Refused(f"{name[:40]!r} is no header")
    if headers.defects:
        raise Refused("a line among the headers is none")
    if headers.status:
        raise Refused(REASONS["431"], 431)
    codings = headers.get_all("transfer-encoding", [])
    lengths = headers.get_all("content-length", [])
    if codings and (lengths or [each.strip(" \t").lower() for each in codings] != ["chunked"]):
        raise Refused("Transfer-Encoding: only `chunked` is known here, and no Content-Length beside it")
    if lengths and (len(lengths) > 1 or not LENGTH.fullmatch(lengths[0].strip(" \t"))):
        raise Refused("Content-Length is no number, or there are several")


class StrictInput(Input):  # type: ignore[misc]
    """A body in chunks."""

    def __init__(self, given: Input) -> None:
        super().__init__(given.rfile, None, given.socket, chunked_input=True)
        self._chunks = ChunkedBody(given.rfile)

    def _chunked_read(self, length: int | None = None, use_readline: bool = False) -> bytes:
        assert not use_readline
        self._send_100_continue()
        return self._chunks.read(length)

    def readline(self, size: int | None = None) -> bytes:
        raise NotImplementedError("the application reads whole bodies")

    def _discard(self) -> None:
        """The connection ends where a body in chunks has not been read to its end."""


class Handler(WSGIHandler):  # type: ignore[misc]
    """Shows the application the client's socket, and leaves the log to it."""

    wsgi_input: Any

    def handle(self) -> None:
        """As gunicorn: or the first event waits 40 ms, until the client has acknowledged the head."""
        with suppress(OSError):  # a Unix socket knows nothing of it, nor does macOS once the client has left
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle()

    def handle_one_request(self) -> Any:
        self.path = ""
        result = super().handle_one_request()
        if isinstance(result, tuple):  # a status and an answer of gevent's own, without a body
            self.refuse(int(result[0]), REASONS.get(result[0], REASONS["400"]))
            return None
        return result

    def refuse(self, status: int, reason: str) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.socket.sendall(refusal(status, reason, self.path.partition("?")[0]))
            throw_away(self.socket)

    def MessageClass(self, *args: Any) -> Any:  # noqa: N802 - gevent's name
        try:
            headers = super().MessageClass(*args)
        except HTTPException as error:
            raise Refused(REASONS["431"], 431) from error
        check_framing(headers)
        return headers

    def _handle_client_error(self, ex: Exception) -> tuple[str, bytes] | None:
        status = getattr(ex, "status", 400)
        log.warning("Invalid request from %s: %s", self.client_address, ex)
        self.refuse(status, str(ex) if isinstance(ex, Refused) else REASONS["400"])
        return None

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        if self.wsgi_input.chunked_input:
            environ["wsgi.input"] = self.wsgi_input = StrictInput(self.wsgi_input)
        return environ | {
            "copilot_bridge.socket": self.socket,
            "copilot_bridge.socket_writer": GeventSocketWriter(self),
            "copilot_bridge.hang_up": self.hang_up,
        }

    def hang_up(self) -> None:
        """After this answer: what has not been read of the request is not read."""
        self.close_connection = True
        self.wsgi_input._chunked_input_error = True

    def _log_error(self, kind: Any, error: Any, trace: Any) -> None:
        if not issubclass(kind, gevent.GreenletExit):
            log.error("Error handling request %s", self.path, exc_info=(kind, error, trace))

    def _send_error_response_if_possible(self, error_code: int) -> None:
        self.close_connection = True
        if not self.response_length:
            self.refuse(error_code, "internal error of the bridge: its log has more")

    def read_requestline(self) -> Any:
        """Between two requests a connection is idle; None ends it."""
        idle: set[gevent.Greenlet] = self.server.idle
        if not self.server.started:
            return None
        idle.add(gevent.getcurrent())
        try:
            return gevent.with_timeout(KEEPALIVE, super().read_requestline, timeout_value=None)
        finally:
            idle.discard(gevent.getcurrent())

    def log_request(self) -> None:
        """The application writes a line for each request."""
