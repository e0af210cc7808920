"""The input of a tool as the text of an answer: whole, and in a stream cut anywhere."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge.dialects.messages import reply
from copilot_bridge.dialects.messages.tool_answer import ToolAnswer, without_tool
from copilot_bridge.errors import UpstreamRefused

Json = dict[str, Any]
NAME = "bridge_final_answer"


def start(index: int, **block: Any) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **said: Any) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": said}


def stop(index: int) -> Json:
    return {"type": "content_block_stop", "index": index}


def text(index: int, *words: str) -> list[Json]:
    said = (delta(index, type="text_delta", text=word) for word in words)
    return [start(index, type="text", text=""), *said, stop(index)]


def call(index: int, name: str, *pieces: str, **given: Any) -> list[Json]:
    said = (delta(index, type="input_json_delta", partial_json=piece) for piece in pieces)
    return [start(index, type="tool_use", id=f"toolu_{index}", name=name, input=given), *said, stop(index)]


def stream(*blocks: list[Json], reason: str = "tool_use") -> bytes:
    message = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "content": [],
        "usage": {"input_tokens": 1},
    }
    events = [
        {"type": "message_start", "message": message},
        {"type": "ping"},
        *(event for block in blocks for event in block),
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]
    return b"".join(
        b"event: " + event["type"].encode() + b"\ndata: " + json.dumps(event).encode() + b"\n\n"
        for event in events
    )


def told(data: bytes, size: int = 10_000) -> Json:
    """The message that a stream makes, when it comes in pieces of that size."""
    pieces = (data[place : place + size] for place in range(0, len(data), size))
    whole, _ = reply.fold(without_tool(pieces, NAME))
    message: Json = json.loads(whole)
    return message


def whole(*content: Json, reason: str = "tool_use") -> Json:
    message = {"type": "message", "content": list(content), "stop_reason": reason}
    changed: Json = json.loads(ToolAnswer(NAME).whole(json.dumps(message).encode()))
    return changed


ANSWER = '{"n": 12345678901234567890123, "s": "\\u20ac"}'


@pytest.mark.parametrize(
    "blocks",
    [
        [call(0, NAME, ANSWER[:7], ANSWER[7:])],
        [call(0, NAME, *ANSWER)],
        [text(0, "Here ", "it is:"), call(1, NAME, ANSWER)],
        [call(0, NAME, ANSWER), text(1, "There you are.")],
        [text(0, "One"), text(1, "two"), call(2, NAME, "", ANSWER)],
    ],
)
@given(size=st.integers(1, 400))
def test_the_input_is_the_answer(blocks: list[list[Json]], size: int) -> None:
    """Letter by letter: numbers of any length, and whatever spaces there are."""
    message = told(stream(*blocks), size)
    assert message["content"] == [{"type": "text", "text": ANSWER}]
    assert message["stop_reason"] == "end_turn"


def test_blocks_are_numbered_as_if_nothing_had_been_left_out() -> None:
    data = stream(text(0, "so"), call(1, NAME, "{}"))
    events = [
        json.loads(line[6:])
        for line in b"".join(without_tool([data], NAME)).split(b"\n")
        if line[:5] == b"data:"
    ]
    assert [event["index"] for event in events if "index" in event] == [0, 0, 0]


def test_an_input_that_comes_whole() -> None:
    assert told(stream(call(0, NAME, a=1)))["content"] == [{"type": "text", "text": '{"a":1}'}]
    assert told(stream(call(0, NAME)))["content"] == [{"type": "text", "text": "{}"}]


def test_a_tool_of_the_client_is_called_instead() -> None:
    message = told(stream(text(0, "Let me look."), call(1, "look", '{"a": 1}')))
    assert [block["type"] for block in message["content"]] == ["text", "tool_use"]
    assert message["content"][1]["input"] == {"a": 1}
    assert message["stop_reason"] == "tool_use"


@pytest.mark.parametrize("reason", ["max_tokens", "refusal"])
def test_no_answer_but_a_reason(reason: str) -> None:
    message = told(stream(text(0, "I can't"), reason=reason))
    assert (message["content"], message["stop_reason"]) == ([{"type": "text", "text": "I can't"}], reason)
    assert whole({"type": "text", "text": "I can't"}, reason=reason)["stop_reason"] == reason


def test_an_answer_that_is_cut_off_says_so() -> None:
    message = told(stream(call(0, NAME, '{"a": '), reason="max_tokens"))
    assert (message["content"][0]["text"], message["stop_reason"]) == ('{"a": ', "max_tokens")


def test_free_text_is_no_success() -> None:
    with pytest.raises(UpstreamRefused, match="form"):
        told(stream(text(0, "Sure!"), reason="end_turn"))
    with pytest.raises(UpstreamRefused, match="form"):
        whole({"type": "text", "text": "Sure!"}, reason="end_turn")


def test_in_one_piece() -> None:
    tool_use = {"type": "tool_use", "id": "a", "name": NAME, "input": {"a": [1]}}
    other = {"type": "tool_use", "id": "a", "name": "look", "input": {}}
    said = {"type": "text", "text": "So:"}
    assert whole(said, tool_use) == {
        "type": "message",
        "content": [{"type": "text", "text": '{"a":[1]}'}],
        "stop_reason": "end_turn",
    }
    assert whole(said, other)["content"] == [said, other]


@pytest.mark.parametrize("data", [b"{}", b"no json", b'{"type":"error","error":{"type":"x","message":"m"}}'])
def test_what_is_no_message_stays(data: bytes) -> None:
    assert ToolAnswer(NAME).whole(data) == data
