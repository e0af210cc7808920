"""The form of an answer, where a model's backend knows none: the input of a tool that has to be called.

Claude fills in a tool's input by its schema.  So the schema that the answer should have becomes that of a
tool; `dialects/messages/tool_answer.py` makes a text of what it is called with.
"""

from typing import Any

Json = dict[str, Any]

# A client's own tool of this name would be another one's answer.
ANSWER_TOOL = "bridge_final_answer"
ABOUT = "Give the final answer, in this form.  Call this once, with the whole answer, when you have it."


def asks_by_tool(body: Json) -> bool:
    return any(isinstance(each, dict) and each.get("name") == ANSWER_TOOL for each in body.get("tools") or ())


def ask_by_tool(body: Json) -> bool:
    """False: no form is asked for, or none that can be asked for so."""
    config = body.get("output_config")
    form = config.get("format") if isinstance(config, dict) else None
    schema = form.get("schema") if isinstance(form, dict) else None
    if not isinstance(config, dict) or not isinstance(schema, dict) or not is_object(schema):
        return False
    del config["format"]
    if not config:
        del body["output_config"]
    choice = body.get("tool_choice") or {"type": "auto"}
    if choice.get("type") not in ("any", "tool"):  # else it has to call one of the client's, and says nothing
        force(body, schema, offered=choice.get("type") != "none")
    return True


def is_object(schema: Json) -> bool:
    return schema.get("type") == "object" or (isinstance(schema.get("properties"), dict))


def force(body: Json, schema: Json, *, offered: bool) -> None:
    """:param offered: the client's own tools may be called instead, for now."""
    tool = {"name": ANSWER_TOOL, "description": ABOUT, "input_schema": {"type": "object"} | schema}
    others = body.get("tools") or []
    choice: Json = {"type": "any"} if others and offered else {"type": "tool", "name": ANSWER_TOOL}
    body["tools"] = [*others, tool]
    body["tool_choice"] = choice | {"disable_parallel_tool_use": True}
    body.pop("thinking", None)  # which no forced tool goes with
