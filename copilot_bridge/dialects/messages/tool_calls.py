"""The tool calls of a Messages response that is passed through: their ids, and the stop reason."""

from collections.abc import Callable
from typing import Any

from copilot_bridge.dialects import members
from copilot_bridge.dialects.codec import JsonObject

# An agent continues only if the stop reason says that there is a call, so the reason has to be true.
STOP_WITH_CALL, STOP_WITHOUT_CALL = "tool_use", "end_turn"
STOP_REASONS = (STOP_WITH_CALL, STOP_WITHOUT_CALL)


class UniqueToolCallIds:
    """Gives each tool call of a response a unique id.

    :param response_id: the bridge's own, for the ids of calls without one: upstream's may be the same every
        time.
    """

    def __init__(self, response_id: str = "") -> None:
        self._response_id = response_id
        self._ids: set[str] = set()

    def feed(self, event: JsonObject) -> JsonObject:
        """Correct an event of a stream."""
        kind = str(event.get("type"))
        if kind == "message_start":
            self._response_id = self._response_id or str(members.optional_object(event, "message").get("id"))
        field, correct = HANDLERS.get(kind, ("", None))
        return {**event, field: correct(self, event[field])} if correct and field in event else event

    def with_unique_id(self, block: Any) -> Any:
        """Return a content block; a tool call with an id that no other has."""
        if not isinstance(block, dict) or block.get("type") != "tool_use":
            return block
        given_id = block.get("id")
        is_new = isinstance(given_id, str) and given_id and given_id not in self._ids
        id_ = str(given_id) if is_new else f"call_{self._response_id}_{len(self._ids)}"
        self._ids.add(id_)
        return block if id_ == given_id else {**block, "id": id_}

    def correct_stop_reason(self, holder: Any) -> Any:
        """Return the object that has the stop reason, with the true one."""
        if not isinstance(holder, dict) or holder.get("stop_reason") not in STOP_REASONS:
            return holder
        return {**holder, "stop_reason": STOP_WITH_CALL if self._ids else STOP_WITHOUT_CALL}


# The events that concern tool calls: (the field to correct, how).
HANDLERS: dict[str, tuple[str, Callable[[UniqueToolCallIds, Any], Any]]] = {
    "content_block_start": ("content_block", UniqueToolCallIds.with_unique_id),
    "message_delta": ("delta", UniqueToolCallIds.correct_stop_reason),
}


def with_call_ids(message: JsonObject, response_id: str) -> JsonObject:
    """Correct a whole message."""
    calls, content = UniqueToolCallIds(response_id or str(message.get("id"))), message.get("content")
    if isinstance(content, list):
        message = {**message, "content": [*map(calls.with_unique_id, content)]}
    corrected: JsonObject = calls.correct_stop_reason(message)
    return corrected
