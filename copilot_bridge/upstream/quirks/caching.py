"""Where a prompt cache may end, for models that cache nothing by themselves.

A client's own marks count.  Where it has set none, they stand where the official client sets them: on the
last tool, the last block of the system, and the last two messages (VS Code's messagesApi.ts, 2026-08).
"""

from collections.abc import Iterator
from typing import Any

from copilot_bridge.models.catalogue import Model

Body = dict[str, Any]

BREAKPOINTS = 4
EPHEMERAL = {"type": "ephemeral"}
UNMARKED = ("thinking", "redacted_thinking")  # blocks that can't be the end of a prompt cache
LONG_CACHE = "extended-cache-ttl-"  # a beta
LONG_CACHE_BETA = f"{LONG_CACHE}2025-04-11"
HOUR = "1h"

# Copilot's word in Chat Completions, on a message or a tool, and what clients of Claude's say there, on a
# part, or in a tool's function.
CHAT_MARK = "copilot_cache_control"
CHAT_MARKS = (CHAT_MARK, "cache_control")


def dicts(given: Any) -> list[Body]:
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


# --- Messages


def blocks_of(body: Body) -> Iterator[Body]:
    """All that can carry a cache_control, in the order in which it is cached: tools, system, messages."""
    yield from dicts(body.get("tools"))
    yield from dicts(body.get("system"))
    for message in body["messages"]:
        yield from inner_blocks(message["content"])


def inner_blocks(content: Any) -> Iterator[Body]:
    for block in dicts(content):
        yield block
        yield from inner_blocks(block.get("content"))


def wants_hour(body: Body) -> bool:
    return any(mark.get("ttl") == HOUR for mark in marks_in(body))


def marks_in(body: Body) -> Iterator[Body]:
    given = (block.get("cache_control") for block in blocks_of(body))
    return (mark for mark in given if isinstance(mark, dict))


def fit_cache_controls(body: Body, model: Model, betas: frozenset[str]) -> bool:
    """Plain ones, or for an hour where the model has that; at most four: the first two hold the longest
    prefix, the last two move on."""
    if not model.profile.needs_cache_breakpoints:
        return False
    marked = [block for block in blocks_of(body) if isinstance(block.get("cache_control"), dict)]
    if not marked:
        return mark_ends(body)
    hour = any(each.startswith(LONG_CACHE) for each in betas)
    changed = [fit_mark(block["cache_control"], hour) for block in marked]
    for block in marked[2:-2] if len(marked) > BREAKPOINTS else ():
        del block["cache_control"]
    return any(changed) or len(marked) > BREAKPOINTS


def fit_mark(mark: Body, hour: bool) -> bool:
    """`hour`: a mark may ask for one."""
    extra = [key for key in mark if key in ("ttl", "scope") and not (hour and mark[key] == HOUR)]
    for key in extra:
        del mark[key]
    return bool(extra)


def mark_ends(body: Body) -> bool:
    tools = [tool for tool in dicts(body.get("tools")) if not tool.get("defer_loading")]
    listed(body, "system")
    said = (message for message in body["messages"] if message["role"] != "system")
    messages = [message for message in said if can_end(listed(message, "content"))]
    ends = [*tools[-1:], *dicts(body.get("system"))[-1:]]
    ends += [can_end(message["content"])[-1] for message in messages[-2:]]
    for block in ends:
        block["cache_control"] = dict(EPHEMERAL)
    return bool(ends)


def listed(holder: Body, name: str) -> Any:
    """A text as the block that it stands for, which can carry a mark; an empty one stays."""
    given = holder.get(name)
    if isinstance(given, str) and given.strip():
        holder[name] = [{"type": "text", "text": given}]
    return holder.get(name)


def can_end(content: Any) -> list[Body]:
    """The blocks that can be the end of a prompt cache."""
    return [block for block in dicts(content) if block.get("type") not in UNMARKED]


# --- Chat Completions


def fit_chat_marks(body: Body, model: Model) -> bool:
    """At most four, as in Messages.  Others than Claude find by themselves what they have seen before."""
    holders = [*dicts(body.get("tools")), *body["messages"]]
    before = list(map(chat_marks, holders))
    marked = [holder for holder in holders if take_marks(holder)]
    if not model.profile.needs_cache_breakpoints:
        marked = []
    elif not marked:
        marked = chat_ends(body)
    for holder in marked if len(marked) <= BREAKPOINTS else (*marked[:2], *marked[-2:]):
        holder[CHAT_MARK] = dict(EPHEMERAL)
    return before != list(map(chat_marks, holders))


def chat_ends(body: Body) -> list[Body]:
    said = body["messages"]
    system = [message for message in said if message["role"] in ("system", "developer")]
    others = [message for message in said if message not in system]
    return [*dicts(body.get("tools"))[-1:], *system[-1:], *others[-2:]]


def chat_marks(holder: Body) -> list[tuple[int, str, Any]]:
    """(where in a message or a tool, by which word, what) of each mark."""
    return [
        (place, name, part[name])
        for place, part in enumerate(with_parts(holder))
        for name in CHAT_MARKS
        if name in part
    ]


def take_marks(holder: Body) -> bool:
    """Off it.  False: there was none."""
    taken = [part.pop(name, None) for part in with_parts(holder) for name in CHAT_MARKS]
    return any(taken)


def with_parts(holder: Body) -> list[Body]:
    return [holder, *dicts(holder.get("content")), *dicts([holder.get("function")])]
