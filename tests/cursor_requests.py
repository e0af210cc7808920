"""Cursor's requests, in their three shapes, and how a call of a tool comes back in each of them."""

import json
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

SCHEMA: Json = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
PATCH_SCHEMA: Json = {"type": "object", "properties": {"input": {"type": "string"}}}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: begin_patch hunk end_patch"}

FLAT = {"type": "function", "name": "read_file", "description": "Reads.", "parameters": SCHEMA}
NESTED = {"type": "function", "function": {"name": "read_file", "parameters": SCHEMA}}
ANTHROPIC = {"name": "read_file", "description": "Reads.", "input_schema": SCHEMA}
PATCH = {"type": "custom", "name": "ApplyPatch", "description": "Edits.", "format": GRAMMAR}

Turn = Callable[..., list[Json]]


def responses_turn(user_text: str, *calls: Json) -> list[Json]:
    return [
        {"role": "user", "content": [{"type": "input_text", "text": user_text}]},
        *(call_item(call) for call in calls),
        *(output_item(call) for call in calls),
    ]


def call_item(call: Json) -> Json:
    name, text = called(call)
    kind, field = ("custom_tool_call", "input") if "custom" in call else ("function_call", "arguments")
    return {"type": kind, "call_id": call["id"], "name": name, field: text}


def output_item(call: Json) -> Json:
    kind = "custom_tool_call_output" if "custom" in call else "function_call_output"
    return {"type": kind, "call_id": call["id"], "output": "done"}


def chat_turn(user_text: str, *calls: Json) -> list[Json]:
    return [
        {"role": "user", "content": user_text},
        {"role": "assistant", "content": None, "tool_calls": [*calls]},
        *({"role": "tool", "tool_call_id": call["id"], "content": "done"} for call in calls),
    ]


def messages_turn(user_text: str, *calls: Json) -> list[Json]:
    return [
        {"role": "user", "content": [{"type": "text", "text": user_text}]},
        {"role": "assistant", "content": [tool_use(call) for call in calls]},
        {"role": "user", "content": [tool_result(call) for call in calls]},
    ]


def tool_use(call: Json) -> Json:
    name, text = called(call)
    given = text if "custom" in call else json.loads(text)
    return {"type": "tool_use", "id": call["id"], "name": name, "input": given}


def tool_result(call: Json) -> Json:
    text = {"type": "text", "text": "done"}
    return {"type": "tool_result", "tool_use_id": call["id"], "content": [text]}


TURNS: dict[str, Turn] = {"responses": responses_turn, "chat": chat_turn, "messages": messages_turn}


def called(call: Json) -> tuple[str, str]:
    kind, field = ("custom", "input") if "custom" in call else ("function", "arguments")
    return call[kind]["name"], call[kind][field]


def agent(text: Any) -> Json:
    """Make a request as Cursor's agent sends it."""
    entries = (
        text
        if isinstance(text, list)
        else [{"role": "user", "content": [{"type": "input_text", "text": text}]}]
    )
    return {
        "instructions": "You are an agent.",
        "input": entries,
        "tools": [FLAT, PATCH],
        "reasoning": {"effort": "high", "summary": "auto"},
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "text": {"verbosity": "low"},
        "stream_options": {"include_usage": True},
    }


def ask(text: Any) -> Json:
    """Make a request as its other modes send it, with each kind of tool."""
    entries = text if isinstance(text, list) else [{"role": "user", "content": text}]
    other = {**NESTED, "function": {**NESTED["function"], "name": "list_dir"}}
    return {"messages": [{"role": "system", "content": "Answer."}, *entries], "tools": [FLAT, other, PATCH]}


def claude(text: Any) -> Json:
    """Make a request as it sends it with the name of a Claude model."""
    entries = (
        text if isinstance(text, list) else [{"role": "user", "content": [{"type": "text", "text": text}]}]
    )
    patch = {"name": "ApplyPatch", "description": "Edits.", "input_schema": PATCH_SCHEMA}
    tools = [ANTHROPIC, patch]
    return {"messages": entries, "tools": tools, "tool_choice": {"type": "auto"}, "max_tokens": 900}


SHAPES = {"agent": agent, "ask": ask, "claude": claude}
