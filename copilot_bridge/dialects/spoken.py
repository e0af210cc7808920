"""Which dialect is spoken at a path, and how each tells an error before its first byte."""

import re
from collections.abc import Callable

from copilot_bridge.dialects.chat import errors as chat
from copilot_bridge.dialects.messages import errors as messages
from copilot_bridge.dialects.responses import errors as responses
from copilot_bridge.errors import BridgeError

Told = tuple[int, dict[str, str], bytes]  # status, headers, body

# How each dialect tells an error; all else speaks as chat does.
ERRORS: dict[str, Callable[[BridgeError, str], Told]] = {
    "chat": chat.write_error,
    "embeddings": chat.write_error,
    "messages": messages.write_error,
    "responses": responses.write_error,
}

# What a path ends with or leads through -> the dialect that is spoken there.
SPEAKS = {
    "chat/completions": "chat",
    "embeddings": "embeddings",
    "messages": "messages",
    "responses": "responses",
}
SPOKEN = re.compile(rf"/({'|'.join(SPEAKS)})(?:/|$)")


def spoken_at(path: str) -> str | None:
    """The dialect of a path; None where it says nothing, as `/models`."""
    found = SPOKEN.search(path)
    return SPEAKS[found[1]] if found else None


def write_error(dialect: str | None, error: BridgeError, request_id: str = "") -> Told:
    return ERRORS[dialect or "chat"](error, request_id)
