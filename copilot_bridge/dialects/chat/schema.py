"""Validators of Chat Completions bodies that are read into prompts, beyond those of `request.py`."""

from typing import Any

from copilot_bridge.dialects.validation import (
    BOOLEAN,
    EFFORT,
    INTEGER,
    OBJECT,
    STRING,
    Validator,
    Validators,
    format_of,
    list_of,
    object_of,
    part_of_types,
    predicate,
    string_or,
    string_or_list_of,
    tagged_union,
)

PARTS: Validators = {
    "text": object_of(optional={"text": STRING}),
    "refusal": object_of(optional={"refusal": STRING}),
    "image_url": object_of({"image_url": object_of({"url": STRING})}),
    "file": object_of({"file": object_of(optional={"file_data": STRING, "filename": STRING})}),
}

FUNCTION_CALL = object_of(
    {"id": STRING, "function": object_of({"name": STRING}, optional={"arguments": STRING})}
)
CUSTOM_CALL = object_of({"id": STRING, "custom": object_of({"name": STRING, "input": STRING})})


def check_tool_call(where: str, value: Any) -> None:
    OBJECT.check(where, value)
    (CUSTOM_CALL if value.get("custom") else FUNCTION_CALL).check(where, value)


TOOL_CALL = Validator(check_tool_call, {"anyOf": [FUNCTION_CALL.schema, CUSTOM_CALL.schema]})
NO_CALLS = predicate("nothing: only the assistant calls tools", lambda value: value == [], {"maxItems": 0})


def content_of(*kinds: str) -> Validators:
    """Validators of the content of a role that may have these types of parts."""
    return {"content": string_or_list_of(part_of_types(PARTS, *kinds))}


SHOWN = ("text", "image_url", "file")
REASONING: Validators = {"reasoning_content": STRING, "reasoning_text": STRING, "reasoning_opaque": STRING}

MESSAGE = tagged_union(
    "role",
    {
        "user": object_of(optional={**content_of(*SHOWN), "tool_calls": NO_CALLS}),
        "tool": object_of({"tool_call_id": STRING}, optional={**content_of(*SHOWN), "tool_calls": NO_CALLS}),
        "assistant": object_of(
            optional={**content_of("text", "refusal"), **REASONING, "tool_calls": list_of(TOOL_CALL)}
        ),
    },
    other=object_of(optional={**content_of("text"), "tool_calls": NO_CALLS}),
)

NAMED = object_of(optional=dict.fromkeys(("function", "custom"), object_of(optional={"name": STRING})))
GRAMMAR = object_of(optional={"definition": STRING})
CUSTOM = object_of(
    optional={
        "name": STRING,
        "description": STRING,
        "format": object_of(optional={"grammar": GRAMMAR, "definition": STRING}),
    }
)
FUNCTION = object_of(
    optional={"name": STRING, "description": STRING, "parameters": OBJECT, "strict": BOOLEAN}
)
SCHEMA = object_of(optional={"schema": OBJECT, "name": STRING, "strict": BOOLEAN})
RESPONSE_FORMAT = format_of(
    {"text": OBJECT, "json_object": OBJECT, "json_schema": object_of({"json_schema": SCHEMA})}
)

BODY: Validators = {
    "messages": list_of(MESSAGE),
    "tools": list_of(object_of(optional={"function": FUNCTION, "custom": CUSTOM})),
    "tool_choice": string_or(dict, NAMED),
    "parallel_tool_calls": BOOLEAN,
    "stop": string_or_list_of(STRING),
    "reasoning_effort": EFFORT,
    "thinking_budget": INTEGER,
    "response_format": RESPONSE_FORMAT,
    "prompt_cache_key": STRING,
}
