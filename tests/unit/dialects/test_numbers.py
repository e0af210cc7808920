"""Numbers stay as they were written wherever a body or a response is written again."""

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from dialect_tables import READERS, writers

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.accumulation import ReceivedResponse, accumulate
from copilot_bridge.dialects.chat import prompt_reader as chat_prompt_reader
from copilot_bridge.dialects.chat import prompt_writer as chat_prompt_writer
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.response import normalize_response as normalize_chat_response
from copilot_bridge.dialects.messages import normalize as messages_normalize
from copilot_bridge.dialects.messages import prompt_reader as messages_prompt_reader
from copilot_bridge.dialects.messages import prompt_writer as messages_prompt_writer
from copilot_bridge.dialects.messages import response as messages_response
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.dialects.responses import normalize as responses_normalize
from copilot_bridge.dialects.responses import prompt_reader as responses_prompt_reader
from copilot_bridge.dialects.responses import prompt_writer as responses_prompt_writer
from copilot_bridge.dialects.responses import response as responses_response
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.dialects.translation import Translation

NUMBERS = (
    "1234567890123456789012",
    "-9223372036854775809",
    "18446744073709551616",
    "0.12345678901234567890123",
    "1.10",
    "1E400",
    "-1e-400",
    "1e22",
    "-0.0",
    "9007199254740993",
)
Json = dict[str, Any]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("beside", ['"x"', "1", '"\\ud800"', "123456789012345678901234567890"])
def test_a_number_stays_as_it_was_written(number: str, beside: str) -> None:
    written = f'{{"a":[{number},{{"b":{number}}}],"c":{beside}}}'.encode()
    assert codec.write(codec.read(written)) == written


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(b"-0", b"0", id="a whole zero has no sign"),
        pytest.param(b'{"a":1,"b":2,"a":3}', b'{"a":3,"b":2}', id="the last of two counts"),
        pytest.param(b'["\\ud83d\\ude00"]', '["😀"]'.encode(), id="a whole surrogate pair"),
        pytest.param(b'["\\uD83D",{"\\udE00":1.10}]', b'["\\ud83d",{"\\ude00":1.10}]', id="half of one"),
    ],
)
def test_other_forms_of_numbers_are_normalized(written: bytes, expected: bytes) -> None:
    assert codec.write(codec.read(written)) == expected


@pytest.mark.parametrize(
    "written",
    [
        *(b"NaN", b"[-Infinity]", b'["\\ud800",NaN]', b"1" * 5000, b"[" * 5000, b'["\\ud800"' + b"[" * 5000),
        *(b"", b"{", b'{"a":1,}', b"[01]", b"[1.]", b'["\xff"]', b"\xef\xbb\xbf{}", b"{} x"),
    ],
)
def test_invalid_json_is_refused(written: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whichever codec
        codec.read(written)


def test_an_exact_float_is_a_float() -> None:
    big, small, long = codec.read(b"[1E400,1.10,1234567890123456789012]")
    assert big > 10**300
    assert small + 1 == pytest.approx(2.1)
    assert long == 1234567890123456789012


def test_deeply_nested_json_is_written() -> None:
    deep: Any = 12345678901234567890123
    for _ in range(400):
        deep = [deep]
    assert codec.read(codec.write(deep)) == deep


# A request in each dialect with the number in a call's arguments and in a tool's schema.


def chat_request(number: str) -> str:
    arguments = json.dumps(f'{{"id":{number}}}')
    return (
        '{"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,'
        f'"tool_calls":[{{"id":"c","type":"function","function":{{"name":"f","arguments":{arguments}}}}}]}},'
        '{"role":"tool","tool_call_id":"c","content":"ok"}],"tools":[{"type":"function","function":{"name":"f",'
        f'"parameters":{{"type":"object","properties":{{"id":{{"maximum":{number}}}}}}}}}}}]}}'
    )


def messages_request(number: str) -> str:
    return (
        '{"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","content":['
        f'{{"type":"tool_use","id":"c","name":"f","input":{{"id":{number}}}}}]}},'
        '{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"ok"}]}],'
        '"tools":[{"name":"f","input_schema":'
        f'{{"type":"object","properties":{{"id":{{"maximum":{number}}}}}}}}}]}}'
    )


def responses_request(number: str) -> str:
    arguments = json.dumps(f'{{"id":{number}}}')
    return (
        '{"model":"m","input":[{"role":"user","content":"q"},'
        f'{{"type":"function_call","call_id":"c","name":"f","arguments":{arguments}}},'
        '{"type":"function_call_output","call_id":"c","output":"ok"}],"tools":[{"type":"function","name":"f",'
        f'"parameters":{{"type":"object","properties":{{"id":{{"maximum":{number}}}}}}}}}]}}'
    )


REQUESTS = {"chat": chat_request, "messages": messages_request, "responses": responses_request}
READ: dict[str, Callable[[Json], Any]] = {
    "chat": chat_prompt_reader.read_prompt,
    "messages": messages_prompt_reader.read_prompt,
    "responses": lambda body: responses_prompt_reader.read_prompt(body, ToolNames()),
}
WRITE = {
    "chat": chat_prompt_writer.write_prompt,
    "messages": messages_prompt_writer.write_prompt,
    "responses": responses_prompt_writer.write_prompt,
}


@pytest.mark.parametrize(("client", "upstream"), [*product(REQUESTS, WRITE)])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_stays_in_a_translated_request(client: str, upstream: str, number: str) -> None:
    prompt = READ[client](codec.read(REQUESTS[client](number).encode()))
    written = codec.write(WRITE[upstream](prompt)).replace(b"\\", b"").decode()
    assert written.count(number) == 2, written


# A response of each dialect with the number in a call's arguments, whole and in a stream.


def chat_whole(number: str) -> bytes:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": f'{{"id":{number}}}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return json.dumps({"id": "a", "choices": [choice], "copilot_usage": 1}).encode()


def messages_whole(number: str) -> bytes:
    return (
        '{"id":"a","type":"message","role":"assistant","content":[{"type":"tool_use","id":"c","name":"f",'
        f'"input":{{"id":{number}}}}}],"stop_reason":"tool_use","copilot_usage":1}}'
    ).encode()


def responses_whole(number: str) -> bytes:
    call = {
        "type": "function_call",
        "id": "i",
        "call_id": "c",
        "name": "f",
        "arguments": f'{{"id":{number}}}',
    }
    whole = {"id": "a", "object": "response", "status": "completed", "output": [call], "copilot_usage": 1}
    return json.dumps(whole).encode()


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_stays_in_a_whole_response(number: str) -> None:
    normalizer = ChunkNormalizer(model="m", created=1)
    for whole in (
        normalize_chat_response(ReceivedResponse.read(chat_whole(number)), normalizer)[0],
        messages_response.normalize_response(ReceivedResponse.read(messages_whole(number)))[0],
        codec.write(responses_response.normalize_response(ReceivedResponse.read(responses_whole(number)))[0]),
    ):
        assert number in whole.decode()
        assert b"copilot_" not in whole


def stream(*events: Json) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def chat_stream(number: str) -> bytes:
    fragment = {"index": 0, "id": "c", "function": {"name": "f", "arguments": f'{{"id":{number}}}'}}
    choice = {"index": 0, "delta": {"tool_calls": [fragment]}, "finish_reason": "tool_calls"}
    return stream({"id": "a", "choices": [choice]}) + b"data: [DONE]\n\n"


def messages_stream(number: str) -> bytes:
    tool_use = {"type": "tool_use", "id": "c", "name": "f", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": f'{{"id":{number}}}'}
    return stream(
        {"type": "message_start", "message": {"id": "a", "type": "message", "usage": {"input_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": tool_use},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop", "copilot_usage": 1},
    )


def responses_stream(number: str) -> bytes:
    call = {"type": "function_call", "id": "i", "call_id": "c", "name": "f", "arguments": ""}
    done = call | {"arguments": f'{{"id":{number}}}'}
    return stream(
        {"type": "response.created", "response": {"id": "a"}},
        {"type": "response.output_item.added", "output_index": 0, "item": call},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": {"id": "a", "output": [done], "copilot_usage": 1}},
    )


STREAMS = {"chat": chat_stream, "messages": messages_stream, "responses": responses_stream}
WRITERS = writers()
FOLDS: dict[str, Callable[[bytes], bytes]] = {
    "messages": lambda stream: accumulate([stream], messages_response.MessagesAccumulator())[0],
    "responses": lambda stream: accumulate([stream], responses_response.ResponsesAccumulator())[0],
}


@pytest.mark.parametrize(("upstream", "client"), [*product(STREAMS, WRITERS)])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_stays_in_a_translated_stream(upstream: str, client: str, number: str) -> None:
    translation = Translation(READERS[upstream](), WRITERS[client](), DIALECTS[client].framing)
    output = translation.feed(STREAMS[upstream](number))
    assert number in output.decode()
    if client in FOLDS:
        assert number in FOLDS[client](output).decode()


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_stays_in_a_stream_that_is_passed_on(number: str) -> None:
    for normalizer, sent in (
        (messages_normalize.MessagesNormalizer(), messages_stream(number)),
        (responses_normalize.ResponsesNormalizer(), responses_stream(number)),
    ):
        output = normalizer.feed(sent)
        assert number in output.decode()
        assert b"copilot_" not in output
