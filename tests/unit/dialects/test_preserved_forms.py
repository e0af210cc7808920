"""Refusals, custom tools, signatures, ids and errors keep their meaning in the client's form.

They do so streamed and in whole responses, for each client.
"""

import json
from typing import Any

import pytest
from fuzz.paths import FOLDS, REPAIRS, WRITERS, accumulated, collected, streamed, translation

from copilot_bridge.dialects.accumulation import ReceivedResponse
from copilot_bridge.dialects.adaptation.adapt import Undo, adapt_prompt
from copilot_bridge.dialects.chat import prompt_reader as chat
from copilot_bridge.dialects.chat import prompt_writer as chat_prompt_writer
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.response import normalize_response
from copilot_bridge.dialects.gemini import prompt_reader as gemini
from copilot_bridge.dialects.messages import prompt_reader as messages
from copilot_bridge.dialects.messages import prompt_writer as messages_prompt_writer
from copilot_bridge.dialects.ollama import prompt_reader as ollama
from copilot_bridge.dialects.registry import limits_of
from copilot_bridge.dialects.responses import prompt_reader as responses
from copilot_bridge.dialects.responses import prompt_writer as responses_prompt_writer
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.errors import InvalidRequest

Json = dict[str, Any]
CLIENTS = tuple(WRITERS)


def sse(*events: Json, done: bool = False) -> bytes:
    stream = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    return stream + (b"data: [DONE]\n\n" if done else b"")


def chat_stream(*deltas: Json, finish: str = "stop", **more: Any) -> bytes:
    chunks = [{"id": "c", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    last = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}], **more}
    return sse(*chunks, last, done=True)


def messages_stream(*blocks: tuple[Json, list[Json]], stop: str = "end_turn", **more: Any) -> bytes:
    sent: list[Json] = [{"type": "message_start", "message": {"id": "m"}}]
    for index, (block, deltas) in enumerate(blocks):
        sent.append({"type": "content_block_start", "index": index, "content_block": block})
        sent += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        sent.append({"type": "content_block_stop", "index": index})
    sent.append({"type": "message_delta", "delta": {"stop_reason": stop, **more}})
    return sse(*sent, {"type": "message_stop"})


def responses_stream(*items: Json, end: str = "completed", **response: Any) -> bytes:
    sent: list[Json] = [{"type": "response.created", "response": {"id": "r"}}]
    sent += [{"type": "response.output_item.done", "output_index": n, "item": i} for n, i in enumerate(items)]
    return sse(*sent, {"type": f"response.{end}", "response": {"id": "r", **response}})


def converted(client: str, upstream: str, stream: bytes, undo: Undo | None = None) -> Json:
    """In one piece, after a look at the stream."""

    assert streamed(translation(upstream, client, undo=undo), [stream]).error is None
    outcome = collected(upstream, client, [stream], undo)
    assert outcome.error is None
    return dict(json.loads(outcome.output))


def text_and_end(client: str, whole: Json) -> tuple[str, str, str]:
    """(the text, the refusal, the end)."""
    if client == "chat":
        choice = whole["choices"][0]
        return choice["message"]["content"] or "", choice["message"]["refusal"] or "", choice["finish_reason"]
    if client == "messages":
        return "".join(b.get("text", "") for b in whole["content"]), "", whole["stop_reason"]
    if client == "gemini":
        (candidate,) = whole["candidates"]
        parts = candidate["content"]["parts"]
        return "".join(part.get("text", "") for part in parts), "", candidate["finishReason"]
    if client == "ollama":
        return whole["message"]["content"], "", whole["done_reason"]
    parts = [part for item in whole["output"] for part in item.get("content", ())]
    refusal = "".join(part.get("refusal", "") for part in parts)
    return "".join(part.get("text", "") for part in parts), refusal, whole["status"]


REFUSALS = {
    "chat": chat_stream({"role": "assistant", "refusal": ""}, {"refusal": "I "}, {"refusal": "won't."}),
    "messages": messages_stream(stop="refusal", stop_details={"explanation": "I won't."}),
    "responses": responses_stream(
        {"type": "message", "content": [{"type": "refusal", "refusal": "I won't."}]}, status="completed"
    ),
}
REFUSED = {
    "chat": ("", "I won't.", "stop"),
    "messages": ("I won't.", "", "refusal"),
    "responses": ("", "I won't.", "completed"),
    "gemini": ("I won't.", "", "SAFETY"),
    "ollama": ("I won't.", "", "stop"),
}


@pytest.mark.parametrize("upstream", REFUSALS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_refusal_keeps_its_form(client: str, upstream: str) -> None:
    assert text_and_end(client, converted(client, upstream, REFUSALS[upstream])) == REFUSED[client]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_filtered_response_is_no_refusal(client: str) -> None:
    ends = {
        "chat": "content_filter",
        "messages": "refusal",
        "responses": "incomplete",
        "gemini": "SAFETY",
        "ollama": "stop",
    }
    stream = chat_stream({"content": "And so"}, finish="content_filter")
    assert text_and_end(client, converted(client, "chat", stream)) == ("And so", "", ends[client])


# Calls.


def calls(client: str, whole: Json) -> list[tuple[str, str, str]]:
    """(id, name, arguments or input) of each."""
    if client == "chat":
        found = []
        for call in whole["choices"][0]["message"].get("tool_calls", ()):
            function = call[call["type"]]
            found.append((call["id"], function["name"], function.get("arguments", function.get("input"))))
        return found
    if client == "messages":
        blocks = (block for block in whole["content"] if block["type"] == "tool_use")
        return [(block["id"], block["name"], json.dumps(block["input"])) for block in blocks]
    if client == "gemini":
        parts = whole["candidates"][0]["content"]["parts"]
        found = [part["functionCall"] for part in parts if "functionCall" in part]
        return [(call["id"], call["name"], json.dumps(call["args"])) for call in found]
    if client == "ollama":
        called = whole["message"].get("tool_calls", ())
        return [
            (call["id"], call["function"]["name"], json.dumps(call["function"]["arguments"]))
            for call in called
        ]
    items = (item for item in whole["output"] if "call_id" in item)
    return [(item["call_id"], item["name"], item.get("arguments", item.get("input"))) for item in items]


PATCH = '*** Begin Patch\n+"a\\b" \u00e9\n*** End Patch'
CUSTOM = {
    "chat": chat_stream(
        {
            "tool_calls": [
                {"index": 0, "id": "c1", "type": "custom", "custom": {"name": "patch", "input": ""}}
            ]
        },
        *({"tool_calls": [{"index": 0, "custom": {"input": piece}}]} for piece in (PATCH[:9], PATCH[9:])),
        finish="tool_calls",
    ),
    "responses": responses_stream(
        {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": PATCH}, status="completed"
    ),
}


@pytest.mark.parametrize("upstream", CUSTOM)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_custom_call_stays_custom(client: str, upstream: str) -> None:
    """To Messages, Gemini and Ollama, which know none, as a function with one text."""
    whole = converted(client, upstream, CUSTOM[upstream])
    ((id_, name, given),) = calls(client, whole)
    assert (id_, name) == ("c1", "patch")
    assert (json.loads(given)["input"] if client in ("messages", "gemini", "ollama") else given) == PATCH


def test_deltas_of_a_custom_call_are_passed_on_at_once() -> None:
    events_sent = [
        {"type": "response.created", "response": {"id": "r"}},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": ""},
        },
        *(
            {"type": "response.custom_tool_call_input.delta", "output_index": 0, "delta": piece}
            for piece in ("a", "b\n", "c")
        ),
        {"type": "response.completed", "response": {"id": "r"}},
    ]
    stream = streamed(translation("responses", "chat"), [sse(*events_sent)]).output
    chunks = [json.loads(line[6:]) for line in stream.split(b"\n\n") if line.startswith(b"data: {")]
    fragments = [
        call for c in chunks for choice in c["choices"] for call in choice["delta"].get("tool_calls", ())
    ]
    assert fragments[0] == {
        "index": 0, "id": "c1", "type": "custom", "custom": {"name": "patch", "input": ""}
    }  # fmt: skip
    assert [fragment["custom"]["input"] for fragment in fragments[1:]] == ["a", "b\n", "c"]


@pytest.mark.parametrize(
    ("wrapped", "given"),
    [
        ('{"input":"a\\nb"}', "a\nb"),
        ('{"input":{"cmd":"ls"}}', '{"cmd":"ls"}'),
        ('{"input":[1,12345678901234567890123]}', "[1,12345678901234567890123]"),
        ('{"input":null}', "null"),
        ('{"text":"a"}', '{"text":"a"}'),
        ("no json", "no json"),
    ],
)
@pytest.mark.parametrize("client", ["chat", "responses"])
def test_calls_of_functions_that_were_custom_tools_are_restored(
    client: str, wrapped: str, given: str
) -> None:
    block = ({"type": "tool_use", "id": "t", "name": "patch", "input": {}},)
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in (wrapped[:4], wrapped[4:])]
    stream = messages_stream((*block, deltas), stop="tool_use")
    whole = converted(client, "messages", stream, Undo(custom=frozenset({"patch"})))
    assert calls(client, whole) == [("t", "patch", given)]


TOOL = {
    "type": "custom",
    "custom": {
        "name": "patch",
        "description": "Patches.",
        "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: X"}},
    },
}
CHOICES: list[tuple[Any, Any]] = [
    ({"type": "custom", "custom": {"name": "patch"}}, {"type": "custom", "name": "patch"}),
    ("validated", "auto"),
    ("required", "required"),
]


def asked(choice: Any) -> Json:
    call = {"id": "c1", "type": "custom", "custom": {"name": "patch", "input": PATCH}}
    return {
        "model": "m",
        "messages": [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "Done."},
        ],
        "tools": [TOOL],
        "tool_choice": choice,
    }


@pytest.mark.parametrize(("choice", "expected"), CHOICES)
def test_custom_tools_of_chat_are_custom_tools_in_responses(choice: Any, expected: Any) -> None:
    prompt, undo = adapt_prompt(
        chat.read_prompt(asked(choice)), limits_of("responses", "OpenAI", "gpt-5.3-codex"), "chat"
    )
    body = responses_prompt_writer.write_prompt(prompt)
    assert not undo.custom
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: X"}
    assert body["tools"] == [
        {"type": "custom", "name": "patch", "description": "Patches.", "format": grammar}
    ]
    assert body["input"][1:] == [
        {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": PATCH},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "Done."},
    ]
    assert body["tool_choice"] == expected


@pytest.mark.parametrize(("choice", "_told"), CHOICES)
@pytest.mark.parametrize("target", ["chat", "messages"])
def test_custom_tools_of_chat_are_functions_elsewhere(target: str, choice: Any, _told: Any) -> None:
    prompt, undo = adapt_prompt(
        chat.read_prompt(asked(choice)), limits_of(target, "Anthropic", "claude"), "chat"
    )
    body = {"chat": chat_prompt_writer, "messages": messages_prompt_writer}[target].write_prompt(prompt)
    assert undo.custom == {"patch"}
    tool = body["tools"][0].get("function") or body["tools"][0]
    assert (tool["name"], "start: X" in tool["description"]) == ("patch", True)
    assert (tool.get("parameters") or tool["input_schema"])["required"] == ["input"]
    assert '"custom"' not in json.dumps(body)
    message = body["messages"][1]
    if target == "messages":
        assert message["content"][0]["input"] == {"input": PATCH}
    else:
        assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"input": PATCH}


@pytest.mark.parametrize(
    "tool", [{"type": "custom"}, {"type": "custom", "custom": {}}, {"type": "custom", "custom": {"name": 5}}]
)
def test_a_custom_tool_without_a_name_is_refused_by_its_location(tool: Json) -> None:
    with pytest.raises(Exception, match=r"^tools\.0") as refused:
        chat.read_prompt({"model": "m", "messages": [{"role": "user", "content": "q"}], "tools": [tool]})
    assert str(refused.value.param).startswith("tools.0")  # type: ignore[attr-defined]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_call_that_the_model_could_not_finish_is_an_error(client: str) -> None:
    stream = chat_stream({"content": "Let me look."}, finish="malformed_function_call")
    for outcome in (
        streamed(translation("chat", client), [stream]),
        collected("chat", client, [stream]),
    ):
        assert outcome.error == "the model made a tool call that can't be run: send the request again"


# Signatures on calls.

SIGNED: list[Json] = [
    {
        "extra_content": {"google": {"thought_signature": "sig=="}},
        "function": {"name": "f", "arguments": "{}"},
    },
    {"function": {"name": "f", "arguments": "{}", "thought_signature": "sig=="}},
]


@pytest.mark.parametrize("call", SIGNED)
@pytest.mark.parametrize("client", ["messages", "responses", "gemini", "ollama"])
def test_geminis_signatures_are_sent_back_to_it(client: str, call: Json) -> None:
    two = [
        {"index": 0, "id": "a", **call},
        {"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}},
    ]
    stream = chat_stream({"content": "So."}, {"tool_calls": two}, finish="tool_calls")
    assert calls_sent_again(client, stream) == [
        {"id": "a", "type": "function", **call},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


CALL: Json = {"function": {"name": "f", "arguments": "{}"}}
SIGNED_LATER: Json = {"index": 0, "extra_content": {"google": {"thought_signature": "sig=="}}}

LATE: dict[str, list[Json]] = {
    "in the next chunk": [{"tool_calls": [{"index": 0, "id": "a", **CALL}]}, {"tool_calls": [SIGNED_LATER]}],
    "in the function": [
        {"tool_calls": [{"index": 0, "id": "a", **CALL}]},
        {"tool_calls": [{"index": 0, "function": {"thought_signature": "sig=="}}]},
    ],
    "after another call": [
        {"tool_calls": [{"index": 0, "id": "a", **CALL}]},
        {"tool_calls": [{"index": 1, "id": "b", **CALL}]},
        {"tool_calls": [SIGNED_LATER]},
    ],
    "with the rest of the arguments": [
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{**SIGNED_LATER, "function": {"arguments": "{}"}}]},
    ],
    "with a text": [
        {"tool_calls": [{"index": 0, "id": "a", **CALL}]},
        {"content": "So.", "tool_calls": [SIGNED_LATER]},
    ],
}


@pytest.mark.parametrize("deltas", LATE.values(), ids=LATE)
@pytest.mark.parametrize("client", ["messages", "responses", "gemini", "ollama"])
def test_signatures_that_come_after_their_call_are_sent_back(client: str, deltas: list[Json]) -> None:
    stream = chat_stream(*deltas, finish="tool_calls").replace(
        b'{"id": "c"', b'{"id": "c", "model": "gemini-3-pro"'
    )
    first, *others = calls_sent_again(client, stream)
    signature = first["function"].pop("thought_signature", None) or first.pop("extra_content")
    assert signature in ("sig==", {"google": {"thought_signature": "sig=="}})
    assert first == {"id": "a", "type": "function", **CALL}
    assert not any("sig" in str(call) for call in others)


@pytest.mark.parametrize("client", ["messages", "responses", "gemini", "ollama"])
def test_signatures_in_the_last_chunk_are_sent_back(client: str) -> None:
    deltas: tuple[Json, ...] = (
        {"tool_calls": [{"index": 0, "id": "a", **CALL}]},
        {"tool_calls": [SIGNED_LATER]},
    )
    chunks = [{"id": "c", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks[-1]["choices"][0]["finish_reason"] = "tool_calls"
    stream = sse(*chunks, done=True)
    (call,) = calls_sent_again(client, stream)
    assert call["extra_content"] == {"google": {"thought_signature": "sig=="}}


def calls_sent_again(client: str, stream: bytes) -> list[Json]:
    """The calls that Gemini gets when a client sends back what it got."""
    whole = converted(client, "chat", stream)
    if client == "messages":
        body: Json = {"messages": [{"role": "assistant", "content": whole["content"]}]}
        prompt = messages.read_prompt({"model": "m"} | body)
    elif client == "gemini":
        prompt = gemini.read_prompt({"model": "m", "contents": [whole["candidates"][0]["content"]]})
    elif client == "ollama":
        prompt = ollama.read_chat_prompt({"model": "m", "messages": [whole["message"]]})
    else:
        prompt = responses.read_prompt({"model": "m", "input": whole["output"]}, ToolNames())
    (message,) = chat_prompt_writer.write_prompt(prompt)["messages"]
    calls: list[Json] = message["tool_calls"]
    return calls


@pytest.mark.parametrize("call", SIGNED)
def test_a_signature_is_passed_on_in_chat(call: Json) -> None:
    stream = chat_stream({"tool_calls": [{"index": 0, "id": "a", **call}]}, finish="tool_calls")
    assert b"sig==" in streamed(REPAIRS["chat"](), [stream]).output
    (passed_on,) = json.loads(FOLDS["chat"]([stream]))["choices"][0]["message"]["tool_calls"]
    assert passed_on == {"id": "a", "type": "function", **call}
    message = {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", **call}]}
    whole = json.dumps({"id": "c", "choices": [{"message": message, "finish_reason": "tool_calls"}]}).encode()
    (passed_on,) = json.loads(
        normalize_response(ReceivedResponse.read(whole), ChunkNormalizer(model="m", created=1))[0]
    )["choices"][0]["message"]["tool_calls"]
    assert passed_on == {"id": "a", "type": "function", **call}


# Ids of calls.

NO_ID = {"function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "two",
    [
        pytest.param([{"index": 0, **NO_ID}, {"index": 1, **NO_ID}], id="none"),
        pytest.param([{"index": 0, "id": "a", **NO_ID}, {"index": 1, "id": "a", **NO_ID}], id="one for both"),
        pytest.param([{"index": 0, "id": "", **NO_ID}, {"index": 0, "id": None, **NO_ID}], id="one place"),
        pytest.param([{"id": 7, **NO_ID}, {"index": 1, "id": "7", **NO_ID}], id="a number"),
    ],
)
@pytest.mark.parametrize("client", CLIENTS)
def test_calls_with_the_same_id_get_different_ids(client: str, two: list[Json]) -> None:
    stream = chat_stream({"tool_calls": two}, finish="tool_calls").replace(b'"id": "c", ', b"")
    found = [id_ for id_, _name, _arguments in calls(client, converted(client, "chat", stream))]
    assert len(set(found)) == 2
    assert all(found)


@pytest.mark.parametrize("client", ["chat", "responses"])
@pytest.mark.parametrize("ids", [("a", "a"), ("", ""), (None, None), ("a", "")])
def test_calls_of_messages_with_the_same_id_get_different_ids(client: str, ids: tuple[Any, Any]) -> None:
    blocks = [({"type": "tool_use", "id": id_, "name": "f", "input": {}}, []) for id_ in ids]
    found = [id_ for id_, _, _ in calls(client, converted(client, "messages", messages_stream(*blocks)))]
    assert len(set(found)) == 2
    assert all(found)


# What upstream tells otherwise.


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("given", [{"a": 1}, {"big": 12345678901234567890123}, {"a": {"b": [None]}}])
def test_a_calls_input_at_the_start_of_its_block_is_kept(client: str, given: Json) -> None:
    stream = messages_stream(
        ({"type": "tool_use", "id": "t", "name": "f", "input": given}, []), stop="tool_use"
    )
    ((_id, _name, arguments),) = calls(client, converted(client, "messages", stream))
    assert json.loads(arguments) == given


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("arguments", [{"a": 1}, [1], {}])
def test_arguments_that_are_an_object_become_text(client: str, arguments: Any) -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": arguments}}
    stream = chat_stream({"tool_calls": [call]}, finish="tool_calls")
    if client == "ollama" and isinstance(arguments, list):  # whose clients read an object, and no text
        assert "not a JSON object" in str(streamed(translation("chat", client), [stream]).error)
        return
    assert b"'" not in json.dumps(converted(client, "chat", stream)).encode().replace(b"can't", b"")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("usage", [{"prompt_tokens": "7"}, {"prompt_tokens": 7.0}, {"completion_tokens": {}}])
def test_usage_of_a_wrong_type_is_no_error(client: str, usage: Json) -> None:
    assert converted(client, "chat", chat_stream({"content": "Hi"}, usage=usage))
    assert streamed(REPAIRS["chat"](), [chat_stream({"content": "Hi"}, usage=usage)]).error is None


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("end", "response", "reason"),
    [
        (
            "completed",
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "length",
        ),
        ("completed", {"status": "incomplete"}, "length"),
        ("incomplete", {"status": "completed"}, "length"),
        ("completed", {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "filter"),
    ],
)
def test_an_incomplete_response_has_its_reason(client: str, end: str, response: Json, reason: str) -> None:
    item = {"type": "message", "content": [{"type": "output_text", "text": "And so"}]}
    whole = converted(client, "responses", responses_stream(item, end=end, **response))
    names = {
        "chat": {"length": "length", "filter": "content_filter"},
        "messages": {"length": "max_tokens", "filter": "refusal"},
        "responses": {"length": "incomplete", "filter": "incomplete"},
        "gemini": {"length": "MAX_TOKENS", "filter": "SAFETY"},
        "ollama": {"length": "length", "filter": "stop"},
    }
    assert text_and_end(client, whole)[2] == names[client][reason]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("finish", ["tool_calls", "function_call"])
def test_a_stop_reason_without_a_call_is_corrected(client: str, finish: str) -> None:
    ends = {
        "chat": "stop",
        "messages": "end_turn",
        "responses": "completed",
        "gemini": "STOP",
        "ollama": "stop",
    }
    assert (
        text_and_end(client, converted(client, "chat", chat_stream({"content": "Hi"}, finish=finish)))[2]
        == ends[client]
    )
    stream = messages_stream(({"type": "text", "text": "Hi"}, []), stop="tool_use")
    assert text_and_end(client, converted(client, "messages", stream))[2] == ends[client]


@pytest.mark.parametrize(
    "stream", [b"data: [DONE]\n\n", b"data: [DONE]", b": hi\n\ndata: [DONE]\n\n", b"", b"{}"]
)
@pytest.mark.parametrize("upstream", REPAIRS)
def test_an_empty_stream_is_no_success(upstream: str, stream: bytes) -> None:
    for client in CLIENTS:
        assert streamed(translation(upstream, client), [stream]).error
    assert streamed(REPAIRS[upstream](), [stream]).error
    assert accumulated(FOLDS[upstream], [stream]).error


@pytest.mark.parametrize("missing", ["name", "content_block"])
def test_a_malformed_member_is_refused_by_its_name(missing: str) -> None:
    stream = messages_stream(({"type": "tool_use", "id": "t", "name": "f"}, []))
    broken = stream.replace(f'"{missing}"'.encode(), b'"other"')
    for client in CLIENTS:
        assert "can't be read" in str(streamed(translation("messages", client), [broken]).error)
        assert streamed(translation("messages", client), [stream]).error is None


# A part where its role can't say it.

USE = {"type": "tool_use", "id": "c", "name": "t", "input": {}}
TEXT = {"type": "text", "text": "a"}
URL = {"type": "image_url", "image_url": {"url": "u"}}
REFUSAL = {"type": "refusal", "refusal": "no"}
RESULT = {"type": "tool_result", "tool_use_id": "c"}
IMAGE = {"type": "input_image", "image_url": "u"}
MISPLACED: list[tuple[str, Json, str]] = [
    ("messages", {"role": "user", "content": [USE]}, "0.content.0"),
    ("messages", {"role": "user", "content": [{"type": "thinking", "thinking": "t"}]}, "0.content.0"),
    ("messages", {"role": "assistant", "content": [RESULT]}, "0.content.0"),
    ("messages", {"role": "assistant", "content": [TEXT, {"type": "image"}]}, "0.content.1"),
    ("messages", {"role": "system", "content": [{"type": "document"}]}, "0.content.0"),
    ("chat", {"role": "user", "content": [REFUSAL]}, "0.content.0"),
    ("chat", {"role": "assistant", "content": [URL]}, "0.content.0"),
    ("chat", {"role": "system", "content": [{"type": "file", "file": {}}]}, "0.content.0"),
    ("chat", {"role": "user", "content": "a", "tool_calls": [{"id": "c"}]}, "0.tool_calls"),
    ("responses", {"role": "user", "content": [REFUSAL]}, "0.content.0"),
    ("responses", {"role": "assistant", "content": [IMAGE]}, "0.content.0"),
    ("responses", {"role": "developer", "content": [{"type": "input_file"}]}, "0.content.0"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "message", "where"), MISPLACED)
def test_a_part_that_its_role_can_not_have_is_refused(dialect: str, message: Json, where: str) -> None:
    field = "input" if dialect == "responses" else "messages"
    reads = {
        "chat": chat.read_prompt,
        "messages": messages.read_prompt,
        "responses": lambda body: responses.read_prompt(body, ToolNames()),
    }
    with pytest.raises(InvalidRequest) as refused:
        reads[dialect]({"model": "m", field: [message]})
    assert refused.value.param == f"{field}.{where}"
