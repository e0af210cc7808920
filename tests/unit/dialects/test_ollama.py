"""Ollama's chats and generations."""

import base64
import json
from itertools import count
from typing import Any

import pytest

from copilot_bridge.dialects.events import (
    Event,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TokenUsage,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.dialects.framing.ndjson import NewlineDelimitedJson
from copilot_bridge.dialects.ollama import request
from copilot_bridge.dialects.ollama.errors import error_frame, write_error
from copilot_bridge.dialects.ollama.prompt_reader import (
    DROPPED,
    DROPPED_OPTIONS,
    read_chat_prompt,
    read_generate_prompt,
)
from copilot_bridge.dialects.ollama.response import OllamaAccumulator
from copilot_bridge.dialects.ollama.writer import OllamaWriter, chat_members, generate_members
from copilot_bridge.dialects.prompt import (
    Gap,
    Image,
    Message,
    OutputFormat,
    Prompt,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from copilot_bridge.errors import InvalidRequest, StreamCut, Unsupported, UpstreamRefused

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 20).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff" + b"0" * 20).decode()
HI = {"role": "user", "content": "Hi"}


def chat(**body: Any) -> Prompt:
    return read_chat_prompt(
        request.read(json.dumps({"model": "m", "messages": [HI]} | body).encode(), request.CHAT_FIELDS)
    )


def generate(**body: Any) -> Prompt:
    data = json.dumps({"model": "m"} | body).encode()
    return read_generate_prompt(request.read(data, request.GENERATE_FIELDS))


# Requests.


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"model": 5}, "model"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": [{"content": "Hi"}]}, "messages.0.role"),
        ({"messages": [{"role": "robot"}]}, "messages.0.role"),
        ({"messages": [HI | {"content": ["Hi"]}]}, "messages.0.content"),
        ({"messages": [HI | {"images": [5]}]}, "messages.0.images.0"),
        ({"messages": [HI | {"images": ["https://example.com/x.png"]}]}, "messages.0.images.0"),
        ({"messages": [HI | {"images": ["é"]}]}, "messages.0.images.0"),
        ({"messages": [HI | {"images": [""]}]}, "messages.0.images.0"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages.0.tool_calls.0.function"),
        ({"tools": [{"type": "function"}]}, "tools.0.function"),
        ({"format": "xml"}, "format"),
        ({"think": "very"}, "think"),
        ({"options": {"num_predict": "many"}}, "options.num_predict"),
        ({"options": {"stop": [1]}}, "options.stop.0"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat(**body)
    assert caught.value.param == field


@pytest.mark.parametrize(
    ("given", "streamed"),
    [({}, True), ({"stream": None}, True), ({"stream": True}, True), ({"stream": False}, False)],
)
def test_streaming_is_the_default(given: dict[str, Any], streamed: bool) -> None:
    body = request.read(json.dumps({"model": "m"} | given).encode(), request.CHAT_FIELDS)
    assert body["stream"] is streamed


@pytest.mark.parametrize(("name", "model"), [("gpt-4.1:latest", "gpt-4.1"), ("gpt-4.1", "gpt-4.1")])
def test_the_tag_of_the_newest_version_is_no_part_of_the_name(name: str, model: str) -> None:
    assert chat(model=name).model == model


def test_all_settings_are_read() -> None:
    prompt = chat(
        options={
            "num_predict": 50,
            "temperature": 0.1,
            "top_p": 0.5,
            "stop": "END",
            "num_ctx": 4096,
            "seed": 1,
        },
        think="high",
        format={"type": "object"},
        keep_alive=1800,
        tools=[
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "parameters": {"properties": {}}},
            }
        ],
    )
    assert prompt == Prompt(
        model="m",
        messages=(Message("user", (Text("Hi"),)),),
        tools=(Tool("f", "d", {"type": "object", "properties": {}}),),
        max_tokens=50,
        temperature=0.1,
        top_p=0.5,
        stop=("END",),
        reasoning_effort="high",
        output_format=OutputFormat({"type": "object"}),
    )


@pytest.mark.parametrize(
    ("think", "effort", "budget"),
    [(True, "medium", None), (False, None, 0), ("low", "low", None), (None, None, None)],
)
def test_thinking_is_on_off_or_has_a_level(think: Any, effort: str | None, budget: int | None) -> None:
    prompt = chat(think=think)
    assert (prompt.reasoning_effort, prompt.thinking_budget) == (effort, budget)


def test_log_probabilities_are_refused() -> None:
    assert chat(logprobs=False, top_logprobs=2) == chat()
    with pytest.raises(Unsupported) as caught:
        chat(logprobs=True)
    assert caught.value.param == "logprobs"


def test_options_of_local_models_are_left_out() -> None:
    options = dict.fromkeys(DROPPED_OPTIONS, 1)
    assert chat(options=options, **dict.fromkeys(DROPPED, 1)) == chat()


@pytest.mark.parametrize("most", [0, -1, -2])
def test_no_limit_of_the_output_is_none(most: int) -> None:
    assert chat(options={"num_predict": most}).max_tokens is None


def test_results_find_their_calls_by_name_or_by_order() -> None:
    calls = [{"function": {"name": name, "arguments": {"x": 1}}} for name in ("f", "g", "f")]
    results = [
        {"role": "tool", "content": "of g", "tool_name": "g"},
        {"role": "tool", "content": "of the first f"},
        {"role": "tool", "content": "of the second f", "tool_name": "f"},
    ]
    asked = {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": calls}
    _user, assistant, *given = chat(messages=[HI, asked, *results]).messages
    ids = ["call_1_0", "call_1_1", "call_1_2"]
    assert assistant.parts == (
        Reasoning("hm"),
        *(ToolCall(id_, name, '{"x":1}') for id_, name in zip(ids, "fgf", strict=True)),
    )
    assert [message.parts for message in given] == [
        (ToolResult("call_1_1", (Text("of g"),)),),
        (ToolResult("call_1_0", (Text("of the first f"),)),),
        (ToolResult("call_1_2", (Text("of the second f"),)),),
    ]


def test_ids_are_used_where_a_client_has_them() -> None:
    asked = {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f"}}]}
    result = {"role": "tool", "content": "x", "tool_call_id": "a"}
    _user, assistant, given = chat(messages=[HI, asked, result]).messages
    assert assistant.parts == (ToolCall("a", "f", "{}"),)
    assert given.parts == (ToolResult("a", (Text("x"),)),)


def test_a_result_without_a_call_is_kept() -> None:
    _user, given = chat(messages=[HI, {"role": "tool", "content": "x", "tool_name": "f"}]).messages
    assert given.parts == (ToolResult("result_1", (Text("x"),)),)


def test_images_are_recognised_by_their_bytes() -> None:
    (message,) = chat(messages=[HI | {"images": [PNG, f"data:image/png;base64,{JPEG}"]}]).messages
    assert message.parts == (Text("Hi"), Image("image/png", PNG), Image("image/jpeg", JPEG))


def test_a_generation_is_a_single_message() -> None:
    prompt = generate(prompt="Hi", system="Be brief", images=[PNG])
    assert prompt.messages == (
        Message("system", (Text("Be brief"),)),
        Message("user", (Text("Hi"), Image("image/png", PNG))),
    )


@pytest.mark.parametrize(
    ("body", "gap"),
    [
        ({"prompt": "a", "suffix": "b"}, Gap("a", "b")),
        ({"prompt": "<fim_prefix>a<fim_suffix>b<fim_middle>", "raw": True}, Gap("a", "b")),
        ({"prompt": "a", "raw": True}, Gap("a")),
    ],
)
def test_a_generation_may_fill_a_gap(body: dict[str, Any], gap: Gap) -> None:
    prompt = generate(**body, options={"stop": ["x"]})
    assert (prompt.gap, prompt.messages, prompt.stop[0]) == (gap, (), "x")


@pytest.mark.parametrize(("body", "load"), [({}, True), ({"prompt": ""}, True), ({"prompt": "Hi"}, False)])
def test_a_request_without_a_prompt_loads_the_model(body: dict[str, Any], load: bool) -> None:
    assert request.is_load(body) is load


@pytest.mark.parametrize(
    ("messages", "initiator"),
    [
        ([HI], "user"),
        ([HI, {"role": "assistant", "content": "Ho"}, HI], "user"),
        ([HI, {"role": "assistant", "content": ""}, {"role": "tool", "content": "x"}], "agent"),
    ],
)
def test_the_initiator_follows_the_last_message(messages: list[Any], initiator: str) -> None:
    assert request.read_conversation({"model": "m", "messages": messages}).initiator == initiator


# Responses.

USAGE = TokenUsage(input=5, cached=2, output=3)


def lines(*events: Event, members: Any = chat_members) -> list[dict[str, Any]]:
    ticks = count()
    writer = OllamaWriter(
        model="m", members=members, elapsed=lambda: float(next(ticks)), now=lambda: "2026-01-02T03:04:05Z"
    )
    encoded = NewlineDelimitedJson().encode([frame for event in events for frame in writer.feed(event)])
    return [json.loads(line) for line in encoded.splitlines()]


def test_a_chat_is_written() -> None:
    first, second, last = lines(
        ResponseStarted(""),
        ReasoningDelta(0, "hm"),
        ReasoningSignature(0, {}),
        TextDelta(1, "Ho"),
        ResponseFinished("stop", USAGE),
    )
    head = {"model": "m", "created_at": "2026-01-02T03:04:05Z"}
    assert first == head | {"message": {"role": "assistant", "content": "", "thinking": "hm"}, "done": False}
    assert second == head | {"message": {"role": "assistant", "content": "Ho"}, "done": False}
    assert last == head | {
        "message": {"role": "assistant", "content": ""},
        "done_reason": "stop",
        "total_duration": 1_000_000_000,
        "load_duration": 0,
        "prompt_eval_count": 7,
        "prompt_eval_duration": 0,
        "eval_count": 3,
        "eval_duration": 1_000_000_000,
        "done": True,
    }


def test_tool_calls_are_written_whole() -> None:
    found = lines(
        ResponseStarted(""),
        ToolCallStarted(0, "a", "f"),
        ToolCallArgumentsDelta(0, '{"x":'),
        ToolCallArgumentsDelta(0, "12345678901234567890}"),
        ToolCallStarted(1, "b", "g"),
        ResponseFinished("tool_calls", USAGE),
    )
    calls = [line["message"]["tool_calls"] for line in found[:-1]]
    assert calls == [
        [{"id": "a", "function": {"name": "f", "arguments": {"x": 12345678901234567890}}}],
        [{"id": "b", "function": {"name": "g", "arguments": {}}}],
    ]
    assert found[-1]["done_reason"] == "stop"


def test_a_call_that_the_limit_cuts_off_is_left_out() -> None:
    found = lines(
        ResponseStarted(""),
        ToolCallStarted(0, "a", "f"),
        ToolCallArgumentsDelta(0, '{"x":'),
        ResponseFinished("length", USAGE),
    )
    assert [line["done_reason"] for line in found] == ["length"]


def test_a_call_that_is_no_object_is_an_error() -> None:
    with pytest.raises(UpstreamRefused):
        lines(ToolCallStarted(0, "a", "f"), ToolCallArgumentsDelta(0, "[1]"), ResponseFinished("stop", USAGE))


def test_a_generation_is_written() -> None:
    first, second, last = lines(
        RefusalDelta(0, "No"), TextDelta(1, "."), ResponseFinished("length", USAGE), members=generate_members
    )
    assert (first["response"], second["response"], last["response"]) == ("No", ".", "")
    assert last["done_reason"] == "length"


def whole(*events: Event, members: Any = chat_members) -> dict[str, Any]:
    accumulator = OllamaAccumulator()
    for line in lines(*events, members=members):
        accumulator.add(line)
    response, usage = accumulator.result()
    assert usage == {"prompt_tokens": 7, "completion_tokens": 3}
    return dict(json.loads(response))


def test_a_whole_chat_has_everything() -> None:
    found = whole(
        ReasoningDelta(0, "h"),
        ReasoningDelta(0, "m"),
        TextDelta(1, "H"),
        TextDelta(1, "o"),
        ToolCallStarted(2, "a", "f"),
        ResponseFinished("tool_calls", USAGE),
    )
    assert found["message"] == {
        "role": "assistant",
        "content": "Ho",
        "thinking": "hm",
        "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}],
    }
    assert found["done"] is True


def test_a_whole_generation_has_everything() -> None:
    found = whole(
        ReasoningDelta(0, "hm"), TextDelta(1, "Ho"), ResponseFinished("stop", USAGE), members=generate_members
    )
    assert (found["response"], found["thinking"], found["done"]) == ("Ho", "hm", True)


def test_a_response_without_an_end_is_cut() -> None:
    with pytest.raises(StreamCut):
        whole(TextDelta(0, "Ho"))


def test_an_error_is_an_object_with_a_text() -> None:
    error = InvalidRequest("model: expected a model name", param="model")
    status, _headers, body = write_error(error)
    assert (status, json.loads(body)) == (400, {"error": str(error)})
    assert error_frame(error) == ("", {"error": str(error)})


def test_a_silence_does_not_break_a_line() -> None:
    framing = NewlineDelimitedJson()
    line = framing.keepalive + framing.comment(b": x") + framing.encode([("", {"a": 1})])
    assert [json.loads(found) for found in line.splitlines()] == [{"a": 1}]
