"""The shortcuts of the adapter lose nothing: certificates are verified, dead connections are not used."""

import contextlib
import http.server
import queue
import select
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent.queue
import pytest
import requests

from copilot_bridge.streaming.response_body import BlockingBody, NonBlockingBody, open_body
from copilot_bridge.upstream.transport import adapter as module
from copilot_bridge.upstream.transport import connections
from copilot_bridge.upstream.transport.adapter import Adapter
from copilot_bridge.upstream.transport.http_client import prepare
from copilot_bridge.upstream.transport.pools import POOLS


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5

    def do_GET(self) -> None:
        self.wfile.write(self.server.before)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.server.clients.append(self.connection)  # type: ignore[attr-defined]
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None: ...


class Server(http.server.ThreadingHTTPServer):
    """`clients`: the socket of each finished request.  `before`: what stands before each response."""

    before = b""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.clients: list[socket.socket] = []
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def handle_error(self, *_: object) -> None:
        """A client that does not trust us is no news."""

    def url(self, host: str = "127.0.0.1") -> str:
        scheme = "https" if isinstance(self.socket, ssl.SSLSocket) else "http"
        return f"{scheme}://{host}:{self.server_port}/"


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(context: ssl.SSLContext | None = None) -> Server:
        started.append(Server(context))
        threading.Thread(target=started[-1].serve_forever, args=(0.01,), daemon=True).start()
        return started[-1]

    yield start
    for server in started:
        server.shutdown()
        for client in server.clients:
            # Not closed: its thread may wait on the number, which would be another socket's then.
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        server.server_close()


@pytest.fixture
def secure(serve: Callable[..., Server], certificate: Path) -> Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return serve(context)


@pytest.fixture
def plain(serve: Callable[..., Server]) -> Server:
    return serve()


@pytest.fixture
def adapter(certificate: Path) -> Iterator[Adapter]:
    made = Adapter(str(certificate))
    yield made
    made.close()


def get(adapter: Adapter, url: str) -> bytes:
    response = adapter.send(prepare("GET", url, {}, None), timeout=5)
    return response.content


def test_certificates_are_read_once(
    adapter: Adapter, secure: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ssl.SSLContext] = []
    make = module.new_context
    monkeypatch.setattr(module, "new_context", lambda: made.append(make()) or made[-1])
    for _ in range(3):
        assert get(adapter, secure.url()) == b"ok"
        adapter.close()
    assert len(set(secure.clients)) == 3
    assert len(made) == 1
    assert made[0].verify_mode == ssl.CERT_REQUIRED


def test_certificates_are_read_from_a_folder(secure: Server, certificate: Path, tmp_path: Path) -> None:
    """By the names that OpenSSL looks for."""
    asked = ["openssl", "x509", "-hash", "-noout", "-in", str(certificate)]
    name = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    shutil.copy(certificate, tmp_path / f"{name}.0")
    adapter = Adapter(str(tmp_path))
    assert get(adapter, secure.url()) == b"ok"
    adapter.close()


def test_a_new_connection_resumes_the_session_of_the_last_one(adapter: Adapter, secure: Server) -> None:
    for resumed in (False, True, True):
        assert get(adapter, secure.url()) == b"ok"
        assert secure.clients[-1].session_reused is resumed  # type: ignore[attr-defined]
        adapter.close()


def test_a_session_is_not_offered_to_another_host(adapter: Adapter, secure: Server) -> None:
    """With one, its certificate would not be looked at."""
    assert get(adapter, secure.url()) == b"ok"
    with pytest.raises(requests.exceptions.SSLError, match="Hostname mismatch"):
        get(adapter, secure.url("localhost"))


@pytest.mark.parametrize("scheme", ["plain", "secure"])
@pytest.mark.parametrize("queue_class", [queue.LifoQueue, gevent.queue.LifoQueue], ids=["threads", "gevent"])
def test_a_request_uses_the_connection_that_was_opened_ahead(
    adapter: Adapter,
    plain: Server,
    secure: Server,
    scheme: str,
    queue_class: type,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The session tickets that a server has sent on it by then are not taken for its end."""
    for pool_class in POOLS.values():
        monkeypatch.setattr(pool_class, "QueueCls", queue_class)
    server = {"plain": plain, "secure": secure}[scheme]
    opened: list[str] = []
    adapter.on_connect = lambda _host, how: opened.append(how)
    adapter.open_ahead(server.url(), {}, 5.0)
    (pool,) = adapter._pools.values()
    if scheme == "secure":
        assert select.select([pool.pool.queue[-1].sock], [], [], 4.0)[0]
    for _ in range(3):
        assert pool.has_connection()
        adapter.open_ahead(server.url(), {}, 5.0)
    assert get(adapter, server.url()) == b"ok"
    assert opened == ["ahead"]
    assert adapter.send(prepare("GET", server.url(), {}, None)).raw.connect_seconds == 0.0


def test_an_old_connection_is_replaced_and_closed(
    adapter: Adapter, plain: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(connections, "both_clocks", lambda: (now, now))
    adapter.open_ahead(plain.url(), {}, 5.0)
    (pool,) = adapter._pools.values()
    first = pool.pool.queue[-1]
    now = 47.0
    assert pool.has_connection()
    now = 49.0
    adapter.open_ahead(plain.url(), {}, 5.0)
    assert first.sock is None
    assert [connection for connection in pool.pool.queue if connection is not None] == [pool.pool.queue[-1]]
    assert pool.pool.queue[-1].is_connected


def test_a_connection_that_has_ended_is_replaced(adapter: Adapter, plain: Server) -> None:
    adapter.open_ahead(plain.url(), {}, 5.0)
    (pool,) = adapter._pools.values()
    pool.pool.queue[-1].sock.shutdown(socket.SHUT_RDWR)
    assert not pool.has_connection()
    adapter.open_ahead(plain.url(), {}, 5.0)
    assert pool.has_connection()
    assert get(adapter, plain.url()) == b"ok"


def test_the_last_idle_connection_is_left_to_others(adapter: Adapter, plain: Server) -> None:
    """Background requests take a connection of their own, or one of two."""
    opened: list[str] = []
    adapter.on_connect = lambda _host, how: opened.append(how)
    for _ in range(3):
        adapter.open_ahead(plain.url(), {}, 5.0, spare=True)
        assert get(adapter, plain.url()) == b"ok"
    assert opened == ["ahead"] * 2
    (pool,) = adapter._pools.values()
    assert pool.has_idle(2)


@pytest.mark.parametrize("fails", [False, True])
def test_a_request_waits_for_the_connection_that_is_being_opened(
    adapter: Adapter, plain: Server, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """One does; another one opens its own."""
    begun, go = threading.Event(), threading.Event()
    opened: list[str] = []
    adapter.on_connect = lambda _host, how: opened.append(how)
    connect = connections.PlainConnection.connect

    def slowly(connection: connections.PlainConnection) -> None:
        if not begun.is_set():
            begun.set()
            assert go.wait(10)
            if fails:
                raise OSError("no route")
        connect(connection)

    def open_ahead() -> None:
        with contextlib.suppress(OSError):
            adapter.open_ahead(plain.url(), {}, 5.0)

    monkeypatch.setattr(connections.PlainConnection, "connect", slowly)
    opener = threading.Thread(target=open_ahead)
    opener.start()
    assert begun.wait(10)
    (pool,) = adapter._pools.values()
    opening = pool._opening
    got: list[bytes] = []
    waiter = threading.Thread(target=lambda: got.append(get(adapter, plain.url())))
    waiter.start()
    while not opening.claimed:
        time.sleep(0.001)
    assert get(adapter, plain.url()) == b"ok"
    assert opened == ["ahead", "on_demand"]
    go.set()
    waiter.join(10)
    opener.join(10)
    assert got == [b"ok"]
    assert opened == ["ahead", *["on_demand"] * (2 if fails else 1)]


def test_none_is_opened_while_one_is_in_use(adapter: Adapter, plain: Server) -> None:
    opened: list[str] = []
    adapter.on_connect = lambda _host, how: opened.append(how)
    response = adapter.send(prepare("GET", plain.url(), {}, None), stream=True)
    adapter.open_ahead(plain.url(), {}, 5.0)
    assert response.content == b"ok"
    assert opened == ["on_demand"]
    assert response.raw.connect_seconds > 0


@pytest.mark.parametrize("certificates", [True, "/dev/null/none", "no certificate"])
def test_untrusted_servers_get_no_request(certificates: str | bool, secure: Server, tmp_path: Path) -> None:
    if certificates == "no certificate":
        (tmp_path / "file.pem").write_text("nothing")
        certificates = str(tmp_path / "file.pem")
    adapter = Adapter(certificates)
    with pytest.raises(OSError, match=r"certificate"):
        get(adapter, secure.url())
    assert not secure.clients
    adapter.close()


def test_a_certificate_is_for_its_host_alone(adapter: Adapter, secure: Server) -> None:
    with pytest.raises(requests.exceptions.SSLError, match="localhost"):
        get(adapter, secure.url("localhost"))
    assert not secure.clients


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_a_living_connection_is_used_again_and_a_dead_one_is_not(
    encrypted: bool, adapter: Adapter, serve: Callable[..., Server], secure: Server
) -> None:
    server = secure if encrypted else serve()
    for _ in range(3):
        assert get(adapter, server.url()) == b"ok"
    assert len(set(server.clients)) == 1
    server.clients[0].shutdown(socket.SHUT_RDWR)
    assert get(adapter, server.url()) == b"ok"
    assert len(set(server.clients)) == 2


def test_more_servers_than_pools_are_served(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose connections were closed for others is connected to again, however lately it was asked."""
    monkeypatch.setattr(module, "MAX_POOLS", 2)
    adapter = Adapter()
    first, second, third = (serve() for _ in range(3))
    for server in (first, second, first, third, first, third, second, first, third):
        assert get(adapter, server.url()) == b"ok"
    assert [len(set(server.clients)) for server in (first, second, third)] == [2, 2, 2]
    adapter.close()


def test_a_new_connection_is_not_connected() -> None:
    for pool in POOLS.values():
        assert not pool.ConnectionCls("127.0.0.1").is_connected


def test_the_certificate_of_a_tls_proxy_is_verified(adapter: Adapter) -> None:
    manager = adapter.proxy_manager_for("https://127.0.0.1:1")
    assert manager.proxy_config.ssl_context is adapter._context
    assert adapter.proxy_manager_for("http://127.0.0.1:1").proxy_config.ssl_context is None


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
INTERIM = (
    HINTS,
    HINTS * 3,
    b"HTTP/1.1 102 Processing\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + HINTS + b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 199\r\nContent-Length: 5\r\n\r\n",
)


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
@pytest.mark.parametrize("before", INTERIM)
def test_the_response_is_the_one_that_is_final(
    before: bytes, encrypted: bool, adapter: Adapter, serve: Callable[..., Server], secure: Server
) -> None:
    server = secure if encrypted else serve()
    server.before = before
    for fast in (True, False):
        response = adapter.send(prepare("GET", server.url(), {}, None), stream=True, timeout=5)
        assert response.status_code == 200
        assert "Link" not in response.headers
        body = open_body(response, fast=fast)
        assert body.blocking is not fast
        assert b"".join(pieces(body)) == b"ok"
        body.close()


def pieces(body: NonBlockingBody | BlockingBody) -> Iterator[bytes]:
    """Read before waiting: what has come with the head is no longer in the socket."""
    while not body.eof:
        yield body.read_available()
        if not (body.eof or body.blocking):
            select.select([body], [], [], 5)
