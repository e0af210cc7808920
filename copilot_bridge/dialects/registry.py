"""The registry of dialects.  Each has a folder of its own and a row here."""

import re
from collections.abc import Iterable
from functools import lru_cache

from copilot_bridge.dialects import embeddings
from copilot_bridge.dialects.adaptation.limits import Limits, limits_for
from copilot_bridge.dialects.chat import openrouter_models
from copilot_bridge.dialects.chat.dialect import CHAT
from copilot_bridge.dialects.chat.model_list import MODEL_LIST
from copilot_bridge.dialects.completions.dialect import COMPLETIONS, FILL
from copilot_bridge.dialects.dialect import Dialect, ErrorResponse
from copilot_bridge.dialects.gemini.dialect import GEMINI
from copilot_bridge.dialects.messages.dialect import MESSAGES
from copilot_bridge.dialects.model_list import ModelList
from copilot_bridge.dialects.ollama.dialect import OLLAMA, OLLAMA_GENERATE
from copilot_bridge.dialects.responses import codex_models
from copilot_bridge.dialects.responses.dialect import RESPONSES
from copilot_bridge.errors import BridgeError

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        CHAT,
        MESSAGES,
        RESPONSES,
        GEMINI,
        COMPLETIONS,
        FILL,
        OLLAMA,
        OLLAMA_GENERATE,
        embeddings.DIALECT,
    )
}

# The dialect of errors for clients whose dialect is unknown.
DEFAULT = CHAT

# Dialects with conversations.
CONVERSATIONS: dict[str, Dialect] = {
    name: dialect for name, dialect in DIALECTS.items() if dialect.holds_conversations
}

PATH = re.compile(
    rf"/(?:{'|'.join(f'(?P<{name}>{dialect.pattern})' for name, dialect in DIALECTS.items())})(?:/|$)"
)
CLIENT_HEADERS: dict[str, str] = {
    header: name for name, dialect in DIALECTS.items() for header in dialect.client_headers
}


def dialect_of_path(path: str) -> str | None:
    """Return the dialect of a path, or None if several dialects share it, like `/models`."""
    match = PATH.search(path)
    return match.lastgroup if match else None


@lru_cache(maxsize=512)
def limits_of(dialect: str, vendor: str, model: str) -> Limits:
    """Return the limits of a model in one of Copilot's APIs.

    :param vendor, model: their names in the catalogue.
    """
    found = DIALECTS[dialect]
    return limits_for(found.limits, found.limit_overrides, vendor, model)


# A field of the query by which a client asks for a form of its own.
MODEL_LISTS_BY_QUERY: dict[str, ModelList] = {codex_models.QUERY: codex_models.CODEX_MODEL_LIST}


# The beginning of a path below which clients expect a form of their own.
MODEL_LISTS_BY_PATH: dict[str, ModelList] = {openrouter_models.PATH: openrouter_models.OPENROUTER_MODEL_LIST}


def model_list_of(dialect: str | None, query: Iterable[str] = (), path: str = "") -> ModelList:
    """Return the form of a client's list of models.

    :param query: the names of the fields in the request's query.  :param path: the request's.
    """
    by_path = (form for start, form in MODEL_LISTS_BY_PATH.items() if path.startswith(start))
    own = next((form for name, form in MODEL_LISTS_BY_QUERY.items() if name in query), next(by_path, None))
    if own:
        return own
    found = DIALECTS[dialect].model_list if dialect else None
    return found or MODEL_LIST


def write_error(dialect: str | None, error: BridgeError, request_id: str = "") -> ErrorResponse:
    return (DIALECTS[dialect] if dialect else DEFAULT).write_error(error, request_id)
