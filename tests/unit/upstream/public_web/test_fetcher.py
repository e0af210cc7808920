"""The guarded fetch: against a server of its own for what is allowed, against the real guard for the rest."""

import shutil
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest

from copilot_bridge.config import Config
from copilot_bridge.dialects.adaptation.media import media_type_of_bytes
from copilot_bridge.errors import InvalidRequest, UpstreamUnreachable
from copilot_bridge.upstream.public_web import fetcher as fetcher_module
from copilot_bridge.upstream.public_web.addresses import is_public
from copilot_bridge.upstream.public_web.deadline import Deadline
from copilot_bridge.upstream.public_web.images import ImageFetcher

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 100
TYPES = ("image/png", "image/jpeg")
CONFIG = Config(proxy_env=False, connect_timeout=2.0)
PUBLIC, PRIVATE = "93.184.215.14", "10.1.2.3"


class Handler(BaseHTTPRequestHandler):
    """Does what the path says; the server keeps the requests' headers."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        with suppress(OSError):
            getattr(self, "on_" + self.path.split("/")[1].split("?")[0])()

    def respond(self, body=b"", status=200, **headers):
        self.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def on_png(self):
        self.respond(PNG, Content_Type="text/html")

    def on_chunked(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for at in range(0, len(PNG), 50):
            piece = PNG[at : at + 50]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def on_until_close(self):
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + PNG)

    def on_html(self):
        self.respond(b"<html>", Content_Type="image/png")

    def on_empty(self):
        self.respond()

    def on_jpeg(self):
        self.respond(JPEG)

    def on_missing(self):
        self.respond(b"no", status=404)

    def on_gzip(self):
        self.respond(b"\x1f\x8b", Content_Encoding="gzip")

    def on_claims(self):
        self.close_connection = True
        self.respond(PNG, Content_Length="99999999")

    def on_cut(self):
        self.close_connection = True
        self.respond(PNG, Content_Length=str(len(PNG) + 5))

    def on_endless(self):
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + PNG)
        while True:
            self.wfile.write(b"\0" * 65536)

    def on_cut_chunk(self):
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc")

    def on_garbage(self):
        self.close_connection = True
        self.wfile.write(b"what?\r\n\r\n")

    def drip(self, start):
        self.close_connection = True
        self.wfile.write(start)
        while True:
            self.wfile.write(b"x")
            time.sleep(0.05)

    def on_drip(self):
        self.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + PNG)

    def on_drip_until_close(self):
        self.drip(b"HTTP/1.1 200 OK\r\n\r\n" + PNG)

    def on_drip_head(self):
        self.drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")

    def on_silence(self):
        self.close_connection = True
        time.sleep(1.0)

    def on_to(self):
        """/to/<status>?<location>"""
        status, _, location = self.path.removeprefix("/to/").partition("?")
        self.respond(status=int(status), **({"Location": location} if location else {}))

    def on_to_nowhere(self):
        self.respond(status=302, Location="http://[::1/")

    def on_hops(self):
        """/hops/<left>"""
        remaining = int(self.path.split("/")[2])
        self.respond(status=302, Location=f"/hops/{remaining - 1}" if remaining > 1 else "/png")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def handle_error(self, request, client_address):
        """Clients that hang up, and handshakes that fail, are what is tested."""


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server():
    with serving(Server()) as running:
        yield running


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def everywhere(_address):
    return True


def fetch(url, allowed=everywhere, *, config=CONFIG, media_types=TYPES, max_bytes=10_000):
    fetcher = ImageFetcher(config, allowed)
    return fetcher.fetch_image(url, media_types=media_types, max_bytes=max_bytes, param="messages.0.content")


def refused(url, allowed=everywhere, **options):
    """Why there is no image."""
    with pytest.raises(InvalidRequest) as caught:
        fetch(url, allowed, **options)
    assert caught.value.param == "messages.0.content"
    return str(caught.value)


def guarded(url, **options):
    return refused(url, is_public, **options)


class Names(dict):
    """A name server: name -> addresses, or a list of such responses, one per lookup."""

    def __init__(self, real):
        super().__init__()
        self.real = real
        self.lookups = []

    def getaddrinfo(self, host, port, *args, **kwargs):
        if host not in self:
            return self.real(host, port, *args, **kwargs)
        self.lookups.append(host)
        responses = self[host]
        addresses = responses.pop(0) if isinstance(responses[0], list) else responses
        return [found for address in addresses for found in self.real(address, port, type=socket.SOCK_STREAM)]


@pytest.fixture
def names(monkeypatch):
    table = Names(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", table.getaddrinfo)
    return table


@pytest.fixture
def connections(monkeypatch):
    """The addresses that a connection was made to; none is let through."""
    made = []

    def open_socket(endpoint, _patience):
        made.append(str(endpoint.address))
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(fetcher_module, "open_socket", open_socket)
    return made


# What is allowed.


@pytest.mark.parametrize("path", ["/png", "/chunked", "/until_close", "/png?a=b%20c#d", "/hops/3"])
def test_an_image_is_fetched_with_its_type(server, path):
    assert fetch(server.url + path) == ("image/png", PNG)


def test_type_is_that_of_the_bytes(server):
    assert fetch(server.url + "/jpeg")[0] == "image/jpeg"


def test_only_harmless_headers_are_sent(server, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    fetch(server.url + "/png")
    _, headers = server.seen[0]
    assert headers == {
        "Host": f"127.0.0.1:{server.port}",
        "User-Agent": "copilot-bridge",
        "Accept": "image/*",
        "Accept-Encoding": "identity",
    }


def test_cookies_of_a_redirect_are_not_sent_on(server, monkeypatch):
    def on_png(self):
        self.respond(status=302, Location="/jpeg", Set_Cookie="a=b")

    monkeypatch.setattr(Handler, "on_png", on_png)
    fetch(server.url + "/png")
    assert "Cookie" not in server.seen[1][1]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(server, status):
    assert fetch(f"{server.url}/to/{status}?{server.url}/png") == ("image/png", PNG)


def test_size_limit_is_exact(server):
    assert fetch(server.url + "/png", max_bytes=len(PNG))


# What the client can mend.


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/hops/4", "redirects more than 3 times"),
        ("/to/302", "status 302 and no new address"),
        ("/to/302?ftp://example.com/x", "begin with https:// or http://"),
        ("/to/302?file:///etc/passwd", "begin with https:// or http://"),
        ("/to_nowhere", "redirects to an invalid URL"),
        ("/missing", "status 404"),
        ("/to/304", "status 304"),
        ("/html", "no PNG, JPEG, GIF, WebP or HEIC image"),
        ("/empty", "no PNG, JPEG, GIF, WebP or HEIC image"),
        ("/gzip", "compressed"),
        ("/claims", "larger than the maximum of 10000 bytes"),
        ("/endless", "larger than the maximum of 10000 bytes"),
        ("/cut", "before it was complete"),
        ("/cut_chunk", "before it was complete"),
        ("/garbage", "the connection to its server failed"),
    ],
)
def test_a_response_that_is_not_an_image_is_refused(server, path, why):
    assert why in refused(server.url + path)


def test_type_that_the_model_does_not_take(server):
    assert "it is image/jpeg; this model takes image/gif, image/png" in refused(
        server.url + "/jpeg", media_types=("image/png", "image/gif")
    )
    assert "this model takes no images" in refused(server.url + "/jpeg", media_types=())


def test_one_byte_too_many_is_refused(server):
    assert "larger" in refused(server.url + "/png", max_bytes=len(PNG) - 1)
    assert "larger" in refused(server.url + "/chunked", max_bytes=len(PNG) - 1)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.com/a.png", "begin with https:// or http://"),
        ("file:///etc/passwd", "begin with https:// or http://"),
        ("data:image/png;base64,AAAA", "begin with https:// or http://"),
        ("gopher://example.com", "begin with https:// or http://"),
        ("httpx://example.com", "begin with https:// or http://"),
        ("http://user:password@example.com/", "user name or password"),
        ("http://user@example.com/", "user name or password"),
        ("http://:@example.com/", "user name or password"),
        ("", "not a valid URL"),
        ("cat.png", "not a valid URL"),
        ("//example.com/cat.png", "not a valid URL"),
        ("http://", "not a valid URL"),
        ("http:///cat.png", "not a valid URL"),
        ("http://[::1/", "not a valid URL"),
        ("http://example.com:99999/", "not a valid URL"),
        ("http://" + "a" * 300 + ".example/", ""),
        ("http://no-such-name.invalid/", "there is no host no-such-name.invalid"),
    ],
)
def test_malformed_addresses_are_refused(connections, url, why):
    assert why in guarded(url)
    assert connections == []


def test_passwords_are_not_repeated():
    assert "hunter22" not in guarded("http://user:hunter22@example.com/")


@pytest.mark.parametrize("path", ["/drip", "/drip_until_close", "/drip_head", "/silence"])
def test_a_slow_server_is_given_up(server, monkeypatch, path):
    monkeypatch.setattr(fetcher_module, "TIME_LIMIT", 0.3)
    began = time.monotonic()
    assert "too slow" in refused(server.url + path)
    assert time.monotonic() - began < 0.8


def test_time_counts_over_redirects(server, monkeypatch):
    def on_hops(self):
        time.sleep(0.15)
        self.respond(status=302, Location="/hops/1")

    monkeypatch.setattr(Handler, "on_hops", on_hops)
    monkeypatch.setattr(fetcher_module, "TIME_LIMIT", 0.3)
    assert "too slow" in refused(server.url + "/hops/1")


def test_connections_made_when_the_time_is_over_are_shut_at_once():
    near, far = socket.socketpair()
    with near, far, Deadline(0.0) as deadline:
        time.sleep(0.01)
        deadline.watch(near)
        far.settimeout(1.0)
        assert far.recv(1) == b""


def test_a_closed_port_is_an_error():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert "no connection to 127.0.0.1: Connection refused" in refused(f"http://127.0.0.1:{port}/")


def test_the_next_address_is_tried(server, names):
    names["both.test"] = ["127.0.0.9", "127.0.0.1"]  # the server listens on the second only
    assert fetch(f"http://both.test:{server.port}/png")[1] == PNG
    assert server.seen[0][1]["Host"] == f"both.test:{server.port}"


# What the guard keeps out.

INSIDE = (
    "127.0.0.1",
    "127.1",
    "localhost",
    "LOCALHOST.",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "0",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "2852039166",  # the same
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:10.0.0.1]",
    "[::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:a00:1::1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[2001:0:1::1]",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11",  # 127.0.0.1 in full-width digits
)


@pytest.mark.parametrize("host", INSIDE)
def test_internal_addresses_are_never_connected_to(connections, host):
    guarded(f"http://{host}/")
    guarded(f"https://{host}:8443/")
    assert connections == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "10.0.0.1"])
def test_the_reason_is_named(connections, host):
    assert f"{host.strip('[]')} has no public address; send the image itself" in guarded(f"http://{host}/")


def test_the_real_guard_keeps_a_listening_server_unseen(server):
    guarded(server.url + "/png")
    guarded(f"http://localhost:{server.port}/png")
    assert server.seen == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("2002:808:808::1", True),
        ("64:ff9b::8.8.8.8", True),
        ("64:ff9b::10.0.0.1", False),
        ("168.63.129.16", False),
        ("::ffff:168.63.129.16", False),
        ("fe80::1%eth0", False),
    ],
)
def test_only_public_addresses_are_public(address, public):
    assert is_public(ip_address(address)) is public


def test_redirects_are_guarded_too(server):
    """The first hop is allowed, so that only the second can be what is refused."""

    def only_this_server(address):
        return str(address) == "127.0.0.1"

    for inside in ("http://127.0.0.2", "http://[::1]", "http://10.0.0.1", "http://169.254.169.254/latest"):
        why = refused(f"{server.url}/to/302?{inside}:{server.port}/png", only_this_server)
        assert "no public address" in why or "not a valid URL" in why
    assert all(path.startswith("/to/") for path, _ in server.seen)


def test_each_hop_is_judged_by_its_own_lookup(server, names):
    names["shifty.test"] = [["127.0.0.1"], [PRIVATE]]
    other_port = server.port - 1
    url = f"http://shifty.test:{server.port}/to/302?http://shifty.test:{other_port}/png"
    assert "shifty.test has no public address" in refused(url, lambda address: address.is_loopback)
    assert names.lookups == ["shifty.test", "shifty.test"]


def test_private_addresses_of_a_public_name_are_left_out(connections, names):
    names["mixed.test"] = [PRIVATE, PUBLIC, "127.0.0.1", "::1"]
    assert "no connection to mixed.test" in guarded("http://mixed.test/")
    assert connections == [PUBLIC]


def test_a_name_is_looked_up_once(connections, names):
    """A name that is public when looked at and private a moment later."""
    names["rebind.test"] = [[PUBLIC], [PRIVATE], [PRIVATE]]
    guarded("https://rebind.test/")
    assert connections == [PUBLIC]
    assert names.lookups == ["rebind.test"]


def test_connecting_looks_nothing_up(server, names):
    """The socket is given the address that was looked at: one lookup from the name to the response."""
    names["once.test"] = [["127.0.0.1"], [PRIVATE]]
    assert fetch(f"http://once.test:{server.port}/png")[1] == PNG
    assert names.lookups == ["once.test"]


# Through the bridge's own proxy.


def through(server):
    return Config(proxy=server.url, proxy_env=False, connect_timeout=2.0)


def proxied(self):
    """A proxy is sent the whole URL instead of a path."""
    self.server.seen.append((self.path, dict(self.headers)))
    self.on_png()


def test_a_proxy_makes_the_connection(server, names, monkeypatch):
    monkeypatch.setattr(Handler, "do_GET", proxied)
    names["cat.test"] = [PUBLIC]
    assert fetch("http://cat.test/png", is_public, config=through(server)) == ("image/png", PNG)
    path, headers = server.seen[0]
    assert path == "http://cat.test/png"
    assert not {"Proxy-Authorization", "Authorization", "Cookie"} & set(headers)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "[::ffff:10.0.0.1]", "0xa000001", "167772161", "mixed.test", "169.254.169.254"]
)
def test_proxy_is_not_asked_for_what_is_inside(server, names, host):
    names["mixed.test"] = [PUBLIC, PRIVATE]
    guarded(f"http://{host}/png", config=through(server))
    assert server.seen == []


def test_proxy_is_not_asked_for_loopback(server, connections):
    guarded("http://127.0.0.1/png", config=through(server))
    guarded("http://localhost/png", config=through(server))
    assert server.seen == connections == []


def test_a_number_that_only_the_proxy_would_understand_is_no_host(server, monkeypatch):
    def getaddrinfo(*_args, **_kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert "there is no host 0xa000001" in guarded("http://0xa000001/", config=through(server))
    assert server.seen == []


def test_names_that_only_the_proxy_can_resolve(server, monkeypatch):
    monkeypatch.setattr(Handler, "do_GET", proxied)
    config = through(server)
    assert fetch("http://only-there.invalid/png", is_public, config=config)[1] == PNG


def test_dead_proxy_is_not_the_clients_fault(names):
    names["cat.test"] = [PUBLIC]
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        config = Config(proxy=f"http://127.0.0.1:{unused.getsockname()[1]}", proxy_env=False)
        with pytest.raises(UpstreamUnreachable, match="through the proxy"):
            fetch("http://cat.test/png", is_public, config=config)


# TLS, gevent, bytes.


@pytest.fixture
def secure_server(tmp_path, monkeypatch):
    """Serves as cat.test, by a certificate that the environment's bundle trusts."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("needs openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    asked = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=cat.test -addext subjectAltName=DNS:cat.test"
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([openssl, *asked.split(), *files], check=True, capture_output=True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    running = Server()
    running.socket = context.wrap_socket(running.socket, server_side=True, do_handshake_on_connect=False)
    with serving(running):
        yield running


def test_tls_checks_the_name_not_the_address(secure_server, names):
    names |= {"cat.test": ["127.0.0.1"], "dog.test": ["127.0.0.1"]}
    assert fetch(f"https://cat.test:{secure_server.port}/png") == ("image/png", PNG)
    assert "the connection to its server failed" in refused(f"https://dog.test:{secure_server.port}/png")
    assert [path for path, _ in secure_server.seen] == ["/png"]


def test_a_slow_server_is_given_up_over_tls(secure_server, names, monkeypatch):
    names["cat.test"] = ["127.0.0.1"]
    monkeypatch.setattr(fetcher_module, "TIME_LIMIT", 0.5)
    assert "too slow" in refused(f"https://cat.test:{secure_server.port}/drip_head")
    assert "too slow" in refused(f"https://cat.test:{secure_server.port}/drip")


def test_a_slow_server_is_given_up_under_gevent(server):
    """In a process of its own, because monkey-patching can't be undone."""
    script = f"""
        from gevent import monkey
        monkey.patch_all()
        import gevent
        from copilot_bridge.config import Config
        from copilot_bridge.errors import InvalidRequest
        from copilot_bridge.upstream.public_web import fetcher as fetcher_module
        from copilot_bridge.upstream.public_web.images import ImageFetcher

        fetcher_module.TIME_LIMIT = 1.0
        fetcher = ImageFetcher(Config(proxy_env=False), lambda _address: True)

        def fetch(path):
            url = "{server.url}" + path
            try:
                return fetcher.fetch_image(url, media_types=["image/png"], max_bytes=9999, param="p")[0]
            except InvalidRequest as error:
                return str(error)

        jobs = [gevent.spawn(fetch, path) for path in ("/png", "/drip_head", "/drip", "/hops/2")]
        print("|".join(job.get() for job in jobs))
    """
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    slow = "this image can't be used: its server is too slow"
    assert done.stdout.strip() == f"image/png|{slow}|{slow}|image/png", done.stderr


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (b"GIF87a...", "image/gif"),
        (b"GIF89a...", "image/gif"),
        (b"RIFF\n\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x18ftypheic....", "image/heic"),
        (b"\0\0\n\x18ftyphevc....", "image/heic"),
        (b"\0\0\0\x18ftypmif1....", "image/heif"),
        (b"\0\0\0\x18ftypavif....", "image/avif"),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0", "image/bmp"),
        (b"II*\0....", "image/tiff"),
        (b"\0\0\0\x18ftypisom....", None),
        (b"RIFF\n\0\0\0WAVEfmt ", None),
        (b"<svg xmlns=", None),
        (b" \x89PNG\r\n\x1a\n", None),
        (b"", None),
    ],
)
def test_the_media_type_is_read_from_the_first_bytes(start, name):
    assert media_type_of_bytes(start) == name
