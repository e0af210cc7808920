"""Functions, the form before tools: requests become ones with tools, and calls come back in the old form."""

import json
from typing import Any

import pytest

from copilot_bridge.dialects.accumulation import FrameCollector
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.client_request import ChatRequest
from copilot_bridge.dialects.chat.framing import FRAMING
from copilot_bridge.dialects.chat.reader import ChatReader
from copilot_bridge.dialects.client_request import ClientRequest, ResponseOptions
from copilot_bridge.dialects.prompt import Message, Text, Tool, ToolCall, ToolChoice, ToolResult
from copilot_bridge.dialects.translation import Translation
from copilot_bridge.errors import InvalidRequest, Unsupported

Json = dict[str, Any]

SCHEMA: Json = {"type": "object", "properties": {"path": {"type": "string"}}}
READ: Json = {"name": "read", "description": "Reads.", "parameters": SCHEMA}
HI: Json = {"role": "user", "content": "Hi"}


def request(**body: Any) -> ClientRequest:
    return ChatRequest.read(json.dumps({"model": "m", "messages": [HI]} | body).encode())


def called(arguments: str = "{}", **more: Any) -> Json:
    call = {"name": "read", "arguments": arguments}
    return {"role": "assistant", "content": None, "function_call": call, **more}


def result(content: str, name: str = "read") -> Json:
    return {"role": "function", "name": name, "content": content}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, None),
        ({"function_call": "auto"}, ToolChoice("auto")),
        ({"function_call": "none"}, ToolChoice("none")),
        ({"function_call": {"name": "read"}}, ToolChoice("tool", "read")),
    ],
)
def test_functions_are_tools_of_which_one_is_called(choice: Json, expected: ToolChoice | None) -> None:
    client = request(functions=[READ], **choice)
    prompt = client.read_prompt()
    assert prompt.tools == (Tool("read", "Reads.", SCHEMA),)
    assert (prompt.tool_choice, prompt.parallel_tools) == (expected, False)
    assert client.requires_translation()
    assert client.nearest_dialect() == ""


def test_calls_and_results_find_each_other() -> None:
    client = request(messages=[HI, called('{"path":"a"}'), result("A"), called(), result("B"), HI])
    assert client.read_prompt().messages[1:-1] == (
        Message("assistant", (ToolCall("call_1", "read", '{"path":"a"}'),)),
        Message("user", (ToolResult("call_1", (Text("A"),)),)),
        Message("assistant", (ToolCall("call_3", "read", "{}"),)),
        Message("user", (ToolResult("call_3", (Text("B"),)),)),
    )
    assert client.changed
    assert not client.requires_translation(), "a history alone needs no old response"


def test_a_result_of_no_call_is_kept() -> None:
    _hi, given = request(messages=[HI, result("A", "other")]).read_prompt().messages
    assert given.parts == (ToolResult("call_1", (Text("A"),)),)


def test_a_null_call_is_left_out() -> None:
    message = {"role": "assistant", "content": "Ho", "function_call": None}
    assert request(messages=[HI, message, HI]).body["messages"][1] == {"role": "assistant", "content": "Ho"}


@pytest.mark.parametrize("given", [{"functions": []}, {"function_call": "none"}, {"functions": None}])
def test_an_empty_list_of_functions_is_dropped(given: Json) -> None:
    client = request(**given)
    assert client.body == {"model": "m", "messages": [HI]}
    assert client.changed
    assert not client.requires_translation()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"functions": [READ], "function_call": {"name": "write"}}, "function_call"),
        ({"functions": 5}, "functions"),
        ({"functions": [{}]}, "functions.0.name"),
        ({"functions": [READ], "tools": [{"type": "function", "function": READ}]}, "functions"),
        ({"functions": [READ], "function_call": "required"}, "function_call"),
        ({"messages": [HI, {"role": "assistant", "function_call": {}}]}, "messages.1.function_call.name"),
        ({"messages": [HI, {"role": "assistant", "function_call": 5}]}, "messages.1.function_call"),
    ],
)
def test_a_wrong_field_is_named(given: Json, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        request(**given)
    assert caught.value.param == field


def test_a_body_of_responses_has_tools() -> None:
    with pytest.raises(Unsupported) as caught:
        ChatRequest.read(json.dumps({"model": "m", "input": "Hi", "functions": [READ]}).encode())
    assert caught.value.param == "functions"


# Responses.


def chunk(delta: Json, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return b"data: " + json.dumps({"id": "1", "choices": [choice]}).encode() + b"\n\n"


def tool_call(index: int, name: str, *pieces: str) -> list[bytes]:
    opened = {"index": index, "id": f"call_{index}", "type": "function", "function": {"name": name}}
    fragments = [{"index": index, "function": {"arguments": piece}} for piece in pieces]
    return [chunk({"tool_calls": [call]}) for call in (opened, *fragments)]


STREAM = b"".join(
    [
        chunk({"role": "assistant", "content": "Let me see."}),
        *tool_call(0, "read", '{"pa', 'th":"a"}'),
        *tool_call(1, "read", "{}"),
        chunk({}, "tool_calls"),
        b"data: [DONE]\n\n",
    ]
)


def respond(stream: bytes, *, whole: bool) -> Any:
    response = request(functions=[READ]).response(ResponseOptions("1", 1, keep=False, upstream_item_ids={}))
    accumulator = response.accumulator()
    reader = ChatReader(ChunkNormalizer(model="m", created=1))
    framing = FrameCollector(accumulator) if whole else FRAMING
    out = Translation(reader, response.writer(), framing).feed(stream)
    if whole:
        return json.loads(accumulator.result()[0])["choices"][0]
    lines = [line.removeprefix(b"data: ") for line in out.split(b"\n\n")]
    return [json.loads(line)["choices"][0] for line in lines if line.startswith(b"{")]


def test_the_first_call_is_streamed_in_the_old_form() -> None:
    choices = respond(STREAM, whole=False)
    deltas = [choice["delta"] for choice in choices]
    assert deltas[2:] == [
        {"function_call": {"name": "read", "arguments": ""}},
        {"function_call": {"arguments": '{"pa'}},
        {"function_call": {"arguments": 'th":"a"}'}},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None] * 5 + ["function_call"]


def test_a_whole_response_has_the_old_form() -> None:
    choice = respond(STREAM, whole=True)
    assert choice["message"] == {
        "role": "assistant",
        "content": "Let me see.",
        "refusal": None,
        "function_call": {"name": "read", "arguments": '{"path":"a"}'},
    }
    assert choice["finish_reason"] == "function_call"


def test_a_response_without_a_call_is_as_any_other() -> None:
    choice = respond(chunk({"content": "Ho"}) + chunk({}, "stop") + b"data: [DONE]\n\n", whole=True)
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Ho", "stop")
