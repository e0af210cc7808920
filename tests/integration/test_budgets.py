"""A budget that is used up refuses the next request, in each dialect, whichever worker it comes to."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from integration.harness import Bridge, Simulator, Start, chat_body

from copilot_bridge.admin.budgets import read_limit, set_budget, standings
from copilot_bridge.billing.cost import NANO
from copilot_bridge.store import open_store
from copilot_bridge.store.keys import KEY, Key

HEADER = "x-copilot-bridge-budget"


def key_with_budget(bridge: Bridge, limit: str) -> dict[str, str]:
    """The header with a new key that has a budget."""
    store = open_store(bridge.home)
    secret = store.keys.add(Key("friend", KEY, b""))
    set_budget(store, "key", "friend", read_limit(limit))
    store.close()
    return {"x-api-key": secret}


def spent(bridge: Bridge, timeout: float = 10.0) -> int:
    """What is used of the budget, as soon as no request is under way."""
    store = open_store(bridge.home)
    end = time.monotonic() + timeout
    try:
        while standings(store)[0].reserved:
            assert time.monotonic() < end, "a request is still under way"
            time.sleep(0.02)
        return standings(store)[0].spent
    finally:
        store.close()


# path -> (body, status, type of the error)
DIALECTS = {
    "/v1/chat/completions": (chat_body("hello", "gpt-4o"), 429, "insufficient_quota"),
    "/v1/responses": ({"model": "gpt-5.4-mini", "input": "hello"}, 429, "insufficient_quota"),
    "/v1/messages": (chat_body("hello", "claude-haiku-4.5", max_tokens=50), 402, "billing_error"),
}


@pytest.mark.parametrize("stream", [False, True])
def test_a_budget_refuses_in_each_dialect(
    start_bridge: Start, simulator: Simulator, mark: str, stream: bool
) -> None:
    bridge = start_bridge(server="gevent").warm()
    headers = key_with_budget(bridge, "1 requests/month")
    allowed = bridge.request("POST", "/v1/chat/completions", chat_body("hello", "gpt-4o"), headers)
    assert allowed.status == 200
    assert allowed.headers[HEADER].startswith("scope=key; used=0; limit=1; unit=requests; percent=0; ends=20")
    assert spent(bridge) == NANO
    for path, (body, status, kind) in DIALECTS.items():
        refused = bridge.request("POST", path, body | {"stream": stream, "user": mark}, headers)
        error = refused.json["error"]
        assert (refused.status, error["type"]) == (status, kind)
        assert error["message"].startswith(
            "the budget of the key 'friend' is used up: 1 requests of 1 requests"
        )
        assert "percent=100;" in refused.headers[HEADER]
        assert status != 429 or refused.headers["x-should-retry"] == "false"
        assert "retry-after" not in refused.headers
    counted = bridge.request("POST", "/v1/messages/count_tokens", DIALECTS["/v1/messages"][0], headers)
    assert counted.status == 200  # counting is free
    assert simulator.ledger(mark) == []
    assert spent(bridge) == NANO


def test_the_cost_is_counted_as_copilot_states_it(start_bridge: Start) -> None:
    bridge = start_bridge(server="gevent", keep_copilot_fields=1).warm()
    headers = key_with_budget(bridge, "100/month")
    bill = 0
    for text in ("hello", "hello " * 500):
        response = bridge.request("POST", "/v1/chat/completions", chat_body(text, "gpt-4o"), headers)
        bill += response.json["copilot_usage"]["total_nano_aiu"]
    refused = chat_body("[[sim:refuse name=forbidden]]", "gpt-4o")
    assert bridge.request("POST", "/v1/chat/completions", refused, headers).status == 403
    assert spent(bridge) == bill > 0


def test_four_workers_and_fifty_callers_overrun_by_no_more_than_what_ran(start_bridge: Start) -> None:
    bridge = start_bridge(server="gunicorn", workers=4).warm()
    headers = key_with_budget(bridge, "30 requests/day")
    body = chat_body("hello", "gpt-4o")

    def call(_number: int) -> int:
        return bridge.request("POST", "/v1/chat/completions", body, headers).status

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(call, range(100)))
    assert (statuses.count(200), statuses.count(429)) == (30, 70)
    assert spent(bridge) == 30 * NANO
