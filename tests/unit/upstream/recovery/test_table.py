"""Recovery from a refusal: each row of the table, with upstream's observed messages.

`refusals.json` has them: API, message, the body before and after; `learned` is done beforehand from then on.
"""

import copy
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from wrong_kinds import mutants

from copilot_bridge.upstream.error_mapping import Refusal, read_refusal
from copilot_bridge.upstream.recovery.acts import ACTS
from copilot_bridge.upstream.recovery.learned import Learned, Lesson
from copilot_bridge.upstream.recovery.request_adapter import RequestAdapter
from copilot_bridge.upstream.recovery.table import TABLE

Json = dict[str, Any]

CASES: dict[str, Json] = json.loads(Path(__file__).with_name("refusals.json").read_bytes())


class Memory:
    """A store, and the news of it."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.number = 1

    def put(self, rows: Iterable[Any]) -> None:
        self.rows += rows

    def all(self) -> list[Any]:
        return list(self.rows)

    def forget(self) -> int:
        gone, self.rows = len(self.rows), []
        return gone

    def read(self) -> int:
        return self.number

    def bump(self) -> None:
        self.number += 1


def new_learned() -> Learned:
    memory = Memory()
    return Learned(memory, memory)


EACH_ROW = {"learned": new_learned}


@pytest.fixture
def learned() -> Learned:
    return new_learned()


def refusal(message: str, status: int = 400, param: str | None = None, code: str = "", **_: Any) -> Refusal:
    error_body = {"error": {"message": message, "code": code, "param": param}}
    return read_refusal(status, {}, json.dumps(error_body).encode())


def adapter_of(learned: Learned, api: str, dialect: str = "") -> RequestAdapter:
    return RequestAdapter(learned, "account", api, "a-model", dialect or api)


@pytest.mark.parametrize("case", CASES)
def test_each_refusal_changes_the_body_and_is_remembered(learned: Learned, case: str) -> None:
    """Once; and beforehand from then on, where it will be refused whoever asks."""
    row = CASES[case]
    body = copy.deepcopy(row["before"])
    adapter = adapter_of(learned, row["api"])
    assert adapter.adapt(refusal(**row), body, {})
    assert body == row["after"]
    assert adapter.lost
    known = learned.of("account", row["api"], "a-model")
    assert list(known) == [Lesson(*values) for values in row.get("learned", ())]
    later = copy.deepcopy(row["before"])
    assert adapter_of(learned, row["api"]).prepare(later, {}) == bool(known)
    assert later == (row["after"] if known else row["before"])
    assert not adapter_of(learned, row["api"]).prepare(later, {})


@pytest.mark.parametrize("case", CASES)
def test_no_end_of_the_same_refusal(learned: Learned, case: str) -> None:
    """An act that does not help is not tried for ever: it has less to do each time."""
    row, adapter = CASES[case], adapter_of(learned, CASES[case]["api"])
    body = copy.deepcopy(row["before"])
    tried = 0
    while adapter.adapt(refusal(**row), body, {}):
        tried += 1
        assert tried <= 3


@pytest.mark.parametrize("case", CASES)
def test_recovery_survives_any_body(learned: Learned, case: str) -> None:
    """Bodies that are passed on have been looked at only in part."""
    row = CASES[case]
    for _place, mutant in mutants(row["before"]):
        adapter = adapter_of(learned, row["api"])
        with suppress(Refusal):
            adapter.adapt(refusal(**row), json.loads(mutant), {})
        adapter.prepare(json.loads(mutant), {})


def test_each_row_has_an_act_and_words_that_it_is_tried_with() -> None:
    assert {row.act for row in TABLE} <= ACTS.keys()


BETA = "context-management-2025-06-27"


@pytest.mark.parametrize(
    "message",
    [
        f"Unexpected value(s) `{BETA}` for the `anthropic-beta` header. Please consult our documentation.",
        f"Unexpected value(s) `{BETA}`, `structured-outputs-2025-12-15` for the `anthropic-beta` header.",
        f"unsupported beta header(s): {BETA}",
    ],
)
def test_a_beta_goes_and_the_others_stay(learned: Learned, message: str) -> None:
    given = f"interleaved-thinking-2025-05-14,{BETA}"
    headers, later = {"anthropic-beta": given}, {"anthropic-beta": given}
    assert adapter_of(learned, "messages").adapt(refusal(message), {"messages": []}, headers)
    assert headers == {"anthropic-beta": "interleaved-thinking-2025-05-14"}
    assert adapter_of(learned, "messages").prepare({"messages": []}, later)
    assert later == headers


def test_all_betas_are_dropped_when_the_refusal_names_none(learned: Learned) -> None:
    headers = {"anthropic-beta": "a-2025-01-01"}
    assert adapter_of(learned, "messages").adapt(refusal("invalid beta flag"), {"messages": []}, headers)
    assert headers == {}
    assert learned.of("account", "messages", "a-model") == ()


def test_long_ids_of_calls_stay_pairs(learned: Learned) -> None:
    long = "call_" + "x" * 111
    known_refusal = refusal(
        "Invalid 'input[95].call_id': string too long. Expected a string with maximum length 64, but got a "
        "string with length 116 instead.",
        code="string_above_max_length",
    )
    call = {"type": "function_call", "call_id": long, "name": "f", "arguments": "{}"}
    body = {"input": [call, {"type": "function_call_output", "call_id": long, "output": "ok"}]}
    assert adapter_of(learned, "responses").adapt(known_refusal, body, {})
    one, two = (item["call_id"] for item in body["input"])
    assert one == two
    assert len(one) <= 64


@pytest.mark.parametrize(
    ("api", "message", "messages"),
    [
        (
            "messages",
            "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
            [
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "functions.Bash:0", "name": "t"}],
                },
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "functions.Bash:0"}]},
            ],
        ),
        (
            "chat",
            "Invalid 'messages[1].tool_calls[0].id': string too long. Expected maximum length 40.",
            [
                {"role": "assistant", "tool_calls": [{"id": "y" * 86, "function": {"name": "t"}}]},
                {"role": "tool", "tool_call_id": "y" * 86, "content": "ok"},
            ],
        ),
    ],
)
def test_ids_of_another_form_are_rewritten_in_pairs(
    learned: Learned, api: str, message: str, messages: list[Json]
) -> None:
    body: Json = {"messages": messages}
    assert adapter_of(learned, api).adapt(refusal(message), body, {})
    call, result = body["messages"]
    one = (call.get("content") or call["tool_calls"])[0]["id"]
    two = result.get("tool_call_id") or result["content"][0]["tool_use_id"]
    assert one == two
    assert len(one) <= (40 if api == "chat" else 64)
    assert one.replace("_", "").isalnum()


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FORM = {"format": {"type": "json_schema", "schema": SCHEMA}}
TOOL = {"name": "look", "input_schema": {"type": "object"}}


@pytest.mark.parametrize(
    ("message", "lasts"),
    [
        ("output_config.format: Extra inputs are not permitted", True),
        ("output_config: Extra inputs are not permitted", True),
        ("FAILED_PRECONDITION: violates constraints/vertexai.allowedPartnerModelFeatures", True),
        ("output_format: Extra inputs are not permitted", True),
        ("Structured outputs are not supported for this model.", True),
        ("output_config.format.schema: For 'integer' type, property 'minimum' is not supported", False),
        ("output_config.format.schema: Schema is too complex.", False),
    ],
)
def test_a_form_is_asked_for_by_a_tool(learned: Learned, message: str, lasts: bool) -> None:
    given: Json = {"output_config": {**FORM}, "thinking": {"type": "adaptive"}, "messages": []}
    body, later = copy.deepcopy(given), copy.deepcopy(given)
    adapter = adapter_of(learned, "messages")
    assert adapter.adapt(refusal(message), body, {})
    assert adapter.by_tool
    assert body.keys() == {"messages", "tools", "tool_choice"}
    (tool,) = body["tools"]
    assert tool["input_schema"] == SCHEMA
    assert body["tool_choice"]["type"] == "tool"
    assert body["tool_choice"]["name"] == tool["name"]
    following = adapter_of(learned, "messages")
    assert following.prepare(later, {}) is lasts
    assert following.by_tool is lasts
    assert later == (body if lasts else given)


@pytest.mark.parametrize(
    ("tools", "choice", "wanted", "asked"),
    [
        ([TOOL], None, "any", True),
        ([TOOL], {"type": "auto"}, "any", True),
        ([TOOL], {"type": "none"}, "tool", True),
        ([TOOL], {"type": "any"}, "any", False),  # it has to call one of the client's and gives no response
        ([TOOL], {"type": "tool", "name": "look"}, "tool", False),
    ],
)
def test_the_clients_own_tools_stay(
    learned: Learned, tools: list[Json], choice: Json | None, wanted: str, asked: bool
) -> None:
    body: Json = {"output_config": {**FORM, "effort": "low"}, "messages": [], "tools": list(tools)}
    body |= {"tool_choice": choice} if choice else {}
    adapter = adapter_of(learned, "messages")
    assert adapter.adapt(refusal("output_config.format: Extra inputs are not permitted"), body, {})
    assert body["output_config"] == {"effort": "low"}
    assert body["tools"][0] == TOOL
    assert len(body["tools"]) == 1 + asked
    assert body["tool_choice"]["type"] == wanted
    assert adapter.by_tool is asked


FORMAT = "response_format"
EXTRA, UNSUPPORTED = "{}: Extra inputs are not permitted", "Unsupported parameter: '{}' is not supported"
REQUIRED = "Invalid value for 'tool_choice': 'required' is not supported."
ROWS: Json = {"type": "json_schema", "schema": {"type": "array"}}


@pytest.mark.parametrize(
    ("api", "message", "body"),
    [
        ("messages", EXTRA.format("stop_sequences"), {"stop_sequences": ["END", "STOP"]}),
        ("chat", UNSUPPORTED.format("stop"), {"stop": ["END", "STOP"]}),
        ("chat", "'stop' is not supported with this model.", {"stop": ["END", "STOP"]}),
    ],
)
def test_stop_sequences_that_are_refused_are_cut_by_the_bridge(
    learned: Learned, api: str, message: str, body: Json
) -> None:
    later, adapter, next_one = copy.deepcopy(body), adapter_of(learned, api), adapter_of(learned, api)
    assert adapter.adapt(refusal(message), body, {})
    assert (body, adapter.stops) == ({}, ("END", "STOP"))
    assert next_one.prepare(later, {})
    assert (later, next_one.stops) == ({}, ("END", "STOP"))


FUNCTION = {"name": "look", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    ("api", "message", "body", "own"),
    [
        (
            "chat",
            UNSUPPORTED.format("response_format"),
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}},
            {"type": "function", "function": FUNCTION},
        ),
        (
            "chat",
            EXTRA.format("output_config.format"),  # as Anthropic calls it, to whom Copilot passes it on
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}},
            {"type": "function", "function": FUNCTION},
        ),
        (
            "responses",
            "Invalid parameter: 'text.format' of type 'json_schema' is not supported with this model.",
            {"text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}},
            {"type": "function", **FUNCTION},
        ),
        (
            "responses",
            UNSUPPORTED.format("text.format"),
            {"text": {"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}},
            {"type": "function", **FUNCTION},
        ),
    ],
)
def test_a_form_is_asked_for_by_a_tool_in_each_api(
    learned: Learned, api: str, message: str, body: Json, own: Json
) -> None:
    alone, beside = copy.deepcopy(body), copy.deepcopy(body) | {"tools": [own]}
    adapter = adapter_of(learned, api)
    assert adapter.adapt(refusal(message), alone, {})
    assert adapter.by_tool
    assert alone.keys() == {"tools", "tool_choice", "parallel_tool_calls"}
    assert json.dumps(SCHEMA)[1:-1] in json.dumps(alone["tools"])
    assert "bridge_final_answer" in json.dumps(alone["tool_choice"])
    assert adapter_of(learned, api).prepare(beside, {})
    assert beside["tools"][0] == own
    assert beside["tool_choice"] == "required"


# API, client's dialect, message, body, the field by the client's name.
BOUND: list[tuple[str, str, str, Json, str]] = [
    ("messages", "chat", EXTRA.format("tool_choice"), {"tool_choice": {"type": "any"}}, "tool_choice"),
    ("messages", "chat", EXTRA.format("output_config.format"), {"output_config": {"format": ROWS}}, FORMAT),
    ("chat", "chat", UNSUPPORTED.format(FORMAT), {FORMAT: {"type": "json_object"}}, FORMAT),
    ("chat", "messages", EXTRA.format("output_config.format"), {FORMAT: ROWS}, "output_config.format"),
    ("chat", "chat", REQUIRED, {"tool_choice": "required", "tools": [1]}, "tool_choice"),
    (
        "responses",
        "messages",
        UNSUPPORTED.format("text.format"),
        {"text": {"format": ROWS, "verbosity": "low"}},
        "output_config.format",
    ),
    ("responses", "responses", UNSUPPORTED.format("tools"), {"tools": [1]}, "tools"),
    ("chat", "responses", UNSUPPORTED.format("stop"), {"stop": "a", "logprobs": True}, "stop"),
]


@pytest.mark.parametrize(("api", "dialect", "message", "body", "name"), BOUND)
def test_binding_settings_are_never_left_out(
    learned: Learned, api: str, dialect: str, message: str, body: Json, name: str
) -> None:
    given = copy.deepcopy(body)
    known_refusal = refusal(message)
    with pytest.raises(Refusal) as caught:
        adapter_of(learned, api, dialect).adapt(known_refusal, given, {})
    assert given == body
    assert caught.value.param == name
    assert name in str(caught.value)
    assert str(known_refusal) in str(caught.value)
    assert (caught.value.kind, caught.value.status) == ("invalid_request", 400)
    assert learned.of("account", api, "a-model") == ()


def test_a_lesson_about_what_advises_leaves_alone_what_binds(learned: Learned) -> None:
    learned.learn("account", "messages", "a-model", Lesson("leave out", "output_config"))
    learned.learn("account", "responses", "a-model", Lesson("leave out", "text"))
    body: Json = {"output_config": {**FORM, "effort": "low"}}
    assert adapter_of(learned, "messages").prepare(body, {})
    assert body == {"output_config": FORM}
    body = {"text": {"format": {"type": "json_schema"}, "verbosity": "low"}}
    assert adapter_of(learned, "responses").prepare(body, {})
    assert body == {"text": {"format": {"type": "json_schema"}}}


@pytest.mark.parametrize(
    "refusal",
    [
        refusal("unauthorized: token expired", 401),
        refusal("The requested model is not supported.", code="model_not_supported"),
        refusal(
            "prompt token count of 138898 exceeds the limit of 64000", code="model_max_prompt_tokens_exceeded"
        ),
        refusal("model gpt-4o is not supported via Responses API.", code="unsupported_api_for_model"),
        refusal("Sorry, you have been rate-limited.", code="rate_limited"),
        refusal("The prompt was filtered by the Responsible AI Service", 422),
        refusal("missing required Copilot-Vision-Request header for vision requests"),
        refusal("You have no quota", 402),
        refusal("forbidden", 403),
    ],
)
@pytest.mark.parametrize("api", ["chat", "messages", "responses"])
def test_a_refusal_without_a_remedy_changes_nothing(learned: Learned, refusal: Refusal, api: str) -> None:
    body: Json = {"model": "m", "messages": [{"role": "user", "content": "a"}], "input": [], "max_tokens": 5}
    body |= {"tools": [{"name": "a", "input_schema": {"type": "string"}}], "temperature": 1, "top_k": 3}
    given = copy.deepcopy(body)
    assert not adapter_of(learned, api).adapt(refusal, given, {})
    assert given == body


@pytest.mark.parametrize(
    "message",
    [
        "metadata.my secret@example.org: Extra inputs are not permitted",
        "tools.0.custom.input_schema.properties.secret: Extra inputs are not permitted",
        "messages.0.content.0.tool_use.input.secret: Extra inputs are not permitted",
        "Unknown parameter: 'secret'.",  # which the request does not have
        f"metadata.{'secret' * 50}: Extra inputs are not permitted",
    ],
)
def test_nothing_of_a_request_is_remembered(learned: Learned, message: str) -> None:
    """But the names of its fields, where they are names."""
    use = {"type": "tool_use", "id": "a", "name": "t", "input": {"secret": 1}}
    tool = {"name": "t", "input_schema": {"type": "object", "properties": {"secret": {}}}}
    body: Json = {
        "messages": [{"role": "assistant", "content": [use]}],
        "tools": [tool],
        "metadata": {"my secret@example.org": 1, "secret" * 50: 1},
    }
    given = copy.deepcopy(body)
    with suppress(Refusal):
        assert not adapter_of(learned, "messages").adapt(refusal(message), body, {})
    assert body == given
    assert learned.entries() == []
