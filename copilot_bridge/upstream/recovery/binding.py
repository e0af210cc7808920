"""What binds the answer, and the rest of a request that is never left out.

A field that only advises may be left out when upstream refuses it.  One of these may not: an answer without
it would look like the one that was asked for, and would not be.
"""

from copilot_bridge.dialects.registry import CONVERSATIONS
from copilot_bridge.upstream.recovery.paths import Json, find

# What binds the answer -> the fields for it in each API.
BINDING: dict[str, dict[str, tuple[str, ...]]] = {
    what: {name: dialect.field_paths.get(what, ()) for name, dialect in CONVERSATIONS.items()}
    for what in ("output_format", "stop", "tool_choice", "tools", "system", "conversation")
}
# Of these, what stands below is looked at one by one.
OPEN = ("tools", "system", "conversation")

# What Copilot calls by Anthropic's names, which it translates to, in the chat API.
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

# Without these there is no request; whatever upstream says of them, they stay.
ESSENTIAL = ("model", "stream", "max_tokens", "max_completion_tokens")

# Whatever is below is the client's own, or what a model has written.
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
# Without these the part that has them says something else.
SAYING = {
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
# Nobody misses these, though others of their name may say something.
IDLE = ("messages.name", "tool_choice.disable_parallel_tool_use")


def alias(api: str, path: str) -> str:
    """The API's own name for a field that upstream calls by another one's."""
    return ALIASES[api].get(path, path)


def what_binds(api: str, path: str) -> str | None:
    """Which of `BINDING` the field belongs to; None: it is not among them."""
    for what, fields in BINDING.items():
        for field in fields[api]:
            if path == field or path.startswith(f"{field}."):
                return what
    return None


def is_kept(api: str, path: str) -> bool:
    """Whether a request without this field would say something else."""
    first, *rest = path.split(".")
    if path in IDLE:
        return False
    what = what_binds(api, path)
    if what and (not rest or what not in OPEN):
        return True
    if not rest:
        return first in ESSENTIAL
    names_call = rest[-1] == "id" and bool({"tool_calls", "tool_use"} & set(rest))
    return names_call or bool(CLOSED & set(rest)) or (bool(what) and rest[-1] in SAYING)


def held_below(api: str, body: Json, path: str) -> list[str]:
    """The fields that bind the answer and stand, in this request, below one that only advises."""
    paths = (field for fields in BINDING.values() for field in fields[api])
    return [each for each in paths if each.startswith(f"{path}.") and any(find(body, each))]
