"""Any error between server and view gives a proper response, and closes what was opened."""

import contextlib
import json
import socket
import time

import pytest
from integration.harness import Bridge, Junction, Simulator, Start, chat_body

POST = b"POST /v1/messages HTTP/1.1\r\nHost: bridge\r\nContent-Type: application/json\r\n"
GET = b"GET /v1/models HTTP/1.1\r\nHost: bridge\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def raw(bridge: Bridge, sent: bytes) -> bytes:
    """All that comes until the connection ends."""
    received = b""
    with bridge.connect() as sock:
        sock.sendall(sent)
        with contextlib.suppress(ConnectionResetError):  # all was not read; the response had come before
            while piece := sock.recv(65536):
                received += piece
    return received


def check_refused(received: bytes, status: int = 400) -> None:
    """One response, JSON, and then the connection ends."""
    assert received.count(b"HTTP/1.1 ") == 1, received
    head, _, body = received.partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status, received
    assert b"application/json" in head
    assert json.loads(body)["error"]["message"]


@pytest.mark.parametrize("path", [b"/v1/messages", b"/v1/chat/completions", b"/v1/responses"])
@pytest.mark.parametrize("body", [b"", b"{", b'{"model":"gpt-4o","messages":[]'])
def test_a_body_that_ends_early_is_a_499(any_bridge: Bridge, path: bytes, body: bytes) -> None:
    with any_bridge.connect() as sock:
        sock.sendall(POST.replace(b"/v1/messages", path) + b"Content-Length: 500\r\n\r\n" + body)
        sock.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: sock.recv(65536), b""))
    check_refused(received, 499)


# Bodies in chunks.

CHUNKS = {
    "negative": b"-5\r\nhello\r\n" + END,
    "signed": b"+5\r\nhello\r\n" + END,
    "prefixed": b"0x5\r\nhello\r\n" + END,
    "underscored": b"1_0\r\n0123456789abcdef\r\n" + END,
    "blank before": b" 5\r\nhello\r\n" + END,
    "none": b"\r\nhello\r\n" + END,
    "bare LF": b"5\nhello\n0\n\n",
    "bare LF after the first": b"2\r\n{}\r\n0\n\n",
    "larger than anything": b"FFFFFFFFFFFFFFFFF\r\nhello\r\n" + END,
    "a gigabyte's digits": b"0" * 1_000 + b"5\r\nhello\r\n" + END,
    "an endless line": b"5;" + b"a" * 100_000,
    "longer than it says": b"5\r\nhelloXX" + END,
    "no trailer": b"2\r\n{}\r\n0\r\nX A b\r\n\r\n",
}


@pytest.mark.parametrize("name", CHUNKS)
def test_malformed_chunks_are_refused(any_bridge: Bridge, name: str) -> None:
    check_refused(raw(any_bridge, CHUNKED + CHUNKS[name]))


@pytest.mark.parametrize("size", [b"2", b"0002", b"2 ;name=value", b"2;a"])
def test_wellformed_chunks_are_read_to_their_end(any_bridge: Bridge, size: bytes) -> None:
    sent = CHUNKED + size + b"\r\n{}\r\n0\r\nX-A: b\r\n\r\n" + GET + b"Connection: close\r\n\r\n"
    received = raw(any_bridge, sent)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"model: expected" in received
    assert b"HTTP/1.1 200 " in received, "the connection goes on"


# Where a body ends: what others on the way might see elsewhere.

FRAMES = {
    "chunked and a length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n2\r\n{}\r\n" + END,
    "identity": b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
    "a control character": b"Transfer-Encoding:\x0bchunked\r\n\r\n2\r\n{}\r\n" + END,
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n" + END,
    "a blank before the colon": b"Transfer-Encoding : chunked\r\n\r\n2\r\n{}\r\n" + END,
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "a negative length": b"Content-Length: -2\r\n\r\n{}",
    "a signed length": b"Content-Length: +2\r\n\r\n{}",
    "a length in words": b"Content-Length: two\r\n\r\n{}",
    "a folded header": b"X-A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
    "no header": b"Content-Length 2\r\n\r\n{}",
}


@pytest.mark.parametrize("name", FRAMES)
def test_one_end_for_everybody(any_bridge: Bridge, name: str) -> None:
    check_refused(raw(any_bridge, POST + FRAMES[name]))


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"xchunked"])
def test_a_compressed_body_is_refused(any_bridge: Bridge, coding: bytes) -> None:
    received = raw(any_bridge, POST + b"Transfer-Encoding: " + coding + b"\r\n\r\n2\r\n{}\r\n" + END)
    assert int(received.split()[1]) in (400, 415, 501)
    check_refused(received, int(received.split()[1]))


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (b"GARBAGE\r\n\r\n", (400,)),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 50 + b"\r\n\r\n", (400,)),
        (b"GET / HTTP/9.9\r\nHost: bridge\r\n\r\n", (400,)),
        (GET + b"X: " + b"a" * 70_000 + b"\r\n\r\n", (431,)),
        (GET + b"".join(b"X-%d: a\r\n" % number for number in range(500)) + b"\r\n", (431,)),
        (b"GET /v1/models?" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", (414,)),
    ],
    ids=["garbage", "tls", "version", "a long header", "many headers", "a long line"],
)
def test_malformed_requests_get_no_html_page(any_bridge: Bridge, sent: bytes, statuses: tuple[int]) -> None:
    received = raw(any_bridge, sent)
    check_refused(received, statuses[0])


# Paths.


@pytest.mark.parametrize("path", ["%0d%0aX:y", "%00", "%1b[31m", "%E2%80%AE", "%0a"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_control_characters_in_a_path_are_escaped(any_bridge: Bridge, path: str, accept: str) -> None:
    for base in ("/requests/", "/v1/models/", "/nowhere/"):
        response = any_bridge.request("GET", f"{base}{path}?theme=dark", headers={"Accept": accept})
        assert response.status == 404, base
        assert "x" not in response.headers


def test_a_page_keeps_any_other_name_in_its_redirect(any_bridge: Bridge) -> None:
    response = any_bridge.request(
        "GET", "/requests/%E4%B8%AD%20a?theme=dark", headers={"Accept": "text/html"}
    )
    assert response.status == 303
    assert response.headers["location"] == "/requests/%E4%B8%AD%20a"


# Headers of upstream's.


class Adorned(Junction):
    """Puts a header into each response."""

    def __init__(self, target: str, header: bytes) -> None:
        self._header = header
        super().__init__(target)

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data.replace(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n" + self._header, 1))
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("server", ["gunicorn", "gevent"])
def test_control_characters_in_upstreams_headers_are_escaped(
    start_bridge: Start, simulator: Simulator, server: str
) -> None:
    header = b"X-GitHub-Request-Id: \x1b[31mred\x00\x7f\r\nX-Quota-Snapshot-Chat: a\x0bb\r\n"
    upstream = Adorned(simulator.url, header)
    bridge = start_bridge(server=server, copilot_api_url=upstream.url, max_concurrent=1)
    try:
        for streaming in (False, True, False):  # with one place for all: it has to come free again
            stream = bridge.ask("hello", stream=streaming)
            assert stream.status == 200
            assert stream.headers["x-github-request-id"].startswith("[31mred")
            assert stream.headers["x-quota-snapshot-chat"].startswith("a b")
            stream.response()
    finally:
        upstream.close()


# Large bodies that are refused.


@pytest.mark.parametrize("server", ["gunicorn", "gevent"])
@pytest.mark.parametrize("chunked", [False, True])
def test_refusing_a_large_body_costs_little(start_bridge: Start, server: str, chunked: bool) -> None:
    """The client reads its response, and nobody has to wait meanwhile."""
    bridge = start_bridge(server=server, api_key="the-key-of-the-operator").warm_up("the-key-of-the-operator")
    piece = b"a" * (1 << 20)
    length = b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Content-Length: %d\r\n\r\n" % (30 << 20)
    before = cpu_time(bridge)
    with bridge.connect() as sock:
        sock.sendall(POST + b"x-api-key: wrong\r\n" + length)
        for _ in range(30):
            sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        received = b""
        while data := sock.recv(65536):
            received += data
    check_refused(received, 401)
    assert cpu_time(bridge) - before < 0.4


def cpu_time(bridge: Bridge) -> float:
    """Seconds that the serving processes have worked."""
    total = 0.0
    for pid in bridge.workers():
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            fields = file.read().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / 100
    return total


def test_a_small_one_costs_no_connection(any_bridge: Bridge) -> None:
    body = json.dumps(chat_body("x" * 10_000, "gpt-4o")).encode()
    with any_bridge.connect() as sock:
        for _ in range(2):
            sock.sendall(
                b"POST /v1/nothing HTTP/1.1\r\nHost: bridge\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
            received = b""
            while not received.endswith(b"}"):
                received += sock.recv(65536)
            assert received.startswith(b"HTTP/1.1 404 ")
            time.sleep(0)
