"""Fields that bind the response, and other fields that are never removed from a request.

An optional field may be removed when upstream refuses it.  A field that binds the response may not: the
response would look like the requested one without being it.
"""

from copilot_bridge.dialects.registry import CONVERSATIONS
from copilot_bridge.upstream.recovery.paths import Json, find

# The settings that bind a response -> the fields for them in each API.
BINDING: dict[str, dict[str, tuple[str, ...]]] = {
    what: {name: dialect.field_paths.get(what, ()) for name, dialect in CONVERSATIONS.items()}
    for what in ("output_format", "stop", "tool_choice", "tools", "system", "conversation")
}
# In these, the fields below are judged one by one.
OPEN = ("tools", "system", "conversation")

# Copilot's errors use the names of the API that it translates to -> the client's names.
ALIASES: dict[str, dict[str, str]] = {
    "chat": {
        "output_config.format": "response_format",
        "output_format": "response_format",
        "output_config.effort": "reasoning_effort",
        "reasoning.effort": "reasoning_effort",
        "stop_sequences": "stop",
        "thinking": "thinking_budget",
        "thinking.budget_tokens": "thinking_budget",
    },
    "messages": {"output_format": "output_config.format", "reasoning_effort": "output_config.effort"},
    "responses": {"reasoning_effort": "reasoning.effort", "response_format": "text.format"},
}

# Fields without which there is no request.
ESSENTIAL = ("model", "stream", "max_tokens", "max_completion_tokens")

# Everything below these is the client's own, or written by a model.
CLOSED = {
    "input_schema",
    "parameters",
    "schema",
    "json_schema",
    "format",
    "grammar",
    "arguments",
    "input",
    "output",
}
# Without these fields a part means something else.
MEANINGFUL = {
    *("type", "role", "text", "content", "name", "description", "function", "custom", "refusal", "is_error"),
    *("tool_calls", "tool_use_id", "tool_call_id", "call_id", "thinking", "signature", "encrypted_content"),
    *(
        "summary",
        "source",
        "data",
        "media_type",
        "url",
        "file_id",
        "file_data",
        "file_url",
        "file",
        "filename",
    ),
    *("image_url", "input_audio", "title", "context"),
}
# Fields of these names that may be removed after all.
REMOVABLE = ("messages.name", "tool_choice.disable_parallel_tool_use")


def alias(api: str, path: str) -> str:
    """The API's own name of a field that upstream calls by the name of another API."""
    return ALIASES[api].get(path, path)


def what_binds(api: str, path: str) -> str | None:
    """The aspect of the response that a field binds; None: it binds none."""
    for what, fields in BINDING.items():
        for field in fields[api]:
            if path == field or path.startswith(f"{field}."):
                return what
    return None


def is_kept(api: str, path: str) -> bool:
    """Return whether a request without this field would mean something else."""
    first, *rest = path.split(".")
    if path in REMOVABLE:
        return False
    what = what_binds(api, path)
    if what and (not rest or what not in OPEN):
        return True
    if not rest:
        return first in ESSENTIAL
    names_call = rest[-1] == "id" and bool({"tool_calls", "tool_use"} & set(rest))
    return names_call or bool(CLOSED & set(rest)) or (bool(what) and rest[-1] in MEANINGFUL)


def held_below(api: str, body: Json, path: str) -> list[str]:
    """The fields in this request that bind the response and are below an optional field."""
    paths = (field for fields in BINDING.values() for field in fields[api])
    return [field for field in paths if field.startswith(f"{path}.") and any(find(body, field))]
