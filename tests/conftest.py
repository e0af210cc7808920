"""Fixtures of every test: an empty home, no network beyond this machine, and real processes on demand."""

import gc
import itertools
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from integration.harness import KEEPALIVE, SERVERS, Bridge, Simulator, Start, new_mark, new_token
from rewriting import pytest_sessionstart  # noqa: F401 - hook of pytest
from tables import (  # noqa: F401 - hooks of pytest
    pytest_addoption,
    pytest_make_parametrize_id,
    pytest_pycollect_makeitem,
)

LOOPBACK = ("127.", "::1", "localhost")
# `BRIDGE_SERVER=gevent pytest tests/integration` asks of gevent's own server what is asked of gunicorn.
SERVER = os.environ.get("BRIDGE_SERVER", "gunicorn")
PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
CERTIFICATE = (
    "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
)

# A machine that is busy is no failure, and the same run finds the same; `make fuzz` looks for others.
EXAMPLES = 30
PATIENT: Any = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("suite", derandomize=True, max_examples=EXAMPLES, **PATIENT)
hypothesis.settings.register_profile("fuzz", max_examples=20 * EXAMPLES, **PATIENT)
hypothesis.settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest test, or the last processes would have to wait for it alone."""
    items.sort(key=lambda item: item.path.name != "test_soak.py")


def pytest_collection_finish() -> None:
    """Thousands of tests are there to stay: no collection of garbage has to look at them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Empty folders; pytest's own search for a free name takes longer with each one that is there."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def _isolation(monkeypatch: pytest.MonkeyPatch, _homes: Iterator[Path]) -> None:
    """Nothing of the developer's: no login, no settings, no proxies; and no network but loopback."""
    home = next(_homes)
    home.mkdir()
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home))
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("STATE_DIRECTORY", "COLUMNS"):  # xdist tells its workers how wide the terminal is
        monkeypatch.delenv(name, raising=False)
    connect = socket.socket.connect

    def guarded(sock: socket.socket, address: Any) -> None:
        if sock.family != socket.AF_UNIX and not str(address[0]).startswith(LOOPBACK):
            raise OSError(f"a test wants to connect to {address}")
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator.start(tmp_path_factory.mktemp("simulator"))
    yield simulator
    simulator.stop()


@pytest.fixture(scope="session")
def _launch(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts a bridge.  Whoever takes it stops it; one that never answered ends here."""
    started: list[Bridge] = []

    def start(
        *,
        server: str | None = None,
        home: Path | None = None,
        github_token: str | None = None,
        **settings: object,
    ) -> Bridge:
        hosts = {"github_url": simulator.url, "github_api_url": simulator.url}
        bridge = Bridge(
            home or tmp_path_factory.mktemp("bridge"),
            server or (SERVER if "workers" in settings else "gevent"),  # which starts in less time
            new_token() if github_token is None else github_token,
            {**hosts, **settings},
        )
        started.append(bridge)
        return bridge

    yield start
    for bridge in started:
        if bridge.process.poll() is None:
            bridge.stop()


@pytest.fixture
def start_bridge(_launch: Start) -> Iterator[Start]:
    """Starts a bridge with settings of its own, by their names in Config; it ends with the test."""
    started: list[Bridge] = []

    def start(**settings: Any) -> Bridge:
        started.append(_launch(**settings))
        return started[-1]

    yield start
    for bridge in started:
        bridge.stop()


@pytest.fixture(scope="session")
def _shared(_launch: Start) -> Iterator[dict[str, Bridge]]:
    running: dict[str, Bridge] = {}
    yield running
    ended = {name: bridge.process.poll() for name, bridge in running.items()}
    for bridge in running.values():
        bridge.stop()
    for name, code in ended.items():
        assert code is None, f"{name} ended by itself with {code}: {running[name].log.all()[-5:]}"


@pytest.fixture(scope="session")
def _share(_shared: dict[str, Bridge], _launch: Start) -> Start:
    """Starts each kind once.  No cooldowns: one test's rate limit must not affect another."""

    def share(server: str, **settings: Any) -> Bridge:
        name = f"{server} {settings}"
        if name not in _shared:
            _shared[name] = _launch(server=server, honor_retry_after=0, **settings).warm()
        return _shared[name]

    return share


@pytest.fixture
def bridge(_share: Start) -> Bridge:
    """The product as it is started by default."""
    return _share(server=SERVER)


@pytest.fixture
def by_http(_share: Start) -> Bridge:
    """One that sends Copilot each request whole, for tests that read the last one in its ledger."""
    return _share(server="gevent", upstream_websocket="off")


@pytest.fixture(params=SERVERS)
def any_bridge(request: pytest.FixtureRequest, _share: Start) -> Bridge:
    """The same under each server."""
    return _share(server=request.param)


@pytest.fixture(params=SERVERS)
def brisk_bridge(request: pytest.FixtureRequest, _share: Start) -> Bridge:
    """One that soon gives a sign of life; on a busy machine that may come before a refusal."""
    return _share(server=request.param, keepalive=KEEPALIVE)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key of 127.0.0.1 in one file."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [openssl, *CERTIFICATE.split(), "-keyout", str(key), "-out", str(made)],
        check=True,
        capture_output=True,
    )
    made.write_bytes(made.read_bytes() + key.read_bytes())
    return made


@pytest.fixture
def mark() -> str:
    """A word for the prompt, by which the ledger finds the request."""
    return new_mark()
