"""What a Messages body must look like for Copilot to take it.  A row for each quirk.

Source: the official client's own bodies, and what stricter backends were seen to refuse (2026): the
same request goes to Anthropic, Bedrock or Vertex as the load has it, and they differ.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from copilot_bridge.upstream.models import Model
from copilot_bridge.upstream.quirks.efforts import nearest
from copilot_bridge.upstream.quirks.fitting import (
    check_named_choice,
    fit_message_blocks,
    fit_message_schemas,
    fit_message_texts,
    is_blank_text,
)

Body = dict[str, Any]
Rule = Callable[[Body, Model, frozenset[str]], bool]

# Betas that Copilot knows; any other value is a 400.  Source: the official Claude bridge.
BETAS = ("interleaved-thinking-", "context-management-", "advanced-tool-use-")
SYSTEM_BETA = "mid-conversation-system-2026-04-07"
LONG_CONTEXT_BETA = "context-1m-"

# Fields that every backend refuses and that change nothing in the answer.
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

# Of a tool, without the beta that knows them.
TOOL_EXTRAS = ("eager_input_streaming", "defer_loading", "input_examples")

# What Anthropic's own servers would do; Copilot refuses it.  Agents can do without.
SERVER_TOOL = re.compile(r"(web_search|web_fetch|code_execution|advisor)_\d+")

BREAKPOINTS = 4
LEAST_BUDGET = 1024
USUAL_BUDGET = 16_000  # the official client's

# Claude Code's first system block says who pays and changes each time, which empties the prompt cache.
BILLING = "x-anthropic-billing-header:"


def known_betas(header: str) -> list[str]:
    return [each for each in map(str.strip, header.split(",")) if each.startswith(BETAS)]


def has_beta(betas: frozenset[str], prefix: str) -> bool:
    return any(each.startswith(prefix) for each in betas)


def pop(fields: Body, names: tuple[str, ...]) -> bool:
    given = [name for name in names if name in fields]
    for name in given:
        del fields[name]
    return bool(given)


def blocks_of(body: Body) -> Iterator[Body]:
    """All that can carry a cache_control, in the order in which it is cached: tools, system, messages."""
    system = body.get("system")
    yield from (tool for tool in body.get("tools") or () if isinstance(tool, dict))
    yield from (block for block in (system if isinstance(system, list) else ()) if isinstance(block, dict))
    for message in body["messages"]:
        yield from inner_blocks(message["content"])


def inner_blocks(content: Any) -> Iterator[Body]:
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict):
            yield block
            yield from inner_blocks(block.get("content"))


def use_model_id(body: Body, model: Model, _betas: frozenset[str]) -> bool:
    changed: bool = body["model"] != model.id
    body["model"] = model.id
    return changed


def limit_output(body: Body, model: Model, _betas: frozenset[str]) -> bool:
    """Filled in and clamped: clients ask for 128,000 tokens of models that they don't know."""
    wanted = body.get("max_tokens")
    limit = min(filter(None, (wanted, model.max_output_tokens)), default=4096)
    body["max_tokens"] = limit
    return bool(limit != wanted)


def drop_unknown(body: Body, _model: Model, betas: frozenset[str]) -> bool:
    changed = pop(body, DROPPED)
    if not has_beta(betas, "context-management-"):
        changed |= pop(body, ("context_management",))
    for message in body["messages"]:
        changed |= pop(message, ("output_config",))
    return changed


def fit_tools(body: Body, _model: Model, betas: frozenset[str]) -> bool:
    offered = body.get("tools") or []
    kept = [tool for tool in offered if not is_server_tool(tool)]
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


def is_server_tool(tool: Any) -> bool:
    return isinstance(tool, dict) and bool(SERVER_TOOL.fullmatch(str(tool.get("type"))))


def fit_cache_controls(body: Body, _model: Model, _betas: frozenset[str]) -> bool:
    """Plain ones only, and at most four: the first two hold the longest prefix, the last two move on."""
    marked = [block for block in blocks_of(body) if isinstance(block.get("cache_control"), dict)]
    changed = False
    for block in marked:
        changed |= pop(block["cache_control"], ("ttl", "scope"))
    for block in marked[2:-2] if len(marked) > BREAKPOINTS else ():
        changed |= pop(block, ("cache_control",))
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
    """Empty texts are refused, and so is thinking that nobody has signed."""
    changed = filter_blocks(body, lambda block: not is_empty(block))
    system = body.get("system")
    if isinstance(system, list):
        body["system"] = [block for block in system if not is_empty(block)]
        changed |= len(body["system"]) != len(system)
    return changed


def filter_blocks(body: Body, keep: Callable[[Body], bool]) -> bool:
    """Leave blocks out, those in tool results included, and a message of which nothing is left."""
    changed = False
    for message in body["messages"]:
        if isinstance(message["content"], list):
            for block in message["content"]:
                if isinstance(block.get("content"), list):
                    inner = [each for each in block["content"] if not isinstance(each, dict) or keep(each)]
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
    signature = block.get("signature") or FOREIGN
    return block.get("type") == "thinking" and str(signature).startswith(FOREIGN)


def fit_thinking(body: Body, model: Model, _betas: frozenset[str]) -> bool:
    """Adaptive or with a budget, as the model has it; off where the model or the tool choice forbids it."""
    given = body.get("thinking")
    if given is None:
        return False
    wanted = wanted_thinking(given, body, model)
    if wanted is None:
        del body["thinking"]
    else:
        body["thinking"] = wanted
    return bool(wanted != given)


def wanted_thinking(given: Body, body: Body, model: Model) -> Body | None:
    forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    budget = given.get("budget_tokens")
    asked = given.get("type") in ("enabled", "adaptive")
    if not asked or forced or (isinstance(budget, int) and budget < LEAST_BUDGET):
        return None
    if model.supports.get("adaptive_thinking"):
        return {"type": "adaptive"} | {key: given[key] for key in ("display",) if key in given}
    most = model.supports.get("max_thinking_budget")
    least = model.supports.get("min_thinking_budget") or LEAST_BUDGET
    if not most or body["max_tokens"] <= least:
        return None
    tokens = min(most, body["max_tokens"] - 1, max(least, budget or USUAL_BUDGET))
    return {"type": "enabled", "budget_tokens": tokens}


def fit_effort(body: Body, model: Model, _betas: frozenset[str]) -> bool:
    """The nearest effort below that the model has; none where it has no efforts."""
    config = body.get("output_config")
    if not config or "effort" not in config:
        return False
    wanted = config["effort"]
    effort = None if wanted is None else nearest(wanted, model.supports.get("reasoning_effort") or ())
    if effort and effort == wanted:
        return False
    fitted = {key: value for key, value in config.items() if key != "effort"}
    fitted |= {"effort": effort} if effort else {}
    body.pop("output_config")
    body |= {"output_config": fitted} if fitted else {}
    return True


RULES: tuple[Rule, ...] = (
    use_model_id,
    limit_output,
    drop_unknown,
    fit_tools,
    fit_cache_controls,
    drop_billing_block,
    fit_message_blocks,
    fit_message_schemas,
    fit_message_texts,
    drop_empty_blocks,
    fit_thinking,
    fit_effort,
)

# What the bridge marked as another dialect's when the client spoke to another model (`dialects/seal.py`).
FOREIGN = "bridge1."


def fit(body: Body, model: Model, betas: frozenset[str]) -> bool:
    """Make the body one that Copilot takes for this model.  True if anything had to change."""
    changes = [rule(body, model, betas) for rule in RULES]
    return any(changes)
