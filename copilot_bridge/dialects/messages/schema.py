"""Validators of Messages bodies that are read into prompts, beyond those of `request.py`."""

from typing import Any

from copilot_bridge.dialects.messages.client_tools import CLIENT_TOOLS
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
    part_of_types,
    string_or_list_of,
    tagged_union,
)

LOCATED = object_of({"text": STRING})
IMAGE = object_of({"source": object_of({"media_type": STRING, "data": STRING})})
IN_DOCUMENT = tagged_union("type", {"text": LOCATED, "image": IMAGE}, default="text")

# Documents may also be elsewhere: `prompt_reader.py` refuses those.
SOURCE = tagged_union(
    "type",
    {
        "base64": object_of({"media_type": STRING, "data": STRING}),
        "text": object_of({"data": STRING}),
        "content": object_of({"content": string_or_list_of(IN_DOCUMENT)}),
    },
)

WORDS = object_of(optional={"text": STRING})

SHOWN: Validators = {
    "text": WORDS,
    "image": IMAGE,
    "document": object_of({"source": SOURCE}, optional={"title": STRING, "context": STRING}),
    "search_result": object_of({"title": STRING, "source": STRING, "content": list_of(LOCATED)}),
}
IN_RESULT = tagged_union("type", {**SHOWN, "tool_reference": object_of({"tool_name": STRING})})

BLOCKS: Validators = {
    **SHOWN,
    "thinking": object_of(optional={"thinking": STRING, "signature": STRING}),
    "redacted_thinking": object_of({"data": STRING}),
    "compaction": object_of(optional={"content": STRING}),
    "tool_use": object_of({"id": STRING, "name": STRING}),
    "tool_result": object_of({"tool_use_id": STRING}, optional={"content": string_or_list_of(IN_RESULT)}),
}


def message_of(*kinds: str) -> Validator:
    """Validate a message of a role that may have these types of blocks."""
    return object_of({"content": string_or_list_of(part_of_types(BLOCKS, *kinds))})


MESSAGE = tagged_union(
    "role",
    {
        "user": message_of(*SHOWN, "tool_result"),
        "assistant": message_of("text", "thinking", "redacted_thinking", "compaction", "tool_use"),
        "system": message_of("text"),
    },
)

CLIENT_TOOL = object_of(
    {"name": STRING, "input_schema": OBJECT}, optional={"description": STRING, "strict": BOOLEAN}
)
NAMED_TOOL = object_of({"name": STRING})


def check_tool(where: str, value: Any) -> None:
    """Validate a tool.

    One of a built-in type has at least a name; those that a server would run are not read.
    """
    OBJECT.check(where, value)
    if value.get("input_schema") is not None or value.get("type") in (None, "custom"):
        CLIENT_TOOL.check(where, value)
    elif str(value["type"]) in CLIENT_TOOLS:
        NAMED_TOOL.check(where, value)


TOOL = Validator(check_tool, OBJECT.schema)
FORMAT = format_of({"json_schema": object_of({"schema": OBJECT})}, default="json_schema")

BODY: Validators = {
    "system": string_or_list_of(WORDS),
    "messages": list_of(MESSAGE),
    "tools": list_of(TOOL),
    "tool_choice": object_of(optional={"type": STRING, "name": STRING}),
    "stop_sequences": list_of(STRING),
    "output_config": object_of(optional={"effort": EFFORT, "format": FORMAT}),
}
