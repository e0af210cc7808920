"""Tool calls in responses that are passed on: unique ids, and a stop reason that mentions them."""

import json
from itertools import count
from typing import Any

import pytest

from copilot_bridge.dialects.accumulation import ReceivedResponse, accumulate
from copilot_bridge.dialects.messages import response as messages_response
from copilot_bridge.dialects.messages.normalize import MessagesNormalizer
from copilot_bridge.dialects.responses import normalize as responses
from copilot_bridge.dialects.responses import response as responses_response

Json = dict[str, Any]

REQUESTS = map(str, count())  # the bridge's own name for each

# The ids of a response's calls, and whether each is to stay as it is.
GIVEN = [
    pytest.param(["a", "b"], [True, True], id="their own"),
    pytest.param(["a", "a"], [True, False], id="one for two"),
    pytest.param(["", ""], [False, False], id="empty"),
    pytest.param([None, "b"], [False, True], id="null"),
    pytest.param([7, "b"], [False, True], id="no text"),
]


def call(id_: object, number: int) -> Json:
    return {"type": "tool_use", "id": id_, "name": "n", "input": {"number": number}}


def message(content: list[Json], reason: str, response_id: Any = "msg_1") -> Json:
    return {
        "id": response_id,
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": reason,
    }


def events(response: Json) -> bytes:
    """The message as a stream; each call begins whole."""
    blocks = list(enumerate(response["content"]))
    started = [
        {"type": "content_block_start", "index": index, "content_block": block} for index, block in blocks
    ]
    stream = [
        {"type": "message_start", "message": response | {"content": [], "stop_reason": None}},
        *started,
        {
            "type": "message_delta",
            "delta": {"stop_reason": response["stop_reason"]},
            "usage": {"output_tokens": 1},
        },
        {"type": "message_stop"},
    ]
    return b"".join(b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in stream)


def contents(out: bytes) -> list[Json]:
    return [json.loads(block.partition(b"data: ")[2]) for block in out.split(b"\n\n")[:-1]]


def whole(given: Json) -> Json:
    response: Json = json.loads(
        messages_response.normalize_response(
            ReceivedResponse.read(json.dumps(given).encode()), response_id=next(REQUESTS)
        )[0]
    )
    return response


def streamed(given: Json) -> Json:
    """A stream that is passed on, put together."""
    normalizer = MessagesNormalizer(response_id=next(REQUESTS))
    events_ = contents(normalizer.feed(events(given)))
    content = [event["content_block"] for event in events_ if event["type"] == "content_block_start"]
    (end,) = (event["delta"] for event in events_ if event["type"] == "message_delta")
    return given | {"content": content} | end


def accumulated(given: Json) -> Json:
    response: Json = json.loads(
        accumulate([events(given)], messages_response.MessagesAccumulator(response_id=next(REQUESTS)))[0]
    )
    return response


WAYS = pytest.mark.parametrize("mended", [whole, streamed, accumulated])


RESPONSES = pytest.mark.parametrize(
    "own_ids",
    [("id_1", "id_2"), ("id_1", "id_1"), (None, None), ("", "")],
    ids=["own", "one for all", "none", "empty"],
)


@WAYS
@RESPONSES
@pytest.mark.parametrize(("given", "kept"), GIVEN)
def test_calls_of_messages_have_unique_ids(
    mended: Any, given: list[Any], kept: list[bool], own_ids: tuple[Any, Any]
) -> None:
    content = [call(id_, number) for number, id_ in enumerate(given)]
    response = mended(message(content, "tool_use", own_ids[0]))
    ids = [block["id"] for block in response["content"]]
    assert [id_ == before for id_, before in zip(ids, given, strict=True)] == kept
    assert len(set(ids)) == len(ids)
    assert all(isinstance(id_, str) and id_ for id_ in ids)
    assert [block["input"] for block in response["content"]] == [block["input"] for block in content]
    other = mended(message(content, "tool_use", own_ids[1]))
    made = {id_ for id_, own in zip(ids, kept, strict=True) if not own}
    assert not made & {block["id"] for block in other["content"]}


TEXT = {"type": "text", "text": 'a "tool_use" in a text'}
SERVERS = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}


@WAYS
@pytest.mark.parametrize(("content", "reason", "true"), [
    pytest.param([TEXT], "tool_use", "end_turn", id="no call"),
    pytest.param([], "tool_use", "end_turn", id="nothing"),
    pytest.param([SERVERS], "tool_use", "end_turn", id="a call that the server has made"),
    pytest.param([TEXT, call("a", 1)], "end_turn", "tool_use", id="a call that the reason does not name"),
    pytest.param([TEXT, call("a", 1)], "tool_use", "tool_use", id="a call"),
    pytest.param([TEXT], "end_turn", "end_turn", id="a text"),
    pytest.param([TEXT, call("a", 1)], "max_tokens", "max_tokens", id="cut off"),
    pytest.param([TEXT], "pause_turn", "pause_turn", id="to be continued"),
    pytest.param([TEXT], "refusal", "refusal", id="refused"),
])  # fmt: skip
def test_the_stop_reason_says_whether_there_are_calls(
    mended: Any, content: list[Json], reason: str, true: str
) -> None:
    assert mended(message(content, reason))["stop_reason"] == true


def items(given: list[Any], ids: list[Any]) -> list[Json]:
    kinds = ["function_call", "custom_tool_call"]
    return [
        {"type": kind, "id": id_, "call_id": call_id, "name": "n"}
        for kind, id_, call_id in zip(kinds, ids, given, strict=True)
    ]


def response_with(output: list[Json], response_id: Any) -> Json:
    return {"id": response_id, "object": "response", "status": "completed", "output": output}


def responses_whole(output: list[Json], response_id: Any) -> list[list[Json]]:
    mended, _, _ = responses_response.normalize_response(
        ReceivedResponse.read(json.dumps(response_with(output, response_id)).encode()),
        response_id=next(REQUESTS),
    )
    return [mended["output"]]


def responses_streamed(output: list[Json], response_id: Any) -> list[list[Json]]:
    """As each item is announced, as it is sent when it is done, and as the last event has it."""
    steps = [("added", item, index) for index, item in enumerate(output)]
    steps += [("done", item, index) for index, item in enumerate(output)]
    stream: list[Json] = [
        {"type": "response.created", "response": response_with([], response_id)},
        *(
            {"type": f"response.output_item.{when}", "output_index": index, "item": item}
            for when, item, index in steps
        ),
        {"type": "response.completed", "response": response_with(output, response_id)},
    ]
    events_ = contents(
        responses.ResponsesNormalizer(response_id=next(REQUESTS)).feed(
            b"".join(
                b"event: %b\ndata: %b\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in stream
            )
        )
    )
    by_kind = [
        [event["item"] for event in events_ if event["type"] == f"response.output_item.{when}"]
        for when in ("added", "done")
    ]
    return [*by_kind, events_[-1]["response"]["output"]]


@pytest.mark.parametrize("mended", [responses_whole, responses_streamed])
@pytest.mark.parametrize("ids", [["i", "j"], ["i", "i"], [None, None]], ids=["own", "one for two", "none"])
@RESPONSES
@pytest.mark.parametrize(("given", "kept"), GIVEN)
def test_calls_of_responses_have_unique_ids(
    mended: Any, given: list[Any], kept: list[bool], ids: list[Any], own_ids: tuple[Any, Any]
) -> None:
    tellings = mended(items(given, ids), own_ids[0])
    for items_ in tellings:
        call_ids = [item["call_id"] for item in items_]
        assert [id_ == before for id_, before in zip(call_ids, given, strict=True)] == kept
        assert len(set(call_ids)) == 2
        assert len({item["id"] for item in items_}) == 2
        assert [(item["id"], item["call_id"]) for item in items_] == [
            (item["id"], item["call_id"]) for item in tellings[0]
        ]
    other = mended(items(given, ids), own_ids[1])[0]
    made = {item["call_id"] for item, own in zip(tellings[0], kept, strict=True) if not own}
    assert not made & {item["call_id"] for item in other}
