"""The record of OpenAI's Chat Completions."""

from typing import Any

from copilot_bridge.dialects.chat import prompt_writer
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.client_request import ChatRequest
from copilot_bridge.dialects.chat.errors import write_error
from copilot_bridge.dialects.chat.framing import FRAMING
from copilot_bridge.dialects.chat.limits import LIMITS, OVERRIDES
from copilot_bridge.dialects.chat.model_list import MODEL_LIST
from copilot_bridge.dialects.chat.reader import ChatReader
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.dialect import Dialect, Probe, UpstreamApi
from copilot_bridge.dialects.prompt_digests import PromptFields


def response_text(response: Any) -> str:
    return "".join(choice["message"].get("content") or "" for choice in response["choices"])


def output_limit(body: JsonObject) -> int:
    return body.get("max_tokens") or body.get("max_completion_tokens") or 0


def reader(response_id: str, created: int) -> ChatReader:
    return ChatReader(ChunkNormalizer(model="", created=created, response_id=response_id))


CHAT = Dialect(
    name="chat",
    title="Chat",
    descriptions=("chat.description",),
    endpoint="/chat/completions",
    path_pattern="chat/completions|v1beta/openai(?=/models)",  # Google's clients ask there for OpenAI's list
    request=ChatRequest,
    upstream_path="/chat/completions",
    upstream=UpstreamApi(
        write_prompt=prompt_writer.write_prompt,
        unsupported=prompt_writer.UNSUPPORTED_SETTINGS,
        output_limit=output_limit,
        reader=reader,
        prompt_fields=PromptFields("messages"),
    ),
    upstream_order=("chat", "responses", "messages"),
    write_error=write_error,
    framing=FRAMING,
    field_paths={
        "output_format": ("response_format",),
        "stop": ("stop",),
        "tool_choice": ("tool_choice",),
        "tools": ("tools",),
        "conversation": ("messages",),
    },
    probe=Probe("max_tokens", "messages", response_text),
    model_list=MODEL_LIST,
    limits=LIMITS,
    limit_overrides=OVERRIDES,
)
