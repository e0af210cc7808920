"""The calls of a Messages answer that is passed on: their ids, and whether it ends with one."""

from collections.abc import Callable
from typing import Any

from copilot_bridge.dialects import members
from copilot_bridge.dialects.codec import JsonObject

# Agents go on as long as there is said to be a call, and pass it by where there is said to be none.
WITH_CALL, WITHOUT = "tool_use", "end_turn"


class ToolCallIds:
    """Each call of an answer by an id that no other has.

    :param answer_id: for the ids of those that have none, where the answer has none itself.
    """

    def __init__(self, answer_id: str = "") -> None:
        self._answer_id = answer_id
        self._ids: set[str] = set()

    def feed(self, event: JsonObject) -> JsonObject:
        """An event of a stream, with what is true of its calls."""
        kind = str(event.get("type"))
        if kind == "message_start":
            self._answer_id = str(members.optional_object(event, "message").get("id") or self._answer_id)
        key, normalize = HOLDERS.get(kind, ("", None))
        return {**event, key: normalize(self, event[key])} if normalize and key in event else event

    def normalize(self, block: Any) -> Any:
        """A block of content, which may be no call."""
        if not isinstance(block, dict) or block.get("type") != "tool_use":
            return block
        given = block.get("id")
        new = isinstance(given, str) and given and given not in self._ids
        id_ = str(given) if new else f"call_{self._answer_id}_{len(self._ids)}"
        self._ids.add(id_)
        return block if id_ == given else {**block, "id": id_}

    def end(self, holder: Any) -> Any:
        """What holds the reason for the end, with the one that is true."""
        ends = isinstance(holder, dict) and holder.get("stop_reason") in (WITH_CALL, WITHOUT)
        return {**holder, "stop_reason": WITH_CALL if self._ids else WITHOUT} if ends else holder


# What in an event is about calls.
HOLDERS: dict[str, tuple[str, Callable[[ToolCallIds, Any], Any]]] = {
    "content_block_start": ("content_block", ToolCallIds.normalize),
    "message_delta": ("delta", ToolCallIds.end),
}


def with_call_ids(message: JsonObject, answer_id: str) -> JsonObject:
    """A whole answer, with what is true of its calls."""
    calls, content = ToolCallIds(str(message.get("id") or answer_id)), message.get("content")
    if isinstance(content, list):
        message = {**message, "content": [*map(calls.normalize, content)]}
    ended: JsonObject = calls.end(message)
    return ended
