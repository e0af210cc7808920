"""Ollama's lists and descriptions of models.

https://docs.ollama.com/api/tags
"""

import hashlib
from collections.abc import Mapping, Sequence

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.model_list import ModelEntry, ModelList
from copilot_bridge.dialects.ollama.request import LATEST

# A version of Ollama that all known clients accept; VS Code requires 0.6.4 or newer.
VERSION = "0.12.6"

ARCHITECTURE = "copilot"

# Clients look for `.Suffix` in the template before they send one.
TEMPLATE = "{{ .Prompt }}"
FILL_TEMPLATE = "{{ .Prompt }}{{ .Suffix }}"


def write_tags(entries: Sequence[ModelEntry], _query: Mapping[str, str]) -> JsonObject:
    return {"models": [write_tag(entry) for entry in entries]}


def write_tag(entry: ModelEntry) -> JsonObject:
    name = entry.id + LATEST
    return {
        "name": name,
        "model": name,
        "modified_at": entry.created_at,
        "size": 0,
        "digest": hashlib.sha256(entry.id.encode()).hexdigest(),
        "details": details(entry),
    }


def details(entry: ModelEntry) -> JsonObject:
    return {
        "parent_model": "",
        "format": "",
        "family": entry.vendor,
        "families": [entry.vendor],
        "parameter_size": "",
        "quantization_level": "",
    }


def write_show(entry: ModelEntry) -> JsonObject:
    """Describe one model: what it can do, and its context."""
    fills = "insert" in capabilities(entry)
    information: JsonObject = {"general.architecture": ARCHITECTURE, "general.basename": entry.name}
    if entry.context:
        information[f"{ARCHITECTURE}.context_length"] = entry.context
    return {
        "license": "",
        "modelfile": "",
        "parameters": "",
        "template": FILL_TEMPLATE if fills else TEMPLATE,
        "details": details(entry),
        "model_info": information,
        "capabilities": capabilities(entry),
        "modified_at": entry.created_at,
    }


def capabilities(entry: ModelEntry) -> list[str]:
    """Return what Ollama's clients may ask of the model.  Chat models fill gaps, too, if asked in words."""
    if not entry.is_conversational:
        return ["completion", "insert"] if entry.fills_gaps else ["embedding"]
    able = {
        "completion": True,
        "insert": True,
        "tools": entry.takes_tools,
        "vision": entry.takes_images,
        "thinking": entry.reasons,
    }
    return [name for name, is_able in able.items() if is_able]


MODEL_LIST = ModelList(write_show, write_tags)
