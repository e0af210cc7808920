"""The operator's fallbacks: other models that respond when a budget, the plan or a cooldown refuses one.

The account stays the same, and the caller can see it: a header, the log and the log's page name the model
that the client requested.
"""

import logging
from collections.abc import Sequence
from fnmatch import fnmatchcase

from copilot_bridge.errors import BridgeError
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.received import ReceivedRequest
from copilot_bridge.pipeline.sending import SentRequest, send, with_another_pick

log = logging.getLogger(__name__)

HEADER = "x-copilot-bridge-fallback"

Fallbacks = Sequence[tuple[str, tuple[str, ...]]]
"""(pattern of models, the models that respond in their place, the preferred first)."""


def send_with_fallback(received: ReceivedRequest, fallbacks: Fallbacks) -> SentRequest:
    """Send a request, if need be to the models that the operator has named for the case.

    :raises BridgeError: it can't be prepared, or Copilot refused it; if all models refuse, the first refusal.
    """
    try:
        return with_another_pick(received, send)
    except BridgeError as refused:
        requested = received.entry.model or received.client.model
        names = replacements(fallbacks, requested) if refused.another_model else ()
        for name in names:
            if sent := attempt(received, name, requested, refused):
                return sent
        received.entry.model = requested
        raise


def replacements(fallbacks: Fallbacks, model: str) -> tuple[str, ...]:
    """The names of the models for one that is refused.  The first rule that matches counts."""
    found = (names for pattern, names in fallbacks if fnmatchcase(model.lower(), pattern.lower()))
    return next(found, ())


def attempt(received: ReceivedRequest, name: str, requested: str, refused: BridgeError) -> SentRequest | None:
    """Send the request to another model; None: that model is refused, too."""
    context = received.context
    try:
        model = context.models.resolve(context.copilot(), name).model
        sent = with_another_pick(received.read_again(model.id), send)
    except BridgeError as error:
        log.info("%s can't respond in place of %s: %s", name, requested, error)
        return None
    entry = received.entry
    entry.instead_of, entry.fallback_reason = requested, refused.kind
    log.warning("%s responds in place of %s: %s", entry.model, requested, refused)
    return sent


def header_of(entry: RequestLogEntry) -> str | None:
    """The header of another model's response, like `gpt-5-mini; instead-of=claude-opus-5; reason=quota`."""
    if entry.instead_of is None:
        return None
    return f"{entry.model}; instead-of={entry.instead_of}; reason={entry.fallback_reason}"
