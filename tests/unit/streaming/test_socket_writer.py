"""Writing chunks past the server: as much as the socket takes."""

import ssl
from collections.abc import Iterator
from typing import Any

import gevent.socket as cooperative
import gevent.ssl as cooperative_ssl
import pytest

from copilot_bridge.streaming.socket_writer import (
    MAX_JOINED,
    GeventSocketWriter,
    GunicornSocketWriter,
    HeldSocket,
    SocketWriter,
)


class CountingWriter(SocketWriter):
    """A writer for a made-up server."""

    chunked = True
    counted = 0

    def _chunked(self) -> bool:
        return self.chunked

    def _count(self, size: int) -> None:
        self.counted += size


@pytest.fixture
def pair() -> Iterator[tuple[Any, Any]]:
    near, far = cooperative.socketpair()
    yield near, far
    near.close()
    far.close()


def test_data_is_sent_as_a_chunk(pair: Any) -> None:
    near, far = pair
    writer = CountingWriter(near)
    assert writer.send(b"data: hello\n\n") == b""
    assert far.recv(99) == b"D\r\ndata: hello\n\n\r\n"
    assert writer.counted == 13


def test_bytes_that_a_full_socket_does_not_take_are_returned(pair: Any) -> None:
    near, far = pair
    writer, sent = CountingWriter(near), b""
    while not (rest := writer.send(b"x" * 10_000)):
        sent += b"2710\r\n" + b"x" * 10_000 + b"\r\n"
    assert writer.send(b"more") == b"4\r\nmore\r\n"
    sent += (b"2710\r\n" + b"x" * 10_000 + b"\r\n")[: -len(rest)]
    reset = b""
    while len(reset) < len(sent):
        reset += far.recv(1 << 20)
    assert reset == sent


def test_a_client_that_has_disconnected_is_an_error(pair: Any) -> None:
    near, far = pair
    far.close()
    with pytest.raises(OSError, match="pipe"):
        CountingWriter(near).send(b"x")


def test_the_writer_is_ready_after_the_head_of_a_chunked_response(pair: Any) -> None:
    writer = CountingWriter(pair[0])
    assert writer.ready
    writer.chunked = False
    assert not writer.ready


def test_the_writer_is_never_ready_for_an_encrypted_connection(pair: Any) -> None:
    """Data written to the system's socket would go out unencrypted."""
    context = cooperative_ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    encrypted = context.wrap_socket(pair[0], do_handshake_on_connect=False)
    assert not CountingWriter(encrypted).ready
    encrypted.close()


class Server:
    """The attributes of gunicorn's responses and of gevent's handlers."""

    def __init__(self, sock: Any, *, begun: bool, chunked: bool) -> None:
        self.sock = self.socket = sock
        self.headers_sent = begun
        self.chunked = self.response_use_chunked = chunked
        self.sent = self.response_length = 0


@pytest.mark.parametrize("chunks", [GunicornSocketWriter, GeventSocketWriter])
def test_each_servers_state_is_read_and_its_count_updated(chunks: Any, pair: Any) -> None:
    for begun in (False, True):
        for chunked in (False, True):
            assert chunks(Server(pair[0], begun=begun, chunked=chunked)).ready is (begun and chunked)
    server = Server(pair[0], begun=True, chunked=True)
    chunks(server).send(b"hello")
    assert server.sent + server.response_length == 5


class SlowSocket:
    """Takes so many bytes by one `send`, and notes each call."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.calls: list[tuple[str, bytes]] = []

    def send(self, data: bytes) -> int:
        self.calls.append(("send", bytes(data[: self.takes])))
        return min(self.takes, len(data))

    def sendall(self, data: bytes) -> None:
        self.calls.append(("sendall", bytes(data)))


def release(takes: int, *pieces: bytes) -> list[tuple[str, bytes]]:
    client = SlowSocket(takes)
    held = HeldSocket(client)
    for piece in pieces:
        held.sendall(piece)
    assert not client.calls
    held.release()
    return client.calls


def test_a_head_and_a_short_body_are_sent_at_once() -> None:
    assert release(99, b"head", b"body") == [("send", b"headbody")]


def test_bytes_not_taken_at_once_are_sent_afterwards() -> None:
    assert release(6, b"head", b"body") == [("send", b"headbo"), ("sendall", b"dy")]


def test_a_long_body_is_not_copied_to_its_head() -> None:
    body = b"x" * MAX_JOINED
    assert release(MAX_JOINED, b"head", body) == [("send", b"head"), ("send", body)]


def test_nothing_held_is_nothing_sent() -> None:
    assert release(99) == []
