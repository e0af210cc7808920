"""Validators of Responses bodies that are read into prompts, beyond those of `request.py`."""

from typing import Any

from copilot_bridge.dialects.validation import (
    BOOLEAN,
    EFFORT,
    OBJECT,
    STRING,
    Validator,
    Validators,
    format_of,
    list_of,
    object_of,
    one_of,
    part_of_types,
    predicate,
    string_or,
    string_or_list_of,
    tagged_union,
)

WORDS = object_of({"text": STRING})
PARTS: Validators = {
    "input_text": WORDS,
    "output_text": WORDS,
    "input_image": object_of(optional={"image_url": STRING}),
    "input_file": object_of(optional={"file_data": STRING, "filename": STRING}),
    "refusal": object_of({"refusal": STRING}),
}
TEXTS = ("input_text", "output_text")  # clients confuse the two
SHOWN = (*TEXTS, "input_image", "input_file")


def message_of(*kinds: str) -> Validator:
    return object_of({"content": string_or_list_of(part_of_types(PARTS, *kinds, other=WORDS))})


ROLES: Validators = {
    "user": message_of(*SHOWN),
    "assistant": message_of(*TEXTS, "refusal"),
    **dict.fromkeys(("system", "developer"), message_of(*TEXTS)),
}
ROLE = one_of(*ROLES)


def check_message(where: str, value: Any) -> None:
    ROLE.check(f"{where}.role", value.get("role"))
    ROLES[value["role"]].check(where, value)


MESSAGE = Validator(check_message, OBJECT.schema)


CALL: Validators = {"call_id": STRING, "name": STRING}
OUTPUT = object_of(
    {"call_id": STRING, "output": string_or_list_of(part_of_types(PARTS, *SHOWN, other=WORDS))}
)

FUNCTION = object_of(
    {"name": STRING}, optional={"description": STRING, "parameters": OBJECT, "strict": BOOLEAN}
)
CUSTOM = object_of(
    {"name": STRING}, optional={"description": STRING, "format": object_of(optional={"definition": STRING})}
)
CALLED: Validators = {"function": FUNCTION, "custom": CUSTOM}
INNER = tagged_union(
    "type", {**CALLED, "namespace": predicate("a function or a custom tool", lambda _value: False, {})}
)
TOOL = tagged_union(
    "type",
    {
        **CALLED,
        "namespace": object_of(optional={"name": STRING, "description": STRING, "tools": list_of(INNER)}),
    },
)
OFFERED = object_of(optional={"tools": list_of(TOOL)})

ITEM = tagged_union(
    "type",
    {
        "message": MESSAGE,
        "function_call": object_of(CALL, optional={"namespace": STRING, "arguments": STRING}),
        "custom_tool_call": object_of({**CALL, "input": STRING}, optional={"namespace": STRING}),
        "function_call_output": OUTPUT,
        "custom_tool_call_output": OUTPUT,
        "reasoning": object_of(
            optional={"summary": list_of(object_of({"text": STRING})), "encrypted_content": STRING}
        ),
        "additional_tools": OFFERED,
        "tool_search_output": OFFERED,
    },
    default="message",
)

CHOICE = object_of(
    optional={"name": STRING, "namespace": STRING, "tools": list_of(object_of(optional={"name": STRING}))}
)
SCHEMA = object_of({"schema": OBJECT}, optional={"name": STRING, "strict": BOOLEAN})
FORMAT = format_of({"text": OBJECT, "json_object": OBJECT, "json_schema": SCHEMA})

BODY: Validators = {
    "instructions": STRING,
    "input": string_or_list_of(ITEM),
    "tools": list_of(TOOL),
    "tool_choice": string_or(dict, CHOICE),
    "parallel_tool_calls": BOOLEAN,
    "reasoning": object_of(optional={"effort": EFFORT}),
    "text": object_of(optional={"format": FORMAT}),
    "prompt_cache_key": STRING,
}
