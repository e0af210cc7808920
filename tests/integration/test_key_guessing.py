"""Guessing of keys at the running program with its workers."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from integration.harness import Bridge, Simulator, Start, chat_body

OPERATOR = "the-key-of-the-operator"
FORWARDED = "X-Forwarded-For"
CHAT = "/v1/chat/completions"


def ask(bridge: Bridge, key: str, address: str = "203.0.113.5", header: str = "x-api-key") -> int:
    response = bridge.request("POST", CHAT, chat_body("hello", "gpt-4o"), {header: key, FORWARDED: address})
    if response.status == 429:
        assert int(response.headers["retry-after"]) > 0
        assert "your address" in response.error["message"] or "GitHub tokens" in response.error["message"]
    return response.status


def test_guesses_are_limited_in_all_workers_and_only_for_the_guesser(start_bridge: Start) -> None:
    """In whichever header they come, each from an address of its own."""
    bridge = start_bridge(workers=2, api_key=f"hunter2,{OPERATOR}").warm_up(OPERATOR)
    for place, header in enumerate(("x-api-key", "Authorization", "x-goog-api-key")):
        address = f"203.0.113.{place}"
        statuses = [ask(bridge, f"guess-{number}", address, header) for number in range(40)]
        assert statuses.count(401) <= 25, header
        assert statuses[-10:].count(429) >= 9, header
        assert ask(bridge, "hunter2", address) == 429, "otherwise guessing could go on"
        assert ask(bridge, OPERATOR, address) == 200, "a long valid key is never locked out"
        assert ask(bridge, "hunter2", f"198.51.100.{place}") == 200, "nobody else behind the proxy is limited"


def test_invented_github_tokens_cause_few_exchanges(start_bridge: Start, simulator: Simulator) -> None:
    bridge = start_bridge(allow_github_tokens=1)
    before = len(simulator.ledger(path="/copilot_internal/v2/token"))
    for number in range(60):  # of twelve addresses
        ask(bridge, f"ghu_invented{number:08}", f"192.0.2.{number % 12}")
    for _ in range(20):
        ask(bridge, "ghu_invented00000000", "192.0.2.0")
    tried = len(simulator.ledger(path="/copilot_internal/v2/token")) - before
    assert tried <= 61, "each token is tried once, and the total is limited, too"
    statuses = [ask(bridge, f"ghu_more{number:012}", f"198.51.100.{number}") for number in range(40)]
    assert statuses.count(429) >= 30


def test_a_missing_database_does_not_disable_keys(
    start_bridge: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("emptied")
    bridge = start_bridge(home=home)
    assert bridge.chat("hello").status == 200
    make_key(home)
    assert bridge.chat("hello").status == 401
    bridge.stop()
    for path in home.glob("bridge.db*"):
        path.unlink()
    again = start_bridge(home=home)
    for key in ("", "anything"):
        response = again.request(
            "POST", CHAT, chat_body("hello", "gpt-4o"), {"x-api-key": key} if key else {}
        )
        assert response.status == 401
    again.log.wait_for(lambda line: "keys clear" in line)


def make_key(home: Path) -> None:
    """Another process, like the command line."""
    from copilot_bridge.store import open_store
    from copilot_bridge.store.keys import KEY, Key

    with contextlib.closing(open_store(home)) as store:
        store.keys.add(Key("friend", KEY, b""))
    with contextlib.closing(sqlite3.connect(home / "bridge.db")) as connection:
        assert connection.execute("SELECT count(*) FROM keys").fetchone() == (1,)
