"""What agents send, as it was measured (Claude Code 2.1.329, Codex 0.169): whole, with all that upstream
does not know, so that a test can say what becomes of it."""

import json
from typing import Any

from integration.harness import Json

# As it comes with each request of Claude Code; most of it is news to Copilot.
CLAUDE_CODE = {
    "authorization": "Bearer anything",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,thinking-token-count-2026-05-13,"
    "effort-2025-11-24,context-1m-2025-08-07,per-turn-control-2026-07-01",
    "user-agent": "claude-cli/2.1.329 (external, sdk-cli)",
    "x-app": "cli",
    "x-stainless-retry-count": "0",
    "accept-encoding": "gzip, deflate, br, zstd",
}
# Under these two `context_management` and deferred tools are known, too.
MORE_BETAS = "context-management-2025-06-27,advanced-tool-use-2025-11-20"

CACHED: Json = {"cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "global"}}
PARAGRAPH = "Use the tools that are there, and say what was done. "


def claude_tool(name: str, size: int = 0, **more: Any) -> Json:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"path": {"type": "string"}},
        "required": ["path"],
        "additionalProperties": False,
    }
    description = (PARAGRAPH * (size // len(PARAGRAPH) + 1))[: size or 20]
    return {"name": name, "description": description, "input_schema": schema, **more}


def claude_code(text: str, model: str, size: int = 0, **more: Any) -> Json:
    """A first turn, as for models whose names it does not know.  `size`: bytes of system prompt and tools."""
    reminder = "<system-reminder>\nBe brief.\n</system-reminder>"
    billing = "x-anthropic-billing-header: cc_version=2.1.329.abc; cc_entrypoint=sdk-cli;"
    system = PARAGRAPH * (size // 3 // len(PARAGRAPH) + 1)
    tools = [claude_tool(f"Tool{number}", 2 * size // 75) for number in range(23)]
    return {
        "model": model,
        "max_tokens": 32_000,
        "thinking": {"type": "adaptive", "display": "omitted"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "metadata": {"user_id": json.dumps({"device_id": "d", "account_uuid": "", "session_id": "s"})},
        "safeguards": [{"type": "dangerous_tool_use"}],
        "diagnostics": {"level": "full"},
        "system": [
            {"type": "text", "text": billing},
            {"type": "text", "text": "You are an agent.", **CACHED},
            {"type": "text", "text": system, **CACHED},
        ],
        "tools": [
            *tools,
            claude_tool("Later", defer_loading=True),
            claude_tool("Custom", type="custom", eager_input_streaming=True, **CACHED),
        ],
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": reminder}, {"type": "text", "text": text, **CACHED}],
            },
            {
                "role": "system",
                "content": [{"type": "text", "text": "# Environment\nLinux", **CACHED}],
                "output_config": {"effort": "medium"},
            },
        ],
        **more,
    }


def item(role: str, text: str, **more: Any) -> Json:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}], **more}


def codex(text: str, model: str, size: int = 0, **more: Any) -> Json:
    """A turn after a first response and a tool call.  `size`: bytes of the developer's message."""
    passthrough = {"internal_chat_message_metadata_passthrough": {"a": "b"}}
    schema = {"type": "object", "properties": {"cmd": {"type": "string"}}, "required": ["cmd"]}
    run: Json = {"type": "function", "name": "exec_command", "strict": False, "parameters": schema}
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    agents = {"type": "namespace", "name": "multi_agent_v1", "tools": [run | {"name": "spawn_agent"}]}
    call = {"call_id": "call_1", "name": "exec_command", "arguments": '{"cmd":"ls"}', "status": "completed"}
    return {
        "model": model,
        "store": False,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": {"effort": "medium", "summary": "auto", "context": "all_turns"},
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "11111111-2222-3333-4444-555555555555",
        "text": {"verbosity": "low"},
        "client_metadata": {"x-codex-installation-id": "i", "session_id": "s"},
        "input": [
            item("developer", PARAGRAPH * (size // len(PARAGRAPH) + 1), id="msg_1"),
            item("user", "<environment_context>Linux</environment_context>", id="msg_2"),
            item("user", "list the files", id="msg_3", **passthrough),
            item("assistant", "I will.", id="msg_4"),
            {"type": "function_call", "id": "fc_1", **call},
            {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "a.txt"},
            item("user", text, id="msg_5"),
        ],
        "tools": [
            run,
            {"type": "custom", "name": "apply_patch", "format": grammar},
            agents,
            {
                "type": "tool_search",
                "execution": "client",
                "description": "finds tools",
                "parameters": schema,
            },
            {"type": "web_search", "external_web_access": False},
        ],
        **more,
    }
