"""What clients bring back from answers, or put beside what they say, and what Anthropic refuses to read.

Source: refusals as reported in public (2025 and 2026), "Extra inputs are not permitted".  What is not here is
learned from the refusal.
"""

from typing import Any

from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks.caching import blocks_of

Body = dict[str, Any]

# Of a message: what an answer says of itself, and what chat clients call a speaker.
MESSAGE = frozenset(
    {
        "id",
        "type",
        "model",
        "name",
        "stop_reason",
        "stop_sequence",
        "stop_details",
        "usage",
        "container",
        "context_management",
        "output_config",
    }
)

# Of a block, by its type: `index` and `partial_json` are LangChain's, from the events of a stream,
# `parsed_output` is the Anthropic SDK's own, and thoughts can't be the end of a prompt cache.
BLOCKS = {
    "text": frozenset({"id", "index", "parsed_output"}),
    "tool_use": frozenset({"index", "partial_json", "text"}),
    "tool_result": frozenset({"index"}),
    "thinking": frozenset({"id", "index", "cache_control"}),
    "redacted_thinking": frozenset({"id", "index", "cache_control"}),
}
NONE: frozenset[str] = frozenset()

# Who has called: the model itself, as ever.  Another caller is for upstream to judge.
DIRECT = {"type": "direct"}


def drop_extras(body: Body, _model: Model, _betas: object) -> bool:
    changes = [drop(message, MESSAGE) for message in body["messages"]]
    for block in blocks_of(body):
        changes.append(drop(block, BLOCKS.get(str(block.get("type")), NONE)))
        if block.get("caller") == DIRECT:
            del block["caller"]
            changes.append(True)
    return any(changes)


def drop(holder: Body, names: frozenset[str]) -> bool:
    found = holder.keys() & names
    for name in found:
        del holder[name]
    return bool(found)
