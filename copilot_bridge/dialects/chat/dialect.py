"""The record of OpenAI's Chat Completions."""

from typing import Any

from copilot_bridge.dialects.chat.errors import write_error
from copilot_bridge.dialects.chat.framing import FRAMING
from copilot_bridge.dialects.chat.limits import LIMITS, OVERRIDES
from copilot_bridge.dialects.chat.model_list import MODEL_LIST
from copilot_bridge.dialects.dialect import Dialect, Probe


def response_text(response: Any) -> str:
    return "".join(choice["message"].get("content") or "" for choice in response["choices"])


CHAT = Dialect(
    name="chat",
    title="Chat",
    endpoint="/chat/completions",
    upstream_path="/chat/completions",
    upstream_order=("chat", "responses", "messages"),
    write_error=write_error,
    framing=FRAMING,
    field_paths={
        "output_format": ("response_format",),
        "stop": ("stop",),
        "tool_choice": ("tool_choice", "function_call"),
        "tools": ("tools", "functions"),
        "conversation": ("messages",),
    },
    probe=Probe("max_tokens", "messages", response_text),
    model_list=MODEL_LIST,
    limits=LIMITS,
    limit_overrides=OVERRIDES,
)
