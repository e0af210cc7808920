"""Finds what a body has in the forms of other APIs, and gives it chat's form."""

from typing import Any

from copilot_bridge.dialects.chat.foreign_forms.messages import has_foreign_parts, normalize_messages
from copilot_bridge.dialects.chat.foreign_forms.settings import (
    FIELDS,
    SYSTEM_FIELDS,
    move_setting,
    take_system,
)
from copilot_bridge.dialects.chat.foreign_forms.tools import normalize_choice, normalize_tools
from copilot_bridge.dialects.codec import JsonObject


def as_responses_body(body: JsonObject) -> JsonObject | None:
    """Return a body of Responses, which has an `input`, or items in the place of messages; else None."""
    messages = body.get("messages")
    if messages is None:
        return body if "input" in body else None
    if not isinstance(messages, list) or not has_items(messages):
        return None
    return {key: value for key, value in body.items() if key != "messages"} | {"input": messages}


def has_items(messages: list[Any]) -> bool:
    return any(
        "role" not in message and isinstance(message.get("type"), str)
        for message in messages
        if isinstance(message, dict)
    )


def normalize(body: JsonObject) -> bool:
    """Give a body chat's form, in place.  Returns whether anything changed.

    :raises InvalidRequest: a part in another API's form is wrong; the error names it.
    """
    changed = False
    for name in FIELDS.keys() & body.keys():
        changed |= move_setting(body, name)
    changed |= normalize_tools(body)
    changed |= normalize_choice(body)
    messages = body.get("messages")
    if isinstance(messages, list):
        system = [message for name in SYSTEM_FIELDS for message in take_system(body, name)]
        if system or any(map(has_foreign_parts, messages)):
            body["messages"] = [*system, *normalize_messages("messages", messages)]
            return True
    return changed
