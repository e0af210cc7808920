"""A response in the wire shape of its model's vendor, as a stream of chunks or in one piece."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.model_response import ModelResponse
from copilot_bridge.simulator.wording import azure, claude, gemini

Chunk = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wording:
    """The wording of a vendor's models.  `stray` is the delta of reasoning that comes too late."""

    chunks: Callable[[ModelResponse, Row], list[Chunk]]
    whole: Callable[[ModelResponse, Row], Chunk]
    stray: Mapping[str, Any]


AZURE = Wording(azure.chunks, azure.whole, {"cot_summary": "A late thought."})
CLAUDE = Wording(
    claude.chunks, claude.whole, {"content": "", "reasoning_text": "A late thought.", "role": "assistant"}
)
GEMINI = Wording(gemini.chunks, gemini.whole, CLAUDE.stray)

WORDINGS: Mapping[str, Wording] = {
    "OpenAI": AZURE,
    "Azure OpenAI": AZURE,
    "xAI": AZURE,
    "Microsoft": AZURE,
    "Moonshot AI": AZURE,
    "Anthropic": CLAUDE,
    "Google": GEMINI,
}
