"""Ollama's responses of any kind: what their clients get, and what comes back when they send it again."""

import json

import pytest
from hypothesis import given
from unit.dialects.test_response_round_trips import model_responses, part_said, parts_of

from copilot_bridge.dialects.ollama import call_ids, request
from copilot_bridge.dialects.ollama.framing import FRAMING
from copilot_bridge.dialects.ollama.prompt_reader import read_chat_prompt
from copilot_bridge.dialects.ollama.response import OllamaAccumulator
from copilot_bridge.dialects.ollama.writer import (
    FINISH_REASON_MAP,
    OllamaWriter,
    chat_members,
    generate_members,
)
from copilot_bridge.dialects.prompt import Reasoning, Text, ToolCall, ToolResult

HELLO = {"role": "user", "content": "Hello"}


def lines(events, members=chat_members):
    writer = OllamaWriter(model="m", members=members)
    encoded = b"".join(FRAMING.encode(writer.feed(event)) for event in events)
    return [json.loads(line) for line in encoded.splitlines()]


def whole(events, members=chat_members):
    accumulator = OllamaAccumulator()
    for line in lines(events, members):
        accumulator.add(line)
    return json.loads(accumulator.result()[0])


# What comes back: programs add up the lines themselves, with and without the thoughts, or send a whole
# message.  The official package for Python drops the ids of calls.


def added_up(found):
    message = {"role": "assistant", "content": "", "thinking": "", "tool_calls": []}
    for line in found:
        for name in ("content", "thinking", "tool_calls"):
            message[name] += line["message"].get(name, type(message[name])())
    return message


def without_ids(message):
    calls = [{"function": call["function"]} for call in message.get("tool_calls", ())]
    return message | {"tool_calls": calls}


CLIENTS = {
    "stream": lambda events: added_up(lines(events)),
    "whole": lambda events: whole(events)["message"],
    "package": lambda events: without_ids(added_up(lines(events))),
    "without thoughts": lambda events: added_up(lines(events)) | {"thinking": ""},
}


def read_back(message, *results):
    body = {"model": "m", "messages": [HELLO, message, *results]}
    prompt = read_chat_prompt(request.read(json.dumps(body).encode(), request.CHAT_FIELDS))
    return [part for spoken in prompt.messages[1:] for part in spoken.parts]


def expected(events, *, thoughts, ids):
    """One text of each kind, and the calls; signatures have no place in this dialect."""
    parts = [*map(part_said, parts_of(events))]
    thought = "".join(part.text for part in parts if isinstance(part, Reasoning))
    text = "".join(part.text for part in parts if isinstance(part, Text))
    calls = [part for part in parts if isinstance(part, ToolCall)]
    return [
        *([Reasoning(thought)] if thought and thoughts else []),
        *([Text(text)] if text else []),
        *(
            ToolCall(call.id if ids else f"call_1_{number}", call.name, call.arguments or "{}")
            for number, call in enumerate(calls)
        ),
    ]


@pytest.mark.parametrize("client", CLIENTS)
@given(events=model_responses)
def test_a_response_that_is_sent_back_is_read_unchanged(client, events):
    thoughts, ids = client != "without thoughts", client != "package"
    assert read_back(CLIENTS[client](events)) == expected(events, thoughts=thoughts, ids=ids)


@pytest.mark.parametrize("client", CLIENTS)
@given(events=model_responses)
def test_results_find_the_calls_that_they_belong_to(client, events):
    message = CLIENTS[client](events)
    names = [call["function"]["name"] for call in message.get("tool_calls", ())]
    given_ = [{"role": "tool", "content": f"{n}", "tool_name": name} for n, name in enumerate(names)]
    parts = read_back(message, *given_)
    calls = [part for part in parts if isinstance(part, ToolCall)]
    results = [part for part in parts if isinstance(part, ToolResult)]
    texts = {result.id: result.parts[0].text for result in results}
    assert [texts[call.id] for call in calls] == [str(number) for number in range(len(calls))]


def test_results_find_calls_whose_ids_carry_a_signature():
    signature = {"thought_signature": "sig=="}
    calls = [
        {"id": call_ids.sign_id(id_, signature), "function": {"name": "f", "arguments": {}}} for id_ in "ab"
    ]
    results = [
        {"role": "tool", "content": call["id"][0], "tool_call_id": call["id"]} for call in reversed(calls)
    ]
    parts = read_back({"role": "assistant", "content": "", "tool_calls": calls}, *results)
    assert [part for part in parts if isinstance(part, ToolResult)] == [
        ToolResult("b", (Text("b"),)),
        ToolResult("a", (Text("a"),)),
    ]
    assert [part.provider_details for part in parts if isinstance(part, Reasoning)] == [
        {"google": signature},
        {"google": signature},
    ]


@given(events=model_responses)
def test_a_whole_response_equals_its_stream(events):
    found = lines(events)
    assert CLIENTS["whole"](events) == {
        name: value for name, value in added_up(found).items() if value or name in ("role", "content")
    }
    assert {key: value for key, value in whole(events).items() if key != "message"} == {
        key: value for key, value in found[-1].items() if key != "message"
    }


@given(events=model_responses)
def test_a_generation_has_the_texts_of_a_chat(events):
    generated, chatted = whole(events, generate_members), whole(events)["message"]
    assert (generated["response"], generated.get("thinking")) == (chatted["content"], chatted.get("thinking"))
    assert "tool_calls" not in generated


@given(events=model_responses)
def test_only_the_last_line_ends_and_counts(events):
    *others, last = lines(events)
    end = events[-1]
    assert not any(line["done"] or "done_reason" in line for line in others)
    assert (last["done"], last["done_reason"]) == (True, FINISH_REASON_MAP[end.reason])
    assert (last["prompt_eval_count"], last["eval_count"]) == (end.usage.prompt_tokens, end.usage.output)
