"""A value of a wrong type anywhere in a request gets an error that explains it.

Each value of a whole body is replaced by each wrong kind; then the body takes all ways that there are.
"""

import json
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from wrong_kinds import BODIES, Json, mutants

from copilot_bridge.counting import count
from copilot_bridge.dialects import codec, embeddings
from copilot_bridge.dialects.adaptation.adapt import adapt_prompt
from copilot_bridge.dialects.chat import prompt_reader as chat_prompt_reader
from copilot_bridge.dialects.chat import prompt_writer as chat_prompt_writer
from copilot_bridge.dialects.chat import request as chat_request
from copilot_bridge.dialects.gemini import prompt_reader as gemini_prompt_reader
from copilot_bridge.dialects.gemini import request as gemini_request
from copilot_bridge.dialects.messages import prompt_reader as messages_prompt_reader
from copilot_bridge.dialects.messages import prompt_writer as messages_prompt_writer
from copilot_bridge.dialects.messages import request as messages_request
from copilot_bridge.dialects.ollama import prompt_reader as ollama_prompt_reader
from copilot_bridge.dialects.ollama import request as ollama_request
from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.dialects.registry import limits_of
from copilot_bridge.dialects.responses import prompt_reader as responses_prompt_reader
from copilot_bridge.dialects.responses import prompt_writer as responses_prompt_writer
from copilot_bridge.dialects.responses import request as responses_request
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.errors import BridgeError, InvalidRequest, Unsupported
from copilot_bridge.models.catalogue import Model
from copilot_bridge.models.profiles import profile_of
from copilot_bridge.upstream.quirks import chat as chat_quirks
from copilot_bridge.upstream.quirks import messages as messages_quirks
from copilot_bridge.upstream.quirks import responses as responses_quirks

ROWS = Path(__file__).parents[2] / "copilot_bridge" / "simulator" / "scenarios" / "models-2026-11.json"
MODELS = {row["id"]: Model.read(row) for row in json.loads(ROWS.read_bytes())["data"]}

Fit = Callable[[Json, Model], Any]
FITS: dict[str, tuple[Fit, tuple[str, ...]]] = {
    "chat": (chat_quirks.adapt, ("gpt-4o", "claude-sonnet-4.5", "gemini-3-pro-preview")),
    "messages": (
        lambda body, model: messages_quirks.adapt(body, model, frozenset()),
        ("claude-sonnet-4.5", "claude-opus-4.6"),
    ),
    "responses": (lambda body, model: responses_quirks.adapt(body, model, {}), ("gpt-5.3-codex",)),
}
WRITE: dict[str, Callable[[Prompt], Json]] = {
    "chat": chat_prompt_writer.write_prompt,
    "messages": messages_prompt_writer.write_prompt,
    "responses": responses_prompt_writer.write_prompt,
}
READ: dict[str, Callable[[Json], Prompt]] = {
    "chat": chat_prompt_reader.read_prompt,
    "messages": messages_prompt_reader.read_prompt,
    "responses": lambda body: responses_prompt_reader.read_prompt(body, ToolNames()),
    "gemini": gemini_prompt_reader.read_prompt,
    "ollama": ollama_prompt_reader.read_chat_prompt,
}
REQUESTS: dict[str, tuple[Any, Callable[[Json], Iterator[Any]]]] = {
    "chat": (chat_request, chat_request.image_holders),
    "messages": (messages_request, messages_request.image_holders),
    "responses": (responses_request, responses_request.image_holders),
    "gemini": (
        SimpleNamespace(
            read=gemini_request.read_with_model, read_conversation=gemini_request.read_conversation
        ),
        gemini_request.image_holders,
    ),
    "ollama": (
        SimpleNamespace(
            read=lambda data: ollama_request.read(data, ollama_request.CHAT_FIELDS),
            read_conversation=ollama_request.read_conversation,
        ),
        ollama_request.image_holders,
    ),
}
COUNTED_AS = ("gpt-4o", "claude-sonnet-4.5")  # a row of each way to declare tools


def pass_on(dialect: str, data: bytes) -> None:
    """To a model that speaks it."""
    fit, models = FITS[dialect]
    request, images = REQUESTS[dialect]
    for model in models:
        body = request.read(data)
        request.read_conversation(body)
        list(images(body))
        fit(body, MODELS[model])
        codec.write(body)


def translate(dialect: str, data: bytes) -> None:
    """For all other models, and counted for those that upstream counts nothing for."""
    request, images = REQUESTS[dialect]
    body = request.read(data)
    request.read_conversation(body)
    list(images(body))
    prompt = READ[dialect](body)
    for upstream in WRITE.keys() - {dialect}:
        fit, models = FITS[upstream]
        model = MODELS[models[0]]
        sent, _undo = adapt_prompt(prompt, limits_of(upstream, model.vendor, model.id), dialect)
        body = WRITE[upstream](sent)
        fit(body, model)
        codec.write(body)
    for model in COUNTED_AS:
        assert count(prompt, profile_of(model).tokens) >= 0


def embed(_dialect: str, data: bytes) -> None:
    embeddings.write(embeddings.read(data), "m", 1)


# Of the mutants that are translated one in five: each value and each kind still has its turn.
STEPS = {translate: 5}

CASES = [
    *((dialect, pass_on) for dialect in FITS),
    *((dialect, translate) for dialect in REQUESTS),
    ("embeddings", embed),
]


# A choice names a tool, which may not be there.
BOUND = {"tools": "tools|tool_choice|toolConfig"}


@pytest.mark.parametrize(("dialect", "way"), CASES, ids=lambda case: getattr(case, "__name__", case))
def test_only_wrong_fields_are_reported(dialect: str, way: Callable[[str, bytes], None]) -> None:
    way(dialect, codec.write(BODIES[dialect]))
    for path, data in islice(mutants(BODIES[dialect]), 0, None, STEPS.get(way, 1)):
        error = refusal(dialect, way, data)
        field = BOUND.get(path[0], path[0])
        named = error is None or re.match(rf"(?:{field})[\w.]*: ", str(error))
        assert named, f"{path} is not named: {error}"
        assert error is None or re.match(field, str(error.param))


def refusal(dialect: str, way: Callable[[str, bytes], None], data: bytes) -> BridgeError | None:
    try:
        way(dialect, data)
    except (InvalidRequest, Unsupported) as error:
        return error
    except Exception as error:
        error.add_note(f"in {data.decode()}")
        raise
    return None
