"""Gemini: Claude's manner, save where the signature of its reasoning stands.

`reasoning_opaque` comes with the first tool call, or with the last text.
"""

from dataclasses import replace
from typing import Any

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.model_response import ModelResponse
from copilot_bridge.simulator.wording import claude

Chunk = dict[str, Any]


def chunks(response: ModelResponse, row: Row) -> list[Chunk]:
    if not response.reasoned or response.opaque_alone:
        return claude.chunks(response, row)
    found = [one for one in claude.chunks(response, row) if "reasoning_opaque" not in delta_of(one)]
    sign(found)
    return found


def sign(found: list[Chunk]) -> None:
    calls = [one for one in found if "tool_calls" in delta_of(one)]
    texts = [one for one in found if delta_of(one).get("content")]
    for signed in calls[:1] or texts[-1:]:
        delta_of(signed)["reasoning_opaque"] = claude.OPAQUE


def delta_of(chunk: Chunk) -> Chunk:
    delta: Chunk = chunk["choices"][0]["delta"]
    return delta


def whole(response: ModelResponse, row: Row) -> Chunk:
    """One choice; its calls are beside its text."""
    body = claude.whole(replace(response, calls=()), row)
    if response.calls:
        body["choices"][0]["message"]["tool_calls"] = [claude.called(call) for call in response.calls]
    return body
