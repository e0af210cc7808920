"""Requests to upstream and the heads of its responses."""

import io
from http.client import HTTPException

import pytest

from copilot_bridge.upstream.transport.connections import PlainConnection
from copilot_bridge.upstream.transport.messages import (
    MAX_FIELDS,
    SHORT_BODY,
    FinalResponse,
    read_fields,
    write_fields,
)


class Socket:
    """Gives what it was made with, and keeps each piece that it is sent."""

    def __init__(self, received: bytes = b"") -> None:
        self.received = received
        self.sent: list[bytes] = []

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self.received)

    def sendall(self, data: bytes) -> None:
        self.sent.append(bytes(data))

    def settimeout(self, _seconds: float) -> None:
        pass

    def close(self) -> None:
        pass


def response_to(head: bytes, method: str = "POST") -> FinalResponse:
    response = FinalResponse(Socket(head), method=method)  # type: ignore[arg-type]
    response.begin()
    return response


def sent_pieces(body: bytes | None, headers: dict[str, str]) -> list[bytes]:
    connection = PlainConnection("upstream.example")
    connection.sock = Socket()
    connection.request("POST", "/path", body, headers)
    pieces: list[bytes] = connection.sock.sent
    return pieces


def test_fields_are_written_as_lines_in_their_order() -> None:
    assert write_fields({"A": "one", "B-C": "tw\xf6"}) == b"A: one\r\nB-C: tw\xf6"
    assert write_fields({}) == b""


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_a_field_never_brings_another_one_along(end: str) -> None:
    for headers in ({"A": f"one{end}Evil: yes"}, {f"A{end}Evil": "yes", "B": "two"}):
        with pytest.raises(ValueError, match="line end"):
            write_fields(headers)


def test_a_field_that_has_no_bytes_in_latin_1_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        write_fields({"A": "\u20ac"})


def test_fields_are_found_in_any_case_and_without_blanks() -> None:
    fields = read_fields(io.BytesIO(b"X-One:  a b \r\nx-TWO:c\r\nX-One: d\r\n\r\nX-Three: body\r\n"))
    assert fields["x-one"] == "a b, d"
    assert fields["X-Two"] == "c"
    assert "x-three" not in fields


def test_a_folded_field_is_one_and_a_line_that_is_none_is_skipped() -> None:
    fields = read_fields(io.BytesIO(b"A: one\r\n  two\r\nnonsense\r\nB: three\n\n"))
    assert dict(fields) == {"A": "one two", "B": "three"}


@pytest.mark.parametrize("head", [b"A: b\r\n" * (MAX_FIELDS + 1), b"A: " + b"b" * 70_000 + b"\r\n"])
def test_a_head_without_end_is_refused(head: bytes) -> None:
    with pytest.raises(HTTPException):
        read_fields(io.BytesIO(head))


def test_interim_responses_are_skipped() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    response = response_to(early + b"HTTP/1.1 100 Continue\r\n\r\n" + early + b"HTTP/1.1 204 Done\r\n\r\n")
    assert (response.status, response.reason, response.length) == (204, "Done", 0)
    assert "link" not in response.headers


def test_interim_responses_without_end_are_an_error() -> None:
    with pytest.raises(HTTPException):
        response_to(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 200)


@pytest.mark.parametrize(
    ("head", "length", "chunked", "will_close"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 5, False, False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 5\r\n\r\n", None, True, False),
        (b"HTTP/1.1 200 OK\r\n\r\n", None, False, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", None, False, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", 5, False, True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 5, False, True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", 5, False, False),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", 0, False, False),
    ],
)
def test_the_head_tells_where_the_body_ends(
    head: bytes, length: int | None, chunked: bool, will_close: bool
) -> None:
    response = response_to(head)
    assert (response.length, response.chunked, response.will_close) == (length, chunked, will_close)


def test_a_short_body_goes_out_with_its_head_in_one_piece() -> None:
    head = b"POST /path HTTP/1.1\r\nHost: upstream.example\r\nAccept-Encoding: identity\r\n"
    assert sent_pieces(b"{}", {"Content-Length": "2"}) == [head + b"Content-Length: 2\r\n\r\n{}"]
    assert sent_pieces(None, {}) == [head + b"\r\n"]


def test_a_large_body_is_not_copied() -> None:
    body = b"x" * (SHORT_BODY + 1)
    head, *rest = sent_pieces(body, {"Accept-Encoding": "gzip"})
    assert head.endswith(b"\r\n\r\n")
    assert head.count(b"Accept-Encoding") == 1
    assert rest == [body]
