"""Refusals of what `/v1/messages` does not know in messages, blocks and tools, in Anthropic's words.

Source: Anthropic's reference, and refusals as reported in public (2024 to 2026): `text.index` and
`tool_use.partial_json` from LangChain, `text.parsed_output` from Anthropic's own SDK, `tool_use.caller` from
its own responses, `thinking.cache_control`, a message's `id`.
"""

from collections.abc import Iterable, Mapping

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.messages_parts import Body, extra, listed, places_of

MESSAGE = frozenset({"role", "content"})
BLOCKS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"type", "text", "cache_control", "citations"}),
    "image": frozenset({"type", "source", "cache_control"}),
    "tool_use": frozenset({"type", "id", "name", "input", "cache_control"}),
    "tool_result": frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"}),
    "thinking": frozenset({"type", "thinking", "signature"}),
    "redacted_thinking": frozenset({"type", "data"}),
}
SOURCES: Mapping[str, frozenset[str]] = {
    "base64": frozenset({"type", "media_type", "data"}),
    "url": frozenset({"type", "url"}),
}
TOOL = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
ADVANCED = frozenset(
    {"eager_input_streaming", "defer_loading", "input_examples", "allowed_callers", "caller"}
)
"""The fields that need a beta of their own: models that check it refuse them without it."""


def check_extras(body: Body, _row: Row, betas: str) -> None:
    advanced = ADVANCED if "advanced-tool-use-" in betas else frozenset()
    for index, message in enumerate(body["messages"]):
        refuse_others(f"messages.{index}", message, MESSAGE)
    for index, tool in enumerate(listed(body, "tools")):
        if tool.get("type", "custom") == "custom":
            refuse_others(f"tools.{index}.custom", tool, TOOL | advanced)
    for path, block in places_of({"messages": body["messages"], "system": body.get("system")}):
        check_block(path, block, advanced)


def check_block(path: str, block: Body, advanced: frozenset[str]) -> None:
    known = BLOCKS.get(str(block.get("type")))
    if known is not None:
        refuse_others(path, block, known | advanced)
    source = block.get("source")
    if block.get("type") == "image" and isinstance(source, dict) and source.get("type") in SOURCES:
        refuse_others(f"{path}.source.{source['type']}", source, SOURCES[source["type"]])


def refuse_others(path: str, holder: Iterable[str], known: frozenset[str]) -> None:
    for name in holder:
        if name not in known:
            extra(f"{path}.{name}")
