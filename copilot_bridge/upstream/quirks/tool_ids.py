"""The ids of tool calls, for models that know only their own form of them."""

from typing import Any

from copilot_bridge.models.catalogue import Model

Body = dict[str, Any]


def fit_tool_call_ids(body: Body, model: Model) -> bool:
    """Calls are counted through the conversation, and their results named after them."""
    form = model.profile.tool_call_id_format
    if not form:
        return False
    number, fitted = 0, dict[str, str]()
    before = list(ids_in(body))
    for message in body["messages"]:
        for call in calls_of(message):
            new = form.format(name=(call.get("function") or {}).get("name"), number=number)
            fitted[str(call.get("id"))], call["id"] = new, new
            number += 1
        if message["role"] == "tool":
            given = str(message.get("tool_call_id"))
            message["tool_call_id"] = fitted.get(given, given)
    return before != list(ids_in(body))


def calls_of(message: Body) -> list[Body]:
    given = message.get("tool_calls")
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def ids_in(body: Body) -> list[Any]:
    return [
        each.get("id", each.get("tool_call_id"))
        for message in body["messages"]
        for each in (*calls_of(message), message)
    ]
