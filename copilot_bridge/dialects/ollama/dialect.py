"""The records of Ollama's API: its chats, and its generations."""

from copilot_bridge.dialects.dialect import Dialect
from copilot_bridge.dialects.ollama.client_request import ChatRequest, GenerateRequest
from copilot_bridge.dialects.ollama.errors import write_error
from copilot_bridge.dialects.ollama.framing import FRAMING
from copilot_bridge.dialects.ollama.model_list import MODEL_LIST

FIELD_PATHS = {"output_format": ("format",), "stop": ("options.stop",), "dimensions": ("dimensions",)}

# All that begins like Ollama's paths, but for those of Claude Code and OpenRouter, which are below it, too.
PATHS = r"api(?:$|/(?!(?:generate|hello|event_logging|v1)(?:/|$))[^/]*)"

OLLAMA = Dialect(
    name="ollama",
    title="Ollama",
    descriptions=("ollama.description",),
    endpoint="/api/chat",
    path_pattern=PATHS,
    request=ChatRequest,
    upstream_order=("messages", "responses", "chat"),
    write_error=write_error,
    error_schema="OllamaError",
    framing=FRAMING,
    field_paths=FIELD_PATHS | {"tools": ("tools",)},
    model_list=MODEL_LIST,
)

OLLAMA_GENERATE = Dialect(
    name="ollama_generate",
    title="Ollama's generate",
    endpoint="/api/generate",
    request=GenerateRequest,
    upstream_order=("completions", "messages", "responses", "chat"),
    write_error=write_error,
    error_schema="OllamaError",
    framing=FRAMING,
    field_paths=FIELD_PATHS,
)
