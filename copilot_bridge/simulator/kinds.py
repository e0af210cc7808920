"""The kinds of values that a request needs to be read at all, a table for each surface."""

from collections.abc import Iterator, Mapping
from typing import Any

Kind = type | tuple[type, ...]
Kinds = Mapping[str, Kind]
"""Dotted paths; `*` is each member of a list.  A field that is left out or null is of any kind."""

NUMBER = (int, float)
TEXT_OR_LIST = (str, list)
TEXT_OR_OBJECT = (str, dict)

CHAT: Kinds = {
    "messages.*.role": str,
    "messages.*.content": TEXT_OR_LIST,
    "messages.*.content.*": dict,
    "messages.*.content.*.type": str,
    "messages.*.content.*.text": str,
    "messages.*.tool_call_id": str,
    "messages.*.tool_calls": list,
    "messages.*.tool_calls.*": dict,
    "messages.*.tool_calls.*.id": str,
    "messages.*.tool_calls.*.function": dict,
    "messages.*.tool_calls.*.function.name": str,
    "messages.*.tool_calls.*.function.arguments": str,
    "tools": list,
    "tools.*.function.name": str,
    "tools.*.function.description": str,
    "tools.*.function.parameters": dict,
    "tool_choice": TEXT_OR_OBJECT,
    "tool_choice.function": dict,
    "tool_choice.function.name": str,
    "parallel_tool_calls": bool,
    "response_format": dict,
    "response_format.type": str,
    "response_format.json_schema": dict,
    "response_format.json_schema.schema": dict,
    "stop": TEXT_OR_LIST,
    "stop.*": str,
    "max_tokens": int,
    "max_completion_tokens": int,
    "thinking_budget": int,
    "reasoning_effort": str,
    "temperature": NUMBER,
    "top_p": NUMBER,
}

MESSAGES: Kinds = {
    "system": TEXT_OR_LIST,
    "system.*": dict,
    "system.*.type": str,
    "system.*.text": str,
    "system.*.cache_control": dict,
    "messages.*.content": TEXT_OR_LIST,
    "messages.*.content.*": dict,
    "messages.*.content.*.type": str,
    "messages.*.content.*.text": str,
    "messages.*.content.*.id": str,
    "messages.*.content.*.name": str,
    "messages.*.content.*.input": dict,
    "messages.*.content.*.tool_use_id": str,
    "messages.*.content.*.thinking": str,
    "messages.*.content.*.signature": str,
    "messages.*.content.*.data": str,
    "messages.*.content.*.cache_control": dict,
    "messages.*.content.*.source": TEXT_OR_OBJECT,
    "messages.*.content.*.source.type": str,
    "messages.*.content.*.source.data": str,
    "messages.*.content.*.content": TEXT_OR_LIST,
    "messages.*.content.*.content.*": dict,
    "messages.*.content.*.content.*.type": str,
    "messages.*.content.*.content.*.text": str,
    "messages.*.content.*.content.*.cache_control": dict,
    "tools": list,
    "tools.*": dict,
    "tools.*.type": str,
    "tools.*.name": str,
    "tools.*.description": str,
    "tools.*.cache_control": dict,
    "tool_choice": dict,
    "tool_choice.type": str,
    "tool_choice.name": str,
    "thinking": dict,
    "thinking.type": str,
    "thinking.budget_tokens": int,
    "output_config": dict,
    "output_config.effort": str,
    "output_config.format": dict,
    "output_config.format.type": str,
    "output_config.format.schema": dict,
    "context_management": dict,
    "metadata": dict,
    "stop_sequences": list,
    "stop_sequences.*": str,
    "temperature": NUMBER,
    "top_p": NUMBER,
}

RESPONSES: Kinds = {
    "input.*.role": str,
    "input.*.content": TEXT_OR_LIST,
    "input.*.content.*": dict,
    "input.*.content.*.type": str,
    "input.*.content.*.text": str,
    "input.*.output": TEXT_OR_LIST,
    "input.*.output.*": dict,
    "input.*.output.*.type": str,
    "input.*.output.*.text": str,
    "input.*.summary": list,
    "input.*.summary.*": dict,
    "input.*.summary.*.text": str,
    "input.*.encrypted_content": str,
    "input.*.call_id": str,
    "input.*.name": str,
    "input.*.arguments": str,
    "input.*.input": str,
    "tools": list,
    "tools.*": dict,
    "tools.*.type": str,
    "tools.*.name": str,
    "tools.*.description": str,
    "tools.*.parameters": dict,
    "tools.*.format": dict,
    "tool_choice": TEXT_OR_OBJECT,
    "tool_choice.type": str,
    "tool_choice.name": str,
    "tool_choice.mode": str,
    "parallel_tool_calls": bool,
    "reasoning": dict,
    "reasoning.effort": str,
    "text": dict,
    "text.format": dict,
    "text.format.type": str,
    "text.format.schema": dict,
    "include": list,
    "include.*": str,
    "instructions": str,
    "max_output_tokens": int,
    "temperature": NUMBER,
    "top_p": NUMBER,
}


def first_misfit(body: Any, kinds: Kinds) -> tuple[str, Kind] | None:
    """The first value of a wrong kind: where it stands, and the kind that belongs there."""
    for path, kind in kinds.items():
        for where, value in reached(body, path.split(".")):
            if not isinstance(value, kind):
                return where, kind
    return None


def reached(value: Any, path: list[str], where: str = "") -> Iterator[tuple[str, Any]]:
    """All values that a path leads to, each with its path in words."""
    if not path:
        yield where.removeprefix("."), value
        return
    step, *further = path
    if step == "*":
        for index, member in enumerate(value if isinstance(value, list) else ()):
            yield from reached(member, further, f"{where}.{index}")
    elif isinstance(value, dict) and value.get(step) is not None:
        yield from reached(value[step], further, f"{where}.{step}")
