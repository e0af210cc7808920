"""Whole bodies of each API, and their mutants with one value of another type."""

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Path = tuple[str | int, ...]

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PNG = f"data:image/png;base64,{PIXEL}"
PDF = "data:application/pdf;base64,JVBERg=="
SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string", "description": "where", "enum": ["a"]}},
    "required": ["path"],
}
FUNCTION: Json = {"name": "read_file", "description": "reads", "parameters": SCHEMA}
MARK = {"type": "ephemeral"}

CHAT: Json = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "be", "copilot_cache_control": MARK},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hi", "cache_control": MARK},
                {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}},
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "refusal", "refusal": "no"}],
            "reasoning_content": "t",
            "reasoning_opaque": "o",
            "refusal": "no",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "read_file", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "42"}]},
        {"role": "user", "content": "go"},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "read_file"}}]},
    },
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": True},
    },
    "stream": True,
    "stream_options": {"include_usage": True},
    "stop": ["x"],
    "reasoning_effort": "low",
    "thinking_budget": 1024,
    "temperature": 1,
    "top_p": 1,
    "max_tokens": 99,
    "parallel_tool_calls": True,
    "prompt_cache_key": "k",
    "metadata": {"a": "b"},
    "logit_bias": {"1": 1},
}

TEXT_DOCUMENT = {"type": "text", "media_type": "text/plain", "data": "doc"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
MESSAGES: Json = {
    "model": "claude-sonnet-4.5",
    "system": [{"type": "text", "text": "be", "cache_control": MARK | {"ttl": "1h"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hi", "cache_control": MARK},
                IMAGE,
                {"type": "document", "source": TEXT_DOCUMENT, "title": "t"},
                {
                    "type": "document",
                    "source": {"type": "content", "content": [{"type": "text", "text": "a"}]},
                },
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
                },
                {
                    "type": "search_result",
                    "title": "t",
                    "source": "s",
                    "content": [{"type": "text", "text": "a"}],
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t", "signature": "s"},
                {"type": "redacted_thinking", "data": "r"},
                {"type": "tool_use", "id": "c1", "name": "read_file", "input": {"path": "a"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c1",
                    "content": [
                        {"type": "text", "text": "42"},
                        IMAGE,
                        {"type": "tool_reference", "tool_name": "x"},
                    ],
                    "is_error": False,
                },
                {"type": "text", "text": "go"},
            ],
        },
    ],
    "tools": [
        {"name": "read_file", "description": "d", "input_schema": SCHEMA, "cache_control": MARK},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "tool_choice": {"type": "tool", "name": "read_file", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "max_tokens": 4000,
    "stream": True,
    "temperature": 1,
    "stop_sequences": ["x"],
    "metadata": {"user_id": "user_a_session_b"},
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
}

RESPONSES: Json = {
    "model": "gpt-5.3-codex",
    "instructions": "be",
    "input": [
        {"type": "message", "role": "developer", "content": "b"},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "hi"},
                {"type": "input_image", "image_url": PNG, "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": PDF},
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "t"}],
            "encrypted_content": "x",
        },
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "c1",
            "name": "read_file",
            "namespace": "n",
            "arguments": "{}",
        },
        {
            "type": "function_call_output",
            "call_id": "c1",
            "status": "completed",
            "output": [{"type": "input_text", "text": "42"}],
        },
        {"type": "custom_tool_call", "call_id": "c2", "name": "apply", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "y"},
        {"type": "additional_tools", "tools": [{"type": "function", **FUNCTION}]},
        {"role": "user", "content": "go"},
    ],
    "tools": [
        {"type": "function", **FUNCTION, "strict": True},
        {
            "type": "custom",
            "name": "apply",
            "format": {"type": "grammar", "syntax": "lark", "definition": "x"},
        },
        {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", **FUNCTION}]},
        {"type": "web_search"},
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "read_file"}],
    },
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {
        "format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}},
        "verbosity": "low",
    },
    "include": ["reasoning.encrypted_content"],
    "stream": True,
    "store": False,
    "parallel_tool_calls": True,
    "max_output_tokens": 99,
    "prompt_cache_key": "k",
    "metadata": {"a": "b"},
}

EMBEDDINGS: Json = {
    "model": "text-embedding-3-small",
    "input": ["a", "b"],
    "encoding_format": "float",
    "dimensions": 8,
    "user": "u",
}

GEMINI: Json = {
    "model": "gemini-3.1-pro-preview",
    "systemInstruction": {"role": "user", "parts": [{"text": "be"}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "hi"},
                {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
                {"inline_data": {"mime_type": "application/pdf", "data": "JVBERg==", "displayName": "a.pdf"}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "t", "thought": True},
                {"text": "I look.", "thoughtSignature": "c2lnbmF0dXJl"},
                {"functionCall": {"id": "c1", "name": "read_file", "args": {"path": "a"}}},
                {"functionCall": {"name": "read_file"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {
                    "functionResponse": {
                        "id": "c1",
                        "name": "read_file",
                        "response": {"output": "42"},
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": PIXEL}}],
                    }
                },
                {"functionResponse": {"name": "read_file", "response": {"error": "no"}}},
            ],
        },
        {"parts": [{"text": "go"}]},
    ],
    "tools": [
        {"functionDeclarations": [{"name": "read_file", "description": "reads", "parameters": SCHEMA}]},
        {"function_declarations": [{"name": "now", "parametersJsonSchema": SCHEMA}]},
        {"googleSearch": {}},
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["read_file"]}},
    "generationConfig": {
        "candidateCount": 1,
        "stopSequences": ["x"],
        "maxOutputTokens": 99,
        "temperature": 1,
        "topP": 0.5,
        "topK": 5,
        "responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}},
        "responseModalities": ["TEXT"],
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 1024},
    },
    "safetySettings": [{"category": "X", "threshold": "BLOCK_NONE"}],
}

OLLAMA: Json = {
    "model": "gpt-4o:latest",
    "messages": [
        {"role": "system", "content": "be"},
        {"role": "user", "content": "hi", "images": [PIXEL, PNG]},
        {
            "role": "assistant",
            "content": "I look.",
            "thinking": "t",
            "tool_calls": [
                {"id": "c1", "function": {"name": "read_file", "arguments": {"path": "a"}}},
                {"function": {"name": "read_file"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
        {"role": "tool", "tool_name": "read_file", "content": "", "images": [PIXEL]},
        {"role": "user", "content": "go"},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "format": {"type": "object", "properties": {"a": {"type": "string"}}},
    "options": {"num_predict": 99, "temperature": 1, "top_p": 0.5, "stop": ["x"], "top_k": 5},
    "think": "low",
    "stream": True,
    "keep_alive": "5m",
}

BODIES = {
    "chat": CHAT,
    "messages": MESSAGES,
    "responses": RESPONSES,
    "gemini": GEMINI,
    "ollama": OLLAMA,
    "embeddings": EMBEDDINGS,
}

# None of them is right everywhere.  Half a surrogate pair can't be encoded.
KINDS: tuple[Any, ...] = (
    *(None, True, -1, 1e300, 10**30, "", "x", "\ud800"),
    *([], ["x"], [None], [[]], [{}]),
    *({}, {"type": None}, {"type": {}}, {"type": "text"}),
)


def mutants(body: Json) -> Iterator[tuple[Path, bytes]]:
    """For each value within, at any depth: where it stands, and the body with another there, or none."""
    copy = json.loads(json.dumps(body))
    for path, holder in places(copy):
        kept = dict(holder) if isinstance(holder, dict) else list(holder)
        for kind in KINDS:
            holder[path[-1]] = kind
            yield path, json.dumps(copy).encode()
        del holder[path[-1]]
        yield path, json.dumps(copy).encode()
        holder.clear()
        holder.update(kept) if isinstance(holder, dict) else holder.extend(kept)


def places(value: Any, before: Path = ()) -> Iterator[tuple[Path, Any]]:
    """(the way to it, what holds it) of each value within."""
    for key in [*value] if isinstance(value, dict) else range(len(value)):
        path = (*before, key)
        yield path, value
        if isinstance(value[key], dict | list):
            yield from places(value[key], path)
