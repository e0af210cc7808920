"""The record of OpenAI's Responses."""

from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.dialect import Dialect, Probe, TokenCounting, UpstreamApi
from copilot_bridge.dialects.prompt_digests import PromptFields
from copilot_bridge.dialects.responses import prompt_writer
from copilot_bridge.dialects.responses.client_request import ResponsesRequest
from copilot_bridge.dialects.responses.errors import write_error
from copilot_bridge.dialects.responses.framing import FRAMING
from copilot_bridge.dialects.responses.limits import LIMITS
from copilot_bridge.dialects.responses.reader import ResponsesReader
from copilot_bridge.dialects.server_tools.functions import SEARCH


def response_text(response: Any) -> str:
    messages = (item for item in response["output"] if item["type"] == "message")
    return "".join(part.get("text", "") for message in messages for part in message["content"])


def output_limit(_body: JsonObject) -> int:
    """Return 0: no model is known to write less if the response comes in one piece."""
    return 0


def reader(_response_id: str, _created: int) -> ResponsesReader:
    return ResponsesReader()


COUNTING = TokenCounting(
    endpoint="/responses/input_tokens",
    write=lambda count: {"object": "response.input_tokens", "input_tokens": count},
)

RESPONSES = Dialect(
    name="responses",
    title="Responses",
    descriptions=("responses.description", "responses.conversations_description"),
    endpoint="/responses",
    request=ResponsesRequest,
    upstream_path="/responses",
    upstream=UpstreamApi(
        write_prompt=prompt_writer.write_prompt,
        unsupported=prompt_writer.UNSUPPORTED_SETTINGS,
        output_limit=output_limit,
        reader=reader,
        prompt_fields=PromptFields("input", system="instructions"),
        server_tools=(SEARCH,),
    ),
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
    counting=COUNTING,
)
