"""The records of OpenAI's legacy Completions, and of the form in which some editors fill in the middle."""

from copilot_bridge.dialects.adaptation.limits import Limits
from copilot_bridge.dialects.chat.errors import write_error
from copilot_bridge.dialects.chat.framing import FRAMING
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.completions import prompt_writer
from copilot_bridge.dialects.completions.client_request import CompletionsRequest, FillRequest
from copilot_bridge.dialects.completions.reader import CompletionsReader
from copilot_bridge.dialects.dialect import Dialect, UpstreamApi

# A model for code completion comes first, then any other, which is asked in words.
UPSTREAM_ORDER = ("completions", "chat", "responses", "messages")


def output_limit(_body: JsonObject) -> int:
    return 0  # everything is streamed


def reader(_response_id: str, _created: int) -> CompletionsReader:
    return CompletionsReader()


COMPLETIONS = Dialect(
    name="completions",
    title="Completions",
    descriptions=("completions.description",),
    endpoint="/completions",
    request=CompletionsRequest,
    upstream_path="/v1/engines/{model}/completions",
    upstream=UpstreamApi(
        write_prompt=prompt_writer.write_prompt,
        unsupported=prompt_writer.UNSUPPORTED_SETTINGS,
        output_limit=output_limit,
        reader=reader,
        host="completions",
    ),
    upstream_order=UPSTREAM_ORDER,
    write_error=write_error,
    framing=FRAMING,
    field_paths={"stop": ("stop",)},
    limits=Limits(stops=4, gaps=True),
)

FILL = Dialect(
    name="fill",
    title="Fill in the middle",
    endpoint="/fim/completions",
    request=FillRequest,
    upstream_order=UPSTREAM_ORDER,
    write_error=write_error,
    framing=FRAMING,
    field_paths={"stop": ("stop",)},
)
