"""Requests of each client, and their translations for models of other dialects.

requests/<client>/<case>.json                what the client sends
requests/<client>/<case>.to-<upstream>.json  its translation, before quirks of the model
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from golden.transcripts import MODEL, Golden

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.chat import prompt_writer as chat_prompt_writer
from copilot_bridge.dialects.chat.client_request import ChatRequest
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.dialects.adaptation.adapt import adapt_prompt
from copilot_bridge.dialects.gemini import request as gemini
from copilot_bridge.dialects.gemini import prompt_reader as gemini_prompt_reader
from copilot_bridge.dialects.messages import request as messages
from copilot_bridge.dialects.messages import prompt_reader as messages_prompt_reader
from copilot_bridge.dialects.messages import prompt_writer as messages_prompt_writer
from copilot_bridge.dialects.responses import request as responses
from copilot_bridge.dialects.responses import prompt_reader as responses_prompt_reader
from copilot_bridge.dialects.responses import prompt_writer as responses_prompt_writer
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.dialects.ollama.client_request import ChatRequest as OllamaChat
from copilot_bridge.dialects.prompt import Prompt

REQUESTS = Path(__file__).parent / "requests"

READ: dict[str, Callable[[bytes], Prompt]] = {
    "chat": lambda data: ChatRequest.read(data).read_prompt(),
    "messages": lambda data: messages_prompt_reader.read_prompt(messages.read(data)),
    "responses": lambda data: responses_prompt_reader.read_prompt(responses.read(data), ToolNames()),
    "gemini": lambda data: gemini_prompt_reader.read_prompt(gemini.read(data, MODEL, stream=False)),
    "ollama": lambda data: OllamaChat.read(data).read_prompt(),
}
WRITE: dict[str, Callable[[Prompt], dict[str, Any]]] = {
    "chat": chat_prompt_writer.write_prompt,
    "messages": messages_prompt_writer.write_prompt,
    "responses": responses_prompt_writer.write_prompt,
}
NAMES = {
    "text",
    "tools-single",
    "tools-parallel",
    "tool-choice-none",
    "tool-choice-named",
    "images",
    "document",
    "thinking",
    "thinking-sealed",
    "schema",
}
# What a dialect has no field for.
LACKS = {"ollama": {"tool-choice-none", "tool-choice-named", "document", "thinking-sealed"}}

CASES = [
    pytest.param(client, upstream, path, id=f"{client}-to-{upstream}-{path.stem}")
    for client in READ
    for path in sorted(REQUESTS.glob(f"{client}/*.json"))
    for upstream in WRITE
    if upstream != client and ".to-" not in path.name
]


@pytest.mark.parametrize(("client", "upstream", "path"), CASES)
def test_a_translated_request_is_as_recorded(client: str, upstream: str, path: Path, golden: Golden) -> None:
    """As an exchange does it."""
    prompt = READ[client](path.read_bytes())
    body = WRITE[upstream](adapt_prompt(prompt, DIALECTS[upstream].limits, client)[0])
    sent = json.loads(codec.write(body))
    shown = json.dumps(sent, indent=2, ensure_ascii=False) + "\n"
    golden.check(path.with_suffix(f".to-{upstream}.json"), shown.encode())


@pytest.mark.parametrize("client", READ)
def test_every_case_is_complete(client: str) -> None:
    kept = {path.name for path in REQUESTS.glob(f"{client}/*.json")}
    asked = {name.removesuffix(".json") for name in kept if ".to-" not in name}
    translated = {f"{case}.to-{upstream}.json" for case in asked for upstream in WRITE if upstream != client}
    assert asked >= NAMES - LACKS.get(client, set())
    assert not asked & LACKS.get(client, set())
    assert kept == translated | {f"{case}.json" for case in asked}
