"""The record of Anthropic's Messages."""

from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.dialect import Dialect, Probe, TokenCounting, UpstreamApi
from copilot_bridge.dialects.messages import prompt_writer
from copilot_bridge.dialects.messages.client_request import MessagesRequest
from copilot_bridge.dialects.messages.errors import write_error
from copilot_bridge.dialects.messages.framing import FRAMING
from copilot_bridge.dialects.messages.limits import LIMITS
from copilot_bridge.dialects.messages.model_list import MODEL_LIST
from copilot_bridge.dialects.messages.reader import MessagesReader
from copilot_bridge.dialects.prompt_digests import PromptFields


def response_text(response: Any) -> str:
    return "".join(block.get("text", "") for block in response["content"])


def output_limit(body: JsonObject) -> int:
    return int(body.get("max_tokens") or 0)


def reader(_response_id: str, _created: int) -> MessagesReader:
    return MessagesReader()


COUNTING = TokenCounting(
    endpoint="/messages/count_tokens",
    write=lambda count: {"input_tokens": count},
    upstream_path="/v1/messages/count_tokens",
    omitted=frozenset(
        ("max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata")
    ),
)

MESSAGES = Dialect(
    name="messages",
    title="Messages",
    descriptions=("messages.description",),
    endpoint="/messages",
    client_headers=("anthropic-version",),
    request=MessagesRequest,
    upstream_path="/v1/messages",
    upstream=UpstreamApi(
        write_prompt=prompt_writer.write_prompt,
        unsupported=prompt_writer.UNSUPPORTED_SETTINGS,
        output_limit=output_limit,
        reader=reader,
        prompt_fields=PromptFields("messages", system="system"),
    ),
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
    counting=COUNTING,
    limits=LIMITS,
)
