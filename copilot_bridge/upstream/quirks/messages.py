"""Adaptations of Messages bodies to Copilot: a rule for each quirk.

Source: the official client's own bodies, and refusals of the stricter backends (2026): depending on the load,
the same request goes to Anthropic, Bedrock or Vertex, and they differ.
"""

from collections.abc import Callable, Iterable
from typing import Any

from copilot_bridge.dialects.provider_details import is_foreign
from copilot_bridge.dialects.tool_catalogue import is_refused
from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks.caching import (
    LONG_CACHE,
    LONG_CACHE_BETA,
    adapt_cache_controls,
    wants_hour,
)
from copilot_bridge.upstream.quirks.common import check_named_choice, is_blank_text
from copilot_bridge.upstream.quirks.extras import drop_extras
from copilot_bridge.upstream.quirks.messages_limits import (
    adapt_message_blocks,
    adapt_message_output,
    adapt_message_schemas,
    adapt_message_texts,
)
from copilot_bridge.upstream.quirks.thinking import adapt_effort, adapt_thinking
from copilot_bridge.upstream.quirks.turns import adapt_end, adapt_system_messages

Body = dict[str, Any]
Rule = Callable[[Body, Model, frozenset[str]], bool]

# Betas that Copilot accepts; it refuses any other with 400.  Source: the official Claude bridge.
THINKING_BETA = "interleaved-thinking-"
EDITING, EDITING_BETA = "context-management-", "context-management-2025-06-27"
TOOLS, TOOLS_BETA = "advanced-tool-use-", "advanced-tool-use-2025-11-20"

# Fields that every backend refuses and that do not change the response.
DROPPED = (
    "service_tier",
    "speed",
    "inference_geo",
    "container",
    "mcp_servers",
    "safeguards",
    "diagnostics",
    "cache_control",
    "thread",
)

# Fields of a tool that need a beta.
TOOL_EXTRAS = ("eager_input_streaming", "defer_loading", "input_examples")

# Claude Code's first system block names the payer and changes each time, which empties the prompt cache.
BILLING = "x-anthropic-billing-header:"


def betas_for(header: str, body: Body, model: Model) -> list[str]:
    """The client's betas that the model has, and those that the body needs, if the catalogue offers them."""
    profile, listed = model.profile, model.supports
    edits, searched = "context_management" in body, any(map(searches, body.get("tools") or ()))
    wanted = (
        (EDITING, EDITING_BETA, profile.context_editing, edits and listed.get("context_editing")),
        (TOOLS, TOOLS_BETA, profile.tool_search, searched and listed.get("tool_search")),
        (LONG_CACHE, LONG_CACHE_BETA, profile.hour_long_cache, profile.hour_long_cache and wants_hour(body)),
    )
    known = (THINKING_BETA, *(prefix for prefix, _, has, _ in wanted if has))
    given = [beta for beta in map(str.strip, header.split(",")) if beta.startswith(known)]
    return [*given, *(beta for prefix, beta, _, needs in wanted if needs and not has_beta(given, prefix))]


def searches(tool: Any) -> bool:
    """Return whether a tool is the tool search, or is found by it."""
    return isinstance(tool, dict) and (
        bool(tool.get("defer_loading")) or str(tool.get("type")).startswith("tool_search_tool_")
    )


def has_beta(betas: Iterable[str], prefix: str) -> bool:
    return any(beta.startswith(prefix) for beta in betas)


def pop(fields: Body, names: tuple[str, ...]) -> bool:
    given = [name for name in names if name in fields]
    for name in given:
        del fields[name]
    return bool(given)


def use_model_id(body: Body, model: Model, _betas: frozenset[str]) -> bool:
    changed: bool = body["model"] != model.id
    body["model"] = model.id
    return changed


def limit_output(body: Body, model: Model, _betas: frozenset[str]) -> bool:
    """Set max_tokens, at most the model's own: clients ask unknown models for 128,000 tokens."""
    wanted = body.get("max_tokens")
    limit = min(filter(None, (wanted, model.max_output_tokens)), default=4096)
    body["max_tokens"] = limit
    return bool(limit != wanted)


def drop_unknown(body: Body, _model: Model, betas: frozenset[str]) -> bool:
    changed = pop(body, DROPPED)
    if not has_beta(betas, "context-management-"):
        changed |= pop(body, ("context_management",))
    return changed


def adapt_tools(body: Body, _model: Model, betas: frozenset[str]) -> bool:
    offered = body.get("tools") or []
    kept = [tool for tool in offered if not is_refused("messages", tool)]
    if len(kept) != len(offered) or not kept:
        check_named_choice(body.get("tool_choice"), kept)
    if not kept:
        return pop(body, ("tools", "tool_choice"))
    body["tools"], changed = kept, len(kept) != len(offered)
    extras = () if has_beta(betas, "advanced-tool-use-") else TOOL_EXTRAS
    for tool in body["tools"]:
        if isinstance(tool, dict):
            changed |= pop(tool, extras)
            if tool.get("type") == "custom":
                changed |= pop(tool, ("type",))
    return changed


def drop_billing_block(body: Body, _model: Model, _betas: frozenset[str]) -> bool:
    system = body.get("system")
    if not isinstance(system, list) or not system or not isinstance(system[0], dict):
        return False
    if not str(system[0].get("text", "")).startswith(BILLING):
        return False
    body["system"] = system[1:]
    return True


def drop_empty_blocks(body: Body, _model: Model, _betas: frozenset[str]) -> bool:
    """Remove empty texts and unsigned thinking, which are refused."""
    changed = filter_blocks(body, lambda block: not is_empty(block))
    system = body.get("system")
    if isinstance(system, list):
        body["system"] = [block for block in system if not is_empty(block)]
        changed |= len(body["system"]) != len(system)
    return changed


def filter_blocks(body: Body, keep: Callable[[Body], bool]) -> bool:
    """Remove blocks, also from tool results, and messages that are empty without them."""
    changed = False
    for message in body["messages"]:
        if isinstance(message["content"], list):
            for block in message["content"]:
                if isinstance(block.get("content"), list):
                    inner = [part for part in block["content"] if not isinstance(part, dict) or keep(part)]
                    changed |= len(inner) != len(block["content"])
                    block["content"] = inner
            kept = [block for block in message["content"] if keep(block)]
            changed |= len(kept) != len(message["content"])
            message["content"] = kept
    if changed:
        body["messages"] = [message for message in body["messages"] if message["content"]] or body["messages"]
    return changed


def is_empty(block: Body) -> bool:
    if block.get("type") == "text":
        return is_blank_text(block)
    signature = block.get("signature")
    return block.get("type") == "thinking" and (not signature or is_foreign(signature))


RULES: tuple[Rule, ...] = (
    use_model_id,
    limit_output,
    drop_unknown,
    drop_extras,
    adapt_tools,
    drop_billing_block,
    adapt_message_blocks,
    adapt_message_schemas,
    adapt_message_output,
    adapt_message_texts,
    drop_empty_blocks,
    adapt_system_messages,
    adapt_end,
    adapt_thinking,
    adapt_effort,
    adapt_cache_controls,
)


def adapt(body: Body, model: Model, betas: frozenset[str]) -> bool:
    """Make the body one that Copilot takes for this model.  True if anything had to change."""
    changes = [rule(body, model, betas) for rule in RULES]
    return any(changes)
