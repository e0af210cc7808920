"""The store on a bad day: whatever becomes of it, requests of known callers are answered, and soon.

Each state of the database is brought about, requests go on meanwhile, and afterwards nothing is missing.
"""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from integration.harness import Bridge, Response, Start, new_token
from services.postgres import Server
from services.test_faults import FAULTS
from services.test_postgres import KEY_OF_STORE, machine

from copilot_bridge.errors import StoreError
from copilot_bridge.store import Store, open_store
from copilot_bridge.store.keys import KEY, Key

DEADLINE = 1.0  # seconds, of the bridges here
# seconds that a request may take besides.
SLACK = 0.2


class Relay:
    """Passes bytes on to a port; `silent`: it takes them and passes none on.  `delay`: s, of each piece."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.silent = False
        self.delay = 0.0
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._port))
                except OSError:
                    near.close()
                    continue
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                if self.delay:
                    time.sleep(self.delay)  # the slowness itself
                if not self.silent:
                    other.sendall(data)
        for sock in (one, other):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for sock in (self._listener, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


def ask(bridge: Bridge, key: str = "", text: str = "hello") -> Response:
    headers = {"x-api-key": key} if key else {}
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": text}]}
    return bridge.request("POST", "/v1/chat/completions", body, headers)


def knows(bridge: Bridge, key: str) -> bool:
    """Asks no model, so it takes nothing of the key's rate."""
    return bridge.request("GET", "/v1/models", headers={"x-api-key": key}).status == 200


@dataclass
class Traffic:
    """Requests, and how long each took.  `ids`: of those that were answered by the model."""

    waits: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def send(self, bridge: Bridge, key: str) -> Response:
        began = time.monotonic()
        response = ask(bridge, key)
        self.waits.append(time.monotonic() - began)
        self.statuses.append(response.status)
        if response.status == 200:
            self.ids.add(response.headers["x-request-id"])
        return response

    def run(self, bridges: list[Bridge], key: str, number: int = 8) -> None:
        with ThreadPoolExecutor(len(bridges) * 2) as pool:
            list(pool.map(lambda count: self.send(bridges[count % len(bridges)], key), range(number)))


def wait_until(done: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 20
    while not done():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@dataclass
class Farm:
    """Bridges that share a store, which is looked at from outside.  `key`: has no limit."""

    bridges: list[Bridge]
    store: Callable[[], Store]
    key: str
    traffic: Traffic = field(default_factory=Traffic)

    def warm(self) -> None:
        for bridge in self.bridges:
            assert ask(bridge, self.key).status == 200

    def bad_day(self, state: Callable[[], object], *, rounds: int = 3) -> Traffic:
        """Requests while the state lasts: before it, as it begins, and while it goes on."""
        self.warm()
        traffic = Traffic()
        traffic.run(self.bridges, self.key)
        usual = max(traffic.waits)  # more on a busy machine, all the time
        state()
        for _ in range(rounds):
            time.sleep(0.7)  # between the looks of the bridges: each round meets the store anew
            traffic.run(self.bridges, self.key)
        assert set(traffic.statuses) == {200}
        assert max(traffic.waits) <= DEADLINE + SLACK + 2 * usual, sorted(traffic.waits)[-5:]
        return traffic

    def strangers_are_refused(self) -> None:
        for bridge in self.bridges:
            for key in ("", "cbk_unknown-key-of-nobody"):
                response = ask(bridge, key)
                assert response.status in (401, 503), response.body
                assert "127.0.0.1" not in response.body.decode(), (
                    "the database's address is nobody's business"
                )
                assert response.error

    def good_again(self, traffic: Traffic) -> None:
        """Each response has its row, once; new keys are good everywhere."""
        store = self.store()

        def logged() -> bool:
            found = [row.id for row in store.request_log.latest(5000)]
            return len(set(found)) == len(found) and traffic.ids <= set(found)

        wait_until(logged, "rows of the log are missing, or there twice")
        key = store.keys.add(Key(f"new{os.urandom(4).hex()}", KEY, b""))
        for bridge in self.bridges:
            wait_until(lambda bridge=bridge: ask(bridge, key).status == 200, "a new key is not good")  # type: ignore[misc]
        store.close()


# PostgreSQL


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg_pool", reason="psycopg is not installed")
    server = Server()
    yield server
    with suppress(ProcessLookupError):
        server.kill(signal.SIGCONT)
    server.stop()
    shutil.rmtree(server.folder)


@pytest.fixture(scope="module")
def relay(server: Server) -> Iterator[Relay]:
    relay = Relay(server.port)
    yield relay
    relay.close()


@pytest.fixture(scope="module")
def machines(
    server: Server, relay: Relay, _launch: Start, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Farm]:
    """Three, and a database behind a relay."""
    url = server.database("campaign")
    home = tmp_path_factory.mktemp("operator")
    store = machine(home, url)
    key = store.keys.add(Key("known", KEY, b""))
    store.close()
    bridges = [
        _launch(
            server=kind,
            database_url=url.replace(f":{server.port}/", f":{relay.port}/"),
            store_key=KEY_OF_STORE,
            store_timeout=DEADLINE,
            github_token=new_token(),
        )
        for kind in ("gunicorn", "gevent", "gunicorn")
    ]
    farm = Farm(bridges, lambda: machine(home, url), key)
    yield farm
    for bridge in bridges:
        bridge.stop()


def is_up(server: Server) -> bool:
    try:
        server.database(f"up_{os.urandom(4).hex()}")
    except Exception:  # noqa: BLE001 - of whatever kind: it is not
        return False
    return True


def test_requests_continue_while_the_server_hangs(machines: Farm, server: Server) -> None:
    try:
        traffic = machines.bad_day(lambda: server.kill(signal.SIGSTOP))
        machines.strangers_are_refused()
    finally:
        server.kill(signal.SIGCONT)
    machines.good_again(traffic)


def test_the_way_to_the_server_is_silent(machines: Farm, relay: Relay) -> None:
    def cut() -> None:
        relay.silent = True

    try:
        traffic = machines.bad_day(cut)
        machines.strangers_are_refused()
    finally:
        relay.silent = False
    machines.good_again(traffic)


def test_the_server_is_slow(machines: Farm, relay: Relay) -> None:
    """Slower than the deadline allows for some uses, not for others."""

    def slow() -> None:
        relay.delay = DEADLINE / 2

    try:
        traffic = machines.bad_day(slow)
    finally:
        relay.delay = 0.0
    machines.good_again(traffic)


def test_the_server_stops_and_starts(machines: Farm, server: Server) -> None:
    traffic = machines.bad_day(server.stop)
    machines.strangers_are_refused()
    server.start()
    assert is_up(server)
    machines.good_again(traffic)


def test_the_server_has_no_connection_left(machines: Farm, server: Server) -> None:
    import psycopg

    url = f"postgresql://bridge@127.0.0.1:{server.port}/campaign"
    taken = []

    def take_all() -> None:
        with suppress(psycopg.OperationalError):  # too many clients
            taken.extend(psycopg.connect(url) for _ in range(200))
        # What the bridges have open is taken from them, and they get no other.
        with suppress(psycopg.Error):
            taken[0].execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = 'campaign' AND pid <> pg_backend_pid() AND state = 'idle'"
                " AND application_name = '' AND query NOT IN ('', 'BEGIN') AND pid NOT IN"
                " (SELECT unnest(%s::int[]))",
                ([connection.info.backend_pid for connection in taken],),
            )
            taken.extend(psycopg.connect(url) for _ in range(200))

    traffic = machines.bad_day(take_all)
    for connection in taken:
        connection.close()
    machines.good_again(traffic)


def test_a_machine_that_starts_while_the_database_is_away(
    machines: Farm, server: Server, start_bridge: Start
) -> None:
    """It knows nobody, so it lets nobody in; and it serves as soon as it can know."""
    url = f"postgresql://bridge@127.0.0.1:{server.port}/campaign"
    server.stop()
    try:
        late = start_bridge(
            database_url=url, store_key=KEY_OF_STORE, store_timeout=DEADLINE, github_token=new_token()
        )
        for key in ("", machines.key):
            response = ask(late, key)
            assert response.status in (401, 503), response.body
            assert response.error
    finally:
        server.start()
    assert is_up(server)
    wait_until(lambda: ask(late, machines.key).status == 200, "a known key is not good again")
    assert ask(late).status == 401


def test_a_rate_limit_holds_for_300_callers_on_three_machines(machines: Farm, server: Server) -> None:
    """30 a minute are 30, at PostgreSQL's 100 connections: never more, and no request is lost.

    One that passed, but heard of it too late, is refused: on a busy machine there may be one or two.
    """
    store = machines.store()
    key = store.keys.add(Key(f"paced{os.urandom(4).hex()}", KEY, b"", rate="30/minute"))
    for bridge in machines.bridges:
        wait_until(lambda bridge=bridge: knows(bridge, key), "the key is not known")  # type: ignore[misc]
    barrier = threading.Barrier(300)

    def one(number: int) -> int:
        barrier.wait()
        return ask(machines.bridges[number % 3], key).status

    with ThreadPoolExecutor(300) as pool:
        statuses = list(pool.map(one, range(300)))
    assert 25 <= statuses.count(200) <= 30, {status: statuses.count(status) for status in set(statuses)}
    assert set(statuses) == {200, 429}
    store.close()


def test_another_program_holds_the_tables(machines: Farm, server: Server) -> None:
    import psycopg

    with psycopg.connect(f"postgresql://bridge@127.0.0.1:{server.port}/campaign") as other:

        def hold() -> None:
            other.execute("LOCK TABLE keys, requests, notes, key_values, admissions IN ACCESS EXCLUSIVE MODE")

        traffic = machines.bad_day(hold)
        machines.strangers_are_refused()
        other.rollback()
    machines.good_again(traffic)


@contextmanager
def own_network() -> Iterator[tuple[str, Callable[[str], None]]]:
    """A network namespace, reached at 10.77.0.2: its name, and what puts the link to it "up" or "down"."""
    name, near = f"bridge{os.getpid()}", f"br{os.getpid() % 10**6}"

    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)

    try:
        ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("network namespaces can't be made here")
    try:
        ip("link", "add", near, "type", "veth", "peer", "name", "inner", "netns", name)
        ip("addr", "add", "10.77.0.1/30", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", name, "addr", "add", "10.77.0.2/30", "dev", "inner")
        ip("-n", name, "link", "set", "inner", "up")
        yield name, lambda state: ip("-n", name, "link", "set", "inner", state)
    finally:
        ip("netns", "del", name)


def test_the_link_to_the_server_goes_down(start_bridge: Start, tmp_path: Path) -> None:
    """Nothing is acknowledged any more, and nothing says so."""
    pytest.importorskip("psycopg_pool", reason="psycopg is not installed")
    with own_network() as (name, link):
        server = Server("10.77.0.2", ("ip", "netns", "exec", name))
        try:
            url = server.database("campaign")
            store = machine(tmp_path, url)
            key = store.keys.add(Key("known", KEY, b""))
            store.close()
            settings = {"database_url": url, "store_key": KEY_OF_STORE, "store_timeout": DEADLINE}
            bridge = start_bridge(github_token=new_token(), **settings)
            farm = Farm([bridge], lambda: machine(tmp_path, url), key)
            traffic = farm.bad_day(lambda: link("down"))
            farm.strangers_are_refused()
            link("up")
            farm.good_again(traffic)
        finally:
            server.stop()
            shutil.rmtree(server.folder)


# SQLite


@pytest.fixture
def service(start_bridge: Start, tmp_path: Path) -> Farm:
    """One bridge with two workers, and its store's folder."""
    home = tmp_path / "home"
    store = open_store(home)
    key = store.keys.add(Key("known", KEY, b""))
    store.close()
    bridge = start_bridge(home=home, workers=2, store_timeout=DEADLINE, github_token=new_token())
    return Farm([bridge], lambda: open_store(home), key)


@pytest.mark.parametrize("how", ["IMMEDIATE", "EXCLUSIVE"])
def test_another_program_holds_the_lock(service: Farm, tmp_path: Path, how: str) -> None:
    other = sqlite3.connect(tmp_path / "home" / "bridge.db", isolation_level=None, check_same_thread=False)
    traffic = service.bad_day(lambda: other.execute(f"BEGIN {how}"))
    service.strangers_are_refused()
    other.execute("COMMIT")
    other.close()
    service.good_again(traffic)


def test_the_file_is_deleted_and_put_back(service: Farm, tmp_path: Path) -> None:
    """The door stays shut, and what the backup holds is good again."""
    store = service.store()
    store.back_up(tmp_path / "kept.db")
    store.close()
    service.warm()
    (tmp_path / "home" / "bridge.db").unlink()
    service.strangers_are_refused()
    wait_until(lambda: was_restored(service, tmp_path / "kept.db"), "it can't be restored")
    wait_until(lambda: ask(service.bridges[0], service.key).status == 200, "the key is not good again")
    service.strangers_are_refused()


def was_restored(farm: Farm, backup: Path) -> bool:
    """Fails while the bridge itself notices that the file is gone, and makes another."""
    try:
        with closing(farm.store()) as store:
            store.restore(backup)
    except StoreError:
        return False
    return True


@contextmanager
def small_disk(path: Path, size: str = "8m") -> Iterator[None]:
    path.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, timeout=20).returncode:
        pytest.skip("no small disk can be made here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True, timeout=20)


def test_the_disk_is_full(start_bridge: Start, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk"):
        home = tmp_path / "disk" / "home"
        store = open_store(home)
        key = store.keys.add(Key("known", KEY, b""))
        store.close()
        bridge = start_bridge(home=home, store_timeout=DEADLINE, github_token=new_token())
        farm = Farm([bridge], lambda: open_store(home), key)
        filler = tmp_path / "disk" / "filler"
        traffic = farm.bad_day(lambda: fill(filler))
        farm.strangers_are_refused()
        filler.unlink()
        farm.good_again(traffic)
        bridge.stop()


def fill(filler: Path) -> None:
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_the_databases_disk_is_full(start_bridge: Start, tmp_path: Path) -> None:
    pytest.importorskip("psycopg_pool", reason="psycopg is not installed")
    # Not below pytest's own folder, which is for one user alone.
    disk = Path(tempfile.mkdtemp(prefix="bridge-disk-"))
    with small_disk(disk, "150m"):
        server = Server(disk=disk)
        try:
            url = server.database("campaign")
            store = machine(tmp_path / "home", url)
            key = store.keys.add(Key("known", KEY, b""))
            store.close()
            settings = {"database_url": url, "store_key": KEY_OF_STORE, "store_timeout": DEADLINE}
            bridge = start_bridge(github_token=new_token(), **settings)
            farm = Farm([bridge], lambda: machine(tmp_path / "home", url), key)
            filler = disk / "filler"
            traffic = farm.bad_day(lambda: fill(filler))
            farm.strangers_are_refused()
            filler.unlink()
            farm.good_again(traffic)
            bridge.stop()
        finally:
            server.stop()
    disk.rmdir()


HOUR, DAY = 3600, 86_400


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_nobody_is_locked_out_when_the_clock_jumps(
    start_bridge: Start,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    kind: str,
) -> None:
    """Back and forth by an hour and by 40 days: nobody is shut out, and what is spaced out stays so."""
    faults = tmp_path / "faults"
    faults.mkdir()
    (faults / "sitecustomize.py").write_text(FAULTS)
    home = tmp_path / "home"
    settings: dict[str, object] = {}
    if kind == "postgres":
        url = request.getfixturevalue("server").database("clock")
        settings = {"database_url": url, "store_key": KEY_OF_STORE}
    store = machine(home, str(settings["database_url"])) if settings else open_store(home)
    key = store.keys.add(Key("paced", KEY, b"", rate="30/minute"))
    free = store.keys.add(Key("free", KEY, b""))
    store.close()
    from integration import harness

    plain = harness.environment
    monkeypatch.setattr(
        harness,
        "environment",
        lambda home: {**plain(home), "PYTHONPATH": f"{faults}{os.pathsep}{plain(home)['PYTHONPATH']}"},
    )
    bridge = start_bridge(home=home, rate_limit=0.05, github_token=new_token(), **settings)
    assert ask(bridge, key).status == 200
    for shift in (-HOUR, HOUR, -40 * DAY, 40 * DAY, 0):
        (faults / "clock").write_text(str(shift))
        time.sleep(0.1)
        for caller in (free, key):  # a jump may let one more through, and shuts nobody out
            response = ask(bridge, caller)
            assert response.status == 200, (shift, response.body)
            time.sleep(0.06)  # what the bridge spaces requests out by
