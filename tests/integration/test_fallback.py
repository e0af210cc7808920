"""Other models answer for refused ones if the operator allows it, and the caller can see it."""

from integration.harness import Bridge, Simulator, Start, chat_body, new_token
from integration.test_stored_request_log import row_of

from copilot_bridge.admin.budgets import read_limit, set_budget
from copilot_bridge.store import open_store
from copilot_bridge.store.keys import KEY, Key

HEADER = "x-copilot-bridge-fallback"
RULES = "claude-opus-*: claude-sonnet-*, gpt-5-mini; claude-sonnet-4.5: gpt-5.2, gpt-5-mini"
QUOTA = "[[sim:refuse name=quota once={}]]"
SPENT = ("claude-opus-4.6", "gpt-4o", "gpt-5.4")  # models that a key without premium requests asks for
RESTS = "[[sim:refuse name=model-limit once={}]]"


def add_key(bridge: Bridge, name: str, limit: str = "", models: tuple[str, ...] = ()) -> dict[str, str]:
    store = open_store(bridge.home)
    secret = store.keys.add(Key(name, KEY, b"", models=models))
    if limit:
        set_budget(store, "key", name, read_limit(limit))
    store.close()
    return {"x-api-key": secret}


def test_another_model_responds_for_the_plan_a_cooldown_and_a_budget(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    spring = new_token("spring")
    bridge = start_bridge(server="gevent", github_token=spring, fallback=RULES).warm()
    path = "/v1/chat/completions"
    refused = bridge.request("POST", path, chat_body(QUOTA.format(mark), "claude-opus-4.5"))
    assert (refused.status, refused.json["model"]) == (200, "claude-sonnet-4.6")
    assert refused.headers[HEADER] == "claude-sonnet-4.6; instead-of=claude-opus-4.5; reason=quota"

    stream = chat_body(RESTS.format(f"{mark}-rests"), "claude-sonnet-4.5", stream=True)
    rests = bridge.request("POST", path, stream)
    assert rests.headers[HEADER] == "gpt-5.2; instead-of=claude-sonnet-4.5; reason=rate_limited"
    body = chat_body("hello", "claude-sonnet-4.5", max_tokens=50)
    later = bridge.request("POST", "/v1/messages", body)  # Copilot is not asked for the resting model
    assert (later.status, later.json["model"]) == (200, "gpt-5.2")
    row = row_of(bridge, later.headers["x-request-id"])
    assert (row.requested_model, row.model) == ("claude-sonnet-4.5", "gpt-5.2")
    assert (row.instead_of, row.fallback_reason) == ("claude-sonnet-4.5", "rate_limited")

    friend = add_key(bridge, "friend", "1 premium/month")
    responses = [bridge.request("POST", path, chat_body("hello", "gpt-5.4"), friend)]
    responses += [bridge.request("POST", path, chat_body("hello", name), friend) for name in SPENT]
    assert [response.status for response in responses] == [200, 200, 200, 429]
    assert [response.json["model"] for response in responses[:3]] == [
        "gpt-5.4",
        "gpt-5-mini",
        "gpt-4o-2024-11-20",
    ]
    assert responses[1].headers[HEADER] == "gpt-5-mini; instead-of=claude-opus-4.6; reason=quota"
    assert HEADER not in responses[2].headers  # it takes nothing of the budget
    assert responses[3].json["error"]["code"] == "insufficient_quota"  # no rule names it
    assert len(simulator.ledger(mark)) == 4  # two requests, each refused and answered


def test_nothing_else_responds_by_default_or_against_a_key(start_bridge: Start, mark: str) -> None:
    plain = start_bridge(server="gevent").warm()
    body = chat_body(QUOTA.format(f"{mark}-off"), "claude-opus-4.6")
    assert plain.request("POST", "/v1/chat/completions", body).status == 429
    bridge = start_bridge(server="gevent", fallback=RULES).warm()
    bound = add_key(bridge, "bound", models=("claude-opus-*",))
    body = chat_body(QUOTA.format(f"{mark}-bound"), "claude-opus-4.6")
    refused = bridge.request("POST", "/v1/chat/completions", body, bound)
    assert refused.status == 429
    assert refused.json["error"]["message"] == "You have no quota"
    assert row_of(bridge, refused.headers["x-request-id"]).model == "claude-opus-4.6"
