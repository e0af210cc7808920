"""OpenAI's list of models.

https://platform.openai.com/docs/api-reference/models
"""

from collections.abc import Mapping, Sequence

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.model_list import ModelEntry, ModelList


def write_model(entry: ModelEntry) -> JsonObject:
    described = {"id": entry.id, "object": "model", "created": entry.created, "owned_by": entry.vendor}
    return {**entry.copilot_fields, **described}


def write_list(entries: Sequence[ModelEntry], _query: Mapping[str, str]) -> JsonObject:
    return {"object": "list", "data": [write_model(entry) for entry in entries]}


MODEL_LIST = ModelList(write_model, write_list)
