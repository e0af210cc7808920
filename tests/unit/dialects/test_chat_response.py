"""The ends and faults of whole chat responses; their contents are in `tests/golden`."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from golden.transcripts import CREATED, MODEL, check_whole, normalizer

from copilot_bridge.dialects.accumulation import ReceivedResponse, accumulate
from copilot_bridge.dialects.chat.response import ChatAccumulator, join_logprobs, normalize_response
from copilot_bridge.errors import StreamCut, UpstreamRefused

Json = dict[str, Any]


def whole(**message: Any) -> bytes:
    return json.dumps({"id": "1", "choices": [{"message": message, "finish_reason": "stop"}]}).encode()


def normalized(data: bytes) -> Json:
    response: Json = json.loads(normalize_response(ReceivedResponse.read(data), normalizer())[0])
    check_whole(response)
    return response


def accumulated(pieces: Iterable[bytes]) -> Json:
    response: Json = json.loads(accumulate(pieces, ChatAccumulator(normalizer()))[0])
    return response


def events(*chunks: Any) -> list[bytes]:
    return [
        b"data: " + (chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode()) + b"\n\n"
        for chunk in chunks
    ]


def chunk(delta: Json, finish: str | None = None) -> Json:
    return {"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b'{"choices": null}',
        b'{"choices": {}}',
        b"\xff",
        b"{",
    ],
)
def test_a_body_that_is_no_chat_completion_is_an_error(data: bytes) -> None:
    with pytest.raises(UpstreamRefused) as refused:
        normalize_response(ReceivedResponse.read(data), normalizer())
    assert refused.value.kind == "unavailable"


@pytest.mark.parametrize("choices", [{}, {"choices": []}, {"choices": None}])
def test_an_error_with_status_200_is_an_error(choices: Json) -> None:
    body = json.dumps({"error": {"message": "no such thing", "code": "odd"}, **choices}).encode()
    with pytest.raises(UpstreamRefused, match="no such thing") as refused:
        normalize_response(ReceivedResponse.read(body), normalizer())
    assert refused.value.code == "odd"


def test_missing_fields_are_filled_in() -> None:
    response = normalized(whole(content="Hello"))
    assert (response["model"], response["created"], response["object"]) == (MODEL, CREATED, "chat.completion")
    assert response["choices"][0]["message"] == {"role": "assistant", "content": "Hello", "refusal": None}


@pytest.mark.parametrize("choice", [None, 1, "text", [], {}, {"message": None}, {"message": "text"}])
def test_malformed_choices_are_ignored(choice: Any) -> None:
    data = json.dumps({"id": "1", "choices": [choice, {"message": {"content": "Hello"}}]}).encode()
    assert normalized(data)["choices"][0]["message"]["content"] == "Hello"


@pytest.mark.parametrize("calls", [[], None, [None], ["odd"]])
def test_malformed_calls_are_ignored(calls: Any) -> None:
    assert not normalized(whole(content="Hello", tool_calls=calls))["choices"][0]["message"].get("tool_calls")


def test_unknown_fields_are_passed_on() -> None:
    annotations = [{"type": "url_citation"}]
    message = normalized(whole(content="Hello", annotations=annotations, audio=None))["choices"][0]["message"]
    assert message["annotations"] == annotations


def test_endless_white_space_in_a_call_is_an_error() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{" + "\n" * 99}}
    with pytest.raises(UpstreamRefused):
        normalize_response(ReceivedResponse.read(whole(tool_calls=[call])), normalizer())


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b": ping\n\n"],
        events(chunk({"content": "Hello"})),
        [b"".join(events(chunk({"content": "Hello"}), chunk({}, "stop")))[:-9]],
        events(b"[]", b"junk", b""),
    ],
)
def test_a_stream_without_an_end_is_an_error(pieces: list[bytes]) -> None:
    with pytest.raises(StreamCut):
        accumulated(pieces)


def test_an_error_in_the_stream_is_raised() -> None:
    with pytest.raises(UpstreamRefused, match="no more"):
        accumulated(events(chunk({"content": "Hello"}), {"error": {"message": "no more"}}))


def test_chunks_after_the_end_are_ignored() -> None:
    late = events(chunk({"content": " late"}), {"error": {"message": "late"}})
    response = accumulated(events(chunk({"content": "Hello"}), b"[DONE]") + late)
    assert response["choices"][0]["message"]["content"] == "Hello"


def test_the_stream_is_read_only_as_far_as_its_end() -> None:
    """What is still to come may take for ever."""

    def pieces() -> Any:
        yield from events(chunk({"content": "Hello"}), b"[DONE]")
        raise AssertionError("read beyond the end")

    assert accumulated(pieces())["choices"]


def test_data_that_is_no_chunk_is_dropped() -> None:
    check_whole(accumulated(events(b"junk", chunk({"content": "Hello"}), b"[1]", chunk({}, "stop"))))


@pytest.mark.parametrize(
    ("before", "more", "joined"),
    [
        (None, {"content": [1]}, {"content": [1]}),
        ({"content": [1]}, {"content": [2]}, {"content": [1, 2]}),
        (
            {"content": [1], "refusal": None},
            {"content": [2], "refusal": None},
            {"content": [1, 2], "refusal": None},
        ),
        ({"content": None, "refusal": [1]}, {"content": [2]}, {"content": [2], "refusal": [1]}),
    ],
)
def test_log_probabilities_are_joined(before: Any, more: Any, joined: Any) -> None:
    assert join_logprobs(before, more) == joined
    assert list(join_logprobs(before, more)) == list(joined), (
        "in an order that does not depend on the process"
    )
