"""Sends a short request to a model, through the same code as a client's, to check that it responds."""

import time

from flask import g
from msgspec import Struct

from copilot_bridge.errors import BridgeError
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline import RequestContext
from copilot_bridge.pipeline.dialect_probes import DIALECT_PROBES, probe_model

QUESTION = "Say hello in five words."
MAX_TOKENS = 200  # with fewer, a model that thinks first would have none left for the response
MAX_LENGTH = 300  # characters of the response that are shown


class Trial(Struct, frozen=True):
    """The result of the request.

    :param text: the response, or "".  :param problem: why there is no response.
    """

    model: str
    ms: int
    text: str = ""
    problem: str = ""


def ask(
    context: RequestContext,
    dialect: str,
    model: str,
    words: str = QUESTION,
    max_tokens: int = MAX_TOKENS,
    max_length: int = MAX_LENGTH,
) -> Trial:
    """Send the request, which is logged and needs approval like any other.

    :param context: of this request alone.
    """
    path, began = DIALECT_PROBES[dialect].path, time.perf_counter()
    entry = RequestLogEntry(g.entry.caller, "POST", path, caller_id=g.entry.caller_id, dialect=dialect)
    try:
        text = probe_model(context, entry, dialect, model, words, max_tokens)
    except BridgeError as error:
        return Trial(model, since(began), problem=str(error))
    return Trial(model, since(began), text=text[:max_length])


def since(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)
