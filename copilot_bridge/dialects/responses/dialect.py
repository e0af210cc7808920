"""The record of OpenAI's Responses."""

from typing import Any

from copilot_bridge.dialects.dialect import Dialect, Probe
from copilot_bridge.dialects.responses.errors import write_error
from copilot_bridge.dialects.responses.framing import FRAMING
from copilot_bridge.dialects.responses.limits import LIMITS


def response_text(response: Any) -> str:
    messages = (item for item in response["output"] if item["type"] == "message")
    return "".join(part.get("text", "") for message in messages for part in message["content"])


RESPONSES = Dialect(
    name="responses",
    title="Responses",
    endpoint="/responses",
    upstream_path="/responses",
    upstream_order=("responses", "messages", "chat"),
    write_error=write_error,
    framing=FRAMING,
    field_paths={
        "output_format": ("text.format",),
        "stop": ("stop",),
        "tool_choice": ("tool_choice",),
        "tools": ("tools",),
        "system": ("instructions",),
        "conversation": ("input",),
    },
    probe=Probe("max_output_tokens", "input", response_text, {"store": False}),
    limits=LIMITS,
)
