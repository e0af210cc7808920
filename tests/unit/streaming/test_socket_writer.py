"""Writing past the server: whole chunks, as much of them as the socket takes."""

import ssl
from collections.abc import Iterator
from typing import Any

import gevent.socket as cooperative
import gevent.ssl as cooperative_ssl
import pytest

from copilot_bridge.streaming.socket_writer import GeventSocketWriter, GunicornSocketWriter, SocketWriter


class Answer(SocketWriter):
    """A server's, and what it has been told."""

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


def test_a_piece_is_a_chunk(pair: Any) -> None:
    near, far = pair
    answer = Answer(near)
    assert answer.send(b"data: hello\n\n") == b""
    assert far.recv(99) == b"D\r\ndata: hello\n\n\r\n"
    assert answer.counted == 13


def test_what_a_full_socket_does_not_take_is_given_back(pair: Any) -> None:
    near, far = pair
    answer, sent = Answer(near), b""
    while not (rest := answer.send(b"x" * 10_000)):
        sent += b"2710\r\n" + b"x" * 10_000 + b"\r\n"
    assert answer.send(b"more") == b"4\r\nmore\r\n"
    sent += (b"2710\r\n" + b"x" * 10_000 + b"\r\n")[: -len(rest)]
    reset = b""
    while len(reset) < len(sent):
        reset += far.recv(1 << 20)
    assert reset == sent


def test_a_client_that_has_left_is_an_error(pair: Any) -> None:
    near, far = pair
    far.close()
    with pytest.raises(OSError, match="pipe"):
        Answer(near).send(b"x")


def test_it_is_ready_when_the_server_says_so(pair: Any) -> None:
    answer = Answer(pair[0])
    assert answer.ready
    answer.chunked = False
    assert not answer.ready


def test_an_encrypted_connection_is_the_servers_alone(pair: Any) -> None:
    """What is written to the system's socket would go out in plain."""
    context = cooperative_ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    encrypted = context.wrap_socket(pair[0], do_handshake_on_connect=False)
    assert not Answer(encrypted).ready
    encrypted.close()


class Server:
    """What gunicorn's responses and gevent's handlers tell of themselves."""

    def __init__(self, sock: Any, *, begun: bool, chunked: bool) -> None:
        self.sock = self.socket = sock
        self.headers_sent = begun
        self.chunked = self.response_use_chunked = chunked
        self.sent = self.response_length = 0


@pytest.mark.parametrize("chunks", [GunicornSocketWriter, GeventSocketWriter])
def test_each_server_is_asked_in_its_own_words(chunks: Any, pair: Any) -> None:
    for begun in (False, True):
        for chunked in (False, True):
            assert chunks(Server(pair[0], begun=begun, chunked=chunked)).ready is (begun and chunked)
    server = Server(pair[0], begun=True, chunked=True)
    chunks(server).send(b"hello")
    assert server.sent + server.response_length == 5
