"""Extra fields of messages and blocks that clients send and Anthropic refuses.

Source: public reports of refusals (2025 and 2026), "Extra inputs are not permitted".  Other fields are
learned from the refusal.
"""

from typing import Any

from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks.caching import blocks_of

Body = dict[str, Any]

# Fields of a message that are left out: those of a response, and the speaker's name of chat clients.
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
# `parsed_output` is the Anthropic SDK's own, and thinking can't carry a breakpoint.
BLOCKS = {
    "text": frozenset({"id", "index", "parsed_output"}),
    "tool_use": frozenset({"index", "partial_json", "text"}),
    "tool_result": frozenset({"index"}),
    "thinking": frozenset({"id", "index", "cache_control"}),
    "redacted_thinking": frozenset({"id", "index", "cache_control"}),
}
NONE: frozenset[str] = frozenset()

# The default caller, the model itself.  Upstream judges other callers.
MODEL_AS_CALLER = {"type": "direct"}


def drop_extras(body: Body, _model: Model, _betas: object) -> bool:
    changes = [drop(message, MESSAGE) for message in body["messages"]]
    for block in blocks_of(body):
        changes.append(drop(block, BLOCKS.get(str(block.get("type")), NONE)))
        if block.get("caller") == MODEL_AS_CALLER:
            del block["caller"]
            changes.append(True)
    return any(changes)


def drop(holder: Body, names: frozenset[str]) -> bool:
    found = holder.keys() & names
    for name in found:
        del holder[name]
    return bool(found)
