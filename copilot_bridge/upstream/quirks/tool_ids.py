"""The ids of tool calls, for models that accept only their own format."""

from typing import Any

from copilot_bridge.models.catalogue import Model

Body = dict[str, Any]


def adapt_tool_call_ids(body: Body, model: Model) -> bool:
    """Number the tool calls of a conversation, and give their results the same ids."""
    form = model.profile.tool_call_id_format
    if not form:
        return False
    number, adapted = 0, dict[str, str]()
    before = list(ids_in(body))
    for message in body["messages"]:
        for call in calls_of(message):
            new = form.format(name=(call.get("function") or {}).get("name"), number=number)
            adapted[str(call.get("id"))], call["id"] = new, new
            number += 1
        if message["role"] == "tool":
            given = str(message.get("tool_call_id"))
            message["tool_call_id"] = adapted.get(given, given)
    return before != list(ids_in(body))


def calls_of(message: Body) -> list[Body]:
    given = message.get("tool_calls")
    return [call for call in given if isinstance(call, dict)] if isinstance(given, list) else []


def ids_in(body: Body) -> list[Any]:
    return [
        holder.get("id", holder.get("tool_call_id"))
        for message in body["messages"]
        for holder in (*calls_of(message), message)
    ]
