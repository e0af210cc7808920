"""Writes requests and reads the heads of responses, as HTTP/1.1 has them (RFC 9112).

http.client and urllib3 check each header field by itself, send the body apart from the head, and leave the
head of a response to the email package: together a fifth of what a small request costs.  The rest of HTTP is
still theirs.
"""

from collections.abc import Mapping
from http.client import (
    NO_CONTENT,
    NOT_MODIFIED,
    SWITCHING_PROTOCOLS,
    HTTPConnection,
    HTTPException,
    HTTPResponse,
)
from typing import Any

import urllib3
from urllib3 import HTTPHeaderDict

SHORT_BODY = 65536  # bytes: copying them costs less than another `send`

MAX_LINE = 65536
MAX_FIELDS = 100
MAX_INTERIM_RESPONSES = 100


def write_fields(headers: Mapping[str, str]) -> bytes:
    """The lines of the header fields, without the end of the last one.

    :raises ValueError: a name or a value would be more than one line, or has no bytes in Latin-1.
    """
    text = "\r\n".join([f"{name}: {value}" for name, value in headers.items()])
    line_ends = max(0, len(headers) - 1)
    if text.count("\n") != line_ends or text.count("\r") != line_ends:
        raise ValueError("a header field with a line end in it")
    return text.encode("latin-1")


def read_fields(stream: Any) -> HTTPHeaderDict:
    """A head's fields up to the empty line.  Lines that are no fields are skipped.

    :raises HTTPException: a line is too long, or there are too many of them.
    """
    pairs: list[tuple[str, str]] = []
    for line in b"".join(read_lines(stream)).decode("latin-1").split("\n"):
        name, colon, value = line.partition(":")
        if name[:1] in (" ", "\t") and pairs:  # of the field before it, as it was once allowed
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]} {line.strip()}")
        elif colon:
            pairs.append((name, value.strip()))
    return HTTPHeaderDict(pairs)


def read_lines(stream: Any) -> list[bytes]:
    lines: list[bytes] = []
    while (line := stream.readline(MAX_LINE + 1)) not in (b"\r\n", b"\n", b""):
        if len(line) > MAX_LINE or len(lines) == MAX_FIELDS:
            raise HTTPException("the head of the response is too large")
        lines.append(line)
    return lines


class FinalResponse(HTTPResponse):
    """The final response: http.client skips 100 only, and takes a 103 (Early Hints) for the response."""

    def _read_status(self) -> tuple[str, int, str]:
        status_line: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
        for _ in range(MAX_INTERIM_RESPONSES):
            if status_line[1] >= 200 or status_line[1] == SWITCHING_PROTOCOLS:
                return status_line
            read_lines(self.fp)
            status_line = super()._read_status()  # type: ignore[misc]
        raise HTTPException("only interim responses")

    def begin(self) -> None:
        """Read the head, and find out how long the body is (RFC 9112, section 6.3)."""
        version, self.status, reason = self._read_status()
        self.code = self.status
        self.reason = reason.strip()
        self.version = 10 if version in ("HTTP/1.0", "HTTP/0.9") else 11
        fields: Any = read_fields(self.fp)
        self.headers = self.msg = fields
        self.chunked = fields.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = None
        self.length = self._announced_length()
        self.will_close = self._check_close() or (self.length is None and not self.chunked)  # type: ignore[attr-defined]

    def _announced_length(self) -> int | None:
        """Return the length that the head announces.

        None: the chunks or the end of the connection mark the end.
        """
        if self.status in (NO_CONTENT, NOT_MODIFIED) or self.status < 200 or self._method == "HEAD":  # type: ignore[attr-defined]
            return 0
        length = self.headers.get("content-length", "")
        return int(length) if length.isdecimal() and not self.chunked else None


class MessageConnection:
    """A mixin for urllib3's connections that writes requests and reads responses by this module."""

    response_class: Any = FinalResponse
    sock: Any
    timeout: Any
    _buffer: list[bytes]  # http.client's: the lines of the head
    _target: tuple[str, str]

    def request(self, method: Any, url: Any, body: Any = None, headers: Any = None, **_options: Any) -> None:
        """Send a request whose headers have the length of its body, as `http_client.prepare` makes them."""
        if self.sock is not None:
            self.sock.settimeout(self.timeout)
        headers = headers or {}
        self._target = (method, url)
        self.putrequest(method, url, skip_accept_encoding="Accept-Encoding" in headers)  # type: ignore[attr-defined]
        if headers:
            self._output(write_fields(headers))  # type: ignore[attr-defined]
        self.endheaders(body)  # type: ignore[attr-defined]

    def _send_output(self, body: bytes | None = None, **_options: Any) -> None:
        """Send the head that was put together, and a short body along with it."""
        head = b"\r\n".join([*self._buffer, b"", b""])
        self._buffer.clear()
        if body and len(body) <= SHORT_BODY:
            head, body = head + body, None
        self.send(head)  # type: ignore[attr-defined]
        if body:
            self.send(body)  # type: ignore[attr-defined]

    def getresponse(self) -> urllib3.HTTPResponse:
        """Wrap http.client's response as urllib3 does, without checks of what the email package found."""
        self.sock.settimeout(self.timeout)
        response: Any = HTTPConnection.getresponse(self)  # type: ignore[arg-type]
        method, url = self._target
        return urllib3.HTTPResponse(
            body=response,
            headers=response.headers,
            status=response.status,
            version=response.version,
            reason=response.reason,
            preload_content=False,
            decode_content=False,
            original_response=response,
            request_method=method,
            request_url=url,
        )
