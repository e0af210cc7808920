"""What a Responses body has to look like for `turn.py` to read it, besides what `request.py` asks."""

from typing import Any

from copilot_bridge.dialects.shapes import (
    EFFORT,
    FLAG,
    OBJECT,
    TEXT,
    Shape,
    Table,
    among,
    by,
    each,
    fields,
    form,
    one_of,
    plain,
    text_or,
    text_or_each,
)

WORDS = fields({"text": TEXT})
PARTS: Table = {
    "input_text": WORDS,
    "output_text": WORDS,
    "input_image": fields(maybe={"image_url": TEXT}),
    "input_file": fields(maybe={"file_data": TEXT, "filename": TEXT}),
    "refusal": fields({"refusal": TEXT}),
}
TEXTS = ("input_text", "output_text")  # clients write the one for the other
SHOWN = (*TEXTS, "input_image", "input_file")


def said(*kinds: str) -> Shape:
    return fields({"content": text_or_each(among(PARTS, *kinds, other=WORDS))})


ROLES: Table = {
    "user": said(*SHOWN),
    "assistant": said(*TEXTS, "refusal"),
    **dict.fromkeys(("system", "developer"), said(*TEXTS)),
}
ROLE = one_of(*ROLES)


def message(where: str, value: Any) -> None:
    ROLE(f"{where}.role", value.get("role"))
    ROLES[value["role"]](where, value)


CALL: Table = {"call_id": TEXT, "name": TEXT}
OUTPUT = fields({"call_id": TEXT, "output": text_or_each(among(PARTS, *SHOWN, other=WORDS))})

FUNCTION = fields({"name": TEXT}, maybe={"description": TEXT, "parameters": OBJECT, "strict": FLAG})
CUSTOM = fields({"name": TEXT}, maybe={"description": TEXT, "format": fields(maybe={"definition": TEXT})})
CALLED: Table = {"function": FUNCTION, "custom": CUSTOM}
INNER = by("type", {**CALLED, "namespace": plain("a function or a custom tool", lambda _value: False)})
TOOL = by(
    "type",
    {**CALLED, "namespace": fields(maybe={"name": TEXT, "description": TEXT, "tools": each(INNER)})},
)
OFFERED = fields(maybe={"tools": each(TOOL)})

ITEM = by(
    "type",
    {
        "message": message,
        "function_call": fields(CALL, maybe={"namespace": TEXT, "arguments": TEXT}),
        "custom_tool_call": fields({**CALL, "input": TEXT}, maybe={"namespace": TEXT}),
        "function_call_output": OUTPUT,
        "custom_tool_call_output": OUTPUT,
        "reasoning": fields(maybe={"summary": each(fields({"text": TEXT})), "encrypted_content": TEXT}),
        "additional_tools": OFFERED,
        "tool_search_output": OFFERED,
    },
    usual="message",
)

CHOICE = fields(maybe={"name": TEXT, "namespace": TEXT, "tools": each(fields(maybe={"name": TEXT}))})
SCHEMA = fields({"schema": OBJECT}, maybe={"name": TEXT, "strict": FLAG})
FORMAT = form({"text": OBJECT, "json_object": OBJECT, "json_schema": SCHEMA})

BODY: Table = {
    "instructions": TEXT,
    "input": text_or_each(ITEM),
    "tools": each(TOOL),
    "tool_choice": text_or(dict, CHOICE),
    "parallel_tool_calls": FLAG,
    "reasoning": fields(maybe={"effort": EFFORT}),
    "text": fields(maybe={"format": FORMAT}),
    "prompt_cache_key": TEXT,
}
