"""Requests of Chat Completions whose body is one of Responses, which that dialect reads.

Cursor's agent sends them (seen by several proxies, 2026).  Chat's own settings and messages may be in them,
and the response has chat's form.
"""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from copilot_bridge.dialects.chat import request
from copilot_bridge.dialects.chat.client_response import ChatResponse
from copilot_bridge.dialects.chat.foreign_forms.messages import normalize_messages
from copilot_bridge.dialects.chat.foreign_forms.parts import kind_of
from copilot_bridge.dialects.chat.foreign_forms.tools import nested_tool, normalize_choice, normalize_tools
from copilot_bridge.dialects.chat.prompt_reader import refuse_own_fields
from copilot_bridge.dialects.client_request import ResponseOptions
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.dialects.responses import request as responses_request
from copilot_bridge.dialects.responses.client_request import ResponsesRequest
from copilot_bridge.dialects.validation import STRING, Validators, string_or_list_of, unsupported, validate

NOT_KEPT = unsupported("a response in this form is not kept")
FIELDS: Validators = {
    "stop": string_or_list_of(STRING),
    "background": NOT_KEPT,
    "conversation": NOT_KEPT,
    "functions": unsupported("beside an input they are called tools"),
}


class ResponsesBody(ResponsesRequest):
    """A body of Responses at the endpoint of Chat Completions."""

    @classmethod
    def from_body(cls, body: JsonObject) -> "ResponsesBody":
        """Read a body.

        :raises InvalidRequest, Unsupported: a field is wrong or not supported; the error names it.
        """
        refuse_own_fields(body)
        validate(request.FIELDS, body)
        validate(FIELDS, body)
        flatten(body)
        responses_request.check(body)
        return cls(body)

    def response(self, options: ResponseOptions) -> ChatResponse:  # type: ignore[override]
        return ChatResponse(options, self.model, self.streaming, request.wants_usage(self.body))

    def requires_translation(self) -> bool:
        """Return True: the body is not in the form of this endpoint."""
        return True

    def nearest_dialect(self) -> str:
        return "responses"

    def read_prompt(self) -> Prompt:
        stop = self.body.get("stop") or ()
        prompt = super().read_prompt()
        return replace(prompt, stop=(stop,) if isinstance(stop, str) else tuple(stop))


def flatten(body: JsonObject) -> None:
    """Give what is in chat's or Anthropic's form the form of Responses, in place."""
    for name in SETTINGS.keys() & body.keys():
        body |= SETTINGS[name](body.pop(name), body)
    if isinstance(body.get("tools"), list):
        body["tools"] = [flat_tool(tool) for tool in body["tools"]]
    if isinstance(body.get("tool_choice"), dict):
        body["tool_choice"] = flat_choice(body)
    if isinstance(body.get("input"), list):
        entries = normalize_messages("input", body["input"])
        body["input"] = [item for entry in entries for item in as_items(entry)]


def limit(value: Any, body: JsonObject) -> JsonObject:
    return {"max_output_tokens": body.get("max_output_tokens") or value}


def effort(value: Any, body: JsonObject) -> JsonObject:
    return {"reasoning": {"effort": value} | (body.get("reasoning") or {})}


def format_(value: Any, body: JsonObject) -> JsonObject:
    inner = value.get("json_schema") if isinstance(value, dict) else None
    flat = {"type": "json_schema"} | inner if isinstance(inner, dict) else value
    return {"text": {"format": flat} | (body.get("text") or {})}


def instructions(value: Any, body: JsonObject) -> JsonObject:
    return {"instructions": body.get("instructions") or value}


# Chat's and Anthropic's settings: what writes them as fields of Responses.
SETTINGS = {
    "max_tokens": limit,
    "max_completion_tokens": limit,
    "reasoning_effort": effort,
    "response_format": format_,
    "system": instructions,
}


def flat_tool(tool: Any) -> Any:
    """Return a tool in the form of Responses."""
    nested = nested_tool(tool)
    kind = kind_of(nested)
    inner = nested.get(kind) if kind in ("function", "custom") else None
    if not isinstance(inner, dict):
        return tool
    flat = {"type": kind, **inner}
    grammar = inner["format"].get("grammar") if isinstance(inner.get("format"), dict) else None
    return flat | {"format": {"type": "grammar", **grammar}} if isinstance(grammar, dict) else flat


def flat_choice(body: JsonObject) -> Any:
    """Return the choice of a tool in the form of Responses."""
    choice = dict(body["tool_choice"])
    given = {"tool_choice": choice, "tools": body.get("tools")}
    normalize_tools(given)
    normalize_choice(given)
    if "parallel_tool_calls" in given:
        body["parallel_tool_calls"] = given["parallel_tool_calls"]
    nested: Any = given["tool_choice"]
    inner = nested.get(kind_of(nested)) if isinstance(nested, dict) else None
    if not isinstance(inner, dict):
        return nested
    listed = inner.get("tools")
    tools = {"tools": [flat_tool(tool) for tool in listed]} if isinstance(listed, list) else {}
    return {"type": nested["type"], **inner, **tools}


def as_items(entry: Any) -> Iterator[Any]:
    """Yield a message in chat's form as items; an item stays as it is."""
    if not isinstance(entry, dict) or "role" not in entry:
        yield entry
    elif entry["role"] == "tool":
        yield {
            "type": "function_call_output",
            "call_id": entry.get("tool_call_id"),
            "output": flat_content(entry.get("content")),
        }
    else:
        given = entry.get("tool_calls")
        calls: list[Any] = given if isinstance(given, list) else []
        if entry.get("content") or not calls:
            message = {key: value for key, value in entry.items() if key != "tool_calls"}
            yield message | {"content": flat_content(entry.get("content"))}
        yield from map(flat_call, calls)


def flat_content(content: Any) -> Any:
    return [flat_part(part) for part in content] if isinstance(content, list) else content or ""


def flat_part(part: Any) -> Any:
    """Return a part in the form of Responses, whose reader takes chat's texts as they are."""
    kind = kind_of(part)
    if kind == "image_url" and isinstance(part.get("image_url"), dict):
        return {"type": "input_image", "image_url": part["image_url"].get("url")}
    return (
        {"type": "input_file", **part["file"]}
        if kind == "file" and isinstance(part.get("file"), dict)
        else part
    )


def flat_call(call: Any) -> Any:
    """Return chat's call of a tool as an item."""
    if not isinstance(call, dict):
        return call
    if isinstance(call.get("custom"), dict):
        return {"type": "custom_tool_call", "call_id": call.get("id"), **call["custom"]}
    function = call.get("function")
    return {
        "type": "function_call",
        "call_id": call.get("id"),
        **(function if isinstance(function, dict) else {}),
    }
