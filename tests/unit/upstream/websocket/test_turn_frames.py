"""A turn's frame, and the stream that its events make."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge.errors import StreamCut
from copilot_bridge.upstream.websocket.frames import TurnReader, turn_frame, without_headers

Json = dict[str, Any]
HEADERS = {"X-Request-Id": "1", "X-Exp": "a:1;"}
CREATED = {"type": "response.created", "response": {"id": "r", "previous_response_id": "before"}}

VALUES = st.recursive(
    st.integers() | st.text(max_size=12) | st.sampled_from(['"headers":{', ',"headers":{"a":"}"}}']),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["headers", "a"]), inner),
    max_leaves=6,
)
MEMBERS = st.dictionaries(st.sampled_from(["delta", "part", "headers"]), VALUES, max_size=3)


def written(event: Json) -> bytes:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def events_of(stream: bytes) -> list[tuple[str, Json]]:
    blocks = [block.split("\n") for block in stream.decode().split("\n\n") if block]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


@given(MEMBERS, st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2))
def test_headers_are_taken_off_an_event_and_nothing_else(members: Json, headers: Json) -> None:
    event = {"type": "response.x.delta", **members}
    event.pop("headers", None)
    taken = without_headers(written({**event, "headers": headers}))
    assert taken is None or json.loads(taken) == event
    kept = without_headers(written({**event, "more": members}))
    assert kept is None or json.loads(kept) == {**event, "more": members}


def test_the_events_are_those_of_a_stream_by_http() -> None:
    reader = TurnReader()
    delta = {"type": "response.output_text.delta", "item_id": "i", "delta": 'x"headers":{}'}
    done = {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "id": "i"}}
    first = {"type": "response.output_item.done", "output_index": 1, "item": {"type": "reasoning"}}
    end = {"type": "response.completed", "response": {"id": "r9", "headers": {"tools": "kept"}}}
    sent = [CREATED, delta, first, done, end]
    last = end | {"copilot_quota_snapshots": {"chat": {}}}
    stream = reader.feed([written(event | {"headers": HEADERS}) for event in [*sent[:-1], last]])
    created = {"type": "response.created", "response": {"id": "r", "previous_response_id": None}}
    assert [event for _, event in events_of(stream)] == [created, *sent[1:]]
    assert [name for name, _ in events_of(stream)] == [event["type"] for event in sent]
    assert (reader.headers, reader.quotas) == (HEADERS, {"chat": {}})
    assert (reader.last, reader.response_id) == ("response.completed", "r9")
    assert reader.output == [done["item"], first["item"]]


def test_an_event_without_headers_or_written_otherwise_is_read_all_the_same() -> None:
    reader = TurnReader()
    pretty = json.dumps({"response": {}, "type": "response.in_progress"}, indent=1).encode()
    stream = reader.feed([written(CREATED), pretty, b'{ "type": "response.x.delta" }'])
    assert [name for name, _ in events_of(stream)] == [
        "response.created",
        "response.in_progress",
        "response.x.delta",
    ]


@pytest.mark.parametrize("message", [b"", b"[]", b"no json", b'{"type": 1}', b'{"type":"response.x"'])
def test_a_message_that_is_no_event_cuts_the_stream(message: bytes) -> None:
    with pytest.raises(StreamCut):
        TurnReader().feed([message])


def test_nothing_may_follow_the_end() -> None:
    for last in ("response.completed", "response.failed", "response.incomplete", "error"):
        reader = TurnReader()
        reader.feed([written({"type": last})])
        with pytest.raises(StreamCut):
            reader.feed([written(CREATED)])


def test_a_frame_is_what_copilots_own_clients_send() -> None:
    body = {"model": "m", "stream": True, "instructions": "i", "input": ["all"], "tools": [], "store": False}
    headers = {"X-Interaction-Id": "x", "X-Agent-Task-Id": "t"}
    items = [{"type": "message", "id": "rs_1", "role": "user"}, {"type": "function_call_output"}]
    frame = json.loads(turn_frame(body, items, "before", "agent", headers))
    assert frame == {
        "type": "response.create",
        "model": "m",
        "instructions": "i",
        "input": [{"type": "message", "role": "user"}, {"type": "function_call_output"}],
        "tools": [],
        "store": False,
        "previous_response_id": "before",
        "initiator": "agent",
        "agent_task_id": "t",
        "headers": headers,
    }
    whole = json.loads(turn_frame(body, items, None, "user", headers))
    assert "previous_response_id" not in whole
    assert next(iter(whole)) == "type"


KINDS = st.sampled_from(["response.a.delta", "response.b.delta", "response.c.done", "response.a"])


@given(
    st.lists(st.tuples(KINDS, VALUES, st.sampled_from([HEADERS, {"X-Request-Id": "2"}, None])), max_size=8)
)
def test_events_come_out_as_they_went_in_however_they_take_turns(
    sent: list[tuple[str, Any, Json | None]],
) -> None:
    events = [{"type": kind, "value": value} for kind, value, _ in sent]
    messages = [
        written(event | ({"headers": headers} if headers else {}))
        for event, (_, _, headers) in zip(events, sent, strict=True)
    ]
    stream = TurnReader().feed([written(CREATED), *messages])
    assert events_of(stream)[1:] == [(event["type"], event) for event in events]
