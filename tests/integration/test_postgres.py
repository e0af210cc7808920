"""The store in PostgreSQL: the same contract as SQLite's, on a real server, and machines that share one."""

import base64
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from integration.harness import Simulator, Start, new_token

from copilot_bridge.errors import ConfigError, InvalidRequest, StoreError
from copilot_bridge.redaction import Secret
from copilot_bridge.store import Store, open_store
from copilot_bridge.store.approvals import NO, WAITING, YES, Question
from copilot_bridge.store.chains import Sealed
from copilot_bridge.store.journal import COLUMNS
from copilot_bridge.store.keys import KEY, Key
from copilot_bridge.store.pace import Lane, Rest
from copilot_bridge.store.schema import MIGRATIONS

KEY_OF_STORE = base64.b64encode(bytes(32)).decode()
API = "https://api.github.com"
PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


def find(program: str) -> str | None:
    return shutil.which(program) or next((str(place / program) for place in reversed(PLACES)), None)


class Server:
    """A PostgreSQL of our own; it does not run as root."""

    def __init__(self) -> None:
        initdb, self._postgres = find("initdb"), find("postgres")
        if not initdb or not self._postgres:
            pytest.skip("PostgreSQL is not installed")
        if os.geteuid() == 0 and not shutil.which("runuser"):
            pytest.skip("PostgreSQL does not run as root, and there is no runuser")
        self.folder = Path(tempfile.mkdtemp(prefix="bridge-postgres-"))
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as:
            shutil.chown(self.folder, "postgres")
        self._call(initdb, "-D", str(self.folder / "data"), "-U", "bridge", "-A", "trust", "--no-sync")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.start()

    def _call(self, *command: str) -> None:
        subprocess.run([*self._as, *command], check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=60)

    def start(self) -> None:
        options = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-k", str(self.folder)]
        self._process = subprocess.Popen(
            [*self._as, str(self._postgres), "-D", str(self.folder / "data"), "-p", str(self.port), *options],
            cwd="/",
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.02)

    def stop(self) -> None:
        """At once: whoever is connected is cut off."""
        data = str(self.folder / "data")
        self._call(str(find("pg_ctl")), "-D", data, "-m", "immediate", "-w", "stop")
        self._process.wait(20)

    def database(self, name: str) -> str:
        import psycopg

        url = f"postgresql://bridge@127.0.0.1:{self.port}"
        end = time.monotonic() + 20
        while True:
            try:
                with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
                return f"{url}/{name}"
            except psycopg.OperationalError:  # it is starting up
                assert time.monotonic() < end
                time.sleep(0.05)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    server = Server()
    yield server
    server.stop()
    shutil.rmtree(server.folder)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """Two processes' view of the same store."""
    if request.param == "memory":
        one = open_store(tmp_path, lasting=False)
        pair = one, one
    elif request.param == "sqlite":
        pair = open_store(tmp_path), open_store(tmp_path)
    else:
        url = request.getfixturevalue("server").database(f"test_{os.urandom(4).hex()}")
        pair = machine(tmp_path / "a", url), machine(tmp_path / "b", url)
    yield pair
    for each in pair:
        each.close()


def machine(home: Path, url: str) -> Store:
    return open_store(home, key=Secret(KEY_OF_STORE), url=Secret(url))


def test_logins(stores: tuple[Store, Store]) -> None:
    one, two = stores
    one.logins.add("a", Secret("ghu_a"), API)
    two.logins.add("b", Secret("ghu_b"), API)
    assert [each.user for each in one.logins.all()] == ["a", "b"]
    assert two.logins.use("a", API)
    used = one.logins.used(API)
    assert used is not None
    assert (used.user, used.token) == ("a", Secret("ghu_a"))
    one.logins.add("a", Secret("ghu_new"), API)
    assert two.logins.remove("b", API)
    assert not two.logins.remove("b", API)
    assert [each.token for each in two.logins.all()] == [Secret("ghu_new")]


def test_shelf(stores: tuple[Store, Store]) -> None:
    one, two = stores
    one.shelf.write("x", {"a": [1, "ü"]})
    one.shelf.write("x", {"a": 2})
    assert two.shelf.read("x") == {"a": 2}
    two.shelf.remove("x")
    assert one.shelf.read("x") is None


def test_keys(stores: tuple[Store, Store]) -> None:
    one, two = stores
    key = Key("a", KEY, b"", models=("x", "y"), rate="1/s", expires=5, operator=True)
    one.keys.add(key)
    with pytest.raises(InvalidRequest):
        two.keys.add(key)
    (stored,) = two.keys.all()
    assert (stored.models, stored.rate, stored.expires, stored.operator) == (("x", "y"), "1/s", 5, True)
    assert two.keys.rotate("a", KEY)
    assert one.keys.revoke("a", KEY)
    assert two.keys.all() == []


def test_lanes(stores: tuple[Store, Store]) -> None:
    """Many at once: exactly as many go as may."""
    one, two = stores
    for lane in (Lane("gap", gap=60.0), Lane("rate", rate=(3, 60)), Lane("most", most=4)):
        with ThreadPoolExecutor(8) as pool:
            asked = [
                pool.submit(
                    (one, two)[number % 2].pace.ask, lane, f"{lane.name}{number}", queue=False, room=9
                )
                for number in range(24)
            ]
            granted = [each.result().granted for each in asked].count(True)
        assert granted == {"gap": 1, "rate": 3, "most": 4}[lane.name]
    gap = Lane("gap", gap=60.0)
    verdict = one.pace.ask(gap, "x", queue=True, room=1)
    assert 50 < verdict.wait <= 60
    assert two.pace.ask(gap, "y", queue=True, room=1).full
    two.pace.keep_alive(["x"])
    two.pace.leave("x")
    one.pace.rest(Rest("a", time.time() + 60, "slowly", None))
    assert [each.account for each in two.pace.resting()] == ["a"]


def test_approvals(stores: tuple[Store, Store]) -> None:
    one, two = stores
    for name in "abc":
        one.approvals.ask(Question(name, "key:x", "gpt-4o", "hello", 10))
    assert [each.id for each in two.approvals.waiting()] == ["a", "b", "c"]
    assert one.approvals.answer("a") == WAITING
    assert two.approvals.decide("a", yes=True)
    assert two.approvals.decide("b", yes=False)
    assert not two.approvals.decide("b", yes=True)
    one.approvals.withdraw("c")
    assert [one.approvals.answer(name) for name in "abc"] == [YES, NO, NO]


def test_request_log(stores: tuple[Store, Store]) -> None:
    one, two = stores
    rows = [(str(number), float(number), *[None] * (len(COLUMNS) - 2)) for number in range(50)]
    one.requests.write(rows)
    two.requests.write(rows)
    assert two.requests.count() == 50
    assert two.requests.prune(older_than=10.0, most=30) == 10
    assert one.requests.prune(older_than=10.0, most=30) == 10
    assert one.requests.prune(older_than=10.0, most=30) == 0
    assert [row["id"] for row in one.requests.latest(2)] == ["49", "48"]


def test_chains(stores: tuple[Store, Store]) -> None:
    """One goes on from what the other has kept."""
    one, two = (each.chains(10_000, 60.0) for each in stores)
    sealed = [one.seal(text.encode()) for text in ("hello", "wörld")]
    one.write([Sealed("a", "a", "", sealed[0])])
    two.write([Sealed("b", "a", "a", sealed[1]), Sealed("c", "c", "gone", "x")])
    found = one.find("b")
    assert found is not None
    assert found[0] == "a"
    assert [two.unseal(each) for each in found[1]] == [b"hello", "wörld".encode()]
    assert two.find("c") is None
    assert not two.prune()
    for number in range(20):
        one.write([Sealed(f"{number}", f"{number}", "", "x" * 1000)])
    assert two.prune()
    while two.prune():
        pass
    assert one.find("b") is None
    assert [number for number in range(20) if one.find(f"{number}")] == list(range(10, 20))


def test_chains_that_are_too_old(stores: tuple[Store, Store]) -> None:
    one, two = stores
    one.chains(10_000, 0.0).write([Sealed("a", "a", "", "x"), Sealed("b", "a", "a", "x")])
    young = two.chains(10_000, 60.0)
    assert young.find("b") is None
    assert young.prune()
    assert not young.prune()
    young.write([Sealed("a", "a", "", "y")])
    assert one.chains(10_000, 60.0).find("a") == ("a", ["y"])


def test_many_chains_at_once(stores: tuple[Store, Store]) -> None:
    tables = [each.chains(1_000_000, 60.0) for each in stores]

    def go_on(number: int) -> None:
        table = tables[number % 2]
        table.write([Sealed(f"{number}", "all" if number else "0", "", "x")])
        table.write([Sealed(f"{number}+", "all", f"{number}", "y")])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(go_on, range(24)))
    assert all((tables[0].find(f"{number}+") or ("", []))[1] == ["x", "y"] for number in range(24))


def test_locks(stores: tuple[Store, Store]) -> None:
    inside, most = [], []

    def work(store: Store) -> None:
        with store.database.lock("a"):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work, args=(stores[number % 2],)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert most == [1] * 8
    with stores[0].database.lock("a"), stores[1].database.lock("b"):
        pass


def test_all_or_nothing(stores: tuple[Store, Store]) -> None:
    def half(transaction: object) -> None:
        transaction.change("INSERT INTO notes (name, value) VALUES ('a', '1')")  # type: ignore[attr-defined]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stores[0].database.run(half)
    assert stores[1].database.run(lambda t: t.rows("SELECT count(*) FROM notes")) == [(0,)]
    assert stores[0].database.check() is None


def test_machines_that_begin_at_once(server: Server, tmp_path: Path) -> None:
    url = server.database("at_once")
    machines = [machine(tmp_path / str(number), url) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda each: each.database.check(), machines)) == [None] * 6
    done = machines[0].database.run(lambda t: t.rows("SELECT name FROM migrations ORDER BY name"))
    assert [name for (name,) in done] == [name for name, _ in MIGRATIONS]
    for each in machines:
        each.close()


def test_a_server_that_goes_and_comes_back(server: Server, tmp_path: Path) -> None:
    store = machine(tmp_path, server.database("comes_back"))
    store.shelf.write("x", {"a": 1})
    server.stop()
    with pytest.raises(StoreError, match=r"postgresql://127\.0\.0\.1/comes_back"):
        store.shelf.write("x", {"a": 2})
    assert store.database.check()
    server.start()
    server.database("up_again")
    assert store.shelf.read("x") == {"a": 1}
    store.close()


def test_the_key_has_to_be_given(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    store = open_store(tmp_path, url=Secret("postgresql://bridge:hunter2@127.0.0.1:9/x"))
    with pytest.raises(ConfigError, match="COPILOT_BRIDGE_STORE_KEY"):
        store.vault.seal("x")
    assert "hunter2" not in str(store.database.check())


def test_two_machines(server: Server, start_bridge: Start, simulator: Simulator, mark: str) -> None:
    """They fetch one token, keep one rate, and write one log."""
    token = new_token()
    settings = {
        "database_url": server.database("two_machines"),
        "store_key": KEY_OF_STORE,
        "github_token": token,
        "rate_limit": 0.05,
        "wait": 1,
    }
    bridges = [start_bridge(server=each, **settings) for each in ("gunicorn", "gevent")]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: bridges[number % 2].chat(f"hello {mark}"), range(20)))
    assert {answer.status for answer in answers} == {200}
    assert len(simulator.exchanges(token)) == 1
    began = sorted(entry["started"] for entry in simulator.ledger(mark))
    assert began[-1] - began[0] >= 19 * 0.05 - 0.03
    store = machine(bridges[0].home, settings["database_url"])
    end = time.monotonic() + 8
    while {row["id"] for row in store.requests.latest()} != {
        answer.headers["x-request-id"] for answer in answers
    }:
        assert time.monotonic() < end
        time.sleep(0.05)
    store.close()
