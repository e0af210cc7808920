"""On every plan the sums of mixed traffic are the simulator's own bill, to the nano-unit."""

from typing import Any

import pytest
from integration.harness import Simulator, Start, chat_body, new_token
from integration.test_stored_request_log import rows

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
WORDS = "word " * 3000
# Responses that end before they say what they cost, or never say it.
CUT = f"{WORDS} [[sim:cut-between after=2]] [[sim:say]] One, two, three."
UNSAID = f"{WORDS} [[sim:no-usage]] [[sim:say]] One, two, three."
LONG = "word " * 280_000  # beyond the default tier of prices

# Persona -> (path, model, text), whole and streamed.
EVERYWHERE = [
    (CHAT, "gpt-4o", WORDS),
    (MESSAGES, "claude-haiku-4.5", WORDS),
    (RESPONSES, "gpt-5-mini", WORDS),
]
PAID = [
    *EVERYWHERE,
    (CHAT, "claude-sonnet-4.6", WORDS),
    (RESPONSES, "claude-sonnet-4.6", WORDS),
    (MESSAGES, "gpt-5.4", WORDS),
    (CHAT, "gemini-3.6-flash", CUT),
]
SPRING = [
    (CHAT, "gpt-4o", WORDS),
    (CHAT, "gpt-5.4", WORDS),
    (MESSAGES, "claude-opus-4.5", WORDS),
    (RESPONSES, "gpt-5.3-codex", WORDS),
    (CHAT, "claude-haiku-4.5", WORDS),
]
TRAFFIC = {
    "free": [*EVERYWHERE, (RESPONSES, "gpt-5.6-luna", WORDS), (CHAT, "gpt-5.6-luna", WORDS)],  # in promotion
    "individual": PAID,
    "proplus": PAID,
    "business": [*PAID, (CHAT, "gpt-4o", UNSAID)],
    "enterprise": [(RESPONSES, "gpt-5.6-sol", WORDS), (RESPONSES, "gpt-5.4", LONG)],
    "tokenbilled": PAID,
    "spring": SPRING,
    "overage": SPRING,
    "overquota": EVERYWHERE,
}
AGENT = [
    {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function"}]},
    {"role": "tool", "tool_call_id": "call_1", "content": "done"},
]
AGENT[0]["tool_calls"][0]["function"] = {"name": "look", "arguments": "{}"}  # type: ignore[index]


def body_of(path: str, model: str, text: str, stream: bool) -> dict[str, Any]:
    if path == RESPONSES:
        return {"model": model, "input": text, "stream": stream}
    return chat_body(text, model, stream=stream) | ({"max_tokens": 500} if path == MESSAGES else {})


def test_a_days_sums_are_the_bill(start_bridge: Start, simulator: Simulator) -> None:
    bridge = start_bridge(server="gevent", api_key="operator", allow_github_tokens=1).warm_up("operator")
    asked: dict[str, str] = {}  # request id -> persona
    for persona, traffic in TRAFFIC.items():
        key = {"x-api-key": new_token(persona)}
        bodies = [(path, body_of(path, *rest, stream)) for path, *rest in traffic for stream in (True, False)]
        bodies += [
            (CHAT, chat_body(WORDS, "gpt-4o") | {"messages": [{"role": "user", "content": WORDS}, *AGENT]})
        ]
        for path, body in bodies:
            response = bridge.request("POST", path, body, key)
            asked[response.headers["x-request-id"]] = persona
    found = rows(bridge.home, lambda known: asked.keys() <= known.keys())
    billed = {
        entry["headers"].get("x-request-id"): entry for entry in simulator.ledger() if entry["nano_aiu"]
    }
    for persona in TRAFFIC:
        of_plan = [found[id_] for id_ in asked if asked[id_] == persona]
        stated = [row for row in of_plan if row.nano_aiu and not row.estimated]
        estimated = [row for row in of_plan if row.estimated]
        assert sum(row.nano_aiu or 0 for row in stated) == sum(billed[row.id]["nano_aiu"] for row in stated)
        for row in estimated:
            assert abs((row.nano_aiu or 0) / billed[row.id]["nano_aiu"] - 1) < 0.03, row
        assert len(stated) + len(estimated) == sum(id_ in billed for id_ in asked if asked[id_] == persona)
        premium = [(row.premium, billed[row.id]["premium"]) for row in of_plan if row.id in billed]
        assert sum(one or 0 for one, _ in premium) == pytest.approx(sum(other or 0 for _, other in premium))
