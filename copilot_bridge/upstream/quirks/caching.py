"""Cache breakpoints, for models that cache nothing without them.

A client's own breakpoints count.  Without any, they are set where the official client sets them: on the last
tool, the last block of the system, and the last two messages (VS Code's messagesApi.ts, 2026-08).
"""

from collections.abc import Iterator
from typing import Any

from copilot_bridge.models.catalogue import Model

Body = dict[str, Any]

MAX_BREAKPOINTS = 4
EPHEMERAL = {"type": "ephemeral"}
NOT_CACHEABLE = ("thinking", "redacted_thinking")  # blocks that can't carry a breakpoint
LONG_CACHE = "extended-cache-ttl-"  # a beta
LONG_CACHE_BETA = f"{LONG_CACHE}2025-04-11"
HOUR = "1h"

# Copilot's field in Chat Completions, on a message or a tool, and the field that clients of Claude put there,
# on a part, or in a tool's function.
CHAT_FIELD = "copilot_cache_control"
CHAT_FIELDS = (CHAT_FIELD, "cache_control")


def dicts(given: Any) -> list[Body]:
    return [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []


# --- Messages


def blocks_of(body: Body) -> Iterator[Body]:
    """All blocks that can carry a cache_control, in the order of caching: tools, system, messages."""
    yield from dicts(body.get("tools"))
    yield from dicts(body.get("system"))
    for message in body["messages"]:
        yield from inner_blocks(message["content"])


def inner_blocks(content: Any) -> Iterator[Body]:
    for block in dicts(content):
        yield block
        yield from inner_blocks(block.get("content"))


def wants_hour(body: Body) -> bool:
    return any(found.get("ttl") == HOUR for found in breakpoints_in(body))


def breakpoints_in(body: Body) -> Iterator[Body]:
    given = (block.get("cache_control") for block in blocks_of(body))
    return (found for found in given if isinstance(found, dict))


def adapt_cache_controls(body: Body, model: Model, betas: frozenset[str]) -> bool:
    """Keep four breakpoints at most, for an hour only where the model allows that.

    The first two cover the longest prefix, the last two move on with the conversation.
    """
    if not model.profile.needs_cache_breakpoints:
        return False
    marked = [block for block in blocks_of(body) if isinstance(block.get("cache_control"), dict)]
    if not marked:
        return add_breakpoints(body)
    hour = any(beta.startswith(LONG_CACHE) for beta in betas)
    changed = [adapt_breakpoint(block["cache_control"], hour) for block in marked]
    for block in marked[2:-2] if len(marked) > MAX_BREAKPOINTS else ():
        del block["cache_control"]
    return any(changed) or len(marked) > MAX_BREAKPOINTS


def adapt_breakpoint(found: Body, hour: bool) -> bool:
    """Remove what the model does not accept.  `hour`: a ttl of an hour is accepted."""
    extra = [key for key in found if key in ("ttl", "scope") and not (hour and found[key] == HOUR)]
    for key in extra:
        del found[key]
    return bool(extra)


def add_breakpoints(body: Body) -> bool:
    tools = [tool for tool in dicts(body.get("tools")) if not tool.get("defer_loading")]
    listed(body, "system")
    others = (message for message in body["messages"] if message["role"] != "system")
    messages = [message for message in others if cacheable(listed(message, "content"))]
    ends = [*tools[-1:], *dicts(body.get("system"))[-1:]]
    ends += [cacheable(message["content"])[-1] for message in messages[-2:]]
    for block in ends:
        block["cache_control"] = dict(EPHEMERAL)
    return bool(ends)


def listed(holder: Body, name: str) -> Any:
    """Turn a text into a block, which can carry a breakpoint; a blank text stays."""
    given = holder.get(name)
    if isinstance(given, str) and given.strip():
        holder[name] = [{"type": "text", "text": given}]
    return holder.get(name)


def cacheable(content: Any) -> list[Body]:
    """The blocks that can carry a breakpoint."""
    return [block for block in dicts(content) if block.get("type") not in NOT_CACHEABLE]


# --- Chat Completions


def adapt_chat_breakpoints(body: Body, model: Model) -> bool:
    """Keep four breakpoints at most, as in Messages; only Claude needs them."""
    holders = [*dicts(body.get("tools")), *body["messages"]]
    before = list(map(chat_breakpoints, holders))
    marked = [holder for holder in holders if remove_breakpoints(holder)]
    if not model.profile.needs_cache_breakpoints:
        marked = []
    elif not marked:
        marked = chat_ends(body)
    for holder in marked if len(marked) <= MAX_BREAKPOINTS else (*marked[:2], *marked[-2:]):
        holder[CHAT_FIELD] = dict(EPHEMERAL)
    return before != list(map(chat_breakpoints, holders))


def chat_ends(body: Body) -> list[Body]:
    messages = body["messages"]
    system = [message for message in messages if message["role"] in ("system", "developer")]
    others = [message for message in messages if message not in system]
    return [*dicts(body.get("tools"))[-1:], *system[-1:], *others[-2:]]


def chat_breakpoints(holder: Body) -> list[tuple[int, str, Any]]:
    """The breakpoints of a message or a tool: the index of the part, the field, its value."""
    return [
        (index, name, part[name])
        for index, part in enumerate(with_parts(holder))
        for name in CHAT_FIELDS
        if name in part
    ]


def remove_breakpoints(holder: Body) -> bool:
    """Remove the breakpoints of a message or a tool.  False: there was none."""
    taken = [part.pop(name, None) for part in with_parts(holder) for name in CHAT_FIELDS]
    return any(taken)


def with_parts(holder: Body) -> list[Body]:
    return [holder, *dicts(holder.get("content")), *dicts([holder.get("function")])]
