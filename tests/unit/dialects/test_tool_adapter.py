"""Tools that upstream takes under another name or in another form, and their calls in the response."""

import copy
import json

import pytest

from copilot_bridge.dialects.accumulation import ReceivedResponse
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.responses.normalize import ResponsesNormalizer
from copilot_bridge.dialects.responses.tool_adapter import ToolAdapter

PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Edits.",
    "format": {"definition": "start: x"},
}
SPAWN = {"type": "function", "name": "spawn", "parameters": {"type": "object"}}


def space(name="collaboration", description="x", *tools):
    return {"type": "namespace", "name": name, "description": description, "tools": [*tools] or [SPAWN]}


def called(**more):
    return {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "c1",
        "name": "spawn",
        "arguments": "{}",
        **more,
    }


def adapted(body, *, free=True):
    tool_adapter = ToolAdapter(("collaboration",), free=free)
    after = copy.deepcopy(body)
    assert tool_adapter.adapt_request(after) == (after != body)
    return tool_adapter, after


def stream(*events):
    numbered = (event | {"sequence_number": number} for number, event in enumerate(events))
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())
        for event in numbered
    )


def restored(tool_adapter, data, size=7):
    """The events that a client gets, whatever the pieces."""
    normalizer, out = ResponsesNormalizer(), b""
    for offset in range(0, len(data), size):
        if output := tool_adapter.feed(data[offset : offset + size]):
            out += normalizer.feed(output)
    out += normalizer.feed(tool_adapter.rest())
    return [json.loads(sse.read_data(block)) for block in out.split(b"\n\n") if block]


def test_a_reserved_namespace_is_renamed_and_restored():
    body = {
        "input": [
            called(namespace="collaboration"),
            {"type": "additional_tools", "role": "developer", "tools": [space(), space("mine")]},
        ],
        "tools": [space(), SPAWN],
        "tool_choice": {"type": "function", "name": "spawn", "namespace": "collaboration"},
    }
    tool_adapter, sent = adapted(body)
    assert sent["tools"] == [space("client_collaboration"), SPAWN]
    assert sent["input"][0]["namespace"] == sent["tool_choice"]["namespace"] == "client_collaboration"
    assert [tool["name"] for tool in sent["input"][1]["tools"]] == ["client_collaboration", "mine"]
    response = {
        "object": "response",
        "output": [called(namespace="client_collaboration")],
        "tools": sent["tools"],
    }
    data = tool_adapter.whole(ReceivedResponse.read(json.dumps(response).encode())).body
    assert data is not None
    assert data["output"] == [called(namespace="collaboration")]
    assert data["tools"] == body["tools"]


def test_a_reserved_namespace_is_restored_in_a_stream():
    tool_adapter, sent = adapted({"input": "hi", "tools": [space()]})
    item = called(namespace="client_collaboration")
    response = {"id": "r", "object": "response", "output": [item], "tools": sent["tools"]}
    events = restored(
        tool_adapter,
        stream(
            {"type": "response.output_item.added", "output_index": 0, "item": item | {"arguments": ""}},
            {
                "type": "response.function_call_arguments.delta",
                "output_index": 0,
                "item_id": "x",
                "delta": "{}",
            },
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": response},
        ),
    )
    assert [event.get("item", {}).get("namespace") for event in events[:3]] == [
        "collaboration",
        None,
        "collaboration",
    ]
    assert events[-1]["response"]["output"][0]["namespace"] == "collaboration"
    assert events[-1]["response"]["tools"] == [space()]


def test_a_namespace_without_a_description_has_its_name():
    assert adapted({"input": "hi", "tools": [space("mine", "")]})[1]["tools"] == [space("mine", "mine")]


@pytest.mark.parametrize("tools", [[SPAWN], [space("mine")], [PATCH], [], None, [7, {"type": "namespace"}]])
def test_other_requests_are_left_unchanged(tools):
    adapted({"input": [called(), {"role": "user", "content": "hi"}], "tools": tools})
    assert adapted({"input": "hi", "tools": tools})[1] == {"input": "hi", "tools": tools}


LOOP = [
    {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin"},
    {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
]


def test_a_free_form_tool_becomes_a_function():
    choice = {"type": "custom", "name": "apply_patch"}
    body = {"input": LOOP, "tools": [PATCH, space("mine", "x", PATCH)], "tool_choice": choice}
    _, sent = adapted(body, free=False)
    tool, inner = sent["tools"]
    assert (tool["type"], tool["parameters"]["required"]) == ("function", ["input"])
    assert "start: x" in tool["description"]
    assert inner["tools"] == [tool]
    assert sent["input"] == [
        {
            "type": "function_call",
            "call_id": "c1",
            "name": "apply_patch",
            "arguments": '{"input":"*** Begin"}',
        },
        {"type": "function_call_output", "call_id": "c1", "output": "done"},
    ]
    assert sent["tool_choice"] == {"type": "function", "name": "apply_patch"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [('{"input": "*** Begin"}', "*** Begin"), ("*** Begin", "*** Begin"), ('{"patch": 1}', '{"patch": 1}')],
)
@pytest.mark.parametrize("size", [1, 40, 10_000])
def test_calls_of_a_free_form_tool_are_restored(arguments, text, size):
    tool_adapter, sent = adapted({"input": "hi", "tools": [PATCH, SPAWN]}, free=False)
    item, other = called(name="apply_patch", arguments=arguments), called(arguments='{"a": 1}', call_id="c2")
    piece = {"type": "response.function_call_arguments.delta", "item_id": "x"}
    done = {"type": "response.function_call_arguments.done", "item_id": "x"}
    response = {"id": "r", "object": "response", "output": [item, other], "tools": sent["tools"]}
    data = stream(
        {"type": "response.output_item.added", "output_index": 0, "item": item | {"arguments": ""}},
        piece | {"output_index": 0, "delta": arguments[:3]},
        piece | {"output_index": 0, "delta": arguments[3:]},
        done | {"output_index": 0, "arguments": arguments},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.output_item.added", "output_index": 1, "item": other | {"arguments": ""}},
        piece | {"output_index": 1, "delta": '{"a": 1}'},
        {"type": "response.output_item.done", "output_index": 1, "item": other},
        {"type": "response.completed", "response": response},
    )
    events = restored(tool_adapter, data, size)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert kinds == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "output_item.done",
        "completed",
    ]
    assert (events[0]["item"]["type"], events[0]["item"]["input"]) == ("custom_tool_call", "")
    assert events[1]["delta"] == events[2]["input"] == events[3]["item"]["input"] == text
    first, second = events[-1]["response"]["output"]
    assert (first["type"], first["input"], "arguments" in first) == ("custom_tool_call", text, False)
    assert (second["type"], second["arguments"]) == ("function_call", '{"a": 1}')
    assert first["id"] == events[0]["item"]["id"]
