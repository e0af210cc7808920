"""Cursor's requests in their three shapes, and the responses, are those of the transcripts.

cursor/models.json                       the catalogue's rows of the models
cursor/<model>.sse                       what Copilot sends; <model>-functions.sse if no tool takes free text
cursor/<shape>-on-<model>/sent.json      what the first request becomes
cursor/<shape>-on-<model>/client.sse     the response as a stream
cursor/<shape>-on-<model>/client.json    the same as a whole response
cursor/<shape>-on-<model>/back-in-<shape>.json  what the next request becomes, with the calls and their results
"""

import json
from pathlib import Path
from typing import Any

import pytest
from cursor_requests import SHAPES, TURNS
from golden.prepared import Preparation, streamed, whole
from golden.transcripts import SIZES, Golden, check_whole, cut

from copilot_bridge.dialects.chat.dialect import CHAT
from copilot_bridge.models.catalogue import Catalogue, Model
from copilot_bridge.pipeline.prepared import PreparedRequest

HERE = Path(__file__).parent / "cursor"

# Cursor's name of the model -> where Copilot offers it to clients of chat.
MODELS = {
    "gpt": ("gpt-4.1", "/chat/completions"),
    "claude": ("cb/claude-4.5-sonnet-thinking", "/chat/completions"),
    "gemini": ("gemini-3-pro-preview", "/chat/completions"),
    "codex": ("gpt-5.3-codex-high-fast", "/responses"),
}
TEXT = "Fix a.txt."
CASES = [(shape, model) for shape in SHAPES for model in MODELS]

ROWS_SHARE = {"preparation"}


@pytest.fixture(scope="module")
def preparation() -> Preparation:
    models = map(Model.read, json.loads((HERE / "models.json").read_bytes()))
    return Preparation(Catalogue({model.id: model for model in models}, 0.0, ""))


def upstream(shape: str, model: str) -> bytes:
    """With Anthropic's tools, none of which takes free text, a model of Responses calls functions only."""
    functions = HERE / f"{model}-functions.sse"
    path = functions if shape == "claude" and functions.exists() else HERE / f"{model}.sse"
    return path.read_bytes()


def request(shape: str, model: str, said: Any, *, stream: bool = True) -> dict[str, Any]:
    return {**SHAPES[shape](said), "model": MODELS[model][0], "stream": stream}


def pretty(prepared: PreparedRequest) -> bytes:
    return (json.dumps(json.loads(prepared.data), indent=2, ensure_ascii=False) + "\n").encode()


@pytest.mark.parametrize(("shape", "model"), CASES)
def test_the_first_request_becomes_what_is_recorded(
    preparation: Preparation, shape: str, model: str, golden: Golden
) -> None:
    prepared = preparation(CHAT, request(shape, model, TEXT))
    assert prepared.path == MODELS[model][1]
    golden.check(HERE / f"{shape}-on-{model}" / "sent.json", pretty(prepared))


@pytest.mark.parametrize(("shape", "model"), CASES)
def test_the_stream_is_as_recorded(preparation: Preparation, shape: str, model: str, golden: Golden) -> None:
    prepared, sent = preparation(CHAT, request(shape, model, TEXT)), upstream(shape, model)
    for size in SIZES:
        out = streamed(prepared, [*cut(sent, size)])
        golden.check(HERE / f"{shape}-on-{model}" / "client.sse", out)


@pytest.mark.parametrize(("shape", "model"), CASES)
def test_the_whole_response_is_as_recorded(
    preparation: Preparation, shape: str, model: str, golden: Golden
) -> None:
    prepared = preparation(CHAT, request(shape, model, TEXT, stream=False))
    response = whole(prepared, upstream(shape, model))
    golden.check(HERE / f"{shape}-on-{model}" / "client.json", response)
    kinds = ["function", "function" if shape == "claude" else "custom"]
    assert [call["type"] for call in calls_of(response)] == kinds
    if kinds == ["function", "function"]:
        check_whole(json.loads(response))


def calls_of(response: bytes) -> list[dict[str, Any]]:
    return list(json.loads(response)["choices"][0]["message"]["tool_calls"])


@pytest.mark.parametrize("back", TURNS)
@pytest.mark.parametrize(("shape", "model"), CASES)
def test_the_calls_come_back_in_each_shape(
    preparation: Preparation, shape: str, model: str, back: str, golden: Golden
) -> None:
    case = HERE / f"{shape}-on-{model}"
    calls = calls_of((case / "client.json").read_bytes())
    prepared = preparation(CHAT, request(shape, model, TURNS[back](TEXT, *calls)))
    golden.check(case / f"back-in-{back}.json", pretty(prepared))


def test_every_case_is_complete() -> None:
    cells = {f"{shape}-on-{model}" for shape, model in CASES}
    assert {path.name for path in HERE.iterdir() if path.is_dir()} == cells
    files = {"sent.json", "client.sse", "client.json", *(f"back-in-{shape}.json" for shape in TURNS)}
    for cell in cells:
        assert {path.name for path in (HERE / cell).iterdir()} == files
