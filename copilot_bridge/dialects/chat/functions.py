"""Functions, the form that Chat Completions had before tools: neither calls nor results have ids.

Old programs and frameworks still send them.  A request is given the form of tools, so that any model takes
it, and the response gets the old form again.
https://platform.openai.com/docs/api-reference/chat/create
"""

from typing import Any

from copilot_bridge.dialects.chat.writer import ChatWriter
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import Event
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.dialects.validation import (
    OBJECT,
    STRING,
    Validators,
    list_of,
    object_of,
    predicate,
    validate,
)
from copilot_bridge.errors import BridgeError, InvalidRequest

CALL = object_of({"name": STRING}, {"arguments": STRING})
FUNCTION = object_of({"name": STRING}, {"description": STRING, "parameters": OBJECT})


def is_choice(value: Any) -> bool:
    return value in ("auto", "none") or (isinstance(value, dict) and isinstance(value.get("name"), str))


FIELDS: Validators = {
    "functions": list_of(FUNCTION),
    "function_call": predicate(
        "auto, none or an object with a name",
        is_choice,
        {"anyOf": [{"enum": ["auto", "none"]}, object_of({"name": STRING}).schema]},
    ),
}
RESULT_ROLE = "function"


def normalize(body: JsonObject) -> bool:
    """Give functions, their calls and their results the form of tools, in place.

    Returns whether anything changed.

    :raises InvalidRequest: a field is wrong; the error names it.
    """
    messages = body.get("messages")
    has_old_messages = isinstance(messages, list) and any(map(is_old, messages))
    if isinstance(messages, list) and has_old_messages:
        body["messages"] = MessageNormalizer().normalize(messages)
    return normalize_offer(body) or has_old_messages


def normalize_offer(body: JsonObject) -> bool:
    if not FIELDS.keys() & body.keys():
        return False
    validate(FIELDS, body)
    functions, choice = body.pop("functions", None), body.pop("function_call", None)
    if functions and body.get("tools"):
        raise InvalidRequest("functions: tools are offered in the same request", param="functions")
    if isinstance(choice, dict) and choice["name"] not in [function["name"] for function in functions or ()]:
        raise InvalidRequest(
            f"function_call: {choice['name']!r} is not among the functions", param="function_call"
        )
    if functions:
        body["tools"] = [{"type": "function", "function": function} for function in functions]
        body["parallel_tool_calls"] = False  # a response has room for one call
    if functions and choice:
        body["tool_choice"] = {"type": "function", "function": choice} if isinstance(choice, dict) else choice
    return True


def is_old(message: Any) -> bool:
    return isinstance(message, dict) and (message.get("role") == RESULT_ROLE or "function_call" in message)


class MessageNormalizer:
    """Gives the calls ids by which their results find them: a result follows its call, or names it."""

    def __init__(self) -> None:
        self._ids: dict[object, str] = {}  # name -> the id of its last call

    def normalize(self, messages: list[Any]) -> list[Any]:
        return [
            self._normalize(f"messages.{index}", index, message) if is_old(message) else message
            for index, message in enumerate(messages)
        ]

    def _normalize(self, where: str, index: int, message: JsonObject) -> JsonObject:
        if message.get("role") == RESULT_ROLE:
            id_ = self._ids.get(message.get("name"), f"call_{index}")
            rest = {key: value for key, value in message.items() if key not in ("role", "name")}
            return {"role": "tool", "tool_call_id": id_, **rest}
        call = message["function_call"]
        others = {key: value for key, value in message.items() if key != "function_call"}
        if call is None:  # as programs send a response back that has none
            return others
        CALL.check(f"{where}.function_call", call)
        id_ = self._ids[call["name"]] = f"call_{index}"
        return others | {"tool_calls": [{"id": id_, "type": "function", "function": call}]}


class FunctionCallWriter:
    """Writes a stream whose call is in the old form, which has room for one."""

    def __init__(self, writer: ChatWriter) -> None:
        self._writer = writer

    def feed(self, event: Event) -> list[Frame]:
        return [(name, chunk) for name, chunk in self._writer.feed(event) if self._rewrite(chunk)]

    def fail(self, error: BridgeError) -> Frame:
        return self._writer.fail(error)

    def _rewrite(self, chunk: JsonObject) -> bool:
        """Give a chunk the old form, in place.  Returns False if nothing is left of it."""
        for choice in chunk["choices"]:
            if choice["finish_reason"] == "tool_calls":
                choice["finish_reason"] = "function_call"
            for call in choice["delta"].pop("tool_calls", ()):
                if call["index"]:
                    return False
                choice["delta"]["function_call"] = call["function"]
        return True
