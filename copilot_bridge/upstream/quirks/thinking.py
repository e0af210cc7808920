"""Thinking in Messages: its type, its budget, and the effort."""

from itertools import groupby
from typing import Any

from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks.efforts import budget_within, nearest

Body = dict[str, Any]
Blocks = list[Body]

MIN_BUDGET = 1024
DEFAULT_BUDGET = 16_000  # the official client's
OFF = {"type": "disabled"}
THINKING_BLOCKS = ("thinking", "redacted_thinking")


def adapt_thinking(body: Body, model: Model, _betas: frozenset[str]) -> bool:
    """Use a type of thinking that the model has, or none where tool choice or conversation forbid it."""
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
    types, budget = model.profile.thinking_types, given.get("budget_tokens")
    if given.get("type") == "disabled":
        return OFF if "disabled" in types else None
    forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    asked = given.get("type") in ("enabled", "adaptive")
    if not asked or forced or (isinstance(budget, int) and budget < MIN_BUDGET):
        return None
    if "adaptive" in types:
        return {"type": "adaptive"} | {key: given[key] for key in ("display",) if key in given}
    maximum = model.supports.get("max_thinking_budget")
    minimum = model.supports.get("min_thinking_budget") or MIN_BUDGET
    if "enabled" not in types or not maximum or not may_think(body["messages"]):
        return None
    tokens = budget_within(budget or DEFAULT_BUDGET, body["max_tokens"], maximum, minimum)
    return {"type": "enabled", "budget_tokens": tokens} if tokens else None


def may_think(messages: list[Body]) -> bool:
    """Return whether thinking by a budget may come next.

    It may not before a prefilled response, nor in a turn that continues after tool results and began without
    thinking.
    """
    turns = turns_of(messages)
    if turns[-1][0] == "assistant":
        return False
    begun: Blocks | None = None
    for role, blocks in reversed(turns):
        if role == "user" and not any(block.get("type") == "tool_result" for block in blocks):
            break
        begun = blocks if role == "assistant" else begun
    return begun is None or any(block.get("type") in THINKING_BLOCKS for block in begun)


def turns_of(messages: list[Body]) -> list[tuple[str, Blocks]]:
    """The turns of a conversation: consecutive messages of one role are one turn."""
    grouped = groupby(messages, key=lambda message: str(message["role"]))
    return [(role, [block for message in group for block in blocks_in(message)]) for role, group in grouped]


def blocks_in(message: Body) -> Blocks:
    content = message["content"]
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def adapt_effort(body: Body, model: Model, _betas: frozenset[str]) -> bool:
    """Replace the effort by the nearest one that the model has beside this type of thinking, or remove it."""
    config = body.get("output_config")
    if not config or "effort" not in config:
        return False
    off = (body.get("thinking") or {}).get("type") == "disabled"
    excluded = model.profile.efforts_needing_thinking if off else ()
    known = [effort for effort in model.profile.efforts or () if effort not in excluded]
    wanted = config["effort"]
    effort = None if wanted is None else nearest(wanted, known, "output_config.effort")
    if effort and effort == wanted:
        return False
    adapted = {key: value for key, value in config.items() if key != "effort"}
    adapted |= {"effort": effort} if effort else {}
    body.pop("output_config")
    body |= {"output_config": adapted} if adapted else {}
    return True
