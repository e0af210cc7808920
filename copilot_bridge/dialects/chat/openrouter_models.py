"""OpenRouter's list of models, by which its clients know the context and the abilities of each.

It has no prices: those here are of the plan, and not of tokens that are bought one by one.
https://openrouter.ai/docs/api-reference/list-available-models
"""

from collections.abc import Mapping, Sequence

from copilot_bridge.dialects.chat.model_list import write_model as write_openais
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.model_list import ModelEntry, ModelList

PATH = "/api/v1/"  # below which its clients ask

COMMON_PARAMETERS = ("max_tokens", "temperature", "top_p", "stop", "response_format", "structured_outputs")
TOOL_PARAMETERS = ("tools", "tool_choice", "parallel_tool_calls")
REASONING_PARAMETERS = ("reasoning", "include_reasoning")


def write_model(entry: ModelEntry) -> JsonObject:
    return {
        **write_openais(entry),
        "name": entry.name,
        "description": f"{entry.name} by {entry.vendor}, from GitHub Copilot",
        "context_length": entry.context,
        "architecture": {
            "input_modalities": ["text", "image"] if entry.takes_images else ["text"],
            "output_modalities": ["text"] if entry.is_conversational or entry.fills_gaps else ["embeddings"],
        },
        "top_provider": {
            "context_length": entry.context,
            "max_completion_tokens": entry.max_output_tokens,
            "is_moderated": False,
        },
        "supported_parameters": supported_parameters(entry),
    }


def supported_parameters(entry: ModelEntry) -> list[str]:
    if not entry.is_conversational:
        return []
    tools = TOOL_PARAMETERS if entry.takes_tools else ()
    return [*COMMON_PARAMETERS, *tools, *(REASONING_PARAMETERS if entry.reasons else ())]


def write_list(entries: Sequence[ModelEntry], _query: Mapping[str, str]) -> JsonObject:
    return {"data": [write_model(entry) for entry in entries]}


OPENROUTER_MODEL_LIST = ModelList(write_model, write_list)
