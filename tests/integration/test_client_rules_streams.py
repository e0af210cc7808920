"""Observed needs of agents and SDKs in streams: rules 1 to 8, each by its number.

What a client does when a rule is broken stands in each test; all were measured.
"""

import json
from typing import Any

import pytest
from integration.agents import CLAUDE_CODE, claude_code
from integration.dialects import ALL_CELLS, ALL_DIALECTS, CHAT, MESSAGES, RESPONSES, event_of, models
from integration.harness import Bridge, Json, ReceivedStream, Simulator

from copilot_bridge.dialects.responses.normalize import ResponsesNormalizer

ROUTES = pytest.mark.parametrize(("client", "model"), [cell[:2] for cell in ALL_CELLS])
IN_MESSAGES = pytest.mark.parametrize("model", models("messages"))
IN_RESPONSES = pytest.mark.parametrize("model", models("responses"))
IN_CHAT = pytest.mark.parametrize("model", models("chat"))

TWO = ("read_file", "write_file")
CALLS = "[[sim:think]][[sim:tools]] go"  # thinks, and calls all the tools there are


# 1. A stream without its end is asked for again, without limit.


@ROUTES
def test_rule_01_every_stream_ends_properly(bridge: Bridge, mark: str, client: str, model: str) -> None:
    assert mark in ALL_DIALECTS[client].well_ended(ALL_DIALECTS[client].frames(bridge, mark, model))


@ROUTES
@pytest.mark.parametrize("cut", ["cut-in-frame", "cut-between", "reset"])
def test_rule_01_a_broken_stream_ends_with_an_error(
    bridge: Bridge, client: str, model: str, cut: str
) -> None:
    dialect = ALL_DIALECTS[client]
    error = dialect.broken(
        dialect.frames(bridge, f"[[sim:{cut} after=5]] one two three four five six", model)
    )
    assert error["message"]
    if client == "messages":
        assert error["type"] in ("api_error", "overloaded_error")


@pytest.mark.parametrize(("client", "model"), [cell[:2] for cell in ALL_CELLS])
def test_rule_01_an_error_in_upstreams_stream_is_an_error(bridge: Bridge, client: str, model: str) -> None:
    dialect = ALL_DIALECTS[client]
    frames = dialect.frames(bridge, "[[sim:error-in-stream]] one two three", model)
    assert dialect.broken(frames)["message"]


@pytest.mark.parametrize(("client", "model"), [cell[:2] for cell in ALL_CELLS if cell[2] == "responses"])
def test_rule_01_a_failed_response_is_an_error(bridge: Bridge, client: str, model: str) -> None:
    dialect = ALL_DIALECTS[client]
    assert dialect.broken(dialect.frames(bridge, "[[sim:failed]] one two three", model))["message"]


# 2. Without usage opencode asks again for ever; without the output SDKs have no text.


@IN_RESPONSES
@pytest.mark.parametrize("text", ["one two three", CALLS, "[[sim:length]] one two three"])
def test_rule_02_completed_has_the_usage_and_the_full_output(bridge: Bridge, model: str, text: str) -> None:
    tools = [RESPONSES.tool(name) for name in TWO]
    events = RESPONSES.events(RESPONSES.frames(bridge, text, model, tools=tools))
    assert events[-1]["type"] == ("response.incomplete" if "length" in text else "response.completed")
    response = events[-1]["response"]
    finished = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert finished
    assert response["output"] == finished
    usage = response["usage"]
    assert usage["input_tokens"] > 0
    assert usage["output_tokens"] > 0
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens_details"]["cached_tokens"] >= 0
    assert usage["output_tokens_details"]["reasoning_tokens"] >= 0


@pytest.mark.parametrize("model", models("responses", "chat"))
def test_rule_02_there_is_a_usage_where_upstream_counts_nothing(bridge: Bridge, model: str) -> None:
    last = RESPONSES.events(RESPONSES.frames(bridge, "[[sim:no-usage]] hello", model))[-1]
    assert last["response"]["usage"].keys() >= {"input_tokens", "output_tokens", "total_tokens"}


def test_rule_02_the_output_is_full_even_if_upstream_leaves_it_empty() -> None:
    """No socket: the simulator's is never empty."""
    item = {
        "id": "x",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "a"}],
    }
    events: list[Json] = [
        {"type": "response.output_item.added", "output_index": 0, "item": item | {"id": "y", "content": []}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"id": "r", "output": [], "usage": {"input_tokens": 1}}},
    ]
    normalizer = ResponsesNormalizer()
    output = b"".join(normalizer.feed(b"data: " + json.dumps(event).encode() + b"\n\n") for event in events)
    last = json.loads(output.split(b"data: ")[-1])
    assert [output_item["content"] for output_item in last["response"]["output"]] == [item["content"]]


# 3. Ids that change within a stream break opencode and an SDK's helper.


@IN_RESPONSES
def test_rule_03_an_item_has_one_id(bridge: Bridge, model: str) -> None:
    tools = [RESPONSES.tool(name) for name in TWO]
    events = RESPONSES.events(RESPONSES.frames(bridge, CALLS, model, tools=tools))
    ids: dict[int, set[str]] = {}
    for event in events:
        if "output_index" in event:
            ids.setdefault(event["output_index"], set()).add(event.get("item_id") or event["item"]["id"])
    for index, item in enumerate(events[-1]["response"]["output"]):
        ids[index].add(item["id"])
    assert len(ids) >= 3, "a thought and two calls"
    assert all(len(item_ids) == 1 for item_ids in ids.values()), ids
    assert len(set.union(*ids.values())) == len(ids), "each has its own"
    assert len({event["response"]["id"] for event in events if "response" in event}) == 1


# 4. Codex takes the response from `output_item.done` alone, SDKs' helpers need what comes before.


@IN_RESPONSES
@pytest.mark.parametrize("text", ["one two three", CALLS])
def test_rule_04_each_item_is_added_streamed_and_done(bridge: Bridge, model: str, text: str) -> None:
    tools = [RESPONSES.tool(TWO[0]), {"type": "custom", "name": "patch"}]
    events = RESPONSES.events(RESPONSES.frames(bridge, text, model, tools=tools))
    count = len(events[-1]["response"]["output"])
    assert count
    for index in range(count):
        check_item([event for event in events if event.get("output_index") == index])


def check_item(events: list[Json]) -> None:
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert (kinds[0], kinds[-1]) == ("output_item.added", "output_item.done")
    assert sum(kind.startswith("output_item") for kind in kinds) == 2
    item = events[-1]["item"]
    if item["type"] == "message":
        deltas, text = "output_text.delta", item["content"][0]["text"]
        assert kinds[1] == "content_part.added"
        assert kinds[-3:-1] == ["output_text.done", "content_part.done"]
    elif item["type"] == "custom_tool_call":
        deltas, text = "custom_tool_call_input.delta", item["input"]
    elif item["type"] == "function_call":
        deltas, text = "function_call_arguments.delta", item["arguments"]
    else:
        assert item["type"] == "reasoning"
        return
    assert text
    assert (
        "".join(event["delta"] for event, kind in zip(events, kinds, strict=True) if kind == deltas) == text
    )


# 5. Without `event:` lines Claude Code asks for everything a second time.


@IN_MESSAGES
@pytest.mark.parametrize("how", ["", "[[sim:slow-body seconds=0.6]]", "[[sim:cut-between after=4]]"])
def test_rule_05_every_event_of_messages_has_its_name(brisk_bridge: Bridge, model: str, how: str) -> None:
    """Signs of life and errors, too: `event_of` looks at each frame."""
    kinds = [
        event_of(frame)["type"] for frame in MESSAGES.frames(brisk_bridge, f"{how} one two three four", model)
    ]
    assert ("ping" in kinds) or not how.startswith("[[sim:slow")
    assert kinds[-1] == ("error" if "cut" in how else "message_stop")


# 6. SDKs throw where a number or an index is missing.


@IN_MESSAGES
@pytest.mark.parametrize("text", ["one two three", CALLS, "[[sim:think]] one two three"])
def test_rule_06_messages_are_numbered_and_counted(bridge: Bridge, model: str, text: str) -> None:
    tools = [MESSAGES.tool(name) for name in TWO]
    events = MESSAGES.events(MESSAGES.frames(bridge, text, model, tools=tools))
    check_start(events[0])
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    usage = events[-2]["usage"]
    for name in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
        assert isinstance(usage[name], int), name
    assert usage["output_tokens"] > 0
    check_blocks(events[1:-2])


def check_start(event: Json) -> None:
    assert event["type"] == "message_start"
    message = event["message"]
    assert message["id"]
    assert message["model"]
    assert (message["type"], message["role"], message["content"]) == ("message", "assistant", [])
    assert isinstance(message["usage"]["input_tokens"], int)
    assert isinstance(message["usage"]["output_tokens"], int)


def check_blocks(events: list[Json]) -> None:
    """One after the other, numbered from 0."""
    opened, closed = 0, 0
    for event in events:
        kind = event["type"]
        if kind == "content_block_start":
            assert event["index"] == opened == closed
            opened += 1
        else:
            assert kind in ("content_block_delta", "content_block_stop")
            assert event["index"] == closed == opened - 1
            closed += kind == "content_block_stop"
    assert opened == closed > 0


@IN_MESSAGES
def test_rule_06_a_whole_message_names_its_model(bridge: Bridge, model: str) -> None:
    response = MESSAGES.post(bridge, MESSAGES.body("one two three", model)).json
    assert (response["type"], response["role"]) == ("message", "assistant")
    assert response["id"]
    assert response["model"]
    assert {"input_tokens", "output_tokens"} <= response["usage"].keys()


@pytest.mark.parametrize("model", models("messages", "chat"))
def test_rule_06_there_are_numbers_where_upstream_counts_nothing(bridge: Bridge, model: str) -> None:
    events = MESSAGES.events(MESSAGES.frames(bridge, "[[sim:no-usage]] hello", model))
    check_start(events[0])
    assert isinstance(events[-2]["usage"]["output_tokens"], int)


# 7. Helpers of SDKs throw at deltas that do not say whose they are.


@IN_CHAT
def test_rule_07_the_first_delta_has_a_role(bridge: Bridge, model: str) -> None:
    for text in ("one two three", CALLS, "[[sim:empty]]"):
        received = ReceivedStream(CHAT.frames(bridge, text, model, tools=[CHAT.tool(TWO[0])]))
        roles = [delta.get("role") for delta in received.deltas]
        assert (roles[0], set(roles[1:])) in [("assistant", {None}), ("assistant", set())]


@IN_CHAT
def test_rule_07_tool_calls_are_complete(bridge: Bridge, model: str) -> None:
    received = ReceivedStream(CHAT.frames(bridge, CALLS, model, tools=[CHAT.tool(name) for name in TWO]))
    fragments = [call for delta in received.deltas for call in delta.get("tool_calls", ())]
    first: dict[int, Json] = {}
    for fragment in fragments:
        first.setdefault(fragment["index"], fragment)
    assert list(first) == [0, 1]
    for fragment, name in zip(first.values(), TWO, strict=True):
        assert fragment["id"]
        assert fragment["type"] == "function"
        assert fragment["function"]["name"] == name
    assert len({fragment["id"] for fragment in first.values()}) == 2
    assert all(isinstance(json.loads(call["arguments"]), dict) for call in received.calls)
    assert received.finish_reason == "tool_calls"


@pytest.mark.parametrize("model", models("chat", "chat"))
def test_rule_07_a_tool_call_is_the_reason_even_if_upstream_names_none(bridge: Bridge, model: str) -> None:
    received = ReceivedStream(
        CHAT.frames(bridge, f"[[sim:no-finish]]{CALLS}", model, tools=[CHAT.tool(TWO[0])])
    )
    assert received.calls
    assert received.finish_reason == "tool_calls"


@IN_CHAT
@pytest.mark.parametrize("requested", [True, False, None])
def test_rule_07_usage_comes_last_to_who_asked_for_it(
    bridge: Bridge, model: str, requested: bool | None
) -> None:
    more: dict[str, Any] = {} if requested is None else {"stream_options": {"include_usage": requested}}
    chunks = ReceivedStream(CHAT.frames(bridge, "one two three", model, **more)).chunks
    counted = [chunk for chunk in chunks if chunk.get("usage")]
    if not requested:
        assert counted == []
        return
    assert counted == chunks[-1:]
    assert counted[0]["choices"] == []
    usage = counted[0]["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


# 8. Claude Code falls back to a response in one piece.


@IN_MESSAGES
def test_rule_08_after_a_broken_stream_the_same_body_is_answered_whole(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    body = claude_code(f"[[sim:reset after=5 once={mark}]] one two three four five", model, size=80_000)
    assert len(json.dumps(body)) > 80_000
    streamed = MESSAGES.post(bridge, body | {"stream": True}, **CLAUDE_CODE)
    assert b"event: error" in streamed.body
    whole = MESSAGES.post(bridge, body | {"stream": False}, **CLAUDE_CODE)
    assert whole.status == 200, whole.body
    assert "five" in MESSAGES.text(whole.json)
    assert len(simulator.ledger(mark)) == 2


@IN_MESSAGES
def test_rule_08_a_whole_response_takes_as_long_as_it_takes(bridge: Bridge, model: str) -> None:
    """Far beyond the silence in which a stream would get a sign of life."""
    response = MESSAGES.post(bridge, MESSAGES.body("[[sim:slow-body seconds=0.5]] one two", model))
    assert response.status == 200
    assert "two" in MESSAGES.text(response.json)
