"""Repair of tool calls without a result, and results without a call, which remain after an interruption.

Upstream refuses a conversation with one of them for ever.  A call without a result gets one that says so; a
result without a call becomes a user's message.
"""

from collections.abc import Callable, Iterator
from typing import Any

from copilot_bridge.upstream.recovery.case import Case, dicts
from copilot_bridge.upstream.recovery.paths import Json

NO_RESULT = "(The call was interrupted: there is no result.)"


def pair_calls(case: Case) -> bool:
    """Pair the calls and results of a conversation.  False: all were paired."""
    field, pair = PAIRS[case.api]
    before = case.body.get(field)
    if not isinstance(before, list):
        return False
    after = [*pair(before)]
    case.body[field] = after
    return after != before


def pair_chat(messages: list[Any]) -> Iterator[Any]:
    """Chat Completions: a message for each result, directly behind that of the calls."""
    pairs = Pairs(dicts(messages), lambda message: results_of(message, "tool_call_id", role="tool"))
    alone = list[Json]()
    for message in messages:
        if results_of(message, "tool_call_id", role="tool"):
            if pairs.takes(message["tool_call_id"]):
                yield message
            else:
                alone.append({"role": "user", "content": message.get("content") or NO_RESULT})
            continue
        yield from alone
        alone.clear()
        yield message
        ids = [str(call.get("id")) for call in dicts(within(message, "tool_calls"))]
        yield from ({"role": "tool", "tool_call_id": id_, "content": NO_RESULT} for id_ in pairs.called(ids))
    yield from alone


def pair_messages(messages: list[Any]) -> Iterator[Any]:
    """Messages: results are blocks at the beginning of the message behind that of the calls."""
    pairs = Pairs(dicts(messages), lambda message: [block["tool_use_id"] for block in results_in(message)])
    missing = list[Json]()
    for message in messages:
        user = within(message, "role") == "user"
        if missing and not user:
            yield {"role": "user", "content": [*missing]}
            missing.clear()
        yield (
            {**message, "content": [*missing, *paired_blocks(message, pairs)]}
            if has_blocks(message, missing)
            else message
        )
        missing.clear()
        uses = [block for block in dicts(within(message, "content")) if block.get("type") == "tool_use"]
        missing += [
            {"type": "tool_result", "tool_use_id": id_, "content": NO_RESULT}
            for id_ in pairs.called([str(block.get("id")) for block in uses])
        ]
    if missing:
        yield {"role": "user", "content": missing}


def has_blocks(message: Any, missing: list[Json]) -> bool:
    """Return whether a message has blocks, or needs some, that may have to change."""
    content = within(message, "content")
    return within(message, "role") == "user" and (
        isinstance(content, list) or (bool(missing) and bool(content))
    )


def paired_blocks(message: Json, pairs: "Pairs") -> list[Any]:
    """The blocks of a user's message: results first, those without a call as texts."""
    content = message["content"]
    if not isinstance(content, list):
        return [{"type": "text", "text": str(content)}]
    kept, alone = list[Any](), list[Any]()
    for block in content:
        if block not in results_in(message) or pairs.takes(block["tool_use_id"]):
            kept.append(block)
        else:
            alone += as_blocks(block.get("content"))
    return kept + alone


def as_blocks(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [{"type": "text", "text": str(content or NO_RESULT)}]


def results_in(message: Any) -> list[Json]:
    blocks = dicts(within(message, "content")) if within(message, "role") == "user" else []
    return [
        block
        for block in blocks
        if block.get("type") == "tool_result" and isinstance(block.get("tool_use_id"), str)
    ]


OUTPUTS = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}


def pair_responses(items: list[Any]) -> Iterator[Any]:
    """Responses: an item for each call and each result."""
    pairs = Pairs(dicts(items), output_of)
    for item in items:
        if output_of(item) and not pairs.takes(item["call_id"]):
            yield {"type": "message", "role": "user", "content": as_input(item.get("output"))}
            continue
        yield item
        kind = OUTPUTS.get(str(within(item, "type")))
        for id_ in pairs.called([str(item.get("call_id"))]) if kind else ():
            yield {"type": kind, "call_id": id_, "output": NO_RESULT}


def as_input(output: Any) -> list[Any]:
    return output if isinstance(output, list) else [{"type": "input_text", "text": str(output or NO_RESULT)}]


def output_of(item: Any) -> list[str]:
    return results_of(item, "call_id") if within(item, "type") in OUTPUTS.values() else []


class Pairs:
    """The calls that wait for a result, while a conversation is read in order.

    :param results: the ids of an entry's results.
    """

    def __init__(self, entries: list[Json], results: Callable[[Json], list[str]]) -> None:
        self._with_result = {id_ for entry in entries for id_ in results(entry)}
        self._open: set[str] = set()

    def called(self, ids: list[str]) -> list[str]:
        """Note calls with these ids, and return those that never get a result."""
        self._open.update(ids)
        missing = [id_ for id_ in ids if id_ not in self._with_result]
        self._open.difference_update(missing)
        return missing

    def takes(self, id_: str) -> bool:
        """Take a result; True: its call waits for one."""
        found = id_ in self._open
        self._open.discard(id_)
        return found


def results_of(entry: Any, key: str, role: str = "") -> list[str]:
    """The id of an entry that is a result, in a list."""
    mine = not role or within(entry, "role") == role
    id_ = within(entry, key) if mine else None
    return [id_] if isinstance(id_, str) else []


def within(entry: Any, key: str) -> Any:
    return entry.get(key) if isinstance(entry, dict) else None


PAIRS: dict[str, tuple[str, Callable[[list[Any]], Iterator[Any]]]] = {
    "chat": ("messages", pair_chat),
    "messages": ("messages", pair_messages),
    "responses": ("input", pair_responses),
}
