"""What a Chat Completions body has to look like for `turn.py` to read it, besides what `request.py` asks."""

from typing import Any

from copilot_bridge.dialects.shapes import (
    EFFORT,
    FLAG,
    OBJECT,
    TEXT,
    WHOLE,
    Table,
    among,
    by,
    each,
    fields,
    form,
    plain,
    text_or,
    text_or_each,
)

PARTS: Table = {
    "text": fields(maybe={"text": TEXT}),
    "refusal": fields(maybe={"refusal": TEXT}),
    "image_url": fields({"image_url": fields({"url": TEXT})}),
    "file": fields({"file": fields(maybe={"file_data": TEXT, "filename": TEXT})}),
}

FUNCTION_CALL = fields({"id": TEXT, "function": fields({"name": TEXT}, maybe={"arguments": TEXT})})
CUSTOM_CALL = fields({"id": TEXT, "custom": fields({"name": TEXT, "input": TEXT})})


def call(where: str, value: Any) -> None:
    OBJECT(where, value)
    (CUSTOM_CALL if value.get("custom") else FUNCTION_CALL)(where, value)


NO_CALLS = plain("nothing: only the assistant calls tools", lambda value: value == [])


def said(*kinds: str) -> Table:
    """What a role may say."""
    return {"content": text_or_each(among(PARTS, *kinds))}


SHOWN = ("text", "image_url", "file")
THOUGHT: Table = {"reasoning_content": TEXT, "reasoning_text": TEXT, "reasoning_opaque": TEXT}

MESSAGE = by(
    "role",
    {
        "user": fields(maybe={**said(*SHOWN), "tool_calls": NO_CALLS}),
        "tool": fields({"tool_call_id": TEXT}, maybe={**said(*SHOWN), "tool_calls": NO_CALLS}),
        "assistant": fields(maybe={**said("text", "refusal"), **THOUGHT, "tool_calls": each(call)}),
    },
    other=fields(maybe={**said("text"), "tool_calls": NO_CALLS}),
)

NAMED = fields(maybe=dict.fromkeys(("function", "custom"), fields(maybe={"name": TEXT})))
GRAMMAR = fields(maybe={"definition": TEXT})
CUSTOM = fields(
    maybe={
        "name": TEXT,
        "description": TEXT,
        "format": fields(maybe={"grammar": GRAMMAR, "definition": TEXT}),
    }
)
FUNCTION = fields(maybe={"name": TEXT, "description": TEXT, "parameters": OBJECT, "strict": FLAG})
SCHEMA = fields(maybe={"schema": OBJECT, "name": TEXT, "strict": FLAG})
FORM = form({"text": OBJECT, "json_object": OBJECT, "json_schema": fields({"json_schema": SCHEMA})})

BODY: Table = {
    "messages": each(MESSAGE),
    "tools": each(fields(maybe={"function": FUNCTION, "custom": CUSTOM})),
    "tool_choice": text_or(dict, NAMED),
    "parallel_tool_calls": FLAG,
    "stop": text_or_each(TEXT),
    "reasoning_effort": EFFORT,
    "thinking_budget": WHOLE,
    "response_format": FORM,
    "prompt_cache_key": TEXT,
}
