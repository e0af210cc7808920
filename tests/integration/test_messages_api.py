"""Messages on the wire: responses to clients, and the requests that reach Copilot."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from integration.harness import Bridge, Frame, Json, Response, Simulator, Start, Stream, new_token

PATH = "/v1/messages"
SONNET = "claude-sonnet-4.5"  # thinks with a budget
OPUS = "claude-opus-4.6"  # thinks as it sees fit
DONE = b"[DONE]"
VERSION = {"anthropic-version": "2023-06-01"}
TOOL: Json = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CACHED = {"cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "global"}}
PLAIN = {"type": "ephemeral"}
MARKED = {"cache_control": PLAIN}


def body_of(content: Any, model: str = SONNET, **more: Any) -> Json:
    return {"model": model, "max_tokens": 500, "messages": [{"role": "user", "content": content}], **more}


def post(bridge: Bridge, body: Json, path: str = PATH, **headers: str) -> Response:
    return bridge.request("POST", path, body, {**VERSION, **headers})


def ask(bridge: Bridge, content: Any, model: str = SONNET, **more: Any) -> Stream:
    """A stream under way."""
    body = json.dumps(body_of(content, model, stream=True, **more)).encode()
    return bridge.dial("POST", PATH, body, VERSION)


def error_in(response: Response) -> Json:
    """The error, after a look at its form."""
    assert response.headers["content-type"] == "application/json"
    body: Json = response.json
    assert body.keys() == {"type", "error", "request_id"}
    assert body["type"] == "error"
    assert body["request_id"] == response.headers["x-request-id"]
    error: Json = body["error"]
    assert error.keys() == {"type", "message"}
    assert error["message"]
    return error


def event_of(frame: Frame) -> Json:
    """An event, whose name stands in the frame and in the data."""
    name, data = frame.raw.split(b"\n")
    event: Json = json.loads(data.removeprefix(b"data: "))
    assert name == b"event: " + event["type"].encode()
    return event


def events_of(stream: Stream) -> list[Json]:
    assert stream.status == 200, stream.response().body
    assert stream.headers["content-type"].startswith("text/event-stream")
    return [event_of(frame) for frame in stream.all()]


def sent(bridge: Bridge, simulator: Simulator, mark: str, body: Json, **headers: str) -> Json:
    """The one request that reached Copilot, of a client's request that got its response."""
    response = post(bridge, body, **headers)
    assert response.status == 200, response.body
    return simulator.only(mark)


# Streams.


@pytest.mark.parametrize("model", [SONNET, OPUS])
@pytest.mark.parametrize(
    "how", ["", "[[sim:bytewise]]", "[[sim:crlf]]", "[[sim:gzip]]", "[[sim:pieces size=7]]"]
)
def test_a_stream_has_anthropics_form(bridge: Bridge, model: str, how: str) -> None:
    stream = ask(bridge, f"{how} Hello World", model)
    frames = stream.all()
    assert not any(DONE in frame.raw or b"copilot_" in frame.raw for frame in frames)
    events = [event for event in map(event_of, frames) if event["type"] != "ping"]
    assert events[0]["type"] == "message_start"
    assert {"id", "model", "usage"} <= events[0]["message"].keys()
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    assert {"input_tokens", "output_tokens", "cache_read_input_tokens"} <= events[-2]["usage"].keys()
    assert all("index" in event for event in events if event["type"].startswith("content_block"))
    line = bridge.logged(stream.headers["x-request-id"])
    assert (line["dialect"], line["model"], line["status"], line["outcome"]) == ("messages", model, 200, "ok")
    assert line["tokens_in"] == given_in(events[0]["message"]["usage"])
    assert line["tokens_out"] == events[-2]["usage"]["output_tokens"]


def given_in(usage: Json) -> int:
    """All of the prompt, whatever the cache has to do with it."""
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return sum(usage[name] for name in names)


def test_a_whole_response_has_anthropics_form(any_bridge: Bridge) -> None:
    response = post(any_bridge, body_of("Hello World"))
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert "copilot_usage" not in response.json
    line = any_bridge.logged(response.headers["x-request-id"])
    assert (line["dialect"], line["model"]) == ("messages", SONNET)
    assert line["tokens_in"] == given_in(response.json["usage"])
    assert line["tokens_out"] == response.json["usage"]["output_tokens"]


def test_cached_tokens_are_logged_with_the_others(bridge: Bridge) -> None:
    """Anthropic counts them apart; the log counts as chat does."""
    content = [{"type": "text", "text": "Hello World " * 50, "cache_control": PLAIN}]
    response = post(bridge, body_of(content))
    usage = response.json["usage"]
    assert usage["cache_read_input_tokens"]
    tokens_in = bridge.logged(response.headers["x-request-id"])["tokens_in"]
    assert tokens_in == sum(value for name, value in usage.items() if name.endswith("input_tokens"))


@pytest.mark.parametrize(
    "how",
    [
        "cut-in-frame after=4",
        "cut-between after=4",
        "reset after=4",
        "error-in-stream",
        "cut-in-frame after=0",
    ],
)
def test_a_cut_stream_ends_with_an_error(any_bridge: Bridge, how: str) -> None:
    stream = ask(any_bridge, f"[[sim:{how}]] one two three four")
    *before, last = events_of(stream)
    assert last.keys() == {"type", "error"}
    assert last["error"].keys() == {"type", "message"}
    assert last["error"]["type"] == ("overloaded_error" if how == "error-in-stream" else "api_error")
    kinds = {event["type"] for event in before}
    assert not kinds & {"message_delta", "message_stop", "error"}
    line = any_bridge.logged(stream.headers["x-request-id"])
    assert line["outcome"] == ("overloaded" if how == "error-in-stream" else "stream_cut")


def test_a_whole_response_that_is_cut_is_an_error(any_bridge: Bridge) -> None:
    response = post(any_bridge, body_of("[[sim:cut-in-frame after=4]] one two", max_tokens=32_000))
    assert response.status == 502
    assert error_in(response)["type"] == "api_error"


@pytest.mark.parametrize("slow", ["slow-headers", "slow-body"])
def test_pings_fill_the_silence(brisk_bridge: Bridge, slow: str) -> None:
    stream = ask(brisk_bridge, f"[[sim:{slow} seconds=0.7]] Hello World")
    kinds = [event["type"] for event in events_of(stream)]
    assert kinds[:2] == ["ping", "ping"]
    assert kinds[-1] == "message_stop"


@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "whole"])
def test_a_client_that_leaves_is_noticed(
    any_bridge: Bridge, simulator: Simulator, mark: str, streaming: bool
) -> None:
    text = f"[[sim:stall after=4 seconds=20]] one two {mark}"
    if not streaming:
        text = f"[[sim:slow-headers seconds=20]] hello {mark}"
    body = json.dumps(body_of(text, stream=streaming)).encode()
    stream = any_bridge.dial("POST", PATH, body, VERSION)
    if streaming:
        assert next(stream.frames())
    entry = simulator.only(mark)
    left_at = stream.leave()
    ended = simulator.ended(mark)
    assert ended["outcome"] == "client-gone"
    assert ended["ended"] - left_at < 5
    line = any_bridge.logged(entry["headers"]["x-request-id"])
    assert (line["dialect"], line["outcome"]) == ("messages", "client_disconnected")


# What reaches Copilot.


def test_a_body_that_needs_no_change_is_passed_on(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    body = body_of(
        [{"type": "text", "text": f"Hello {mark}", "cache_control": PLAIN}],
        system=[{"type": "text", "text": "Be brief."}],
        tools=[TOOL],
        tool_choice={"type": "auto"},
        temperature=0.5,
        top_k=3,
        stop_sequences=["x"],
        metadata={"user_id": "someone"},
    )
    entry = sent(bridge, simulator, mark, body)
    assert entry["body"] == body
    assert entry["path"].endswith("/v1/messages")
    assert entry["headers"]["anthropic-version"] == "2023-06-01"
    assert "anthropic-beta" not in entry["headers"]
    assert "x-api-key" not in entry["headers"]


USE: Json = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}
RESULT: Json = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "21 degrees"}
REMINDER: Json = {"type": "text", "text": "<system-reminder>\nBe brief.\n</system-reminder>"}
TYPED: Json = {"type": "text", "text": "and now?"}
TURNS: dict[str, tuple[Any, str]] = {
    "typed": ("hello", "user"),
    "result": ([RESULT], "agent"),
    "result and reminder": ([RESULT, REMINDER], "agent"),
    "reminder before": ([REMINDER, RESULT], "agent"),
    "result and typed": ([RESULT, TYPED], "user"),
    "result, reminder, typed": ([RESULT, REMINDER, TYPED], "user"),
    "reminder and typed": ([REMINDER, TYPED], "user"),
}


@pytest.mark.parametrize("turn", TURNS)
def test_the_initiator_follows_the_last_message(
    bridge: Bridge, simulator: Simulator, mark: str, turn: str
) -> None:
    last, initiator = TURNS[turn]
    calls = isinstance(last, list) and RESULT in last
    messages = [
        {"role": "user", "content": f"hello {mark}"},
        {"role": "assistant", "content": [USE] if calls else "hello"},
        {"role": "user", "content": last},
    ]
    entry = sent(bridge, simulator, mark, body_of("") | {"messages": messages, "tools": [TOOL]})
    assert entry["headers"]["x-initiator"] == initiator


def test_only_betas_that_copilot_knows_are_sent(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    betas = "claude-code-20250219,interleaved-thinking-2025-05-14, fine-grained-tool-streaming-2025-05-14"
    entry = sent(bridge, simulator, mark, body_of(f"hello {mark}"), **{"anthropic-beta": betas})
    assert entry["headers"]["anthropic-beta"] == "interleaved-thinking-2025-05-14"


@pytest.mark.parametrize("beta", [True, False])
def test_beta_fields_are_sent_only_with_their_beta(
    bridge: Bridge, simulator: Simulator, mark: str, beta: bool
) -> None:
    tool = TOOL | {"defer_loading": True, "eager_input_streaming": True, "type": "custom"}
    managed = {"edits": []}
    body = body_of(f"hello {mark}", tools=[tool], context_management=managed)
    headers = {"anthropic-beta": "context-management-2025-06-27,advanced-tool-use-2025-11-20"} if beta else {}
    entry = sent(bridge, simulator, mark, body, **headers)
    assert ("context_management" in entry["body"]) == beta
    assert ("defer_loading" in entry["body"]["tools"][0]) == beta


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_context_management_is_reported_only_on_request(bridge: Bridge, stream: bool) -> None:
    """LangChain dies of it."""
    headers = {"anthropic-beta": "context-management-2025-06-27"}
    for more in ({}, {"context_management": {"edits": []}}):
        response = post(bridge, body_of("hello", "claude-sonnet-4.6", stream=stream, **more), **headers)
        assert response.status == 200, response.body
        assert (b"context_management" in response.body) == bool(more)


def test_a_system_message_begins_no_turn(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    messages = [{"role": "user", "content": f"hello {mark}"}, {"role": "system", "content": "Be brief."}]
    entry = sent(bridge, simulator, mark, body_of("") | {"messages": messages})
    assert entry["headers"]["x-initiator"] == "user"


@pytest.mark.parametrize(
    "more",
    [
        {"service_tier": "auto"},
        {"speed": "fast"},
        {"inference_geo": "us"},
        {"container": "c"},
        {"mcp_servers": []},
        {"safeguards": {}},
        {"diagnostics": {}},
        {"cache_control": PLAIN},
        {"tools": []},
        {"tools": [], "tool_choice": {"type": "auto"}},
        {"thinking": {"type": "enabled", "budget_tokens": -1}},
        {"thinking": {"type": "enabled", "budget_tokens": 1023}},
        {"output_config": {"effort": "high"}},
    ],
    ids=str,
)
def test_fields_that_copilot_refuses_are_dropped(
    bridge: Bridge, simulator: Simulator, mark: str, more: Json
) -> None:
    body = body_of([{"type": "text", "text": f"hello {mark}", **MARKED}])
    assert sent(bridge, simulator, mark, body | more)["body"] == body


@pytest.mark.parametrize("given", [None, 500, 32_000, 128_000])
def test_the_output_limit_is_set_for_the_model(
    bridge: Bridge, simulator: Simulator, mark: str, given: int | None
) -> None:
    body = body_of(f"hello {mark}", max_tokens=given)
    entry = sent(bridge, simulator, mark, body)
    assert entry["body"]["max_tokens"] == min(given or 32_000, 32_000)


@pytest.mark.parametrize("limit", [16_000, 32_000])
def test_a_long_response_is_folded_from_a_stream(
    bridge: Bridge, simulator: Simulator, mark: str, limit: int
) -> None:
    body = body_of(f"get_weather in Paris {mark}", max_tokens=limit, tools=[TOOL])
    response = post(bridge, body)
    assert bool(simulator.only(mark)["body"].get("stream")) == (limit > 16_000)
    assert response.headers["content-type"] == "application/json"
    assert [block["type"] for block in response.json["content"]] == ["text", "tool_use"]
    assert isinstance(response.json["content"][1]["input"], dict)
    assert response.json["stop_reason"] == "tool_use"
    assert not [name for name in response.json if name.startswith("copilot_")]
    assert (
        bridge.logged(response.headers["x-request-id"])["tokens_out"]
        == response.json["usage"]["output_tokens"]
    )


THINKING: dict[str, tuple[str, Json, Json | None]] = {
    "budget": (
        SONNET,
        {"type": "enabled", "budget_tokens": 2000},
        {"type": "enabled", "budget_tokens": 2000},
    ),
    "too much": (
        SONNET,
        {"type": "enabled", "budget_tokens": 31_999},
        {"type": "enabled", "budget_tokens": 2000},
    ),
    "as it sees fit": (SONNET, {"type": "adaptive"}, {"type": "enabled", "budget_tokens": 2000}),
    "display": (
        SONNET,
        {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
        {"type": "enabled", "budget_tokens": 1024},
    ),
    "adaptive": (OPUS, {"type": "adaptive"}, {"type": "adaptive"}),
    "adaptive, with a budget": (OPUS, {"type": "enabled", "budget_tokens": 2000}, {"type": "adaptive"}),
    "adaptive, display": (
        OPUS,
        {"type": "adaptive", "display": "summarized"},
        {"type": "adaptive", "display": "summarized"},
    ),
    "adaptive, off": (OPUS, {"type": "enabled", "budget_tokens": -1}, None),
}


@pytest.mark.parametrize("case", THINKING)
def test_thinking_is_adapted_to_the_model(bridge: Bridge, simulator: Simulator, mark: str, case: str) -> None:
    model, given, expected = THINKING[case]
    body = body_of(f"hello {mark}", model, max_tokens=4000, thinking=given)
    assert sent(bridge, simulator, mark, body)["body"].get("thinking") == expected


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}])
def test_a_forced_tool_leaves_no_thinking(
    bridge: Bridge, simulator: Simulator, mark: str, choice: Json
) -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    body = body_of(f"hello {mark}", max_tokens=4000, thinking=thinking, tools=[TOOL], tool_choice=choice)
    entry = sent(bridge, simulator, mark, body)
    assert "thinking" not in entry["body"]
    assert entry["body"]["tool_choice"] == choice


@pytest.mark.parametrize(("effort", "fitted"), [("low", "low"), ("xhigh", "high"), ("minimal", "low")])
def test_an_effort_is_passed_on(
    bridge: Bridge, simulator: Simulator, mark: str, effort: str, fitted: str
) -> None:
    body = body_of(f"hello {mark}", OPUS, output_config={"effort": effort})
    assert sent(bridge, simulator, mark, body)["body"]["output_config"] == {"effort": fitted}


def test_breakpoints_are_plain_and_no_more_than_four(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """The first two hold what never changes, the last two move on with the conversation."""
    texts = [{"type": "text", "text": f"{number} {mark}", **CACHED} for number in range(4)]
    body = body_of(texts, system=[{"type": "text", "text": "Be brief.", **CACHED}], tools=[TOOL | CACHED])
    got = sent(bridge, simulator, mark, body)["body"]
    blocks = [*got["tools"], *got["system"], *got["messages"][0]["content"]]
    assert [block.get("cache_control") for block in blocks] == [PLAIN, PLAIN, None, None, PLAIN, PLAIN]


def test_the_billing_block_is_dropped(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """It is another one each time, and would keep everything after it out of the cache."""
    billing = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=abc12;"}
    brief = {"type": "text", "text": "Be brief.", **MARKED}
    entry = sent(bridge, simulator, mark, body_of(f"hello {mark}", system=[billing, brief]))
    assert entry["body"]["system"] == [brief]


def test_an_image_is_announced(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "aGVsbG8="}
    content = [{"type": "text", "text": f"hello {mark}"}, {"type": "image", "source": source}]
    assert sent(bridge, simulator, mark, body_of(content))["headers"]["copilot-vision-request"] == "true"
    assert (
        post(
            bridge, body_of([{"type": "image", "source": {"type": "url", "url": "http://127.0.0.1:9/a.png"}}])
        ).status
        == 400
    )


# What is said otherwise after a refusal.


@pytest.mark.parametrize(
    ("field", "more", "removed"),
    [
        ("metadata", {"metadata": {"user_id": "a"}}, lambda body: "metadata" not in body),
        ("top_k", {"top_k": 3}, lambda body: "top_k" not in body),
        # The step before the last is a block's type, and no key of it that leads on.
        (
            "system.0.text.foo",
            {"system": [{"type": "text", "text": "Be brief.", "foo": 1}]},
            lambda body: "foo" not in body["system"][0],
        ),
        (
            "tools.0.strict",
            {"tools": [TOOL | {"strict": True}]},
            lambda body: "strict" not in body["tools"][0],
        ),
    ],
)
def test_a_refused_field_is_dropped_and_remembered(
    start_bridge: Start,
    simulator: Simulator,
    mark: str,
    field: str,
    more: Json,
    removed: Callable[[Json], bool],
) -> None:
    bridge = start_bridge(server="gevent")
    body = body_of(f"[[sim:extra-inputs field={field}]] hello {mark}", **more)
    assert post(bridge, body).status == 200
    first, second = simulator.ledger(mark)
    assert not removed(first["body"])
    assert removed(second["body"])
    assert post(bridge, body).status == 200
    assert removed(simulator.ledger(mark)[2]["body"])
    assert len(simulator.ledger(mark)) == 3, "it was not remembered"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_thoughts_that_another_backend_signed_are_left_out_after_the_refusal(
    bridge: Bridge, simulator: Simulator, mark: str, stream: bool
) -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "EqQBnobodys"}
    text_block = {"type": "text", "text": "hello", **MARKED}
    messages = [
        {"role": "user", "content": f"hello {mark}"},
        {"role": "assistant", "content": [thought, {"type": "redacted_thinking", "data": "x"}, text_block]},
        {"role": "user", "content": "and now?"},
    ]
    assert post(bridge, body_of("") | {"messages": messages, "stream": stream}).status == 200
    first, second = simulator.ledger(mark)
    assert len(first["body"]["messages"][1]["content"]) == 3
    assert second["body"]["messages"][1]["content"] == [text_block]
    assert second["headers"]["x-initiator"] == "user"


def test_unsigned_thoughts_and_empty_texts_are_left_out(
    bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    unsigned = {"type": "thinking", "thinking": "hm", "signature": ""}
    text_block = {"type": "text", "text": "hello", **MARKED}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": mark}]},
        {"role": "assistant", "content": [unsigned, text_block]},
        {"role": "user", "content": "and now?"},
    ]
    got = sent(bridge, simulator, mark, body_of("") | {"messages": messages})["body"]["messages"]
    assert got[0]["content"] == [{"type": "text", "text": mark}]
    assert got[1]["content"] == [text_block]


# Counting.


def test_tokens_are_counted(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    body = body_of(f"hello {mark}", stream=True, tools=[], temperature=1, thinking={"type": "disabled"})
    response = post(bridge, body, f"{PATH}/count_tokens")
    assert response.json.keys() == {"input_tokens"}
    assert response.headers["content-type"] == "application/json"
    entry = simulator.only(mark)
    assert entry["path"].endswith("/v1/messages/count_tokens")
    assert entry["body"].keys() == {"model", "messages", "thinking"}


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5.3-codex", "gemini-2.5-pro"])
def test_the_bridge_counts_where_copilot_does_not(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    few = post(bridge, body_of(f"hello {mark}", model), f"{PATH}/count_tokens").json
    many = post(bridge, body_of(f"hello {mark} " * 100, model, tools=[TOOL]), f"{PATH}/count_tokens").json
    assert few.keys() == many.keys() == {"input_tokens"}
    assert 10 < few["input_tokens"] < 60
    assert many["input_tokens"] > 50 * few["input_tokens"] / 2
    assert simulator.ledger(mark) == []


def test_the_bridge_counts_where_copilot_fails(bridge: Bridge) -> None:
    response = post(bridge, body_of("[[sim:refuse name=unicorn]]"), f"{PATH}/count_tokens")
    assert (response.status, response.json.keys()) == (200, {"input_tokens"})
    assert 10 < response.json["input_tokens"] < 60


@pytest.mark.parametrize("model", ["gpt-5.3-codex", "gpt-4o"])
def test_the_error_for_a_long_translated_prompt_has_the_numbers(bridge: Bridge, model: str) -> None:
    """Responses says no number of its own."""
    name = "context-window" if model == "gpt-5.3-codex" else "overflow"
    response = post(bridge, body_of(f"[[sim:refuse name={name}]]", model))
    found = re.fullmatch(r"prompt is too long: (\d+) tokens > (\d+) maximum", error_in(response)["message"])
    assert response.status == 400
    assert found
    assert int(found[1]) > int(found[2])


# Errors.


STATUSES: dict[str, tuple[int, str]] = {
    "weekly": (429, "rate_limit_error"),
    "quota": (402, "billing_error"),
    "overflow": (400, "invalid_request_error"),
    "forbidden": (403, "permission_error"),
    "overloaded": (529, "overloaded_error"),
    "unicorn": (502, "api_error"),
    "entity-too-large": (413, "request_too_large"),
    "content-policy-422": (400, "invalid_request_error"),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("name", STATUSES)
def test_refusals_have_anthropics_form(bridge: Bridge, name: str, stream: bool) -> None:
    response = post(bridge, body_of(f"[[sim:refuse name={name}]]", stream=stream))
    error = error_in(response)
    assert (response.status, error["type"]) == STATUSES[name]
    if name == "weekly":
        assert response.headers["retry-after"] == "2733"


@pytest.mark.parametrize("path", [PATH, f"{PATH}/count_tokens"])
@pytest.mark.parametrize("name", ["overflow", "prompt-too-long"])
def test_a_prompt_that_is_too_long_has_the_words_that_claude_code_expects(
    bridge: Bridge, path: str, name: str
) -> None:
    response = post(bridge, body_of(f"[[sim:refuse name={name}]]"), path)
    assert response.status == 400
    words = error_in(response)["message"].split()
    assert words[:4] == ["prompt", "is", "too", "long:"]
    assert (words[5], words[6], words[8]) == ("tokens", ">", "maximum")
    assert int(words[4]) > int(words[7])


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", PATH, 405, "invalid_request_error"),
        ("DELETE", f"{PATH}/count_tokens", 405, "invalid_request_error"),
        ("POST", f"{PATH}/batches", 404, "not_found_error"),
        ("POST", "/v1/v1/v1/messages", 404, "not_found_error"),
        ("GET", "/v1/nothing", 404, "not_found_error"),
        ("GET", "/v1/models/nothing", 404, "not_found_error"),
    ],
)
def test_unknown_paths_are_errors_in_anthropics_form(
    bridge: Bridge, method: str, path: str, status: int, kind: str
) -> None:
    response = bridge.request(method, path, {} if method == "POST" else None, VERSION)
    assert (response.status, error_in(response)["type"]) == (status, kind)


@pytest.mark.parametrize("path", [PATH, f"{PATH}/count_tokens"])
@pytest.mark.parametrize("named", [True, False], ids=["with version", "without"])
def test_models_that_are_not_there_or_do_not_talk(bridge: Bridge, path: str, named: bool) -> None:
    headers = VERSION if named else {}
    unknown = bridge.request("POST", path, body_of("hello", "claude-nothing"), headers)
    assert (unknown.status, error_in(unknown)["type"]) == (404, "not_found_error")
    silent = bridge.request("POST", path, body_of("hello", "text-embedding-3-small"), headers)
    assert (silent.status, error_in(silent)["type"]) == (400, "invalid_request_error")
    assert "text-embedding-3-small" in error_in(silent)["message"]


WRONG: dict[str, Json] = {
    "model": {"model": 5},
    "max_tokens": {"max_tokens": 0},
    "stream": {"stream": "yes"},
    "messages": {"messages": []},
    "messages.0": {"messages": ["hi"]},
    "messages.0.content": {"messages": [{"role": "user", "content": 5}]},
    "messages.0.content.1": {"messages": [{"role": "user", "content": [TYPED, {"text": "a"}]}]},
    "system": {"system": 5},
    "tools": {"tools": {}},
    "tool_choice": {"tool_choice": "auto"},
    "thinking": {"thinking": True},
}


@pytest.mark.parametrize("field", WRONG)
def test_the_error_names_the_wrong_field(bridge: Bridge, field: str) -> None:
    response = post(bridge, body_of("hello") | WRONG[field])
    assert response.status == 400
    error = error_in(response)
    assert error["type"] == "invalid_request_error"
    assert field in error["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe{}", b"[" * 5000])
def test_a_body_that_is_not_a_json_object_is_refused(bridge: Bridge, body: bytes) -> None:
    response = bridge.request("POST", PATH, body)
    assert response.status == 400
    assert "JSON" in error_in(response)["message"]


def test_without_a_login_the_error_is_a_401(start_bridge: Start) -> None:
    bridge = start_bridge(github_token="", server="gevent")
    response = post(bridge, body_of("hello"))
    assert (response.status, error_in(response)["type"]) == (401, "authentication_error")


def test_another_account_has_other_models(start_bridge: Start) -> None:
    bridge = start_bridge(github_token=new_token("free"), server="gevent")
    assert post(bridge, body_of("hello")).status == 404
    listed = bridge.request("GET", "/v1/models", None, VERSION).json
    assert SONNET not in [row["id"] for row in listed["data"]]


def test_fields_can_be_kept(start_bridge: Start) -> None:
    bridge = start_bridge(keep_copilot_fields=1, server="gevent")
    assert "copilot_usage" in post(bridge, body_of("hello")).json
    events = events_of(ask(bridge, "hello"))
    assert any("copilot_usage" in event for event in events)
    assert "copilot_usage" in post(bridge, body_of("hello", max_tokens=32_000)).json
