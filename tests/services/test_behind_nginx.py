"""Behind a real nginx, over TLS, with the site of nginx/: a client sees there what it sees directly."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from integration.harness import (
    PATIENCE,
    ROOT,
    Answer,
    Bridge,
    Simulator,
    Start,
    Stream,
    Told,
    chat_body,
    head,
)
from integration.services import Unit

from copilot_bridge.config import BY_NAME

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
OPENSSL = shutil.which("openssl")

pytestmark = [
    pytest.mark.skipif(not NGINX, reason="nginx is not here"),
    pytest.mark.skipif(not OPENSSL, reason="openssl, for a certificate, is not here"),
]

NAME = "bridge.example.com"
AROUND = """
daemon off;
master_process off;
pid {here}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    include {here}/site.conf;
}}
"""


class Nginx:
    """The site as it is shipped, but for its addresses."""

    def __init__(self, here: Path, certificate: Path, upstream: str) -> None:
        self._trust = ssl.create_default_context(cafile=certificate / "cert.pem")
        ports = [free_port(), free_port()]
        self.plain, self.address = [("127.0.0.1", port) for port in ports]
        site = (ROOT / "nginx" / "copilot-bridge.conf").read_text()
        for shipped, ours in {
            "server 127.0.0.1:4141;": f"server {upstream};",
            "listen 80;": f"listen 127.0.0.1:{ports[0]};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{ports[1]} ssl http2;",
            "listen [::]:80;": "",
            "listen [::]:443 ssl http2;": "",
            f"/etc/letsencrypt/live/{NAME}/fullchain.pem": f"{certificate}/cert.pem",
            f"/etc/letsencrypt/live/{NAME}/privkey.pem": f"{certificate}/key.pem",
        }.items():
            assert site.count(shipped) == 1, shipped
            site = site.replace(shipped, ours)
        (here / "site.conf").write_text(site)
        (here / "nginx.conf").write_text(AROUND.format(here=here))
        self._log = (here / "error.log").open("wb")
        self.process = subprocess.Popen(
            [str(NGINX), "-p", here, "-c", here / "nginx.conf"], stdin=subprocess.DEVNULL, stderr=self._log
        )
        self._await()

    def _await(self) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self.process.poll() is None, Path(self._log.name).read_text()
            try:
                socket.create_connection(self.address).close()
            except ConnectionRefusedError:
                time.sleep(0.01)  # nothing tells from outside that it listens
            else:
                return
        raise AssertionError("nginx does not listen")

    def connect(self, source: str = "127.0.0.1") -> ssl.SSLSocket:
        sock = socket.create_connection(self.address, timeout=PATIENCE, source_address=(source, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._trust.wrap_socket(sock, server_hostname=NAME)

    def ask(self, body: bytes, source: str = "127.0.0.1", **headers: str) -> Stream:
        """A chat under way."""
        return self.ask_on(self.connect(source), body, **headers)

    def ask_on(self, sock: ssl.SSLSocket, body: bytes, **headers: str) -> Stream:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        sock.sendall(head("POST", "/v1/chat/completions", body, {"Host": NAME, **told}) + body)
        return Stream(sock)

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self._log.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("certificate")
    made = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    named = ("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}")
    files = ("-keyout", here / "key.pem", "-out", here / "cert.pem")
    subprocess.run([str(OPENSSL), *made, *named, *files], check=True, capture_output=True, timeout=PATIENCE)
    return here


# Its name has to be known to a bridge that looks at it.
NAMED = {"allowed_host": NAME} if "allowed_host" in BY_NAME else {}


@pytest.fixture(scope="module")
def served(_launch: Start) -> Iterator[Bridge]:
    bridge = _launch(**NAMED).warm()
    yield bridge
    bridge.stop()


@pytest.fixture
def nginx(tmp_path: Path, certificate: Path, served: Bridge) -> Iterator[Nginx]:
    nginx = Nginx(tmp_path, certificate, f"127.0.0.1:{served.address[1]}")
    yield nginx
    nginx.close()


def body_of(text: str, **more: object) -> bytes:
    return json.dumps(chat_body(text, "gpt-4o", **more)).encode()


def test_events_arrive_one_by_one(nginx: Nginx) -> None:
    with closing(nginx.ask(body_of("[[sim:flood events=10 size=10 gap=60]]", stream=True))) as stream:
        told = Told(stream.all())
    assert told.finish_reason == "stop"
    moments = [frame.at for frame in told.frames if b'"content":"The quick' in frame.raw]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert len(gaps) == 9
    assert min(gaps) > 0.02, "nginx held events back"


def test_the_first_byte_is_five_milliseconds_late_at_most(nginx: Nginx, served: Bridge) -> None:
    """Best of many, on connections that are there already: what nginx adds, not what the machine does."""
    body = body_of("hello", stream=True)

    def wait_through(sock: ssl.SSLSocket | socket.socket, host: str) -> float:
        began = time.perf_counter()
        sock.sendall(head("POST", "/v1/chat/completions", body, {"Host": host}) + body)
        stream = Stream(sock)
        next(stream.frames())
        passed = time.perf_counter() - began
        stream.all()
        return passed

    with closing(nginx.connect()) as through, closing(served.connect()) as direct:
        times = [(wait_through(through, NAME), wait_through(direct, "localhost")) for _ in range(15)]
    assert min(each[0] for each in times) - min(each[1] for each in times) < 0.005


def test_a_large_body_passes(nginx: Nginx, simulator: Simulator, mark: str) -> None:
    with closing(nginx.ask(body_of(f"{mark} {'x' * 20_000_000}"))) as stream:
        assert stream.status == 200
    assert len(simulator.ledger(mark)) == 1


def test_a_client_that_leaves_is_noticed(nginx: Nginx, simulator: Simulator, mark: str) -> None:
    stream = nginx.ask(body_of(f"[[sim:stall after=4 seconds=30]] one two three {mark}", stream=True))
    assert next(stream.frames())
    left = stream.leave()
    ended = simulator.ended(mark, timeout=3)
    assert ended["outcome"] == "client-gone"
    assert ended["ended"] - left < 2


def test_http_2(nginx: Nginx, certificate: Path) -> None:
    if not (curl := shutil.which("curl")):
        pytest.skip("curl is not here")
    port = nginx.address[1]
    done = subprocess.run(
        [
            *(curl, "-sS", "--http2", "--cacert", certificate / "cert.pem", "-w", "\n%{http_version}"),
            *("--resolve", f"{NAME}:{port}:127.0.0.1", "-H", "Content-Type: application/json"),
            *("-d", body_of("hello", stream=True), f"https://{NAME}:{port}/v1/chat/completions"),
        ],
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    events, version = done.stdout.rsplit(b"\n", 1)
    if version == b"1.1":
        pytest.skip("this curl speaks no HTTP/2")
    assert version == b"2"
    assert events.rstrip().endswith(b"data: [DONE]")


def test_plain_http_is_sent_to_https(nginx: Nginx) -> None:
    with closing(http.client.HTTPConnection(*nginx.plain, timeout=PATIENCE)) as connection:
        connection.request("GET", "/v1/models", headers={"Host": NAME})
        reply = connection.getresponse()
        assert (reply.status, reply.getheader("Location")) == (308, f"https://{NAME}/v1/models")


def test_connections_to_the_bridge_are_kept(nginx: Nginx, served: Bridge) -> None:
    def opened() -> int:
        """By nginx, to the bridge."""
        port = f"{served.address[1]:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[2].endswith(f":{port}") and row[3] in ("01", "06") for row in rows)

    before = opened()
    for _ in range(10):
        with closing(nginx.ask(body_of("hello"))) as stream:
            assert stream.status == 200
            stream.answer()
    assert opened() - before <= 2


def log_line(nginx: Nginx, bridge: Bridge, **headers: str) -> dict[str, object]:
    with closing(nginx.ask(body_of("hello"), source="127.0.0.2", **headers)) as stream:
        answer: Answer = stream.answer()
    return bridge.logged(answer.headers["x-request-id"])


believes = pytest.mark.skipif(
    "trusted_proxy" not in BY_NAME, reason="no setting says which proxy is believed"
)


@believes
def test_the_log_has_the_clients_address(nginx: Nginx, served: Bridge) -> None:
    assert log_line(nginx, served)["caller"] == "127.0.0.2"


@believes
@pytest.mark.parametrize("name", ["X_Forwarded_For", "X_Real_IP", "Forwarded"])
def test_what_a_client_says_of_itself_is_not_believed(nginx: Nginx, served: Bridge, name: str) -> None:
    said = "for=203.0.113.7" if name == "Forwarded" else "203.0.113.7"
    assert log_line(nginx, served, **{name: said})["caller"] == "127.0.0.2"


def test_too_many_requests_are_refused(nginx: Nginx) -> None:
    """More than nginx lets wait; pages are not counted."""

    def status(path: str) -> int:
        with closing(nginx.connect()) as sock:
            sock.sendall(head("GET", path, None, {"Host": NAME, "Connection": "close"}))
            return Stream(sock).status

    assert {status("/healthz") for _ in range(60)} == {200}
    assert {status("/v1/models") for _ in range(60)} == {200, 429}


def test_over_a_unix_socket(tmp_path: Path, certificate: Path, simulator: Simulator) -> None:
    path = tmp_path / "bridge.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    unit = Unit(tmp_path, simulator, listener, **NAMED)
    nginx = Nginx(tmp_path, certificate, f"unix:{path}")
    try:
        service = unit.up()
        with closing(nginx.ask(body_of("hello", stream=True))) as stream:
            assert Told(stream.all()).finish_reason == "stop"
            request_id = stream.headers["x-request-id"]
        assert service.logged(request_id)["caller"] in ("unix", "127.0.0.1")
        assert service.end() == 0
        assert path.exists(), "it is systemd's"
    finally:
        nginx.close()
        unit.close()
