"""How a model is asked to think in Messages: by budget or adaptively, how hard, or not at all."""

from itertools import groupby
from typing import Any

from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks.efforts import budget_within, nearest

Body = dict[str, Any]
Blocks = list[Body]

LEAST_BUDGET = 1024
USUAL_BUDGET = 16_000  # the official client's
OFF = {"type": "disabled"}
THOUGHTS = ("thinking", "redacted_thinking")


def fit_thinking(body: Body, model: Model, _betas: frozenset[str]) -> bool:
    """In a form that the model has; off where the model, the tool choice or the conversation forbids it."""
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
    forms, budget = model.profile.thinking_types, given.get("budget_tokens")
    if given.get("type") == "disabled":
        return OFF if "disabled" in forms else None
    forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    asked = given.get("type") in ("enabled", "adaptive")
    if not asked or forced or (isinstance(budget, int) and budget < LEAST_BUDGET):
        return None
    if "adaptive" in forms:
        return {"type": "adaptive"} | {key: given[key] for key in ("display",) if key in given}
    most = model.supports.get("max_thinking_budget")
    least = model.supports.get("min_thinking_budget") or LEAST_BUDGET
    if "enabled" not in forms or not most or not can_begin(body["messages"]):
        return None
    tokens = budget_within(budget or USUAL_BUDGET, body["max_tokens"], most, least)
    return {"type": "enabled", "budget_tokens": tokens} if tokens else None


def can_begin(messages: list[Body]) -> bool:
    """Whether a budget's thoughts may come next: before words that are given, or in a turn that goes on with
    tools' results and has begun without a thought, they may not."""
    turns = turns_of(messages)
    if turns[-1][0] == "assistant":
        return False
    begun: Blocks | None = None
    for role, blocks in reversed(turns):
        if role == "user" and not any(block.get("type") == "tool_result" for block in blocks):
            break
        begun = blocks if role == "assistant" else begun
    return begun is None or any(block.get("type") in THOUGHTS for block in begun)


def turns_of(messages: list[Body]) -> list[tuple[str, Blocks]]:
    """Consecutive messages of one role are one turn."""
    grouped = groupby(messages, key=lambda message: str(message["role"]))
    return [(role, [block for each in group for block in blocks_in(each)]) for role, group in grouped]


def blocks_in(message: Body) -> Blocks:
    content = message["content"]
    return [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []


def fit_effort(body: Body, model: Model, _betas: frozenset[str]) -> bool:
    """The nearest effort below that the model has beside this thinking; none where it has no efforts."""
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
    fitted = {key: value for key, value in config.items() if key != "effort"}
    fitted |= {"effort": effort} if effort else {}
    body.pop("output_config")
    body |= {"output_config": fitted} if fitted else {}
    return True
