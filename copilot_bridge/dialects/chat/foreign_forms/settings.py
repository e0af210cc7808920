"""Settings under the names of the other APIs."""

from collections.abc import Callable, Mapping
from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.validation import (
    LIST,
    OBJECT,
    POSITIVE,
    STRING,
    Validator,
    list_of,
    object_of,
    predicate,
    string_or_list_of,
)

# The effort for OpenRouter's `enabled`.  https://openrouter.ai/docs/use-cases/reasoning-tokens
DEFAULT_EFFORT = "medium"

# Its choice among providers, which are none of the model's settings.
ANYTHING = predicate("anything", lambda _value: True, {})


def move_setting(body: JsonObject, name: str) -> bool:
    """Write a setting of another API as chat's, which counts if it is there, too."""
    validator, write = FIELDS[name]
    if body[name] is None:
        return False
    validator.check(name, body[name])
    written = write(body[name])
    if written is None:
        return False
    del body[name]
    body |= {field: value for field, value in written.items() if value is not None and not body.get(field)}
    return True


def write_text_settings(text: JsonObject) -> JsonObject:
    return {"response_format": nested_format(text.get("format")), "verbosity": text.get("verbosity")}


def write_output_config(config: JsonObject) -> JsonObject:
    return {"reasoning_effort": config.get("effort"), "response_format": nested_format(config.get("format"))}


def nested_format(format_: Any) -> Any:
    """Return the format of the output with its schema where chat has it."""
    if not isinstance(format_, dict) or format_.get("type") != "json_schema" or "json_schema" in format_:
        return format_
    inner = {key: value for key, value in format_.items() if key != "type"}
    return {"type": "json_schema", "json_schema": {"name": "output"} | inner}


def write_thinking(thinking: JsonObject) -> JsonObject | None:
    """Write Anthropic's thinking if it has a budget; what else there is may be meant for the model."""
    budget = thinking.get("budget_tokens")
    return {"thinking_budget": budget} if budget and thinking.get("type") == "enabled" else None


def write_reasoning(reasoning: JsonObject) -> JsonObject:
    """Write Responses' reasoning, or OpenRouter's, which may have a budget or only be enabled."""
    budget = reasoning.get("max_tokens")
    default = DEFAULT_EFFORT if reasoning.get("enabled") and not budget else None
    return {"reasoning_effort": reasoning.get("effort") or default, "thinking_budget": budget}


def write_usage(usage: JsonObject) -> JsonObject:
    return {"stream_options": {"include_usage": True} if usage.get("include") else None}


def write_nothing(_value: Any) -> JsonObject:
    """Leave out what changes no response in chat's form."""
    return {}


# A setting's name -> what it has to be, and what writes it as chat's fields.  None: it stays.
FIELDS: Mapping[str, tuple[Validator, Callable[[Any], JsonObject | None]]] = {
    "stop_sequences": (list_of(STRING), lambda value: {"stop": value}),
    "max_output_tokens": (POSITIVE, lambda value: {"max_completion_tokens": value}),
    "reasoning": (object_of({}, {"max_tokens": POSITIVE}), write_reasoning),
    "text": (OBJECT, write_text_settings),
    "output_config": (OBJECT, write_output_config),
    "thinking": (OBJECT, write_thinking),
    "include": (LIST, write_nothing),
    "truncation": (STRING, write_nothing),
    "usage": (OBJECT, write_usage),
    **dict.fromkeys(("provider", "transforms", "route", "models"), (ANYTHING, write_nothing)),
}

SYSTEM = string_or_list_of(object_of({"text": STRING}))
SYSTEM_FIELDS = ("instructions", "system")


def take_system(body: JsonObject, name: str) -> list[JsonObject]:
    """Take the system prompt from a field of its own, and return it as a message."""
    text = body.pop(name, None)
    if not text:
        return []
    SYSTEM.check(name, text)
    return [{"role": "system", "content": text}]
