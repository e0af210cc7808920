"""Damaged requests are accepted on every path, or refused with a 400 that names the field."""

import json
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from fuzz.conftest import noting_seed
from fuzz.mutations import change_value
from wrong_kinds import BODIES

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.adaptation.adapt import adapt_prompt
from copilot_bridge.dialects.chat import prompt_reader as chat
from copilot_bridge.dialects.chat import prompt_writer as chat_prompt_writer
from copilot_bridge.dialects.chat import request as chat_request
from copilot_bridge.dialects.gemini import prompt_reader as gemini
from copilot_bridge.dialects.gemini import request as gemini_request
from copilot_bridge.dialects.messages import prompt_reader as messages
from copilot_bridge.dialects.messages import prompt_writer as messages_prompt_writer
from copilot_bridge.dialects.messages import request as messages_request
from copilot_bridge.dialects.ollama import prompt_reader as ollama
from copilot_bridge.dialects.ollama import request as ollama_request
from copilot_bridge.dialects.registry import limits_of
from copilot_bridge.dialects.responses import prompt_reader as responses
from copilot_bridge.dialects.responses import prompt_writer as responses_prompt_writer
from copilot_bridge.dialects.responses import request as responses_request
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.errors import BridgeError, InvalidRequest, Unsupported

Json = dict[str, Any]

REQUESTS: dict[str, Any] = {
    "chat": chat_request,
    "messages": messages_request,
    "responses": responses_request,
    "gemini": SimpleNamespace(
        read=gemini_request.read_with_model, read_conversation=gemini_request.read_conversation
    ),
    "ollama": SimpleNamespace(
        read=lambda data: ollama_request.read(data, ollama_request.CHAT_FIELDS),
        read_conversation=ollama_request.read_conversation,
    ),
}
PROMPT_READERS: dict[str, Any] = {
    "chat": chat,
    "messages": messages,
    "responses": responses,
    "gemini": gemini,
    "ollama": SimpleNamespace(read_prompt=ollama.read_chat_prompt),
}
PROMPT_WRITERS: dict[str, Any] = {
    "chat": chat_prompt_writer,
    "messages": messages_prompt_writer,
    "responses": responses_prompt_writer,
}
VENDORS = {"chat": "OpenAI", "messages": "Anthropic", "responses": "OpenAI"}


def parts(body: Json) -> list[tuple[list[Any], int]]:
    """(the list that holds it, where) of each part of a message, those in tools' results included."""
    found: list[tuple[list[Any], int]] = []
    histories = [body.get("messages"), body.get("input"), body.get("contents")]
    holders = [entry for listed in histories if isinstance(listed, list) for entry in listed]
    for holder in holders:
        for field in ("content", "output", "tool_calls", "parts", "images"):
            held = holder.get(field) if isinstance(holder, dict) else None
            for index, part in enumerate(held if isinstance(held, list) else ()):
                found.append((held, index))
                holders += [part] if isinstance(part, dict) else []
    return found


def mutant(rng: Random, dialect: str) -> bytes:
    """A whole body in which parts have changed places, roles or kinds."""
    body = deepcopy(BODIES[dialect])
    for _ in range(rng.choice([1, 1, 2, 3])):
        found = parts(body)
        match rng.randrange(4):
            case 0 if found:
                (one, here), (other, there) = rng.choice(found), rng.choice(found)
                one[here] = deepcopy(other[there])
            case 1 if found:
                held, _place = rng.choice(found)
                other, there = rng.choice(found)
                held.insert(rng.randrange(len(held) + 1), deepcopy(other[there]))
            case 2:
                history = body.get("messages") or body.get("input") or body.get("contents")
                spoken = (
                    [message for message in history if isinstance(message, dict)]
                    if isinstance(history, list)
                    else []
                )
                for message in spoken[:1] and [rng.choice(spoken)]:
                    message["role"] = rng.choice(
                        ["user", "assistant", "system", "developer", "tool", "model"]
                    )
            case _:
                change_value(rng, body)
    return json.dumps(body).encode()


def check(dialect: str, data: bytes) -> None:
    request = REQUESTS[dialect]
    body = request.read(data)
    request.read_conversation(body)
    more = (ToolNames(),) if dialect == "responses" else ()
    prompt = PROMPT_READERS[dialect].read_prompt(body, *more)
    for target, vendor in VENDORS.items():
        fitted, _undo = adapt_prompt(prompt, limits_of(target, vendor, "m"), dialect)
        codec.write(PROMPT_WRITERS[target].write_prompt(fitted))


def refusal(dialect: str, data: bytes) -> BridgeError | None:
    try:
        check(dialect, data)
    except (InvalidRequest, Unsupported) as error:
        return error
    except Exception as error:
        error.add_note(data.decode())
        raise
    return None


@pytest.mark.parametrize("dialect", REQUESTS)
def test_a_damaged_request_is_accepted_or_refused_by_its_field(dialect: str, seeds: Iterator[int]) -> None:
    for seed in seeds:
        data = mutant(Random(seed), dialect)
        with noting_seed(seed):
            error = refusal(dialect, data)
            assert error is None or error.param, data
