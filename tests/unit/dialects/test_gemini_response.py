"""Gemini responses: chunks, whole responses, errors, and what comes back when the client sends them again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.dialects.test_response_round_trips import cut, model_responses, part_said, parts_of

from copilot_bridge.dialects.accumulation import accumulate
from copilot_bridge.dialects.events import (
    ReasoningDelta,
    ReasoningSignature,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TokenUsage,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.dialects.gemini import prompt_reader
from copilot_bridge.dialects.gemini.errors import write_error
from copilot_bridge.dialects.gemini.framing import FRAMING, JsonArray
from copilot_bridge.dialects.gemini.response import GeminiAccumulator
from copilot_bridge.dialects.gemini.writer import FINISH_REASON_MAP, GeminiWriter
from copilot_bridge.dialects.prompt import Reasoning, Text, ToolCall
from copilot_bridge.errors import KINDS, BridgeError, InvalidRequest, StreamCut, UpstreamRefused

HELLO = {"role": "user", "parts": [{"text": "Hello"}]}


def chunks(events, *, thoughts=True):
    writer = GeminiWriter(response_id="1", model="m", thoughts=thoughts)
    return [payload for event in events for _name, payload in writer.feed(event)]


def parts_in(chunk):
    (candidate,) = chunk["candidates"]
    assert candidate["content"]["role"] == "model"
    assert candidate["content"]["parts"], "SDKs drop a conversation with a chunk that has no parts"
    assert all(candidate["content"]["parts"])
    return candidate["content"]["parts"]


def whole(pieces):
    return json.loads(accumulate(pieces, GeminiAccumulator())[0])


def stream(found):
    return [FRAMING.encode([("", chunk)]) for chunk in found]


# What comes back.  Clients keep the chunks of a stream as they are, or a whole response, or leave the
# thoughts out, as the Gemini CLI does.

CLIENTS = {
    "chunks": lambda found: [chunk["candidates"][0]["content"] for chunk in found],
    "whole": lambda found: [whole(stream(found))["candidates"][0]["content"]],
    "without thoughts": lambda found: [
        {"role": "model", "parts": [part for part in parts_in(chunk) if not part.get("thought")]}
        for chunk in found
    ],
}


def read_back(contents):
    body = {"model": "m", "contents": [HELLO, *contents]}
    return [part for message in prompt_reader.read_prompt(body).messages[1:] for part in message.parts]


def expected(events, *, shown):
    """The parts of a response.  Of reasoning that upstream does not need back only what was shown remains."""
    parts, thoughts = [], []
    for part in [*map(part_said, parts_of(events)), None]:
        if isinstance(part, Reasoning):
            thoughts.append(part)
            continue
        if any(thought.provider_details for thought in thoughts):
            parts += thoughts
        elif shown and (text := "".join(thought.text for thought in thoughts)):
            parts.append(Reasoning(text))
        thoughts = []
        parts += [part] if part else []
    return joined([as_object(part) for part in parts])


def as_object(part):
    return ToolCall(part.id, part.name, part.arguments or "{}") if isinstance(part, ToolCall) else part


def joined(parts):
    """The parts with texts in a row as one."""
    found = []
    for part in parts:
        if isinstance(part, Text) and found and isinstance(found[-1], Text):
            found[-1] = Text(found[-1].text + part.text)
        else:
            found.append(part)
    return found


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("thoughts", [True, False])
@given(events=model_responses)
def test_a_response_that_is_sent_back_is_read_unchanged(client, thoughts, events):
    found = chunks(events, thoughts=thoughts)
    shown = thoughts and client != "without thoughts"
    assert joined(read_back(CLIENTS[client](found))) == expected(events, shown=shown)


@given(events=model_responses, size=st.integers(1, 60))
def test_a_whole_response_does_not_depend_on_the_cuts(events, size):
    data = b"".join(stream(chunks(events)))
    pieces = cut(data, [size] * (len(data) // size))
    assert whole(pieces) == whole([data])


@given(events=model_responses, thoughts=st.booleans())
def test_every_chunk_has_parts_and_only_the_last_one_an_end(events, thoughts):
    *others, last = chunks(events, thoughts=thoughts)
    assert all(parts_in(chunk) for chunk in (*others, last))
    assert last["candidates"][0]["finishReason"] == FINISH_REASON_MAP[events[-1].reason]
    assert not any("finishReason" in chunk["candidates"][0] for chunk in others)


@given(events=model_responses.filter(lambda events: events[-1].usage != TokenUsage()))
def test_the_usage_adds_up(events):
    usage = events[-1].usage
    counted = whole(stream(chunks(events)))["usageMetadata"]
    thought = counted.get("thoughtsTokenCount", 0)
    assert counted["promptTokenCount"] == usage.prompt_tokens
    assert counted["candidatesTokenCount"] + thought == usage.output
    assert counted["totalTokenCount"] == usage.prompt_tokens + usage.output
    assert counted.get("cachedContentTokenCount", 0) == usage.cached
    assert thought == min(usage.reasoning, usage.output)


def test_unknown_usage_is_left_out():
    assert "usageMetadata" not in chunks([ResponseStarted("x"), ResponseFinished("stop")])[-1]


def test_the_usage_for_the_log_is_as_chat_counts_it():
    events = [ResponseStarted("x"), TextDelta(0, "a"), ResponseFinished("stop", TokenUsage(3, 2, 1, 5, 4))]
    assert accumulate(stream(chunks(events)), GeminiAccumulator())[1] == {
        "prompt_tokens": 6,
        "completion_tokens": 5,
    }


# Calls.


def called(*arguments, reason="tool_calls"):
    calls = [
        event
        for part, text in enumerate(arguments)
        for event in (ToolCallStarted(part, f"call_{part}", "f"), ToolCallArgumentsDelta(part, text))
    ]
    return chunks([ResponseStarted("x"), *calls, ResponseFinished(reason)])


def test_a_call_is_one_part_of_one_chunk():
    found = [part for chunk in called('{"a":1}', "{}") for part in parts_in(chunk)]
    assert found == [
        {"functionCall": {"id": "call_0", "name": "f", "args": {"a": 1}}},
        {"functionCall": {"id": "call_1", "name": "f", "args": {}}},
    ]


@pytest.mark.parametrize("arguments", ['{"a":', "[1]", "nothing"])
def test_a_malformed_call_has_its_finish_reason(arguments):
    *_, last = called("{}", arguments)
    assert parts_in(last) == [{"text": ""}]
    assert last["candidates"][0]["finishReason"] == "MALFORMED_FUNCTION_CALL"
    assert "call of f " in last["candidates"][0]["finishMessage"]


def test_a_call_that_was_cut_off_is_left_out():
    (last,) = called('{"a":', reason="length")
    assert parts_in(last) == [{"text": ""}]
    assert last["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_free_text_becomes_an_argument():
    events = [ToolCallStarted(0, "c", "f", custom=True), ToolCallArgumentsDelta(0, "a b")]
    (last,) = chunks([ResponseStarted("x"), *events, ResponseFinished("tool_calls")])
    assert parts_in(last)[0]["functionCall"]["args"] == {"input": "a b"}


def test_the_first_of_parallel_calls_carries_the_reasoning():
    events = [
        ReasoningDelta(0, "Hm."),
        ReasoningSignature(0, {"messages": "sig=="}),
        ToolCallStarted(1, "a", "f"),
        ToolCallStarted(2, "b", "f"),
    ]
    found = chunks([ResponseStarted("x"), *events, ResponseFinished("tool_calls")], thoughts=False)
    first, second = (part for chunk in found for part in parts_in(chunk))
    assert "thoughtSignature" in first
    assert "thoughtSignature" not in second


# Framings and errors.


def frames(*payloads):
    return [("", payload) for payload in payloads]


def test_a_stream_without_sse_is_one_array():
    framing = JsonArray()
    pieces = [framing.keepalive, framing.encode(frames({"a": 1})), framing.comment(b": x")]
    pieces += [framing.encode(frames({"b": 2}, {"c": 3})), framing.end]
    assert json.loads(b"".join(pieces)) == [{"a": 1}, {"b": 2}, {"c": 3}]


def test_an_array_ends_after_an_error():
    error = GeminiWriter(response_id="1", model="m", thoughts=True).fail(BridgeError("no"))
    framing = JsonArray()
    found = json.loads(framing.encode(frames({"a": 1})) + framing.encode([error]))
    assert [*map(list, found)] == [["a"], ["error"]]
    assert json.loads(JsonArray().encode([error]))[0]["error"]["message"] == "no"


def test_a_stream_has_no_comments():
    assert FRAMING.comment(b": keep-alive").strip() == b""
    assert FRAMING.keepalive.strip() == b""


def error_detail(error):
    status, headers, body = write_error(error)
    detail = json.loads(body)["error"]
    assert detail["code"] == status
    return detail, headers


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_error_has_a_name_of_googles(kind):
    detail, _ = error_detail(BridgeError("no", kind=kind))
    assert detail["message"] == "no"
    assert detail["status"].isupper()
    assert detail["code"] != 529


NAMES = {
    "invalid_request": (400, "INVALID_ARGUMENT"),
    "authentication": (401, "UNAUTHENTICATED"),
    "permission": (403, "PERMISSION_DENIED"),
    "model_not_found": (404, "NOT_FOUND"),
    "rate_limited": (429, "RESOURCE_EXHAUSTED"),
    "overloaded": (503, "UNAVAILABLE"),
    "timeout": (504, "DEADLINE_EXCEEDED"),
    "internal": (500, "INTERNAL"),
}


@pytest.mark.parametrize("kind", NAMES)
def test_the_names_of_errors(kind):
    detail, _ = error_detail(BridgeError("no", kind=kind))
    assert (detail["code"], detail["status"]) == NAMES[kind]


def test_an_error_names_the_field():
    detail, _ = error_detail(InvalidRequest("contents: no", param="contents"))
    (found,) = detail["details"]
    assert found["fieldViolations"] == [{"field": "contents", "description": "contents: no"}]


def test_an_error_tells_when_to_try_again():
    detail, headers = error_detail(BridgeError("no", kind="rate_limited", headers={"Retry-After": "7"}))
    (found,) = detail["details"]
    assert found == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
    assert headers == {"Retry-After": "7"}


def test_a_lasting_limit_is_reported_as_quota():
    detail, _ = error_detail(BridgeError("no", kind="quota"))
    assert [found["reason"] for found in detail["details"]] == ["QUOTA_EXHAUSTED"]


def test_an_error_in_a_stream_is_raised():
    with pytest.raises(UpstreamRefused, match="no"):
        GeminiAccumulator().add({"error": {"message": "no"}})


def test_a_response_without_an_end_is_cut():
    with pytest.raises(StreamCut):
        whole(stream(called("{}")[:-1]))
