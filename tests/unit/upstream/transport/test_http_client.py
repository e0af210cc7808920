"""The HTTP client: proxies, clear errors, and no redirects."""

import base64
import socket
import socketserver
import struct
import threading

import pytest
import requests

from copilot_bridge.config import Config
from copilot_bridge.errors import UpstreamTimeout, UpstreamUnreachable
from copilot_bridge.upstream.transport.adapter import Adapter
from copilot_bridge.upstream.transport.bodies import read_error_body
from copilot_bridge.upstream.transport.http_client import HttpClient, prepare
from copilot_bridge.upstream.transport.network_errors import network_error
from copilot_bridge.upstream.transport.tls import VARIABLES, certificates

COPILOT = "https://api.githubcopilot.com/models"
FAR = "http://copilot.test/models"  # no such host: only a proxy can answer
SECRET = {"Authorization": "Bearer tid=SECRET"}


class Server:
    """A listening socket on loopback; `handle` gets each connection, in a thread of its own."""

    def __init__(self, handle):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                handle(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def read_head(sock):
    """The request line and the headers, names in lower case."""
    raw = b""
    while b"\r\n\r\n" not in raw and (piece := sock.recv(1)):
        raw += piece
    line, *rest = raw.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in rest if line)
    return line, {name.lower(): value for name, value in pairs}


def response(sock, status="200 OK", body=b"{}", **headers):
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    sock.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body)


@pytest.fixture
def serve():
    started = []

    def start(handle):
        started.append(Server(handle))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def new_client():
    made = []

    def make(**settings):
        made.append(HttpClient(Config(**{"proxy_env": False, **settings})))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def closed_port():
    """Nobody listens there."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def message_of(caught):
    message = str(caught.value)
    assert "\n" not in message
    assert "SECRET" not in message
    assert "object at 0x" not in message
    return message


# --- requests and responses


def test_a_request_gets_its_response_unread(serve, new_client):
    seen = []

    def handle(sock):
        seen.append(read_head(sock))
        seen.append(sock.recv(100))
        response(sock, "418 Teapot", b"short and stout", X_Tea="y")

    server = serve(handle)
    received = new_client().send("POST", f"{server.url}/x?y=1", SECRET, b"body")
    assert (received.status_code, received.headers["X-Tea"]) == (418, "y")
    assert read_error_body(received) == b"short and stout"
    (line, headers), body = seen
    assert line == "POST /x?y=1 HTTP/1.1"
    assert headers["authorization"] == "Bearer tid=SECRET"
    assert headers["content-length"] == "4"
    assert body == b"body"
    assert not {"cookie", "transfer-encoding"} & headers.keys()


def test_connections_are_kept(serve, new_client):
    connections = []

    def handle(sock):
        connections.append(sock)
        for _ in range(3):
            read_head(sock)
            response(sock)

    client, server = new_client(), serve(handle)
    for _ in range(3):
        assert client.send("GET", server.url, {}).content == b"{}"
    assert len(connections) == 1


def test_cookies_are_not_kept(serve, new_client):
    cookies = []

    def handle(sock):
        for _ in range(2):
            cookies.append(read_head(sock)[1].get("cookie"))
            response(sock, Set_Cookie="a=SECRET")

    client, server = new_client(), serve(handle)
    for _ in range(2):
        assert client.send("GET", server.url, {}).content == b"{}"
    assert cookies == [None, None]


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_redirects_are_not_followed(serve, new_client, status):
    visits = []
    elsewhere = serve(lambda sock: visits.append(read_head(sock)))

    def handle(sock):
        read_head(sock)
        response(sock, status, b"", Location=f"{elsewhere.url}/steal")

    received = new_client().send("POST", serve(handle).url, SECRET, b"x")
    assert received.status_code == int(status[:3])
    received.close()
    assert visits == []


def test_netrc_is_not_read(serve, new_client, monkeypatch, tmp_path):
    heads = []

    def handle(sock):
        heads.append(read_head(sock)[1])
        response(sock)

    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password SECRET\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    new_client().send("GET", serve(handle).url, {}).close()
    assert "authorization" not in heads[0]


def test_a_body_gets_its_length():
    prepared = prepare("GET", "https://h/x", {"a": "b"}, None)
    assert dict(prepared.headers) == {"a": "b"}
    assert prepare("POST", "https://h/x", {}, b"").headers["Content-Length"] == "0"


@pytest.mark.parametrize(
    ("environ", "verify"),
    [
        ({}, True),
        ({"SSL_CERT_FILE": "/c"}, "/c"),
        ({"SSL_CERT_FILE": "/c", "CURL_CA_BUNDLE": "/b"}, "/b"),
        ({"SSL_CERT_FILE": "/c", "CURL_CA_BUNDLE": "/b", "REQUESTS_CA_BUNDLE": "/a"}, "/a"),
        ({"REQUESTS_CA_BUNDLE": ""}, True),
    ],
)
def test_certificates_are_read_from_the_environment(environ, verify):
    assert certificates(environ) == verify


def test_only_certificates_that_the_environment_names_are_loaded_to_be_checked(monkeypatch):
    loaded = []
    monkeypatch.setattr(Adapter, "check", lambda _self: loaded.append(True))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    HttpClient(Config()).check()
    assert loaded == []
    monkeypatch.setenv("SSL_CERT_FILE", "/c")
    HttpClient(Config()).check()
    assert len(loaded) == 1


# --- what can go wrong


def test_a_refused_connection_is_an_error(new_client, closed_port):
    with pytest.raises(UpstreamUnreachable) as caught:
        new_client().send("GET", f"http://127.0.0.1:{closed_port}/x?token=SECRET", SECRET)
    assert message_of(caught) == f"can't reach 127.0.0.1:{closed_port}: Connection refused"


def test_an_unknown_host_is_unreachable(new_client, monkeypatch):
    def unknown(*_args, **_more):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UpstreamUnreachable) as caught:
        new_client().send("GET", COPILOT, SECRET)
    assert message_of(caught) == "can't reach api.githubcopilot.com: Name or service not known"


def test_silence_beyond_the_timeout_is_a_timeout(serve, new_client):
    done = threading.Event()
    server = serve(lambda _sock: done.wait(5))
    with pytest.raises(UpstreamTimeout) as caught:
        new_client().send("GET", server.url, SECRET, timeout=0.05)
    done.set()
    assert message_of(caught) == f"no response from 127.0.0.1:{server.port} for 0.05 s"


def test_the_usual_timeout_is_the_setting(serve, new_client):
    done = threading.Event()
    server = serve(lambda _sock: done.wait(5))
    with pytest.raises(UpstreamTimeout) as caught:
        new_client(read_timeout=0.05).send("GET", server.url, SECRET)
    done.set()
    assert "for 0.05 s" in message_of(caught)


def test_a_connection_closed_without_response_is_unreachable(serve, new_client):
    server = serve(read_head)
    with pytest.raises(UpstreamUnreachable) as caught:
        new_client().send("GET", server.url, SECRET)
    assert message_of(caught).startswith(f"can't reach 127.0.0.1:{server.port}: ")
    assert "closed connection" in message_of(caught)


def test_a_response_that_is_not_http_is_an_error(serve, new_client):
    def handle(sock):
        read_head(sock)
        sock.sendall(b"220 mail.example ESMTP\r\n\r\n")

    with pytest.raises(UpstreamUnreachable) as caught:
        new_client().send("GET", serve(handle).url, SECRET)
    assert "127.0.0.1" in message_of(caught)


def test_a_server_without_tls_is_unreachable(serve, new_client):
    def handle(sock):
        sock.recv(100)
        response(sock)

    server = serve(handle)
    with pytest.raises(UpstreamUnreachable) as caught:
        new_client().send("GET", f"https://127.0.0.1:{server.port}/", SECRET)
    assert message_of(caught).startswith(f"no secure connection to 127.0.0.1:{server.port}: ")


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (requests.ConnectTimeout("x"), UpstreamTimeout, "no connection to h.example within 3 s"),
        (requests.ReadTimeout("x"), UpstreamTimeout, "no response from h.example for 5 s"),
        (requests.ConnectionError("Read timed out."), UpstreamTimeout, "no response from h.example for 5 s"),
        (
            OSError(101, "Network is unreachable"),
            UpstreamUnreachable,
            "can't reach h.example: Network is unreachable",
        ),
        (requests.ConnectionError(), UpstreamUnreachable, "can't reach h.example: ConnectionError"),
        (
            requests.exceptions.ProxyError("refused"),
            UpstreamUnreachable,
            "can't reach h.example through the proxy: refused",
        ),
        (requests.exceptions.SSLError("bad"), UpstreamUnreachable, "no secure connection to h.example: bad"),
    ],
)
def test_network_errors_are_told_without_secrets(error, kind, message):
    found = network_error(error, "https://me:SECRET@h.example/x?token=SECRET", (3.0, 5.0))
    assert type(found) is kind
    assert str(found) == message


def test_the_body_of_an_error_has_an_end(serve, new_client):
    def handle(sock):
        read_head(sock)
        response(sock, "500 Oops", b"x" * 1_000_000)

    assert len(read_error_body(new_client().send("GET", serve(handle).url, {}))) <= 65536


def test_a_broken_error_body_counts_as_empty(serve, new_client):
    def handle(sock):
        read_head(sock)
        sock.sendall(b"HTTP/1.1 500 Oops\r\nContent-Encoding: gzip\r\nContent-Length: 50\r\n\r\nno gzip")

    assert read_error_body(new_client().send("GET", serve(handle).url, {})) == b""


# --- through a proxy


@pytest.fixture
def http_proxy(serve):
    """Responds to each request itself; `seen`: the heads of the requests."""
    seen = []

    def handle(sock):
        line, headers = read_head(sock)
        seen.append((line, headers))
        if line.startswith("CONNECT"):
            sock.sendall(b"HTTP/1.1 403 Not here\r\n\r\n")
        else:
            response(sock, body=b"by proxy")

    server = serve(handle)
    server.seen = seen
    return server


def basic(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_an_http_proxy_gets_the_whole_address(new_client, http_proxy):
    client = new_client(proxy=f"http://me:SECRET@127.0.0.1:{http_proxy.port}")
    assert client.send("GET", FAR, SECRET).content == b"by proxy"
    ((line, headers),) = http_proxy.seen
    assert line == f"GET {FAR} HTTP/1.1"
    assert headers["host"] == "copilot.test"
    assert headers["proxy-authorization"] == basic("me", "SECRET")
    assert headers["authorization"] == "Bearer tid=SECRET"


def test_the_proxy_of_the_environment_is_used(new_client, http_proxy, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", http_proxy.url)
    assert new_client(proxy_env=True).send("GET", FAR, {}).content == b"by proxy"


def test_the_proxy_sees_no_credentials_of_an_encrypted_request(new_client, http_proxy):
    client = new_client(proxy=f"http://me:p%40ss@127.0.0.1:{http_proxy.port}")
    with pytest.raises(UpstreamUnreachable) as caught:
        client.send("GET", COPILOT, SECRET)
    assert message_of(caught).startswith("can't reach api.githubcopilot.com through the proxy: ")
    assert "403" in message_of(caught)
    ((line, headers),) = http_proxy.seen
    assert line.startswith("CONNECT api.githubcopilot.com:443 ")
    assert "authorization" not in headers
    assert headers["proxy-authorization"] == basic("me", "p@ss")


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_an_unreachable_proxy_is_named(new_client, closed_port, scheme):
    client = new_client(proxy=f"{scheme}://me:SECRET@127.0.0.1:{closed_port}")
    with pytest.raises(UpstreamUnreachable) as caught:
        client.send("GET", COPILOT, SECRET)
    assert "api.githubcopilot.com" in message_of(caught)
    assert "proxy" in message_of(caught).lower()
    assert "refused" in message_of(caught)


def socks5(sock, seen):
    """RFC 1928 and 1929, as a server that answers the HTTP request itself."""
    _version, count = sock.recv(2)
    methods = sock.recv(count)
    if 2 in methods:
        sock.sendall(b"\x05\x02")
        _version, length = sock.recv(2)
        name = sock.recv(length)
        password = sock.recv(sock.recv(1)[0])
        seen.append((name, password))
        sock.sendall(b"\x01\x00")
    else:
        sock.sendall(b"\x05\x00")
    _version, _command, _reserved, kind = sock.recv(4)
    host = sock.recv(sock.recv(1)[0]).decode() if kind == 3 else socket.inet_ntoa(sock.recv(4))
    (port,) = struct.unpack("!H", sock.recv(2))
    seen.append((host, port))
    sock.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
    seen.append(read_head(sock)[0])
    response(sock, body=b"by socks")


@pytest.mark.parametrize(
    ("scheme", "userinfo", "url", "seen"),
    [
        ("socks5h", "", FAR, [("copilot.test", 80), "GET /models HTTP/1.1"]),
        ("socks5h", "me:SECRET@", FAR, [(b"me", b"SECRET"), ("copilot.test", 80), "GET /models HTTP/1.1"]),
        ("socks5", "", "http://192.0.2.7:81/x", [("192.0.2.7", 81), "GET /x HTTP/1.1"]),
    ],
)
def test_a_socks_proxy_is_used(serve, new_client, scheme, userinfo, url, seen):
    requests_ = []
    server = serve(lambda sock: socks5(sock, requests_))
    client = new_client(proxy=f"{scheme}://{userinfo}127.0.0.1:{server.port}")
    assert client.send("GET", url, {}).content == b"by socks"
    assert requests_ == seen


def test_a_socks_proxy_that_hangs_up_is_unreachable(serve, new_client):
    server = serve(lambda sock: sock.recv(3))
    with pytest.raises(UpstreamUnreachable) as caught:
        new_client(proxy=f"socks5h://me:SECRET@127.0.0.1:{server.port}").send("GET", FAR, SECRET)
    assert "copilot.test" in message_of(caught)


def opened_of(client):
    """How each of its connections will have been opened."""
    opened = []
    client.on_connect(lambda _host, how: opened.append(how))
    return opened


def test_a_connection_through_an_http_proxy_is_opened_ahead(new_client, http_proxy):
    client = new_client(proxy=f"http://127.0.0.1:{http_proxy.port}")
    opened = opened_of(client)
    client._open_connection(FAR)
    assert client.send("GET", FAR, {}).content == b"by proxy"
    assert opened == ["ahead"]


def test_a_connection_through_a_socks_proxy_is_opened_ahead(serve, new_client):
    requests_ = []
    server = serve(lambda sock: socks5(sock, requests_))
    client = new_client(proxy=f"socks5h://127.0.0.1:{server.port}")
    opened = opened_of(client)
    client._open_connection(FAR)
    assert client.send("GET", FAR, {}).content == b"by socks"
    assert opened == ["ahead"]
    assert requests_ == [("copilot.test", 80), "GET /models HTTP/1.1"]


def test_a_tunnel_that_can_not_be_opened_ahead_fails_nothing(new_client, http_proxy, caplog):
    caplog.set_level("DEBUG", "copilot_bridge")
    client = new_client(proxy=f"http://me:SECRET@127.0.0.1:{http_proxy.port}")
    client._open_connection(COPILOT)
    ((line, headers),) = http_proxy.seen
    assert line.startswith("CONNECT api.githubcopilot.com:443 ")
    assert headers["proxy-authorization"] == basic("me", "SECRET")
    (record,) = caplog.records
    assert record.levelname == "DEBUG"
    assert "403" in record.getMessage()
    assert "SECRET" not in record.getMessage()
