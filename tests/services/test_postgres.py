"""The store in PostgreSQL: the same contract as SQLite's, on a real server, and machines that share one."""

import base64
import os
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import unreleased
from integration.harness import Simulator, Start, new_token
from services.postgres import Server

from copilot_bridge.billing.budgets import Budget, BudgetLimit
from copilot_bridge.billing.charge import TokenCounts
from copilot_bridge.billing.cost import NANO
from copilot_bridge.billing.prompt_cache import DIGEST_SIZE, CachedPrompt, PromptDigests
from copilot_bridge.errors import ConfigError, InvalidRequest, StoreError
from copilot_bridge.redaction import Secret
from copilot_bridge.store import Store, open_store, postgres
from copilot_bridge.store.approvals import APPROVED, DENIED, PENDING, PendingRequest
from copilot_bridge.store.budgets import Demand
from copilot_bridge.store.cooldowns import Cooldown
from copilot_bridge.store.keys import KEY, Key
from copilot_bridge.store.log_filter import LogFilter, cursor_of, read_cursor
from copilot_bridge.store.logged_request import RequestLogRow
from copilot_bridge.store.prompt_cache import PromptUse
from copilot_bridge.store.rate_limits import AdmissionLimit
from copilot_bridge.store.response_chains import EncryptedResponse
from copilot_bridge.store.schema import MIGRATIONS
from copilot_bridge.store.usage import REPORTS

KEY_OF_STORE = base64.b64encode(bytes(32)).decode()
API = "https://api.github.com"


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
        one = open_store(tmp_path, persistent=False)
        pair = one, one
    elif request.param == "sqlite":
        pair = open_store(tmp_path), open_store(tmp_path)
    else:
        url = request.getfixturevalue("server").database(f"test_{os.urandom(4).hex()}")
        pair = machine(tmp_path / "a", url), machine(tmp_path / "b", url)
    yield pair
    for store in pair:
        store.close()


def machine(home: Path, url: str) -> Store:
    return open_store(home, key=Secret(KEY_OF_STORE), url=Secret(url))


def test_logins_are_shared(stores: tuple[Store, Store]) -> None:
    one, two = stores
    one.logins.add("a", Secret("ghu_a"), API)
    two.logins.add("b", Secret("ghu_b"), API)
    assert [login.user for login in one.logins.all()] == ["a", "b"]
    assert two.logins.use("a", API)
    used = one.logins.in_use(API)
    assert used is not None
    assert (used.user, used.token) == ("a", Secret("ghu_a"))
    one.logins.add("a", Secret("ghu_new"), API)
    assert two.logins.remove("b", API)
    assert not two.logins.remove("b", API)
    assert [login.token for login in two.logins.all()] == [Secret("ghu_new")]


def test_key_values_are_shared(stores: tuple[Store, Store]) -> None:
    one, two = stores
    one.key_values.write("x", {"a": [1, "ü"]})
    one.key_values.write("x", {"a": 2})
    assert two.key_values.read("x") == {"a": 2}
    two.key_values.remove("x")
    assert one.key_values.read("x") is None


def test_keys_are_shared(stores: tuple[Store, Store]) -> None:
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


def test_limits_admit_as_many_as_they_may(stores: tuple[Store, Store]) -> None:
    """Many at once: exactly as many go as may."""
    one, two = stores
    for limit in (
        AdmissionLimit("spaced", min_interval=60.0),
        AdmissionLimit("rate", rate=(3, 60)),
        AdmissionLimit("concurrent", max_concurrent=4),
    ):
        with ThreadPoolExecutor(8) as pool:
            asked = [
                pool.submit(
                    (one, two)[number % 2].rate_limits.request,
                    limit,
                    f"{limit.name}{number}",
                    queue=False,
                    max_queued=9,
                )
                for number in range(24)
            ]
            granted = [future.result().granted for future in asked].count(True)
        assert granted == {"spaced": 1, "rate": 3, "concurrent": 4}[limit.name]
    spaced = AdmissionLimit("spaced", min_interval=60.0)
    verdict = one.rate_limits.request(spaced, "x", queue=True, max_queued=1)
    assert 50 < verdict.wait <= 60
    assert two.rate_limits.request(spaced, "y", queue=True, max_queued=1).queue_full
    two.rate_limits.keep_alive(["x"])
    two.rate_limits.release("x")
    now = time.time()
    one.cooldowns.put(Cooldown("a", now + 60, "slowly", model="m", since=now), now)
    (rest,) = two.cooldowns.all(now + 1000)
    assert (rest.account, rest.model) == ("a", "m")
    assert 55 < rest.remaining(now + 1000) <= 60, "it counts by the clock of the caller"


def test_approvals_are_shared(stores: tuple[Store, Store]) -> None:
    one, two = stores
    for name in "abc":
        one.approvals.add(PendingRequest(name, "key:x", "gpt-4o", "hello", 10))
    assert [request.id for request in two.approvals.waiting()] == ["a", "b", "c"]
    assert one.approvals.poll("a") == PENDING
    assert two.approvals.decide("a", yes=True)
    assert two.approvals.decide("b", yes=False)
    assert not two.approvals.decide("b", yes=True)
    one.approvals.withdraw("c")
    assert [one.approvals.poll(name) for name in "abc"] == [APPROVED, DENIED, DENIED]


def test_rows_of_the_request_log_are_written_once_and_pruned(stores: tuple[Store, Store]) -> None:
    one, two = stores
    rows = [RequestLogRow(str(number), float(number)) for number in range(50)]
    one.request_log.write(rows)
    two.request_log.write(rows)
    assert two.request_log.count() == 50
    assert two.request_log.prune(older_than=10.0, max_rows=30) == 10
    assert one.request_log.prune(older_than=10.0, max_rows=30) == 10
    assert one.request_log.prune(older_than=10.0, max_rows=30) == 0
    assert [row.id for row in one.request_log.latest(2)] == ["49", "48"]


def test_one_machine_goes_on_with_a_conversation_of_another(stores: tuple[Store, Store]) -> None:
    """One goes on from what the other has kept."""
    one, two = (store.response_chains(10_000, 60.0) for store in stores)
    sealed = [one.encrypt(text.encode()) for text in ("hello", "wörld")]
    one.write([EncryptedResponse("a", "a", "", sealed[0])])
    two.write([EncryptedResponse("b", "a", "a", sealed[1]), EncryptedResponse("c", "c", "gone", "x")])
    found = one.find("b")
    assert found is not None
    assert found[0] == "a"
    assert [two.decrypt(content) for content in found[1]] == [b"hello", "wörld".encode()]
    assert two.find("c") is None
    assert not two.prune()
    for number in range(20):
        one.write([EncryptedResponse(f"{number}", f"{number}", "", "x" * 1000)])
    assert two.prune()
    while two.prune():
        pass
    assert one.find("b") is None
    assert [number for number in range(20) if one.find(f"{number}")] == list(range(10, 20))


def test_expired_chains_make_room(stores: tuple[Store, Store]) -> None:
    one, two = stores
    one.response_chains(10_000, 0.0).write(
        [EncryptedResponse("a", "a", "", "x"), EncryptedResponse("b", "a", "a", "x")]
    )
    young = two.response_chains(10_000, 60.0)
    assert young.find("b") is None
    assert young.prune()
    assert not young.prune()
    young.write([EncryptedResponse("a", "a", "", "y")])
    assert one.response_chains(10_000, 60.0).find("a") == ("a", ["y"])


def test_many_chains_can_be_written_at_once(stores: tuple[Store, Store]) -> None:
    tables = [store.response_chains(1_000_000, 60.0) for store in stores]

    def go_on(number: int) -> None:
        table = tables[number % 2]
        table.write([EncryptedResponse(f"{number}", "all" if number else "0", "", "x")])
        table.write([EncryptedResponse(f"{number}+", "all", f"{number}", "y")])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(go_on, range(24)))
    assert all((tables[0].find(f"{number}+") or ("", []))[1] == ["x", "y"] for number in range(24))


DAY = 86_400
NOON = 20_000 * DAY + DAY // 2


def log_row(id_: str, at: float, **values: Any) -> RequestLogRow:
    """A row of the request log."""
    usual: dict[str, Any] = {
        "caller": "key:a",
        "account": "octocat",
        "model": "gpt-4o",
        "upstream": "chat",
        "status": 200,
    }
    return RequestLogRow(id_, at, **{"outcome": "ok", **usual, **values})


def ids(rows: list[RequestLogRow]) -> str:
    return "".join(row.id for row in rows)


FILTERS = [
    (LogFilter(), "fedcba"),
    (LogFilter(since=2.0, until=4.0), "dcb"),
    (LogFilter(caller="key:b"), "fb"),
    (LogFilter(model="claude", caller="key:b"), "f"),
    (LogFilter(account="other"), "e"),
    (LogFilter(status="4xx"), "dc"),
    (LogFilter(status="404"), "d"),
    (LogFilter(outcome="client_disconnected"), "e"),
    (LogFilter(outcome="error"), "dc"),
    (LogFilter(outcome="error", status="404", since=3.0, caller="key:a", account="octocat"), "d"),
    (LogFilter(model="nobody"), ""),
]


def test_the_log_is_filtered_and_paged(stores: tuple[Store, Store]) -> None:
    one, two = stores
    one.request_log.write(
        [
            log_row("a", 1.0),
            log_row("b", 2.0, caller="key:b"),
            log_row("c", 3.0, status=429, outcome="rate_limited"),
            log_row("d", 3.0, status=404, outcome="model_not_found", upstream=None, model="wrong"),
            log_row("e", 5.0, status=None, outcome="client_disconnected", account="other"),
            log_row("f", 6.5, model="claude", caller="key:b", error="ünïcode", streamed=1),
        ]
    )
    for wanted, expected in FILTERS:
        assert ids(two.request_log.page(wanted)) == expected, wanted
        assert ids(list(two.request_log.iterate(wanted))) == expected
        paged, before = "", None
        while rows := two.request_log.page(wanted, before=before, limit=2):
            paged += ids(rows)
            before = read_cursor(cursor_of(rows[-1]))
        assert paged == expected, wanted
    row = two.request_log.find("f")
    assert row is not None
    assert (row.at, row.model, row.error, row.streamed) == (6.5, "claude", "ünïcode", 1)
    assert two.request_log.find("g") is None
    assert two.request_log.names() == {
        "caller": ["key:a", "key:b"],
        "account": ["octocat", "other"],
        "model": ["claude", "gpt-4o"],  # "wrong" is none
        "client": [],
    }


def test_rows_are_found_in_the_order_of_writing(stores: tuple[Store, Store]) -> None:
    """In the order of their ends: a long stream that came first is news as well."""
    one, two = stores
    rows, mark = two.request_log.written_since(None)
    assert rows == []
    one.request_log.write([log_row("late", 5.0)])
    one.request_log.write([log_row("early", 1.0, model="claude")])
    rows, later = two.request_log.written_since(mark)
    assert [row.id for row in rows] == ["late", "early"]
    assert mark < later < mark + 30
    assert [row.id for row in two.request_log.written_since(mark, LogFilter(model="claude"))[0]] == ["early"]
    assert two.request_log.written_since(later + 60) == ([], later + 60)


def test_usage_is_summed_up_by_day_and_model(stores: tuple[Store, Store]) -> None:
    one, two = stores
    counted = {"tokens_in": 10, "tokens_out": 2, "tokens_cached": 5, "cost": 0.5, "premium": 0.33}
    rows = [
        log_row("a", NOON, **counted),
        log_row("b", NOON + 1, **counted, caller="key:b"),
        log_row("c", NOON + DAY // 2 - 1, model="claude", outcome="overloaded", cost=1.0),
        log_row("d", NOON + DAY // 2, **counted),
        log_row("e", NOON, upstream=None, model="wrong", outcome="model_not_found"),
    ]
    one.request_log.write(rows)
    two.request_log.write(rows)  # a second time: nothing is counted twice
    days = two.usage.days(NOON)
    assert [(day["day"], day["model"], day["requests"]) for day in days] == [
        ("2024-10-04", "", 1),
        ("2024-10-04", "claude", 1),
        ("2024-10-04", "gpt-4o", 2),
        ("2024-10-05", "gpt-4o", 1),
    ]
    assert days[2] | {"cost": 1.0, "premium": 0.66} == days[2]
    assert [days[2][name] for name in ("tokens_in", "tokens_out", "tokens_cached", "errors")] == [
        20,
        4,
        10,
        0,
    ]
    assert (days[1]["errors"], days[1]["cost"], days[1]["premium"]) == (1, 1.0, None)
    assert [day["requests"] for day in two.usage.days(NOON, caller="key:b")] == [1]
    assert two.usage.days(NOON, account="nobody") == []
    assert [(key["caller"], key["requests"]) for key in two.usage.keys(NOON)] == [
        ("key:a", 4),
        ("key:b", 1),
    ]
    assert two.usage.since(NOON + 1)["requests"] == 3
    assert two.usage.since(NOON + 1, caller="key:b")["cost"] == 0.5
    counts = ("requests", "errors", "estimated", "tokens_in", "tokens_out", "tokens_cached", "tokens_written")
    costs = ("cost", "premium", "nano_aiu")
    assert two.usage.since(NOON + 9 * DAY) == dict.fromkeys(counts, 0) | dict.fromkeys(costs)
    assert two.usage.last(2)["cost"] == 1.5
    assert two.usage.last(5, caller="key:b")["requests"] == 1


@pytest.mark.parametrize("offset", [0, 480, -300, 330, 345, -210])
def test_days_are_those_of_the_zone(stores: tuple[Store, Store], offset: int) -> None:
    begins = 20_000 * DAY - offset * 60
    at = [begins - 1, begins, begins + 1, begins + 1800, begins + DAY - 1, begins + DAY]
    stores[0].request_log.write([log_row(str(number), moment) for number, moment in enumerate(at)])
    found = {day["day"]: day["requests"] for day in stores[1].usage.days(at[0], offset)}
    assert found == {"2024-10-03": 1, "2024-10-04": 4, "2024-10-05": 1}


def test_usage_outlives_rows_that_are_too_many(stores: tuple[Store, Store]) -> None:
    one, two = stores
    one.request_log.write([log_row(str(number), NOON + number) for number in range(20)])
    while one.request_log.prune(older_than=0.0, max_rows=5):
        pass
    assert two.request_log.count() == 5
    assert two.usage.days(NOON)[0]["requests"] == 20
    two.request_log.prune_hours(NOON + DAY)
    assert two.usage.days(NOON) == []


def by_client(store: Store) -> dict[str, int]:
    return {sums["name"]: sums["requests"] for sums in store.usage.by("client", NOON)}


def test_sums_that_follow_the_log_are_right_at_any_time(stores: tuple[Store, Store]) -> None:
    """Before and after the rows are added, whichever machine does it, and for rows that are too many."""
    one, two = stores
    for number in range(4):
        one.request_log.write([log_row(f"a{number}", NOON + number, client="codex", session="s")])
        assert by_client(two) == {"codex": number + 1}
        if number % 2:
            stores[number // 2].request_log.roll_up()
            assert by_client(one) == {"codex": number + 1}
    assert two.usage.largest((int(NOON) - 3600, int(NOON) + 3600), "session", "requests", 5) == (["s"], 1)
    two.request_log.roll_up()
    while one.request_log.prune(older_than=0.0, max_rows=1):
        pass
    assert by_client(two) == {"codex": 4}
    two.request_log.prune_hours(NOON + DAY)
    assert by_client(two) == {}


def test_sums_that_many_machines_bring_up_to_date_count_once(stores: tuple[Store, Store]) -> None:
    with ThreadPoolExecutor(8) as pool:
        done = []
        for number in range(40):
            row = log_row(str(number), NOON + number, client="codex")
            done.append(pool.submit(stores[number % 2].request_log.write, [row]))
            done.append(pool.submit(stores[(number + 1) % 2].request_log.roll_up))
            done.append(pool.submit(by_client, stores[number % 2]))
        for future in done:
            future.result()
    assert by_client(stores[0]) == {"codex": 40}
    while stores[0].request_log.roll_up():
        pass
    assert by_client(stores[1]) == {"codex": 40}


def test_sums_contain_rows_written_after_the_clock_was_set_back(stores: tuple[Store, Store]) -> None:
    one, two = stores
    one.request_log.write([log_row("a", NOON, client="codex")])
    one.request_log.roll_up()
    one.database.run(lambda transaction: transaction.change("UPDATE rollup_progress SET written = 9e9"))
    one.request_log.write([log_row("b", NOON + 1, client="codex")])
    for _ in range(2):
        assert by_client(two) == {"codex": 2}
        two.request_log.roll_up()


def test_rows_that_many_write_at_once_are_counted_once(stores: tuple[Store, Store]) -> None:
    rows = [log_row(str(number), NOON, cost=1.0) for number in range(300)]
    with ThreadPoolExecutor(8) as pool:
        done = [
            pool.submit(stores[number % 2].request_log.write, rows[start : start + 60])
            for number, start in enumerate([*range(0, 300, 30)] * 2)
        ]
        for future in done:
            future.result()
    assert stores[0].request_log.count() == 300
    assert [day["cost"] for day in stores[1].usage.days(NOON)] == [300.0]


def test_a_lock_is_held_by_one_machine(stores: tuple[Store, Store]) -> None:
    inside, most = [], []

    def work(store: Store) -> None:
        with store.database.lock("a"):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work, args=(stores[number % 2],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
    with stores[0].database.lock("a"), stores[1].database.lock("b"):
        pass


def test_a_failed_transaction_changes_nothing(stores: tuple[Store, Store]) -> None:
    def half(transaction: object) -> None:
        transaction.change("INSERT INTO notes (name, value) VALUES ('a', '1')")  # type: ignore[attr-defined]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stores[0].database.run(half)
    assert stores[1].database.run(lambda t: t.rows("SELECT count(*) FROM notes WHERE name = 'a'")) == [(0,)]
    assert stores[0].database.check() is None


def test_machines_that_start_at_once_make_the_tables_once(server: Server, tmp_path: Path) -> None:
    url = server.database("at_once")
    machines = [machine(tmp_path / str(number), url) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda store: store.database.check(), machines)) == [None] * 6
    done = machines[0].database.run(lambda t: t.rows("SELECT name FROM migrations ORDER BY name"))
    assert [name for (name,) in done] == [name for name, _ in MIGRATIONS]
    for store in machines:
        store.close()


def test_a_store_from_before_the_first_release_is_taken_over(server: Server, tmp_path: Path) -> None:
    import psycopg

    url = server.database("unreleased")
    with psycopg.connect(url) as connection:
        connection.execute(unreleased.SQL.read_text())  # type: ignore[arg-type]
    machines = [
        open_store(tmp_path / str(number), key=unreleased.KEY_OF_STORE, url=Secret(url))
        for number in range(3)
    ]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda store: store.database.check(), machines)) == [None] * 3
    unreleased.check_taken_over(machines[0])
    for machine in machines:
        machine.close()


@pytest.fixture
def impatient() -> Iterator[pytest.MonkeyPatch]:
    """Nobody waits 15 s for a database that is not there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "DEFAULT_TIMEOUT", 1.0)
        yield patch


def test_a_server_that_comes_back_is_used_again(
    server: Server, impatient: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = machine(tmp_path, server.database("comes_back"))
    store.key_values.write("x", {"a": 1})
    server.stop()
    with pytest.raises(StoreError, match=r"postgresql://127\.0\.0\.1/comes_back"):
        store.key_values.write("x", {"a": 2})
    assert store.database.check()
    impatient.undo()
    server.start()
    server.database("up_again")
    assert store.key_values.read("x") == {"a": 1}
    store.close()


@pytest.mark.usefixtures("impatient")
def test_the_key_has_to_be_given(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    store = open_store(tmp_path, url=Secret("postgresql://bridge:hunter2@127.0.0.1:9/x"))
    with pytest.raises(ConfigError, match="COPILOT_BRIDGE_STORE_KEY"):
        store.encryptor.encrypt("x")
    assert "hunter2" not in str(store.database.check())


def test_two_machines_share_tokens_limits_and_log(
    server: Server, start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    """They fetch one token, keep one rate, and write one log."""
    token = new_token()
    settings = {
        "database_url": server.database("two_machines"),
        "store_key": KEY_OF_STORE,
        "github_token": token,
        "rate_limit": 0.05,
        "wait": 1,
    }
    bridges = [start_bridge(server=server, **settings) for server in ("gunicorn", "gevent")]
    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(lambda number: bridges[number % 2].chat(f"hello {mark}"), range(20)))
    assert {response.status for response in responses} == {200}
    assert len(simulator.exchanges(token)) == 1
    began = sorted(entry["started"] for entry in simulator.ledger(mark))
    assert began[-1] - began[0] >= 19 * 0.05 - 0.03
    store = machine(bridges[0].home, settings["database_url"])
    end = time.monotonic() + 8
    while {row.id for row in store.request_log.latest()} != {
        response.headers["x-request-id"] for response in responses
    }:
        assert time.monotonic() < end
        time.sleep(0.05)
    store.close()


def test_each_machine_knows_whether_keys_are_needed(server: Server, tmp_path: Path) -> None:
    """As soon as any has made one, also when the database is away at its next start; and until none is."""
    url = server.database("door")
    one, two = machine(tmp_path / "a", url), machine(tmp_path / "b", url)
    assert two.keys.load() == ([], None)
    one.keys.add(Key("a", KEY, b""))
    assert not two.keys.required
    assert two.keys.load()[1] is True
    assert two.keys.required, "its own mark, which is there without the database"
    two.keys.revoke("a", KEY)
    assert one.keys.required
    assert one.keys.load() == ([], False)
    assert not one.keys.required
    for bridge in (one, two):
        bridge.close()


def test_a_burst_from_two_machines_never_exceeds_a_budget(stores: tuple[Store, Store]) -> None:
    """A budget begins with the log's sums of the period; each request reserves one, and uses it."""
    one = stores[0]
    now = one.database.run(lambda transaction: transaction.now())
    row = RequestLogRow("a", now, "key:a", "octocat", model="m", upstream="chat", outcome="ok", session="c1")
    row.premium, row.nano_aiu, row.client = 0.5, 3 * NANO, "codex"
    one.request_log.write([row])
    one.budgets.put(Budget("key", "key:a", BudgetLimit.parse("21 requests/month")))
    (budget,) = one.budgets.all()
    demand = Demand(budget, "key:a", NANO)

    def ask(number: int) -> int:
        store = stores[number % 2]
        grant = store.budgets.reserve(str(number), [demand])
        if grant.refused:
            return 0
        store.budgets.settle(str(number), [demand], [(grant.starts[0], NANO)])
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(50))) == 20
    (standing,) = stores[1].budgets.standings([demand])
    assert (standing.spent, standing.reserved) == (21 * NANO, 0)


def test_budgets_of_each_kind_count_what_the_log_has(stores: tuple[Store, Store]) -> None:
    one = stores[0]
    now = one.database.run(lambda transaction: transaction.now())
    usual = {"caller": "key:a", "account": "octocat", "session": "c1", "client": "codex"}
    usual |= {"model": "m", "upstream": "chat", "outcome": "ok"}
    one.request_log.write(
        [
            RequestLogRow("a", now, **usual, premium=0.5, nano_aiu=3 * NANO),
            RequestLogRow("b", now, **usual, cost=0.25, tokens_in=9),
        ]
    )
    expected = {"ai-units": 3.25, "premium": 0.5, "requests": 2}
    for scope, subject in (("all", ""), ("key", "key:a"), ("login", "octocat"), ("conversation", "c1")):
        for unit, used in expected.items():
            one.budgets.put(Budget(scope, subject, BudgetLimit.parse(f"100 {unit}/month")))
            budget = next(one for one in one.budgets.all() if one.kind == (scope, unit, "month"))
            (standing,) = stores[1].budgets.standings([Demand(budget, subject, 0)])
            assert standing.spent == int(used * NANO), (scope, unit)
    for group in REPORTS:
        (sums,) = stores[1].usage.by(group, now - 3600)
        assert (sums["requests"], sums["nano_aiu"], sums["tokens_in"]) == (2, 13 * NANO // 4, 9)
    (part,) = stores[1].usage.traffic(now - 3600, [None])[None]
    assert (part.requests, part.tokens.prompt) == (1, 9)


def test_verdicts_on_the_prompt_cache_hold_over_machines(stores: tuple[Store, Store]) -> None:
    """The turns of a conversation come to both, and each is compared with the one before."""
    now = stores[0].database.run(lambda transaction: transaction.now())
    system, tools = b"s" * DIGEST_SIZE, b"t" * DIGEST_SIZE
    turns = ((b"a", tools, 0), (b"ab", tools, 9000), (b"abc", b"", 0))
    for number, (said, offered, cached) in enumerate(turns):
        messages = b"".join(bytes([byte]) * DIGEST_SIZE for byte in said)
        prompt = CachedPrompt("m", PromptDigests(offered, system, messages), now + number, 10_000)
        counts = TokenCounts(10_000, 10, cached)
        use = PromptUse("thread", prompt, counts, needs_breakpoints=False, prices=None, discount=None)
        row = RequestLogRow(f"{number}", now + number, "local", client="codex", tokens_in=10_000)
        row.tokens_cached = cached
        stores[number % 2].request_log.write([row], {row.id: use})
    found = stores[0].request_log.latest()[::-1]
    verdicts = [(row.verdict, row.verdict_detail) for row in found]
    assert verdicts == [("first", None), ("hit", "90"), ("tools_changed", "1 of 1")]
    sums = stores[1].usage.cache(now - 60)
    assert sorted((one["verdict"], one["requests"], one["tokens_cached"]) for one in sums) == [
        ("first", 1, 0),
        ("hit", 1, 9000),
        ("tools_changed", 1, 0),
    ]
    stores[0].request_log.prune_hours(now - 86_400)
