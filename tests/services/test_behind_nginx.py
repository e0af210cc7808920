"""What nginx does besides: protocols, limits, connections; and what it costs."""

import http.client
import shutil
import socket
import ssl
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from integration.harness import PATIENCE, Bridge, ReceivedStream, Simulator, Stream, head
from integration.services import Unit
from services.reverse_proxies import NAME, OPERATOR, Nginx, body_of


@pytest.fixture
def nginx(tmp_path: Path, certificate: Path, served: Bridge) -> Iterator[Nginx]:
    nginx = Nginx(tmp_path, certificate, f"127.0.0.1:{served.address[1]}")
    yield nginx
    nginx.close()


def test_the_first_byte_is_five_milliseconds_late_at_most(nginx: Nginx, served: Bridge) -> None:
    """On connections that are there already: what nginx adds, not what the machine does meanwhile.

    Each request is compared with one of the same moment, and a machine that is busy gets more tries: it makes
    the way longer, never shorter.
    """
    body = body_of("hello", stream=True)

    def wait_through(sock: ssl.SSLSocket | socket.socket) -> float:
        began = time.perf_counter()
        fields = {"Host": NAME, "x-api-key": OPERATOR}
        sock.sendall(head("POST", "/v1/chat/completions", body, fields) + body)
        stream = Stream(sock)
        next(stream.frames())
        passed = time.perf_counter() - began
        stream.all()
        return passed

    with closing(nginx.connect()) as through, closing(served.connect()) as direct:

        def added() -> float:
            return statistics.median(wait_through(through) - wait_through(direct) for _ in range(9))

        found: list[float] = []
        while not found or found[-1] >= 0.005:
            assert len(found) < 5, found
            time.sleep(0.5 * bool(found))  # below ten requests a second in the long run
            found.append(added())


def test_http_2_works_behind_nginx(nginx: Nginx, certificate: Path) -> None:
    if not (curl := shutil.which("curl")):
        pytest.skip("curl is not here")
    port = nginx.address[1]
    done = subprocess.run(
        [
            *(curl, "-sS", "--http2", "--cacert", certificate / "cert.pem", "-w", "\n%{http_version}"),
            *("-H", f"x-api-key: {OPERATOR}", "--resolve", f"{NAME}:{port}:127.0.0.1"),
            *(
                "-H",
                "Content-Type: application/json",
                "-d",
                body_of("hello", stream=True),
                f"https://{NAME}:{port}/v1/chat/completions",
            ),
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
        response = connection.getresponse()
        assert (response.status, response.getheader("Location")) == (308, f"https://{NAME}/v1/models")


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
            stream.response()
    assert opened() - before <= 2


def status(nginx: Nginx, method: str, path: str, key: str = OPERATOR) -> int:
    with closing(nginx.connect()) as sock:
        body = b"" if method == "POST" else None
        fields = {"Host": NAME, "x-api-key": key, "Connection": "close"}
        sock.sendall(head(method, path, body, fields))
        return Stream(sock).status


def test_too_many_requests_are_refused(nginx: Nginx) -> None:
    """More than nginx lets wait; what is no API is counted by itself, and a page needs many."""
    assert {status(nginx, "GET", "/healthz") for _ in range(60)} == {200}
    assert {status(nginx, "GET", "/v1/models") for _ in range(60)} == {200, 429}
    assert {status(nginx, "GET", "/healthz") for _ in range(20)} == {200}


@pytest.mark.parametrize("below", [False, True], ids=["a site", "below a path"])
def test_keys_are_tried_slowly(tmp_path: Path, certificate: Path, served: Bridge, below: bool) -> None:
    """The form is shown as often as one likes."""
    nginx = Nginx(tmp_path, certificate, f"127.0.0.1:{served.address[1]}", below=below)
    try:
        path = f"{nginx.prefix}/sign-in"
        tried = [status(nginx, "POST", path, key="") for _ in range(8)]
        assert tried == [403] * 6 + [429] * 2, "403: no form of ours has sent it"
        assert [status(nginx, "GET", path, key="") for _ in range(8)] == [200] * 8
    finally:
        nginx.close()


def test_bodies_of_forms_are_limited(nginx: Nginx, served: Bridge) -> None:
    with closing(nginx.connect()) as sock:
        sock.sendall(head("POST", "/sign-in", None, {"Host": NAME, "Content-Length": "2000000"}))
        assert Stream(sock).status == 413


def test_a_unix_socket_serves_nginx(tmp_path: Path, certificate: Path, simulator: Simulator) -> None:
    path = tmp_path / "bridge.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    unit = Unit(tmp_path, simulator, listener, allowed_host=NAME)
    nginx = Nginx(tmp_path, certificate, f"unix:{path}")
    try:
        service = unit.up()
        with closing(nginx.ask(body_of("hello", stream=True))) as stream:
            assert ReceivedStream(stream.all()).finish_reason == "stop"
            request_id = stream.headers["x-request-id"]
        assert service.logged(request_id)["caller"] in ("unix", "127.0.0.1")
        assert service.end() == 0
        assert path.exists(), "it is systemd's"
    finally:
        nginx.close()
        unit.close()
