"""Acts that change a request after a refusal.  Each returns whether it has changed anything.

A remembered act changes later requests before they are sent, so an act may be applied twice.
"""

from collections.abc import Callable, Sequence
from typing import Any

from copilot_bridge.upstream.quirks.efforts import EFFORTS
from copilot_bridge.upstream.recovery.binding import held_below, is_kept
from copilot_bridge.upstream.recovery.case import Act, Case, dicts, drop_betas
from copilot_bridge.upstream.recovery.history import (
    continue_after,
    drop_blanks,
    drop_ids,
    forget_thoughts,
    mark_system,
    rename_role,
    shorten_ids,
    sign_calls,
)
from copilot_bridge.upstream.recovery.output_tool import ask_by_tool
from copilot_bridge.upstream.recovery.pairs import pair_calls
from copilot_bridge.upstream.recovery.paths import Json, find, remove

SUMMARIES = ("none", "auto", "concise", "detailed")
VERBOSITIES = ("low", "medium", "high")
# Fields whose values have an order, so that one of them can be nearest to another.
ORDERED: dict[str, Sequence[str]] = {
    "reasoning_effort": EFFORTS,
    "reasoning.effort": EFFORTS,
    "output_config.effort": EFFORTS,
    "reasoning.summary": SUMMARIES,
    "verbosity": VERBOSITIES,
    "text.verbosity": VERBOSITIES,
}
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
BOUNDED = (*LIMITS, "temperature", "top_p")

DEFAULT_BUDGET, MIN_BUDGET = 16_000, 1_024
MAX_BREAKPOINTS = 4


# --- fields and values


def leave_out(case: Case) -> bool:
    """Remove a field, except fields below it that bind the response."""
    if is_kept(case.api, case.subject):
        return False
    held = held_below(case.api, case.body, case.subject)
    if not held:
        return remove(case.body, case.subject)
    needed = {path.split(".")[1] for path in held}
    below = case.body.get(case.subject)
    if not isinstance(below, dict) or below.keys() <= needed:
        return False
    case.body[case.subject] = {key: value for key, value in below.items() if key in needed}
    return True


def take_allowed(case: Case) -> bool:
    """Replace a value by the nearest allowed one.  `value`: the allowed values, separated by commas."""
    allowed = case.value.split(",")
    changed = False
    for holder, key in list(find(case.body, case.subject)):
        if holder[key] not in allowed:
            chosen = nearest(holder[key], allowed, ORDERED.get(case.subject, ()))
            changed = True
            holder[key] = chosen
            if chosen is None:
                remove(case.body, case.subject)
    return changed


def nearest(wanted: Any, allowed: Sequence[str], order: Sequence[str]) -> str | None:
    """The nearest allowed value below, else the lowest; None: the order has none of them."""
    known = [value for value in order if value in allowed]
    rank = order.index(wanted) if wanted in order else len(order)
    below = [value for value in known if order.index(value) <= rank]
    return below[-1] if below else next(iter(known), None)


def keep_below(case: Case) -> bool:
    """Lower a number to its maximum.  `value`: the maximum."""
    maximum = float(case.value)
    given = case.body.get(case.subject)
    if isinstance(given, bool) or not isinstance(given, int | float) or given <= maximum:
        return False
    case.body[case.subject] = int(maximum) if maximum.is_integer() else maximum
    return True


def keep_above(case: Case) -> bool:
    """Raise a number to its minimum.  `value`: the minimum."""
    least = float(case.value)
    given = case.body.get(case.subject)
    if isinstance(given, bool) or not isinstance(given, int | float) or given >= least:
        return False
    case.body[case.subject] = int(least) if least.is_integer() else least
    return True


def keep_first(case: Case) -> bool:
    """Remove the second of two fields that exclude each other.  `subject`: the two fields."""
    first, second = case.subject.split(",")
    if case.body.get(first) is None or second not in case.body:
        return False
    del case.body[second]
    return True


def name_limit(case: Case) -> bool:
    """Rename the limit of the response.  `value`: the model's name for it."""
    others = [name for name in LIMITS if name != case.value and name in case.body]
    given = [case.body.pop(name) for name in others]
    if given:
        case.body.setdefault(case.value, given[0])
    return bool(given)


# --- thinking


def form_thinking(case: Case) -> bool:
    """Change the type of thinking.  `value`: the type that the model takes, "on" or "none"."""
    given = case.body.get("thinking")
    form = THINKING.get(case.value)
    if not form or not isinstance(given, dict) or (formed := form(given, case.body)) == given:
        return False
    case.body.pop("thinking")
    case.body |= {"thinking": formed} if formed else {}
    return True


def adaptive(given: Json, _body: Json) -> Json:
    if given.get("type") != "enabled":
        return given
    return {"type": "adaptive"} | {key: given[key] for key in ("display",) if key in given}


def with_budget(given: Json, body: Json) -> Json | None:
    if given.get("type") != "adaptive":
        return given
    limit = body.get("max_tokens")
    budget = min(DEFAULT_BUDGET, limit - 1) if isinstance(limit, int) and limit else DEFAULT_BUDGET
    return {"type": "enabled", "budget_tokens": budget} if budget >= MIN_BUDGET else None


THINKING: dict[str, Callable[[Json, Json], Json | None]] = {
    "adaptive": adaptive,
    "enabled": with_budget,
    "on": lambda given, _body: None if given.get("type") == "disabled" else given,
    "none": lambda _given, _body: None,
}


def stop_thinking(case: Case) -> bool:
    """Turn thinking off for this request: beside a forced tool, or in a turn that began without thinking."""
    fields = ("thinking", "thinking_budget", "reasoning_effort") if case.api == "chat" else ("thinking",)
    if taken := [case.body.pop(name) for name in fields if name in case.body]:
        return taken != [{"type": "disabled"}]
    if case.api != "messages":
        return False
    case.body["thinking"] = {"type": "disabled"}  # for models that think by default
    return True


# --- everything else


def drop_beta(case: Case) -> bool:
    """Remove a beta from the header.  `subject`: the beta; "": all of them."""
    return drop_betas(case.headers, lambda beta: not case.subject or beta == case.subject)


def strip_ttl(case: Case) -> bool:
    found = [control for control in breakpoints_in(case.body) if "ttl" in control]
    for control in found:
        del control["ttl"]
    return bool(found)


def breakpoints_in(body: Json) -> list[Json]:
    return [block["cache_control"] for block in blocks_with_breakpoint(body)]


def blocks_with_breakpoint(body: Json) -> list[Json]:
    """The blocks with a cache breakpoint, in the order of caching: tools, system, messages."""
    held = dicts(body.get("tools")) + dicts(body.get("system"))
    for message in dicts(body.get("messages")):
        for block in dicts(message.get("content")):
            held += [*dicts(block.get("content")), block]
    return [block for block in held if isinstance(block.get("cache_control"), dict)]


def thin_breakpoints(case: Case) -> bool:
    """Keep the first two breakpoints, which cover the longest prefix, and the last two, which move on."""
    found = blocks_with_breakpoint(case.body)
    surplus = found[2:-2] if len(found) > MAX_BREAKPOINTS else []
    for block in surplus:
        del block["cache_control"]
    return bool(surplus)


def drop_idle_choice(case: Case) -> bool:
    """Remove the choice among tools where there are none."""
    if case.body.get("tools") or case.body.get("tool_choice") not in (None, "auto", "none"):
        return False
    taken = [
        case.body.pop(name) for name in ("tools", "tool_choice", "parallel_tool_calls") if name in case.body
    ]
    return bool(taken)


def stop_here(case: Case) -> bool:
    """Remove the stop sequences; the bridge cuts the response instead.

    False: there are none, or the response can't be searched for them.
    """
    field = "stop_sequences" if case.api == "messages" else "stop"
    given = case.body.get(field)
    stops = [given] if isinstance(given, str) else given
    if not isinstance(stops, list) or not stops or case.body.get("logprobs"):
        return False
    if not all(isinstance(stop, str) for stop in stops):
        return False
    del case.body[field]
    case.stops = tuple(stops)
    return True


def request_by_tool(case: Case) -> bool:
    return ask_by_tool(case.body, case.api)


ACTS: dict[str, Act] = {
    "leave out": leave_out,
    "allowed values": take_allowed,
    "at most": keep_below,
    "at least": keep_above,
    "one of two": keep_first,
    "limit's name": name_limit,
    "thinking": form_thinking,
    "no thinking": stop_thinking,
    "no earlier thoughts": forget_thoughts,
    "signatures for calls": sign_calls,
    "no blank texts": drop_blanks,
    "no item ids": drop_ids,
    "short call ids": shorten_ids,
    "calls with results": pair_calls,
    "system as user": mark_system,
    "role": rename_role,
    "continue": continue_after,
    "no beta": drop_beta,
    "no ttl": strip_ttl,
    "fewer cache breakpoints": thin_breakpoints,
    "no choice without tools": drop_idle_choice,
    "output by tool": request_by_tool,
    "stop here": stop_here,
}
