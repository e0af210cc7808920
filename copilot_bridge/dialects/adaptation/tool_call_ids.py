"""Unique tool call ids in a form that the target accepts, and the same ones in every request."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from copilot_bridge.dialects.adaptation.safe_names import all_safe_names, safe_name
from copilot_bridge.dialects.prompt import Part, Prompt, ToolCall, ToolResult


class ToolCallIds:
    """Maps ids to new ones in the order of the conversation: each call first, then its result.

    Some models number the calls of each response from 0, so several calls may have the same id.
    """

    def __init__(self, max_length: int) -> None:
        self._max_length = max_length
        self._counts: Counter[str] = Counter()
        self._pending = defaultdict[str, list[str]](
            list
        )  # new ids of calls without a result, by their old id
        self._last: dict[str, str] = {}
        self.changed: dict[str, str] = {}  # new -> old, if they differ

    def of_call(self, id_: str) -> str:
        self._counts[id_] += 1
        count = self._counts[id_]
        new = safe_name(id_ if count == 1 else f"{id_} #{count}", self._max_length)
        self._pending[id_].append(new)
        if new != id_:
            self.changed[new] = id_
        return new

    def of_result(self, id_: str) -> str:
        if pending := self._pending[id_]:
            self._last[id_] = pending.pop(0)
        return self._last.get(id_) or safe_name(id_, self._max_length)


# An id in a body: the object that holds it, its key, and whether it is a call's.
IdLocation = tuple[dict[str, Any], str, bool]


def adapt_id_locations(locations: Iterable[IdLocation], max_length: int) -> bool:
    """Adapt the ids of a body in the order of the conversation.  Returns whether any had to change."""
    found = [location for location in locations if isinstance(location[0].get(location[1]), str)]
    calls = [holder[key] for holder, key, is_call in found if is_call]
    if len(set(calls)) == len(calls) and all_safe_names(
        [holder[key] for holder, key, _ in found], max_length
    ):
        return False
    ids = ToolCallIds(max_length)
    for holder, key, is_call in found:
        holder[key] = (ids.of_call if is_call else ids.of_result)(holder[key])
    return True


def adapt_tool_call_ids(prompt: Prompt, max_length: int) -> tuple[Prompt, dict[str, str]]:
    """Adapt the ids of a prompt, and return it with the changed ids: new -> old."""
    calls = [part.id for message in prompt.messages for part in message.parts if isinstance(part, ToolCall)]
    results = [
        part.id for message in prompt.messages for part in message.parts if isinstance(part, ToolResult)
    ]
    if len(set(calls)) == len(calls) and all_safe_names([*calls, *results], max_length):
        return prompt, {}
    ids = ToolCallIds(max_length)

    def adapt(part: Part) -> Part:
        if isinstance(part, ToolCall):
            return replace(part, id=ids.of_call(part.id))
        return replace(part, id=ids.of_result(part.id)) if isinstance(part, ToolResult) else part

    messages = tuple(replace(message, parts=tuple(map(adapt, message.parts))) for message in prompt.messages)
    return replace(prompt, messages=messages), ids.changed
