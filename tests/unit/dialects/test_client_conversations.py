"""Conversations of clients whose dialects Copilot does not speak reach each of its APIs whole.

They are drawn, written as Gemini's and Ollama's clients write them, with and without ids of calls, read,
fitted to the target and written to it.  What the target reads there is what was said: texts, images, calls
with their results, in their order.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.adaptation.adapt import adapt_prompt
from copilot_bridge.dialects.chat import prompt_reader as chat
from copilot_bridge.dialects.gemini import prompt_reader as gemini
from copilot_bridge.dialects.gemini import request as gemini_request
from copilot_bridge.dialects.messages import prompt_reader as messages
from copilot_bridge.dialects.ollama import prompt_reader as ollama
from copilot_bridge.dialects.ollama import request as ollama_request
from copilot_bridge.dialects.prompt import Image, Prompt, Text, ToolCall, ToolResult
from copilot_bridge.dialects.registry import DIALECTS, limits_of
from copilot_bridge.dialects.responses import prompt_reader as responses
from copilot_bridge.dialects.responses.tool_names import ToolNames

Json = dict[str, Any]

TARGETS = [
    ("chat", "OpenAI", "gpt-4.1"),
    ("chat", "Google", "gemini-3-pro"),
    ("chat", "Moonshot AI", "kimi-k2"),
    ("chat", "Anthropic", "claude-sonnet-4.5"),
    ("messages", "Anthropic", "claude-opus-4.6"),
    ("responses", "OpenAI", "gpt-5.3-codex"),
]
READ_AGAIN = {
    "chat": chat.read_prompt,
    "messages": messages.read_prompt,
    "responses": lambda body: responses.read_prompt(body, ToolNames()),
}

# A conversation: turns of a person, each followed by steps of the model, with calls and their results.

PNG, JPEG = "iVBORw0KGgo=", "/9j/4AAQSkZJRgABAQ=="
words = st.text("abcdefgh \n", min_size=1, max_size=8).map("w{}w".format)
images = st.sampled_from([("image", "image/png", PNG), ("image", "image/jpeg", JPEG)])
names = st.sampled_from(["look", "list_dir", "server.tool/" + "x" * 80])
ids = st.sampled_from(["call_1", "call 2", "x" * 90]) | st.none()
calls = st.builds(
    lambda name, args, id_, result: {"name": name, "args": args, "id": id_, "result": result},
    names,
    st.dictionaries(words, st.integers(-5, 2**60) | words | st.booleans(), max_size=2),
    ids,
    words,
)
steps = st.tuples(words | st.none(), st.lists(calls, min_size=1, max_size=3))
turns = st.builds(
    lambda text, shown, steps_, response: {
        "text": text,
        "images": shown,
        "steps": steps_,
        "answer": response,
    },
    words,
    st.lists(images, max_size=2),
    st.lists(steps, max_size=2),
    words,
)
conversations = st.lists(turns, max_size=2)


def said(conversation: list[Json]) -> list[tuple[str, ...]]:
    """What has to reach the model: no ids, which may be others."""
    transcript: list[tuple[str, ...]] = []
    for turn in conversation:
        transcript += [("user", turn["text"]), *(("image", data) for _, _, data in turn["images"])]
        for text, called in turn["steps"]:
            transcript += [("assistant", text)] if text else []
            transcript += [("call", call["name"], as_text(call["args"])) for call in called]
            transcript += [("result", call["name"], call["result"]) for call in called]
        transcript.append(("assistant", turn["answer"]))
    return [*transcript, ("user", "Go on.")]


def as_text(args: Json) -> str:
    return json.dumps(args, sort_keys=True)


def transcript_of(prompt: Prompt, names: Json) -> list[tuple[str, ...]]:
    """`names`: those of the client by those that the target knows."""
    found: list[tuple[str, ...]] = []
    open_calls: dict[str, str] = {}
    for message in prompt.messages:
        for part in message.parts:
            match part:
                case Text(text):
                    found.append((message.role, text))
                case Image(_, data):
                    found.append(("image", data))
                case ToolCall(id_, name, arguments):
                    assert id_ not in open_calls, "two calls have one id"
                    open_calls[id_] = names.get(name, name)
                    found.append(("call", open_calls[id_], as_text(json.loads(arguments))))
                case ToolResult(id_, parts):
                    text = "".join(part.text for part in parts if isinstance(part, Text))
                    found.append(("result", open_calls[id_], text))
                case _:
                    raise AssertionError(part)
    return found


# The clients.


def gemini_body(conversation: list[Json], *, with_ids: bool) -> Json:
    contents: list[Json] = []

    def speak(role: str, *parts: Json) -> None:
        contents.append({"role": role, "parts": [*parts]})

    def id_of(call: Json, number: int) -> Json:
        return {"id": f"{call['id']}-{number}"} if with_ids and call["id"] else {}

    for turn in conversation:
        shown = [{"inlineData": {"mimeType": kind, "data": data}} for _, kind, data in turn["images"]]
        speak("user", {"text": turn["text"]}, *shown)
        for text, called in turn["steps"]:
            numbered = [(call, id_of(call, number)) for number, call in enumerate(called, len(contents) * 10)]
            asked = [{"functionCall": {"name": c["name"], "args": c["args"], **id_}} for c, id_ in numbered]
            speak("model", *([{"text": text}] if text else []), *asked)
            given_ = [
                {"functionResponse": {"name": c["name"], "response": {"output": c["result"]}, **id_}}
                for c, id_ in numbered
            ]
            speak("user", *given_)
        speak("model", {"text": turn["answer"]})
    speak("user", {"text": "Go on."})
    return {"contents": contents}


def ollama_body(conversation: list[Json], *, with_ids: bool) -> Json:
    spoken: list[Json] = []
    for turn in conversation:
        shown = {"images": [data for _, _, data in turn["images"]]} if turn["images"] else {}
        spoken.append({"role": "user", "content": turn["text"], **shown})
        for text, called in turn["steps"]:
            number = len(spoken) * 10
            call_ids = [
                f"{c['id']}-{n}" if with_ids and c["id"] else "" for n, c in enumerate(called, number)
            ]
            asked = [
                {"function": {"name": c["name"], "arguments": c["args"]}, **({"id": id_} if id_ else {})}
                for c, id_ in zip(called, call_ids, strict=True)
            ]
            spoken.append({"role": "assistant", "content": text or "", "tool_calls": asked})
            for call, id_ in zip(called, call_ids, strict=True):
                which = {"tool_call_id": id_} if id_ else {"tool_name": call["name"]}
                spoken.append({"role": "tool", "content": call["result"], **which})
        spoken.append({"role": "assistant", "content": turn["answer"]})
    return {"model": "m", "messages": [*spoken, {"role": "user", "content": "Go on."}]}


def read_gemini(body: Json) -> Prompt:
    return gemini.read_prompt(gemini_request.read(codec.write(body), "m", stream=False))


def read_ollama(body: Json) -> Prompt:
    return ollama.read_chat_prompt(ollama_request.read(codec.write(body), ollama_request.CHAT_FIELDS))


CLIENTS = {"gemini": (gemini_body, read_gemini), "ollama": (ollama_body, read_ollama)}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("with_ids", [True, False])
@given(conversation=conversations)
def test_a_conversation_is_read_as_it_was_said(client: str, with_ids: bool, conversation: list[Json]) -> None:
    write, read = CLIENTS[client]
    assert transcript_of(read(write(conversation, with_ids=with_ids)), {}) == said(conversation)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("target", TARGETS, ids="-".join)
@given(conversation=conversations, with_ids=st.booleans())
def test_a_conversation_reaches_each_api_whole(
    client: str, target: tuple[str, str, str], conversation: list[Json], with_ids: bool
) -> None:
    write, read = CLIENTS[client]
    fitted, undo = adapt_prompt(read(write(conversation, with_ids=with_ids)), limits_of(*target), client)
    upstream = DIALECTS[target[0]].upstream
    assert upstream
    again = READ_AGAIN[target[0]](codec.read(codec.write(upstream.write_prompt(fitted))))
    assert transcript_of(again, dict(undo.names)) == said(conversation)
    limits = limits_of(*target)
    found = [part for message in again.messages for part in message.parts if isinstance(part, ToolCall)]
    assert all(len(call.id) <= (limits.id_length or 99) for call in found)
    assert all(len(call.name) <= (limits.name_length or 99) for call in found)
