"""Errors inside upstream's streams, whose meaning a code or a type gives, not a status.

Source: the codes of Copilot's own refusals, and OpenAI's and Anthropic's lists of errors (2026).
"""

import re
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.errors import KindName, StreamCut, UpstreamRefused

# (a pattern for the code or the type, the kind); the first match wins.
KINDS: tuple[tuple[str, KindName], ...] = (
    (r"rate_limit|agent_mode_limit|extension_blocked", "rate_limited"),
    (r"overloaded|slow_down", "overloaded"),
    (r"quota|overage_limit|spend_limit|billing", "quota"),
    (r"context_length|prompt_tokens_exceeded|prompt_too_long", "prompt_too_long"),
    (r"content_filter|content_policy", "content_filter"),
    (r"model_not_(found|supported|available)", "model_not_found"),
    (r"authentication|invalid_api_key", "authentication"),
    (r"permission|model_not_allowed", "permission"),
    (r"timeout", "timeout"),
    (r"request_too_large", "too_large"),
    (r"not_found", "not_found"),
    (r"invalid_request|invalid_prompt", "invalid_request"),
)


def incomplete_response() -> StreamCut:
    """Return the error for a stream that ended too early."""
    return StreamCut("Copilot ended the response before it was complete")


def as_stream_error(error: Any) -> UpstreamRefused:
    """Turn an error into an exception.

    :param error: an object with a message and a code or a type, or whatever else upstream sent.
    """
    detail = error if isinstance(error, dict) else {"message": error}
    code = detail.get("code")
    return UpstreamRefused(
        message_text(detail.get("message")) or "Copilot broke off with an error",
        kind=kind_of(code) or kind_of(detail.get("type")) or "unavailable",
        code=str(code) if code else None,
    )


def read_stream_error(data: bytes) -> UpstreamRefused:
    """Read an event that is an error by its name, whatever its data is."""
    try:
        error = codec.read(data)
    except ValueError:
        error = data.decode(errors="replace")
    return as_stream_error(error_in(error) if isinstance(error, dict) else error)


def message_text(message: Any) -> str:
    return message if isinstance(message, str) else codec.write(message).decode() if message else ""


ERROR_TYPES = (None, "error")  # the types of events that may be errors


def is_error(event: dict[str, Any]) -> bool:
    """Return whether an event is an error: by its type, or because it has an error and no type."""
    kind = event.get("type")
    return kind == "error" or (kind is None and bool(event.get("error")))


def error_in(event: dict[str, Any]) -> Any:
    """Return the error in an event or in its response; the event itself if it has the fields of one."""
    inner, response = event.get("error"), event.get("response")
    return inner or (response.get("error") if isinstance(response, dict) else None) or event


def kind_of(name: Any) -> KindName | None:
    """Return the kind of error that a code or a type means, or None if it is unknown."""
    text = name if isinstance(name, str) else ""
    return next((kind for pattern, kind in KINDS if re.search(pattern, text, re.IGNORECASE)), None)
