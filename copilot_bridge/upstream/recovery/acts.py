"""What can be done with a request that was refused.  Each act says whether it has changed anything.

An act that is remembered is done again to later requests before they are sent; so each may be done twice.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from copilot_bridge.upstream.quirks.efforts import EFFORTS
from copilot_bridge.upstream.recovery.answer_tool import ask_by_tool
from copilot_bridge.upstream.recovery.binding import held_below, is_kept
from copilot_bridge.upstream.recovery.paths import Json, find, remove

Headers = dict[str, str]
Act = Callable[["Case"], bool]

SUMMARIES = ("none", "auto", "concise", "detailed")
VERBOSITIES = ("low", "medium", "high")
# Fields with a value of several that are nearer to each other or farther, in that order.
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

USUAL_BUDGET, LEAST_BUDGET = 16_000, 1_024
MOST_MARKS = 4
LONGEST_ID = 64
ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")

# Words of the system in the middle of a conversation, for models that know them at its start only.
SYSTEM_NOTE = "<system-reminder>\n{}\n</system-reminder>"
SYSTEM_BETA = "mid-conversation-system-"
CONTINUE = "Please continue."
BETA = "anthropic-beta"


class Case:
    """A request, and what an act is about.

    :param subject: what is changed, mostly a path.  :param value: what it becomes.
    """

    __slots__ = ("api", "body", "headers", "stops", "subject", "value")

    def __init__(self, api: str, body: Json, headers: Headers, subject: str = "", value: str = "") -> None:
        self.api = api
        self.body = body
        self.headers = headers
        self.subject = subject
        self.value = value
        self.stops: tuple[str, ...] = ()  # that upstream is not told of


# --- fields and values


def leave_out(case: Case) -> bool:
    """What binds the answer stays, also where it stands below the field."""
    if is_kept(case.api, case.subject):
        return False
    held = held_below(case.api, case.body, case.subject)
    if not held:
        return remove(case.body, case.subject)
    needed = {each.split(".")[1] for each in held}
    below = case.body.get(case.subject)
    if not isinstance(below, dict) or below.keys() <= needed:
        return False
    case.body[case.subject] = {key: value for key, value in below.items() if key in needed}
    return True


def take_allowed(case: Case) -> bool:
    """:param case: `value`: the allowed ones, with commas."""
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
    """The nearest below, else the least; None: none of them is known."""
    known = [each for each in order if each in allowed]
    rank = order.index(wanted) if wanted in order else len(order)
    below = [each for each in known if order.index(each) <= rank]
    return below[-1] if below else next(iter(known), None)


def keep_below(case: Case) -> bool:
    """:param case: `value`: a number that is still taken."""
    most = float(case.value)
    given = case.body.get(case.subject)
    if isinstance(given, bool) or not isinstance(given, int | float) or given <= most:
        return False
    case.body[case.subject] = int(most) if most.is_integer() else most
    return True


def keep_above(case: Case) -> bool:
    least = float(case.value)
    given = case.body.get(case.subject)
    if isinstance(given, bool) or not isinstance(given, int | float) or given >= least:
        return False
    case.body[case.subject] = int(least) if least.is_integer() else least
    return True


def say_one(case: Case) -> bool:
    """:param case: `subject`: two fields, of which only the first is said."""
    first, second = case.subject.split(",")
    if case.body.get(first) is None or second not in case.body:
        return False
    del case.body[second]
    return True


def name_limit(case: Case) -> bool:
    """:param case: `value`: the name under which the model knows the limit of its answer."""
    others = [name for name in LIMITS if name != case.value and name in case.body]
    given = [case.body.pop(name) for name in others]
    if given:
        case.body.setdefault(case.value, given[0])
    return bool(given)


# --- thinking


def form_thinking(case: Case) -> bool:
    """:param case: `value`: adaptive, enabled, disabled or none: the form that the model takes."""
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
    budget = min(USUAL_BUDGET, limit - 1) if isinstance(limit, int) and limit else USUAL_BUDGET
    return {"type": "enabled", "budget_tokens": budget} if budget >= LEAST_BUDGET else None


THINKING: dict[str, Callable[[Json, Json], Json | None]] = {
    "adaptive": adaptive,
    "enabled": with_budget,
    "on": lambda given, _body: None if given.get("type") == "disabled" else given,
    "none": lambda _given, _body: None,
}


def stop_thinking(case: Case) -> bool:
    """Beside a forced tool, or in a loop that began without: for this request."""
    fields = ("thinking", "thinking_budget", "reasoning_effort") if case.api == "chat" else ("thinking",)
    if taken := [case.body.pop(name) for name in fields if name in case.body]:
        return taken != [{"type": "disabled"}]
    if case.api != "messages":
        return False
    case.body["thinking"] = {"type": "disabled"}  # of models that think unless they are told not to
    return True


# --- what was said before


def forget_thoughts(case: Case) -> bool:
    """Those that were signed or locked by another backend, or for another connection."""
    return FORGET_THOUGHTS[case.api](case.body)


def without_thinking(body: Json) -> bool:
    return filter_blocks(body, lambda block: "thinking" not in str(block.get("type")))


def without_reasoning(body: Json) -> bool:
    given = body.get("input")
    if not isinstance(given, list):
        return False
    body["input"] = [item for item in given if not isinstance(item, dict) or item.get("type") != "reasoning"]
    return len(body["input"]) != len(given)


def without_opaque(body: Json) -> bool:
    taken = [
        message.pop(name)
        for message in dicts(body.get("messages"))
        for name in ("reasoning_opaque", "reasoning_text", "reasoning_content", "encrypted_content")
        if name in message
    ]
    return bool(taken)


FORGET_THOUGHTS: dict[str, Callable[[Json], bool]] = {
    "chat": without_opaque,
    "messages": without_thinking,
    "responses": without_reasoning,
}


def filter_blocks(body: Json, keep: Callable[[Json], bool]) -> bool:
    """Leave blocks out, those in the results of tools included, and a message of which nothing is left."""
    changed = False
    for message in dicts(body.get("messages")):
        content = message.get("content")
        if isinstance(content, list):
            for block in dicts(content):
                if isinstance(block.get("content"), list):
                    changed |= filter_list(block["content"], keep)
            changed |= filter_list(content, keep)
    if changed:
        body["messages"] = [each for each in body["messages"] if not is_empty(each)] or body["messages"]
    return changed


def is_empty(message: Any) -> bool:
    return isinstance(message, dict) and message.get("content") == [] and not message.get("tool_calls")


def filter_list(blocks: list[Any], keep: Callable[[Json], bool]) -> bool:
    kept = [each for each in blocks if not isinstance(each, dict) or keep(each)]
    changed = len(kept) != len(blocks)
    blocks[:] = kept
    return changed


def drop_blanks(case: Case) -> bool:
    return filter_blocks(
        case.body, lambda block: block.get("type") != "text" or bool(str(block.get("text")).strip())
    )


def drop_ids(case: Case) -> bool:
    """Of items: they are bound to the connection that they were given on, and nothing refers to them."""
    taken = [item.pop("id") for item in dicts(case.body.get("input")) if "id" in item]
    return bool(taken)


def shorten_ids(case: Case) -> bool:
    """Of calls and of their results, alike.  :param case: `value`: the longest that is taken."""
    most = min(int(case.value or LONGEST_ID), LONGEST_ID)
    changed = False
    for holder, key in call_ids(case.body):
        given = holder[key]
        if not ID.fullmatch(given) or len(given) > most:
            holder[key] = f"call_{hashlib.sha256(given.encode(errors='surrogatepass')).hexdigest()}"[:most]
            changed = True
    return changed


def call_ids(body: Json) -> Iterator[tuple[Json, str]]:
    for each in dicts(body.get("input")) + dicts(body.get("messages")):
        held = [each, *dicts(each.get("tool_calls")), *dicts(each.get("content"))]
        for holder in held:
            keys = ["call_id", "tool_call_id", "tool_use_id"]
            is_call = holder.get("type") == "tool_use" or (holder is not each and "function" in holder)
            keys += ["id"] if is_call else []
            yield from ((holder, key) for key in keys if isinstance(holder.get(key), str))


def mark_system(case: Case) -> bool:
    """Words of the system in the middle of a conversation become a user's, marked."""
    said = [each for each in dicts(case.body.get("messages")) if each.get("role") == "system"]
    if case.api != "messages":
        return False
    for message in said:
        message["role"] = "user"
        message["content"] = marked(message.get("content"))
    drop_betas(case.headers, lambda beta: beta.startswith(SYSTEM_BETA))
    return bool(said)


def marked(content: Any) -> Any:
    if isinstance(content, str):
        return SYSTEM_NOTE.format(content)
    for block in dicts(content):
        if block.get("type") == "text":
            block["text"] = SYSTEM_NOTE.format(block.get("text"))
    return content


def rename_role(case: Case) -> bool:
    """:param case: `subject` becomes `value`."""
    messages = dicts(case.body.get("messages")) + dicts(case.body.get("input"))
    named = [each for each in messages if each.get("role") == case.subject]
    for message in named:
        message["role"] = case.value
    return bool(named)


def continue_after(case: Case) -> bool:
    """A conversation that ends with the model's own words goes on, as the official client has it."""
    messages = dicts(case.body.get("messages"))
    if not messages or messages[-1].get("role") != "assistant":
        return False
    case.body["messages"] = [*messages, {"role": "user", "content": CONTINUE}]
    return True


# --- the rest


def drop_beta(case: Case) -> bool:
    """:param case: `subject`: which one; "": all of them."""
    return drop_betas(case.headers, lambda beta: not case.subject or beta == case.subject)


def drop_betas(headers: Headers, refused: Callable[[str], bool]) -> bool:
    given = [beta.strip() for beta in headers.get(BETA, "").split(",") if beta.strip()]
    kept = [beta for beta in given if not refused(beta)]
    headers.pop(BETA, None)
    headers.update({BETA: ",".join(kept)} if kept else {})
    return len(kept) != len(given)


def strip_ttl(case: Case) -> bool:
    marks = [mark for mark in marks_in(case.body) if "ttl" in mark]
    for mark in marks:
        del mark["ttl"]
    return bool(marks)


def marks_in(body: Json) -> list[Json]:
    return [block["cache_control"] for block in marked_in(body)]


def marked_in(body: Json) -> list[Json]:
    """In the order in which it is cached: tools, system, messages."""
    held = dicts(body.get("tools")) + dicts(body.get("system"))
    for message in dicts(body.get("messages")):
        for block in dicts(message.get("content")):
            held += [*dicts(block.get("content")), block]
    return [each for each in held if isinstance(each.get("cache_control"), dict)]


def thin_marks(case: Case) -> bool:
    """The first two hold the longest prefix, the last two move on."""
    found = marked_in(case.body)
    surplus = found[2:-2] if len(found) > MOST_MARKS else []
    for block in surplus:
        del block["cache_control"]
    return bool(surplus)


def drop_idle_choice(case: Case) -> bool:
    """How to choose among tools, where there are none."""
    if case.body.get("tools") or case.body.get("tool_choice") not in (None, "auto", "none"):
        return False
    taken = [
        case.body.pop(name) for name in ("tools", "tool_choice", "parallel_tool_calls") if name in case.body
    ]
    return bool(taken)


def stop_here(case: Case) -> bool:
    """The stop sequences are not sent; whoever reads the answer cuts it.

    False: there are none, or the answer can't be read for them.
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


def ask_for_answer(case: Case) -> bool:
    return ask_by_tool(case.body, case.api)


def dicts(given: Any) -> list[Json]:
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


ACTS: dict[str, Act] = {
    "leave out": leave_out,
    "allowed values": take_allowed,
    "at most": keep_below,
    "at least": keep_above,
    "one of two": say_one,
    "limit's name": name_limit,
    "thinking": form_thinking,
    "no thinking": stop_thinking,
    "no earlier thoughts": forget_thoughts,
    "no blank texts": drop_blanks,
    "no item ids": drop_ids,
    "short call ids": shorten_ids,
    "system as user": mark_system,
    "role": rename_role,
    "continue": continue_after,
    "no beta": drop_beta,
    "no ttl": strip_ttl,
    "fewer cache marks": thin_marks,
    "no choice without tools": drop_idle_choice,
    "answer by tool": ask_for_answer,
    "stop here": stop_here,
}
