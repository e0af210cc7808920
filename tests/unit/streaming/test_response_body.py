"""Reading a response body off real sockets, plain and encrypted."""

import contextlib
import gzip
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from unit.streaming.chunks import END, frame

from copilot_bridge.errors import StreamCut, UpstreamRefused, UpstreamTimeout
from copilot_bridge.streaming.response_body import READ_SIZE, BlockingBody, NonBlockingBody, open_body

PATIENCE = 2.0  # seconds; nothing that works takes so long


Script = Callable[[socket.socket], None]


class Server:
    """Responds to each request, whatever it is, as the script says.  The script closes, if it wants to."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.clients: list[int] = []  # the port of each request
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, (_, port) = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a reset drops what waits
                self._threads.append(threading.Thread(target=self._serve, args=(client, port), daemon=True))
                self._threads[-1].start()

    def _serve(self, client: socket.socket, port: int) -> None:
        if self._context:
            client = self._context.wrap_socket(client, server_side=True)
        self._open.append(client)
        with client, contextlib.suppress(OSError):
            while self._read_head(client):
                self.clients.append(port)
                self._script(client)

    def _read_head(self, client: socket.socket) -> bool:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = client.recv(1)
            if not byte:
                return False
            head += byte
        return True

    def stop(self) -> None:
        """Each thread closes its own socket: the number of a closed one is soon another's."""
        for sock in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(script: Script | bytes, context: ssl.SSLContext | None = None) -> Server:
        run = script if callable(script) else lambda client: client.sendall(script)
        servers.append(Server(run, context))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    opened: list[requests.Response] = []
    with requests.Session() as session:
        session.hooks["response"].append(lambda response, **_: opened.append(response))
        yield session
        for response in opened:  # a test that fails leaves its connection open
            response.raw.close()


def head(*lines: str, status: int = 200) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} X", "Content-Type: text/event-stream", *lines, "", ""]).encode()


CHUNKED = head("Transfer-Encoding: chunked")
UNFRAMED = head("Connection: close")


BOTH = pytest.mark.parametrize("fast", [True, False], ids=["fast", "plain"])


def ask(session: requests.Session, server: Server, *, fast: bool = True, **options: Any) -> Any:
    """The body, which what is written here may look into; `fast` is one of the two ways to read it."""
    return open_body(session.get(server.url, stream=True, timeout=PATIENCE, **options), fast=fast)


def wait(body: Any) -> None:
    assert body.fileno() >= 0
    assert select.select([body.fileno()], [], [], PATIENCE)[0], "nothing came, and the body has no end"


def read(body: Any) -> bytes:
    pieces = []
    while not body.eof:
        piece = body.read_available()
        pieces.append(piece)
        if not piece and not body.eof:
            assert not body.blocking, "an empty piece is the end"
            wait(body)
    return b"".join(pieces)


def close(client: socket.socket, *, reset: bool = False) -> None:
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    else:
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
    client.close()


def then(*steps: bytes | float | Callable[[socket.socket], None]) -> Script:
    """Bytes are sent, numbers are waited for."""

    def script(client: socket.socket) -> None:
        for step in steps:
            if callable(step):
                step(client)
            elif isinstance(step, bytes):
                client.sendall(step)
            else:
                time.sleep(step)

    return script


def resets(client: socket.socket) -> None:
    close(client, reset=True)


TEXT = b"data: hello\n\n" * 50
COMPRESSED = gzip.compress(TEXT)
FRAMED = frame(TEXT[:100]) + frame(TEXT[100:]) + END
SOON = 0.02  # seconds; the pieces of a response are to come one by one

RESPONSES: dict[str, tuple[bytes, bytes, bool]] = {
    "chunked": (CHUNKED, FRAMED, False),
    "chunked with a trailer": (CHUNKED, frame(TEXT) + b"0\r\nX-Cost: 1\r\n\r\n", False),
    "length": (head(f"Content-Length: {len(TEXT)}"), TEXT, False),
    "close-delimited": (UNFRAMED, TEXT, True),
    "close-delimited by HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n", TEXT, True),
    "chunked and closed": (head("Transfer-Encoding: chunked", "Connection: close"), FRAMED, True),
    "gzip": (head("Content-Encoding: gzip", f"Content-Length: {len(COMPRESSED)}"), COMPRESSED, False),
    "gzip, chunked": (
        head("Content-Encoding: gzip", "Transfer-Encoding: chunked"),
        frame(COMPRESSED) + END,
        False,
    ),
    "gzip, close-delimited": (head("Content-Encoding: GZIP", "Connection: close"), COMPRESSED, True),
    "identity": (head("Content-Encoding: identity", "Transfer-Encoding: chunked"), FRAMED, False),
}


@BOTH
@pytest.mark.parametrize("buffered", ["all", "some", "none", "trickle"])
@pytest.mark.parametrize(("start", "rest", "closes"), RESPONSES.values(), ids=RESPONSES)
def test_a_body_is_read_to_its_end(
    start: bytes, rest: bytes, closes: bool, buffered: str, fast: bool, serve: Any, session: requests.Session
) -> None:
    """Whatever of it http.client has read together with the head."""
    steps: list[Any] = {
        "all": [start + rest],
        "some": [start + rest[:7], SOON, rest[7:]],
        "none": [start, SOON, rest],
        "trickle": [start, *[step for at in range(0, len(rest), 50) for step in (rest[at : at + 50], 0.001)]],
    }[buffered]
    server = serve(then(*steps, *([close] if closes else [])))
    body = ask(session, server, fast=fast)
    assert read(body) == TEXT
    assert body.eof
    assert body.read_available() == b""
    body.close()


def test_a_body_not_compressed_as_announced_is_an_error(serve: Any, session: requests.Session) -> None:
    body = ask(session, serve(head("Content-Encoding: gzip", f"Content-Length: {len(TEXT)}") + TEXT))
    with pytest.raises(StreamCut, match="be decompressed"):
        read(body)
    body.close()


@BOTH
def test_an_unknown_compression_is_refused(fast: bool, serve: Any, session: requests.Session) -> None:
    with pytest.raises(UpstreamRefused, match="'br'"):
        ask(session, serve(head("Content-Encoding: br", "Content-Length: 1") + b"x"), fast=fast)


def test_a_body_is_read_without_blocking_where_possible(serve: Any, session: requests.Session) -> None:
    for start, rest, closes in RESPONSES.values():
        packed = b"gzip" in start.lower()
        for fast in (True, False):
            body = ask(session, serve(then(start + rest, *([close] if closes else []))), fast=fast)
            assert type(body) is (NonBlockingBody if fast and not packed else BlockingBody)
            assert body.blocking is not (fast and not packed)
            body.close()


@BOTH
def test_a_body_compressed_in_several_parts_is_read_to_its_end(
    fast: bool, serve: Any, session: requests.Session
) -> None:
    parts = gzip.compress(TEXT[:300]) + gzip.compress(TEXT[300:])
    server = serve(head("Content-Encoding: gzip", f"Content-Length: {len(parts)}") + parts)
    assert read(ask(session, server, fast=fast)) == TEXT


@BOTH
def test_a_highly_compressed_body_comes_in_pieces(fast: bool, serve: Any, session: requests.Session) -> None:
    """Or a few kilobytes would take any memory."""
    packed = gzip.compress(bytes(20_000_000))
    server = serve(head("Content-Encoding: gzip", f"Content-Length: {len(packed)}") + packed)
    body = ask(session, server, fast=fast)
    sizes = []
    while piece := body.read_available():
        sizes.append(len(piece))
    assert sum(sizes) == 20_000_000
    assert max(sizes) <= READ_SIZE


@pytest.mark.parametrize(
    "response",
    [
        head("Content-Length: 0"),
        CHUNKED + END,
        head("Content-Length: 0", "Connection: close"),
        head("Content-Length: 0", "Content-Encoding: gzip"),
        head(status=204),
    ],
)
@pytest.mark.parametrize("late", [False, True], ids=["kept open", "closed"])
@BOTH
def test_an_empty_body_ends_at_once(
    fast: bool, response: bytes, late: bool, serve: Any, session: requests.Session
) -> None:
    body = ask(session, serve(then(response, *([close] if late else []))), fast=fast)
    assert read(body) == b""
    assert body.eof
    body.close()


def test_an_empty_body_ends_with_the_connection(serve: Any, session: requests.Session) -> None:
    body = ask(session, serve(then(UNFRAMED, SOON, close)))
    assert read(body) == b""


def test_reading_never_waits(serve: Any, session: requests.Session) -> None:
    body = ask(session, serve(then(CHUNKED, frame(b"hello"), 0.3, END)))
    began = time.monotonic()
    got = b""
    while got != b"hello":
        got += body.read_available()
        assert time.monotonic() - began < PATIENCE
    assert [body.read_available() for _ in range(100)] == [b""] * 100
    assert not body.eof
    body.close()


@BOTH
@pytest.mark.parametrize("framing", ["chunked", "length", "gzip, chunked"])
def test_the_connection_is_reused_after_a_complete_body(
    framing: str, fast: bool, serve: Any, session: requests.Session
) -> None:
    start, rest, _ = RESPONSES[framing]
    server = serve(then(start + rest[:9], SOON, rest[9:]))
    for _ in range(3):
        body = ask(session, server, fast=fast)
        assert read(body) == TEXT
        body.close()
        body.close()
    assert len(set(server.clients)) == 1
    assert session.get(server.url, timeout=PATIENCE).content == TEXT, "with the timeout it had before"
    assert len(set(server.clients)) == 1


@BOTH
@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize("response", [CHUNKED + frame(b"hello"), head("Content-Length: 9") + b"hello"])
def test_the_connection_is_not_reused_after_half_a_body(
    response: bytes, taken: bool, fast: bool, serve: Any, session: requests.Session
) -> None:
    server = serve(response)
    for _ in range(2):
        body = ask(session, server, fast=fast)
        if taken:
            assert body.read_available() == b"hello"
        assert not body.eof
        body.close()
    assert len(server.clients) == len(set(server.clients)) == 2


def test_the_connection_is_not_reused_where_the_server_closes_it(
    serve: Any, session: requests.Session
) -> None:
    server = serve(head("Transfer-Encoding: chunked", "Connection: close") + FRAMED)
    for _ in range(2):
        body = ask(session, server)
        assert read(body) == TEXT
        body.close()
    assert len(set(server.clients)) == 2


@pytest.mark.parametrize("how", [close, resets], ids=["cut", "reset"])
@pytest.mark.parametrize("pause", [0.0, 10 * SOON])
@pytest.mark.parametrize(
    "sent",
    [
        CHUNKED,
        CHUNKED + frame(b"hello"),
        CHUNKED + frame(b"hello")[:5],
        CHUNKED + frame(b"hello") + b"5",
        head("Content-Length: 9"),
        head("Content-Length: 9") + b"hello",
    ],
)
@BOTH
def test_a_lost_connection_is_a_cut_stream(
    fast: bool, sent: bytes, pause: float, how: Any, serve: Any, session: requests.Session
) -> None:
    response = session.get(serve(then(sent, 5 * SOON, how)).url, stream=True, timeout=PATIENCE)
    time.sleep(pause)  # it breaks off before the body is looked at, or after
    with pytest.raises(StreamCut, match=HOW[how]) as cut:
        read(open_body(response, fast=fast))
    assert cut.value.kind == "stream_cut"
    response.close()


@BOTH
def test_a_reset_before_the_first_read_is_a_cut_stream(
    fast: bool, serve: Any, session: requests.Session
) -> None:
    """It is no end, not even of a body that ends with its connection."""
    for start in (UNFRAMED, CHUNKED):
        response = session.get(serve(then(start, SOON, resets)).url, stream=True, timeout=PATIENCE)
        time.sleep(5 * SOON)
        with pytest.raises(StreamCut, match=HOW[resets]):
            read(open_body(response, fast=fast))
        response.close()


def test_the_last_chunk_is_not_the_end_of_the_body(serve: Any, session: requests.Session) -> None:
    """http.client takes it for one; a trailer might follow."""
    sent = CHUNKED + frame(b"hello") + b"0\r\n"
    with pytest.raises(StreamCut, match="in the middle"):
        read(ask(session, serve(then(sent, SOON, close))))
    assert read(ask(session, serve(then(sent, SOON, close)), fast=False)) == b"hello"


HOW = {close: "closed the connection in the middle", resets: "was lost: Connection reset by peer"}


def test_an_upstream_that_stalls_is_a_timeout(serve: Any, session: requests.Session) -> None:
    """Who waits by other means than `take` looks at the clock as well."""
    response = session.get(serve(CHUNKED + frame(b"hello")).url, stream=True, timeout=0.1)
    body = open_body(response, fast=False)
    assert body.read_available() == b"hello"
    with pytest.raises(UpstreamTimeout, match=r"0\.1 s"):
        body.read_available()


@BOTH
def test_a_reset_does_not_end_a_body_without_framing(
    fast: bool, serve: Any, session: requests.Session
) -> None:
    body = ask(session, serve(then(UNFRAMED + b"hello", 3 * SOON, resets)), fast=fast)
    with pytest.raises(StreamCut):
        read(body)
    body.close()


# TLS.


@pytest.fixture
def encrypted(serve: Any, session: requests.Session, certificate: Path) -> Callable[..., NonBlockingBody]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def get(script: Script | bytes, *, fast: bool = True) -> Any:
        return ask(session, serve(script, context), verify=str(certificate), fast=fast)

    return get


@BOTH
@pytest.mark.parametrize("buffered", ["all", "some", "none"])
@pytest.mark.parametrize(("start", "rest", "closes"), RESPONSES.values(), ids=RESPONSES)
def test_an_encrypted_body_is_read_to_its_end(
    start: bytes, rest: bytes, closes: bool, buffered: str, fast: bool, encrypted: Any
) -> None:
    steps = {"all": [start + rest], "some": [start + rest[:7], rest[7:]], "none": [start, SOON, rest]}[
        buffered
    ]
    body = encrypted(then(*steps, *([close] if closes else [])), fast=fast)
    assert read(body) == TEXT
    body.close()


@BOTH
def test_many_small_records_at_once_are_all_delivered(fast: bool, encrypted: Any) -> None:
    """OpenSSL takes them off the socket, whose readiness then says nothing of them."""
    records = [frame(b"event %4d" % number) for number in range(2000)]
    body = encrypted(then(CHUNKED, SOON, *records, END), fast=fast)
    assert read(body) == b"".join(b"event %4d" % number for number in range(2000))


@pytest.mark.parametrize("size", [100, 16_384, 70_000, 300_000])
def test_openssl_holds_nothing_back_at_the_end(size: int, encrypted: Any) -> None:
    """After an empty piece the socket is waited on: all that came before must have been given."""
    body = encrypted(then(CHUNKED, SOON, frame(b"x" * size)))
    got, quiet = 0, 0
    while quiet < 5:
        piece = body.read_available()
        got += len(piece)
        if not piece:
            assert not body._socket.pending()
            quiet = 0 if select.select([body.fileno()], [], [], SOON)[0] else quiet + 1
    assert got == size
    body.close()


def test_a_size_line_may_be_cut_by_the_buffer_of_the_head(encrypted: Any) -> None:
    """One record; http.client's buffer ends within the first chunk's size line, OpenSSL has the rest."""
    filler = 8192 - len(head("Transfer-Encoding: chunked", "X-Filler: ")) - 1
    start = head("Transfer-Encoding: chunked", "X-Filler: " + "x" * filler)
    assert len(start) == 8191
    body = encrypted(then(start + b"10\r\n" + b"x" * 16 + b"\r\n"))
    assert body.read_available() or not body._socket.pending()
    body.close()


@pytest.mark.parametrize("sent", [b"", frame(b"hello"), frame(b"hello") + b"5"])
@pytest.mark.parametrize("how", [close, resets], ids=["cut", "reset"])
@BOTH
def test_a_lost_encrypted_connection_is_a_cut_stream(
    fast: bool, sent: bytes, how: Any, encrypted: Any
) -> None:
    body = encrypted(then(CHUNKED, 2 * SOON, sent, how), fast=fast)
    with pytest.raises(StreamCut, match="closed the connection in the middle"):
        read(body)
    body.close()


@pytest.mark.parametrize("how", [close, resets], ids=["cut", "reset"])
@BOTH
def test_the_data_before_the_loss_is_returned(fast: bool, how: Any, encrypted: Any) -> None:
    """It may hold the end of the response, and only the body's own end be missing."""
    body = encrypted(then(CHUNKED, 2 * SOON, frame(b"data: [DONE]\n\n"), how), fast=fast)
    time.sleep(6 * SOON)
    assert body.read_available() == b"data: [DONE]\n\n"
    with pytest.raises(StreamCut):
        read(body)
    body.close()


def test_an_encrypted_connection_is_reused(encrypted: Any) -> None:
    body = encrypted(CHUNKED + FRAMED)
    connection = body._raw.connection
    read(body)
    body.close()
    assert connection.sock is not None
    assert connection.sock.gettimeout() == PATIENCE
