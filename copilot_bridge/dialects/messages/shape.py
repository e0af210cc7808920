"""What a Messages body has to look like for `turn.py` to read it, besides what `request.py` asks."""

from typing import Any

from copilot_bridge.dialects.messages.client_tools import CLIENT_TOOLS
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
    text_or_each,
)

LOCATED = fields({"text": TEXT})

# Documents may be elsewhere, too: `turn.py` says what is to be done about those.
SOURCE = by(
    "type",
    {
        "base64": fields({"media_type": TEXT, "data": TEXT}),
        "text": fields({"data": TEXT}),
        "content": fields({"content": text_or_each(LOCATED)}),
    },
)

WORDS = fields(maybe={"text": TEXT})

SHOWN: Table = {
    "text": WORDS,
    "image": fields({"source": fields({"media_type": TEXT, "data": TEXT})}),
    "document": fields({"source": SOURCE}, maybe={"title": TEXT, "context": TEXT}),
    "search_result": fields({"title": TEXT, "source": TEXT, "content": each(LOCATED)}),
}
IN_RESULT = by("type", {**SHOWN, "tool_reference": fields({"tool_name": TEXT})})

BLOCKS: Table = {
    **SHOWN,
    "thinking": fields(maybe={"thinking": TEXT, "signature": TEXT}),
    "redacted_thinking": fields({"data": TEXT}),
    "compaction": fields(maybe={"content": TEXT}),
    "tool_use": fields({"id": TEXT, "name": TEXT}),
    "tool_result": fields({"tool_use_id": TEXT}, maybe={"content": text_or_each(IN_RESULT)}),
}


def said(*kinds: str) -> Shape:
    """A message of a role that may say these."""
    return fields({"content": text_or_each(among(BLOCKS, *kinds))})


MESSAGE = by(
    "role",
    {
        "user": said(*SHOWN, "tool_result"),
        "assistant": said("text", "thinking", "redacted_thinking", "compaction", "tool_use"),
        "system": said("text"),
    },
)

CLIENT_TOOL = fields({"name": TEXT, "input_schema": OBJECT}, maybe={"description": TEXT, "strict": FLAG})
NAMED_TOOL = fields({"name": TEXT})


def tool(where: str, value: Any) -> None:
    """Tools of a type of their own have a name at least; those that a server would run are not read."""
    OBJECT(where, value)
    if value.get("input_schema") is not None or value.get("type") in (None, "custom"):
        CLIENT_TOOL(where, value)
    elif str(value["type"]) in CLIENT_TOOLS:
        NAMED_TOOL(where, value)


FORMAT = form({"json_schema": fields({"schema": OBJECT})}, usual="json_schema")

BODY: Table = {
    "system": text_or_each(WORDS),
    "messages": each(MESSAGE),
    "tools": each(tool),
    "tool_choice": fields(maybe={"type": TEXT, "name": TEXT}),
    "stop_sequences": each(TEXT),
    "output_config": fields(maybe={"effort": EFFORT, "format": FORMAT}),
}
