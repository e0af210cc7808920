"""The ids of calls: each in a form that the target takes, each once, and the same ones on every turn."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from copilot_bridge.dialects.adaptation.safe_names import all_safe_names, safe_name
from copilot_bridge.dialects.prompt import Part, Prompt, ToolCall, ToolResult


class ToolCallIds:
    """New ids for old ones, in the order of the conversation: a call first, then its result.

    Models from elsewhere number the calls of each answer anew, so an id may stand for several calls.
    """

    def __init__(self, max_length: int) -> None:
        self._max_length = max_length
        self._times: Counter[str] = Counter()
        self._waiting = defaultdict[str, list[str]](list)  # calls without a result, by their old id
        self._last: dict[str, str] = {}
        self.old: dict[str, str] = {}  # new -> old, where they differ

    def of_call(self, id_: str) -> str:
        self._times[id_] += 1
        times = self._times[id_]
        new = safe_name(id_ if times == 1 else f"{id_} #{times}", self._max_length)
        self._waiting[id_].append(new)
        if new != id_:
            self.old[new] = id_
        return new

    def of_result(self, id_: str) -> str:
        if waiting := self._waiting[id_]:
            self._last[id_] = waiting.pop(0)
        return self._last.get(id_) or safe_name(id_, self._max_length)


# An id in a body: the object that holds it, under which key, and whether it is that of a call.
IdLocation = tuple[dict[str, Any], str, bool]


def adapt_id_locations(places: Iterable[IdLocation], max_length: int) -> bool:
    """Make the ids fit, in the order of the conversation.  True if one had to change."""
    found = [place for place in places if isinstance(place[0].get(place[1]), str)]
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
    """The prompt with ids that fit, and what those that had to change were before."""
    calls = [part.id for each in prompt.messages for part in each.parts if isinstance(part, ToolCall)]
    results = [part.id for each in prompt.messages for part in each.parts if isinstance(part, ToolResult)]
    if len(set(calls)) == len(calls) and all_safe_names([*calls, *results], max_length):
        return prompt, {}
    ids = ToolCallIds(max_length)

    def adapt(part: Part) -> Part:
        if isinstance(part, ToolCall):
            return replace(part, id=ids.of_call(part.id))
        return replace(part, id=ids.of_result(part.id)) if isinstance(part, ToolResult) else part

    messages = tuple(replace(each, parts=tuple(map(adapt, each.parts))) for each in prompt.messages)
    return replace(prompt, messages=messages), ids.old
