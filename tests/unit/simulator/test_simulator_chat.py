"""Chat responses in each vendor's form."""

import json
from importlib.resources import files
from typing import Any

import pytest
from simulator_calls import Client, events_in, text_in

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": SCHEMA}}
    for name in ("get_weather", "get_news")
]


def deltas_in(chunks: list[Any]) -> list[dict[str, Any]]:
    return [choice["delta"] for chunk in chunks[:-1] for choice in chunk["choices"]]


def calls_in(chunks: list[Any]) -> list[dict[str, Any]]:
    return [call for delta in deltas_in(chunks) for call in delta.get("tool_calls", ())]


def test_a_person_gets_a_sensible_response(client: Client) -> None:
    response = client.chat("Good morning").json()["choices"][0]["message"]["content"]
    assert response == 'You said: "Good morning". I am GPT-4o, simulated: no model was asked.'


def test_azures_text_stream_ends_with_usage(client: Client) -> None:
    chunks = client.chunks("hello", stream_options={"include_usage": True})
    first, opening, *_said, finish, usage, done = chunks
    assert (first["choices"], first["id"], first["model"], first["created"]) == ([], "", "", 0)
    assert first["prompt_filter_results"]
    assert opening["choices"][0]["delta"] == {"content": "", "refusal": None, "role": "assistant"}
    assert opening["model"] == "gpt-4o-2024-11-20"
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert finish["usage"] is None
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] > 0
    assert usage["usage"]["prompt_tokens"] > 0
    given, details = usage["copilot_usage"]["token_details"]  # 250 and 1,000 AI units a million tokens
    assert given["cost_per_batch"] == 250_000_000_000
    spent = given["token_count"] * 250_000 + details["token_count"] * 1_000_000
    assert usage["copilot_usage"]["total_nano_aiu"] == spent
    assert done == "[DONE]"


def test_azures_reasoning_comes_in_its_own_fields(client: Client) -> None:
    chunks = client.chunks("get_weather in Paris", "gpt-5.1", tools=TOOLS, reasoning_effort="low")
    thought = chunks[1]
    assert (thought["id"], thought["model"]) == ("", "")
    assert thought["choices"][0]["delta"].keys() == {"cot_summary"}
    late, _usage, _done = chunks[-3:]
    assert late["choices"][0]["delta"]["cot_id"].startswith("cot_")
    call, *more = calls_in(chunks)
    assert call["id"].startswith("call_")
    assert json.loads("".join(part["function"]["arguments"] for part in more)) == {"city": "Paris", "days": 1}


def test_claude_parallel_calls_share_an_index(client: Client) -> None:
    chunks = client.chunks("[[sim:tools]] Paris", "claude-sonnet-4.5", tools=TOOLS)
    assert all("object" not in chunk for chunk in chunks[:-1])
    assert all(delta["role"] == "assistant" for delta in deltas_in(chunks))
    calls = calls_in(chunks)
    assert {call["index"] for call in calls} == {0}
    named = [call for call in calls if "name" in call["function"]]
    assert [call["function"] for call in named] == [{"name": "get_weather"}, {"name": "get_news"}]
    assert all("id" not in call for call in calls if call not in named)
    last = chunks[-2]
    assert last["choices"][0]["finish_reason"] == "tool_calls"
    assert last["usage"]["completion_tokens"] > 0
    assert last["copilot_usage"]["total_nano_aiu"] > 0


def test_newer_claude_numbers_its_calls_in_a_choice_of_their_own(client: Client) -> None:
    chunks = client.chunks("[[sim:tools]] Paris", "claude-sonnet-4.6", tools=TOOLS)
    places = {
        choice["index"]
        for chunk in chunks[:-1]
        for choice in chunk["choices"]
        if "tool_calls" in choice["delta"]
    }
    assert places == {1}
    assert {call["index"] for call in calls_in(chunks)} == {0, 1}


def test_claudes_reasoning_comes_before_its_signature(client: Client) -> None:
    chunks = client.chunks("hello", "claude-sonnet-4.5", thinking_budget=2000)
    keys = [delta.keys() - {"role", "content"} for delta in deltas_in(chunks)]
    opaque = keys.index({"reasoning_opaque"})
    assert all(key == {"reasoning_text"} for key in keys[:opaque])
    assert all(key == set() for key in keys[opaque + 1 :])


def test_an_opaque_can_come_alone(client: Client) -> None:
    chunks = client.chunks("[[sim:opaque-alone]] hello", "claude-sonnet-4.5")
    assert [delta.keys() for delta in deltas_in(chunks)].count({"reasoning_opaque"}) == 1
    assert not any("reasoning_text" in delta for delta in deltas_in(chunks))


def test_gemini_signs_its_first_call(client: Client) -> None:
    deltas = deltas_in(client.chunks("[[sim:think]] get_weather in Rome", "gemini-2.5-pro", tools=TOOLS))
    signed = [delta for delta in deltas if "reasoning_opaque" in delta]
    assert len(signed) == 1
    assert signed[0]["tool_calls"][0]["function"]["name"] == "get_weather"


def test_a_whole_response_has_the_form_of_its_vendor(client: Client) -> None:
    azure = client.chat("get_weather in Oslo", tools=TOOLS).json()
    assert not azure.keys() & {"object", "created"}
    message = azure["choices"][0]["message"]
    assert "content" not in message
    assert message["padding"]
    claude = client.chat("get_weather in Oslo", "claude-sonnet-4.5", tools=TOOLS).json()
    text, call = claude["choices"]
    assert "index" not in text
    assert text["finish_reason"] == call["finish_reason"] == "tool_calls"
    assert "tool_calls" not in text["message"]
    assert json.loads(call["message"]["tool_calls"][0]["function"]["arguments"])["city"] == "Oslo"


@pytest.mark.parametrize(
    ("choice", "text", "called"),
    [
        ("auto", "hello", []),
        ("auto", "use a tool", ["get_weather"]),
        ("required", "hello", ["get_weather"]),
        ("none", "call get_news", []),
        ({"type": "function", "function": {"name": "get_news"}}, "hello", ["get_news"]),
    ],
)
def test_the_tool_choice_decides_what_is_called(
    client: Client, choice: object, text: str, called: list[str]
) -> None:
    message = client.chat(text, tools=TOOLS, tool_choice=choice).json()["choices"][0]["message"]
    assert [call["function"]["name"] for call in message.get("tool_calls", ())] == called


def test_a_tool_result_is_quoted(client: Client) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_news", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "call get_news"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Nothing new"},
    ]
    response = client.chat("", messages=messages, tools=TOOLS).json()
    assert "Nothing new" in response["choices"][0]["message"]["content"]


def test_json_schema_is_satisfied(client: Client) -> None:
    node = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 3},
            "kind": {"enum": ["a", "b"]},
            "v": {"const": 7},
            "n": {"type": "integer", "minimum": 5},
            "maybe": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            "list": {"type": "array", "items": {"type": "boolean"}, "minItems": 2},
        },
        "required": ["name", "kind", "v", "n", "maybe", "list"],
    }
    schema = {"$ref": "#/$defs/node", "$defs": {"node": node}}
    response_format = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    value = json.loads(
        client.chat("hello there", response_format=response_format).json()["choices"][0]["message"]["content"]
    )
    assert (value["kind"], value["v"], value["n"], value["list"]) == ("a", 7, 5, [True, True])
    assert value["maybe"].keys() == value.keys()


def test_max_tokens_cut_the_response(client: Client) -> None:
    choice = client.chat("a rather long sentence", max_tokens=3).json()["choices"][0]
    assert (choice["finish_reason"], len(choice["message"]["content"])) == ("length", 12)


def test_claude_streams_long_responses_only(client: Client) -> None:
    assert client.chat("hello", "claude-sonnet-4.5", max_tokens=16001).status_code == 400
    assert client.chat("hello", "claude-sonnet-4.5", max_tokens=16001, stream=True).status_code == 200


@pytest.mark.parametrize(
    ("directive", "finish"),
    [
        ("length", "length"),
        ("content-filter", "content_filter"),
        ("finish-error", "error"),
        ("no-finish", None),
    ],
)
@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4.5", "gemini-2.5-pro"])
def test_directives_set_the_finish_reason(
    client: Client, directive: str, finish: str | None, model: str
) -> None:
    text = f"[[sim:{directive}]] hello"
    chunks = client.chunks(text, model)
    reasons = [choice.get("finish_reason") for chunk in chunks[:-1] for choice in chunk["choices"]]
    assert next(filter(None, reasons), None) == finish
    assert client.chat(text, model).json()["choices"][0]["finish_reason"] == finish


def test_directives_set_the_text(client: Client) -> None:
    assert text_in(client.chunks("[[sim:say]] one  two\nthree ")) == "one  two\nthree "
    assert text_in(client.chunks("[[sim:empty]] hello")) == ""
    assert "\u2028" in text_in(client.chunks("[[sim:unicode]]"))
    assert (
        len(client.chat("[[sim:response-size bytes=5000]]").json()["choices"][0]["message"]["content"])
        == 5000
    )
    longest = max(client.chat("[[sim:big-line bytes=2000000]]", stream=True).content.split(b"\n"), key=len)
    assert len(longest) > 2_000_000


def test_end_and_usage_can_be_left_out(client: Client) -> None:
    assert client.chunks("[[sim:no-done]] hello")[-1] != "[DONE]"
    assert not any(chunk.get("usage") for chunk in client.chunks("[[sim:no-usage]] hello")[:-1])


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4.5"])
def test_strange_chunks_come_after_the_first_text(client: Client, model: str) -> None:
    chunks = client.chunks("[[sim:null-choices]] hello", model)
    assert [chunk["choices"] for chunk in chunks[:-1]].count(None) == 1
    chunks = client.chunks("[[sim:no-delta]] hello", model)
    assert sum("delta" not in choice for chunk in chunks[:-1] for choice in chunk["choices"]) == 1
    deltas = deltas_in(client.chunks("[[sim:late-reasoning]] hello", model))
    late = next(
        index for index, delta in enumerate(deltas) if delta.keys() & {"reasoning_text", "cot_summary"}
    )
    assert any(delta.get("content") for delta in deltas[:late])
    broken = client.chunks("[[sim:error-in-stream code=oops]] hello", model)
    assert broken[-1]["error"]["code"] == "oops"


@pytest.mark.parametrize(
    "name", ["azure-text", "azure-reasoning", "claude-parallel-tools", "claude-reasoning"]
)
def test_recordings_are_replayed(client: Client, name: str) -> None:
    replayed = client.chat(f"[[sim:scenario name={name}]]", stream=True).content
    assert replayed == files("copilot_bridge.simulator").joinpath(f"scenarios/{name}.sse").read_bytes()
    assert events_in(replayed)[-1] == "[DONE]"


@pytest.mark.parametrize("name", ["azure-text", "claude-split"])
def test_whole_recordings_are_replayed(client: Client, name: str) -> None:
    assert client.chat(f"[[sim:scenario name={name}]]").json()["choices"]


@pytest.mark.parametrize("shape", ["clean", "azure", "claude"])
def test_floods_hold_what_was_ordered(client: Client, shape: str) -> None:
    chunks = client.chunks(f"[[sim:flood events=500 size=40 gap=0 shape={shape}]]")
    texts = [delta["content"] for delta in deltas_in(chunks) if delta.get("content")]
    assert {len(text) for text in texts} == {40}
    assert len(texts) == 500
    assert any(chunk.get("usage") for chunk in chunks[:-1])


def test_directives_act_once_or_some_times(client: Client) -> None:
    once = f"[[sim:status code=500 once={client.suffix}]] hello"
    assert [client.chat(once).status_code for _ in range(3)] == [500, 200, 200]
    twice = f"[[sim:status code=503 times=2 key=b{client.suffix}]] hello"
    assert [client.chat(twice).status_code for _ in range(3)] == [503, 503, 200]


@pytest.mark.parametrize(
    "wrong",
    [
        "[[sim:nonsense]]",
        "[[sim:stall speed=3]]",
        "[[sim:stall after=x]]",
        "[[sim:flood shape=round]]",
        "[[sim:no-done]]",
        "[[sim:think times=3]]",
        "[[sim:scenario name=../models]]",
        "[[sim:status code=200]]",
        "[[sim:refuse name=politely]]",
    ],
)
def test_a_wrong_directive_is_refused(client: Client, wrong: str) -> None:
    response = client.chat(wrong)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "simulator_misuse")


@pytest.mark.parametrize(
    ("name", "status", "text"),
    [
        ("expired-token", 401, "unauthorized: token expired\n"),
        ("hmac", 401, "unable to validate HMAC"),
        ("overflow", 400, "prompt token count of 138898 exceeds the limit of 64000"),
        ("integrator", 400, "model_not_available_for_integrator"),
        ("item-id", 401, "input item ID does not belong"),
        ("rate-limited-400", 400, "rate_limited"),
        ("weekly", 429, "user_weekly_rate_limited"),
        ("overloaded", 529, "overloaded_error"),
        ("quota", 402, "quota_exceeded"),
        ("unavailable", 503, "provider"),
        ("misdirected", 421, "Misdirected Request\n"),
        ("unicorn", 502, "<!DOCTYPE html>"),
        ("entity-too-large", 413, "Request Entity Too Large"),
        ("content-policy-422", 422, "filtered"),
        ("client-too-old", 466, "version"),
    ],
)
def test_refusals_are_sent_word_by_word(client: Client, name: str, status: int, text: str) -> None:
    response = client.chat(f"[[sim:refuse name={name}]] hello", stream=True)
    assert response.status_code == status
    assert text in response.text
    assert response.headers.get("retry-after", "2733") == "2733" or name == "quota"


def test_some_refusals_depend_on_the_body(client: Client) -> None:
    text = "[[sim:refuse name=max-tokens]] hello"
    assert "max_completion_tokens" in client.chat(text, max_tokens=100).text
    assert client.chat(text, max_completion_tokens=100).status_code == 200
    text = "[[sim:refuse name=tool-choice-required]] hello"
    assert client.chat(text, tools=TOOLS, tool_choice="required").status_code == 400
    assert client.chat(text, tools=TOOLS).status_code == 200


@pytest.mark.parametrize(
    ("body", "start"),
    [("json", '{"error":'), ("bare", '{"message":'), ("text", "oops:"), ("html", "<!DOCTYPE")],
)
def test_directives_set_the_error(client: Client, body: str, start: str) -> None:
    response = client.chat(f"[[sim:status code=429 body={body} retry-after=3 error=oops]] hello")
    assert (response.status_code, response.headers["retry-after"]) == (429, "3")
    assert response.text.startswith(start)
    assert ("x-copilot-service-request-id" in response.headers) == (body != "html")
