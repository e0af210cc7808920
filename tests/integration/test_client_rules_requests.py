"""Observed requests of agents and SDKs: rules 9 to 18, each by its number.

Upstream is strict: what it does not know it refuses, so that one request that was answered is the proof.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from integration.agents import CLAUDE_CODE, MORE_BETAS, claude_code, claude_tool, codex
from integration.dialects import CELLS, CHAT, DIALECTS, MESSAGES, RESPONSES, UPSTREAM_PATHS, models
from integration.harness import Bridge, Json, Response, Simulator

ROUTES = pytest.mark.parametrize(("client", "model"), [cell[:2] for cell in CELLS])
IN_MESSAGES = pytest.mark.parametrize("model", models("messages"))
IN_RESPONSES = pytest.mark.parametrize("model", models("responses"))
IN_CHAT = pytest.mark.parametrize("model", models("chat"))

COUNT = "/v1/messages/count_tokens"
MB = 1 << 20
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = base64.b64encode(b"%PDF-1.4\n%%EOF\n").decode()


def answered(response: Response) -> Json:
    assert response.status == 200, response.body
    body: Json = response.json
    return body


def keys_of(value: Any) -> Iterator[str]:
    """All field names, at any depth."""
    if isinstance(value, dict):
        yield from value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys_of(inner)


# 9. Titles and warm-ups.


@IN_MESSAGES
def test_rule_09_an_empty_list_of_tools_and_no_thinking(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    body = MESSAGES.body(mark, model, tools=[], thinking={"type": "disabled"}, temperature=1)
    response = answered(MESSAGES.post(bridge, body, **CLAUDE_CODE))
    assert mark in MESSAGES.text(response)
    sent = simulator.only(mark)["body"]
    assert "tools" not in sent
    assert sent.get("thinking") in (None, {"type": "disabled"})


@IN_MESSAGES
def test_rule_09_an_empty_list_of_tools_is_counted(bridge: Bridge, model: str) -> None:
    body = MESSAGES.body("hello", model, tools=[], thinking={"type": "disabled"}, temperature=1)
    response = bridge.request("POST", f"{COUNT}?beta=true", body, CLAUDE_CODE)
    assert answered(response)["input_tokens"] > 0


@IN_CHAT
def test_rule_09_an_empty_list_of_tools_in_chat(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    answered(CHAT.post(bridge, CHAT.body(mark, model, tools=[], tool_choice="auto")))
    assert not {"tools", "tool_choice"} & simulator.only(mark)["body"].keys()


# 10. What upstream does not know.

NEVER = {"safeguards", "diagnostics", "ttl", "scope"}
UNKNOWN_ELSEWHERE = {"cache_control", "metadata", "output_config", "context_management", "defer_loading"}
BY_BETA = {"context_management", "defer_loading", "eager_input_streaming"}


@IN_MESSAGES
@pytest.mark.parametrize("betas", ["", f",{MORE_BETAS}"], ids=["few betas", "more betas"])
def test_rule_10_what_claude_code_sends_is_taken(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, betas: str
) -> None:
    headers = CLAUDE_CODE | {"anthropic-beta": CLAUDE_CODE["anthropic-beta"] + betas}
    answered(MESSAGES.post(bridge, claude_code(f"hello {mark}", model), **headers))
    entry = simulator.only(mark)
    names = set(keys_of(entry["body"]))
    assert not names & NEVER
    assert not any("output_config" in message for message in entry["body"].get("messages", ()))
    if entry["path"].endswith(UPSTREAM_PATHS["messages"]):
        assert (names & BY_BETA == BY_BETA) if betas else not names & BY_BETA
        assert "# Environment" in json.dumps(entry["body"]), "the system's words are no such field"
    else:
        assert not names & (UNKNOWN_ELSEWHERE | BY_BETA)
        assert "# Environment" in json.dumps(entry["body"])


@IN_MESSAGES
def test_rule_10_a_cache_control_may_stand_anywhere(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    cached = {"cache_control": {"type": "ephemeral"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", **cached}
    text = {"type": "text", "text": "21 degrees", **cached}
    body = MESSAGES.body("", model, tools=[MESSAGES.tool("weather") | cached]) | {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hello", **cached}]},
            {"role": "assistant", "content": [use("toolu_1", "weather") | cached]},
            {"role": "user", "content": [result | {"content": [text]}, {"type": "text", "text": mark}]},
            {"role": "system", "content": [{"type": "text", "text": "Be brief.", **cached}]},
        ]
    }
    answered(MESSAGES.post(bridge, body, **CLAUDE_CODE))
    assert "21 degrees" in json.dumps(simulator.only(mark)["body"])


@IN_RESPONSES
def test_rule_10_what_codex_sends_is_taken(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    answered(RESPONSES.post(bridge, codex(f"hello {mark}", model)))
    entry = simulator.only(mark)
    names = set(keys_of(entry["body"]))
    assert not names & {"client_metadata", "context", "internal_chat_message_metadata_passthrough"}
    if entry["path"].endswith(UPSTREAM_PATHS["responses"]):
        assert not any("id" in item for item in entry["body"]["input"])
    else:
        assert not names & {"prompt_cache_key", "verbosity", "include", "store"}
    assert "a.txt" in json.dumps(entry["body"]), "what the tool gave is no such field"


# 11. A 400 costs Claude Code five more requests.


@IN_MESSAGES
@pytest.mark.parametrize("status", [400, 422])
def test_rule_11_a_plain_400_is_passed_on(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, status: int
) -> None:
    response = MESSAGES.post(bridge, MESSAGES.body(f"[[sim:status code={status}]] {mark}", model))
    assert response.status in (400, status)
    assert "asked for this error" in MESSAGES.error(response)["message"]
    simulator.only(mark)


# 12. What agents call models.

SPELLED = {
    "claude-sonnet-4-5-20250929": "claude-sonnet-4.5",
    "claude-haiku-4-5-20251001": "claude-haiku-4.5",
    "claude-opus-4-5-20251101": "claude-opus-4.5",
    "claude-sonnet-4-20250514": "claude-sonnet-4",
    "claude-sonnet-4-5": "claude-sonnet-4.5",
    "claude-sonnet-4-6": "claude-sonnet-4.6",
    "claude-opus-4-6": "claude-opus-4.6",
    "claude-opus-4-6[1m]": "claude-opus-4.6",
    "CLAUDE-OPUS-4-6": "claude-opus-4.6",
    "sonnet": "claude-sonnet-5",
    "haiku": "claude-haiku-4.5",
}


@pytest.mark.parametrize("name", SPELLED)
@pytest.mark.parametrize("beta", ["", "context-1m-2025-08-07"], ids=["", "1m"])
def test_models_are_found_by_dashes_and_dates(
    bridge: Bridge, simulator: Simulator, mark: str, name: str, beta: str
) -> None:
    headers = CLAUDE_CODE | {"anthropic-beta": beta}
    answered(MESSAGES.post(bridge, MESSAGES.body(mark, name), **headers))
    entry = simulator.only(mark)
    assert entry["body"]["model"] == SPELLED[name]
    assert "context-1m" not in entry["headers"].get("anthropic-beta", "")


NEWEST = {"sonnet": "claude-sonnet-5", "opus": "claude-opus-5", "haiku": "claude-haiku-4.5"}


@pytest.mark.parametrize("family", NEWEST)
def test_rule_12_a_newer_model_than_there_is_is_the_newest_of_its_family(
    bridge: Bridge, simulator: Simulator, mark: str, family: str
) -> None:
    """As Claude Code asks for by its aliases; the log says which model has responded."""
    body = MESSAGES.body(f"hello {mark}", f"claude-{family}-5-5")
    response = MESSAGES.post(bridge, body, **CLAUDE_CODE)
    assert response.status == 200
    model = simulator.only(mark)["body"]["model"]
    assert model == NEWEST[family]
    assert bridge.logged(response.headers["x-request-id"])["model"] == model


# 13. What agents ask for is more than a model has.

MAX_OUTPUT = {"gpt-4.1": 16_384, "claude-sonnet-4.5": 32_000, "gpt-5.3-codex": 128_000}
MAX_OUTPUT |= {"gemini-3-pro-preview": 64_000}


@ROUTES
@pytest.mark.parametrize("given", [31_999, 64_000, 128_000, 999_999])
def test_rule_13_the_limit_is_clamped(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, given: int
) -> None:
    dialect = DIALECTS[client]
    answered(dialect.post(bridge, dialect.body(mark, model, **{dialect.limit: given})))
    limits = [value for name, value in simulator.only(mark)["body"].items() if name in LIMITS]
    assert limits == [min(given, MAX_OUTPUT[model])]


LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


# 14. opencode's titles.


@IN_MESSAGES
@pytest.mark.parametrize("budget", [-1, 0, 1023])
def test_rule_14_a_budget_of_nothing_means_no_thinking(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, budget: int
) -> None:
    thinking = {"type": "enabled", "budget_tokens": budget}
    body = MESSAGES.body(mark, model, thinking=thinking, max_tokens=31_999)
    response = answered(MESSAGES.post(bridge, body))
    assert mark in MESSAGES.text(response)
    sent = simulator.only(mark)["body"]
    assert not {"thinking", "thinking_budget"} & sent.keys()
    efforts = (sent.get("reasoning_effort"), sent.get("reasoning", {}).get("effort"))
    assert set(efforts) <= {None, "none", "low"}


# 15. The AI SDK's defaults.


@IN_RESPONSES
def test_rule_15_references_to_unknown_items_are_refused(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    body = RESPONSES.body("hello", model)
    assistant_item = {"role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}
    reference = {"type": "item_reference", "id": "rs_1"}
    body["input"] += [reference, assistant_item, {"role": "user", "content": mark}]
    assert mark in RESPONSES.text(answered(RESPONSES.post(bridge, body)))
    sent = json.dumps(simulator.only(mark)["body"])
    assert "item_reference" not in sent
    assert "rs_1" not in sent
    assert "Hi." in sent


# 16. How clients of chat keep what was said.


@IN_CHAT
@pytest.mark.parametrize("content", ["", None, "I will."])
def test_rule_16_a_call_may_have_thoughts_or_nothing_beside_it(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, content: str | None
) -> None:
    function = {"name": "read_file", "arguments": '{"path":"a"}'}
    assistant_message = {
        "role": "assistant",
        "content": content,
        "reasoning_content": "I should read it.",
        "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
    }
    body = CHAT.body(f"read a {mark}", model, tools=[CHAT.tool("read_file")])
    body["messages"] += [assistant_message, {"role": "tool", "tool_call_id": "call_1", "content": "42 lines"}]
    assert "42 lines" in CHAT.text(answered(CHAT.post(bridge, body)))
    sent = json.dumps(simulator.only(mark)["body"])
    assert "reasoning_content" not in sent
    assert "call_1" in sent
    assert ("I will." in sent) == bool(content)
    assert "None" not in sent


# 17. Claude Code's tools run side by side.


def use(call_id: str, name: str) -> Json:
    return {"type": "tool_use", "id": call_id, "name": name, "input": {"path": call_id}}


def result(call_id: str, *parts: Json) -> Json:
    part = {"type": "text", "text": f"result of {call_id}"}
    return {"type": "tool_result", "tool_use_id": call_id, "content": [part, *parts]}


def result_in(body: Json, call_id: str) -> Any:
    """The result of this call that upstream got."""
    if "input" in body:
        return next(item["output"] for item in body["input"] if is_result(item, call_id))
    found = [one for one in body["messages"] if one.get("tool_call_id") == call_id]
    if found:
        return found[0]["content"]
    blocks = [
        block for one in body["messages"] if isinstance(one["content"], list) for block in one["content"]
    ]
    return next(block["content"] for block in blocks if block.get("tool_use_id") == call_id)


def is_result(item: Json, call_id: str) -> bool:
    return item["type"] == "function_call_output" and item["call_id"] == call_id


DOCUMENT = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
}
READS_DOCUMENTS = ("claude-sonnet-4.5", "gpt-5.3-codex", "gpt-4.1")


@IN_MESSAGES
def test_rule_17_results_of_every_kind_may_come_in_another_order(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    calls = [use(f"toolu_{name}", "Read") for name in "abcd"]
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    results = [
        result("toolu_c", image),
        result("toolu_a"),
        result("toolu_d", DOCUMENT),
        result("toolu_b", {"type": "tool_reference", "tool_name": "Later"}),
    ]
    body = MESSAGES.body(f"hello {mark}", model)
    body |= {"tools": [claude_tool("Read"), claude_tool("Later", defer_loading=True)]}
    body["messages"] += [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]
    headers = CLAUDE_CODE | {"anthropic-beta": MORE_BETAS}
    answered(MESSAGES.post(bridge, body, **headers))
    entry = simulator.only(mark)
    assert entry["headers"]["x-initiator"] == "agent", "nobody has typed anything"
    for call in calls:
        result_text = json.dumps(result_in(entry["body"], call["id"]))
        assert f"result of {call['id']}" in result_text
        assert result_text.count("result of") == 1
    assert entry["headers"]["copilot-vision-request"] == "true"
    sent = json.dumps(entry["body"])
    assert PIXEL in sent
    assert (PDF in sent) == (model in READS_DOCUMENTS)
    assert ("A document that can't be shown" in sent) == (model not in READS_DOCUMENTS)
    assert "Later" in json.dumps(result_in(entry["body"], "toolu_b"))


@pytest.mark.parametrize("model", [model for model in models("messages") if model not in READS_DOCUMENTS])
def test_rule_17_a_document_for_a_model_that_reads_none_is_refused(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    body = MESSAGES.body(mark, model)
    body["messages"].append({"role": "user", "content": [DOCUMENT]})
    response = MESSAGES.post(bridge, body)
    assert response.status == 400
    assert model in MESSAGES.error(response)["message"]
    assert "document" in MESSAGES.error(response)["message"]
    assert simulator.ledger(mark) == []


# 18. Bodies are large.


@IN_MESSAGES
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_rule_18_a_first_turn_of_claude_code_is_served(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    body = claude_code(f"hello {mark}", model, size=130_000, stream=stream)
    assert len(json.dumps(body)) > 130_000
    response = bridge.request("POST", "/v1/messages?beta=true", body, CLAUDE_CODE)
    assert response.status == 200
    assert mark.encode() in response.body
    simulator.only(mark)


@IN_RESPONSES
def test_rule_18_a_turn_of_codex_is_served(
    by_http: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    stream = RESPONSES.ask(by_http, codex(f"hello {mark}", model, size=55_000))
    assert RESPONSES.well_ended(stream.all())
    assert int(simulator.only(mark)["headers"]["content-length"]) > 55_000


@ROUTES
def test_bodies_of_megabytes_are_accepted(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str
) -> None:
    """Pictures and PDFs make them; a megabyte is some server's limit, eight are planned for."""
    dialect = DIALECTS[client]
    answered(dialect.post(bridge, dialect.body(mark + " word" * (8 * MB // 5), model)))
    assert int(simulator.only(mark)["headers"]["content-length"]) > 8 * MB
