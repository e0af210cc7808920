"""The record of Google's Gemini API."""

from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.dialect import Dialect, Probe, TokenCounting
from copilot_bridge.dialects.gemini.client_request import GeminiRequest
from copilot_bridge.dialects.gemini.errors import write_error
from copilot_bridge.dialects.gemini.framing import FRAMING
from copilot_bridge.dialects.gemini.model_list import MODEL_LIST

# Google's versions of the API, but for the paths there that speak OpenAI's; and under /v1, which other APIs
# have, too, the methods of a model.
VERSIONS = r"v1(?:beta|alpha)(?!/openai(?:/|$))"
METHODS = r"models/(?s:.+):[a-z]+[A-Z][A-Za-z]*"


class GeminiProbe(Probe, frozen=True):
    """A tiny request that names its model itself."""

    def body(self, model: str, words: str, max_tokens: int) -> JsonObject:
        contents = [{"role": "user", "parts": [{"text": words}]}]
        config = {self.limit: max_tokens}
        return {"model": model, self.conversation: contents, "generationConfig": config}


def response_text(response: Any) -> str:
    parts = response["candidates"][0]["content"]["parts"]
    return "".join(part.get("text", "") for part in parts if not part.get("thought"))


GEMINI = Dialect(
    name="gemini",
    title="Gemini",
    descriptions=("gemini.description",),
    endpoint="/models/{model}:generateContent",
    path_pattern=f"{VERSIONS}|{METHODS}",
    client_headers=("x-goog-api-key", "x-goog-api-client"),
    key_parameter="key",
    request=GeminiRequest,
    upstream_order=("messages", "responses", "chat"),
    write_error=write_error,
    framing=FRAMING,
    error_schema="GeminiError",
    field_paths={
        "output_format": ("generationConfig.responseJsonSchema", "generationConfig.responseSchema"),
        "stop": ("generationConfig.stopSequences",),
        "tool_choice": ("toolConfig.functionCallingConfig",),
        "tools": ("tools",),
        "system": ("systemInstruction",),
        "conversation": ("contents",),
        "dimensions": ("outputDimensionality",),
    },
    strict_schemas=True,
    probe=GeminiProbe("maxOutputTokens", "contents", response_text),
    model_list=MODEL_LIST,
    counting=TokenCounting(
        endpoint="/models/{model}:countTokens", write=lambda count: {"totalTokens": count}
    ),
)
