"""What a Chat Completions body has to look like for `turn.py` to read it, besides what `request.py` asks."""

from copilot_bridge.dialects.shapes import (
    FLAG,
    OBJECT,
    TEXT,
    WHOLE,
    Table,
    by,
    each,
    fields,
    text_or,
    text_or_each,
)

PART = by(
    "type",
    {
        "text": fields(maybe={"text": TEXT}),
        "refusal": fields(maybe={"refusal": TEXT}),
        "image_url": fields({"image_url": fields({"url": TEXT})}),
        "file": fields({"file": fields(maybe={"file_data": TEXT, "filename": TEXT})}),
    },
)

CALL = fields({"id": TEXT, "function": fields({"name": TEXT}, maybe={"arguments": TEXT})})

SAID: Table = {"content": text_or_each(PART)}
THOUGHT: Table = {"reasoning_content": TEXT, "reasoning_text": TEXT, "reasoning_opaque": TEXT}

MESSAGE = by(
    "role",
    {
        "tool": fields({"tool_call_id": TEXT}, maybe=SAID),
        "assistant": fields(maybe={**SAID, **THOUGHT, "tool_calls": each(CALL)}),
    },
    other=fields(maybe=SAID),
)

NAMED = fields(maybe={"function": fields(maybe={"name": TEXT})})
FUNCTION = fields(maybe={"name": TEXT, "description": TEXT, "parameters": OBJECT, "strict": FLAG})
SCHEMA = fields(maybe={"schema": OBJECT, "name": TEXT, "strict": FLAG})

BODY: Table = {
    "messages": each(MESSAGE),
    "tools": each(fields(maybe={"function": FUNCTION})),
    "tool_choice": text_or(dict, NAMED),
    "parallel_tool_calls": FLAG,
    "stop": text_or_each(TEXT),
    "reasoning_effort": TEXT,
    "thinking_budget": WHOLE,
    "response_format": fields({"type": TEXT}, maybe={"json_schema": SCHEMA}),
    "prompt_cache_key": TEXT,
}
