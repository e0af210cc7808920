"""The record of Anthropic's Messages."""

from typing import Any

from copilot_bridge.dialects.dialect import Dialect, Probe
from copilot_bridge.dialects.messages.errors import write_error
from copilot_bridge.dialects.messages.framing import FRAMING
from copilot_bridge.dialects.messages.limits import LIMITS
from copilot_bridge.dialects.messages.model_list import MODEL_LIST


def response_text(response: Any) -> str:
    return "".join(block.get("text", "") for block in response["content"])


MESSAGES = Dialect(
    name="messages",
    title="Messages",
    endpoint="/messages",
    version_header="anthropic-version",
    upstream_path="/v1/messages",
    upstream_order=("messages", "responses", "chat"),
    write_error=write_error,
    framing=FRAMING,
    error_schema="MessagesError",
    field_paths={
        "output_format": ("output_config.format", "output_format"),
        "stop": ("stop_sequences",),
        "tool_choice": ("tool_choice",),
        "tools": ("tools",),
        "system": ("system",),
        "conversation": ("messages",),
    },
    strict_schemas=True,
    probe=Probe("max_tokens", "messages", response_text),
    model_list=MODEL_LIST,
    count_endpoint="/messages/count_tokens",
    limits=LIMITS,
)
