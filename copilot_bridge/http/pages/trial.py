"""Sends a short request to a model, through the same code as a client's, to check that it answers."""

import time
from contextlib import closing
from dataclasses import dataclass

import orjson
from flask import g

from copilot_bridge.errors import BridgeError
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline import RequestContext
from copilot_bridge.pipeline.dialect_probes import DIALECT_PROBES, DialectProbe
from copilot_bridge.pipeline.run import finish_request, run_request

QUESTION = "Say hello in five words."
MAX_TOKENS = 200  # with fewer, a model that thinks first would have none left for the answer
MAX_LENGTH = 300  # characters of the answer that are shown


@dataclass(frozen=True)
class Trial:
    """The result of the request.  :param text: the answer, or "".  :param problem: why there is no answer."""

    model: str
    ms: int
    text: str = ""
    problem: str = ""


def ask(context: RequestContext, dialect: str, model: str) -> Trial:
    """Send the request, which is logged and needs approval like any other.

    :param context: of this request alone.
    """
    probe, began = DIALECT_PROBES[dialect], time.perf_counter()
    entry = RequestLogEntry(g.entry.caller, "POST", probe.path, caller_id=g.entry.caller_id, dialect=dialect)
    try:
        answer = orjson.loads(complete(context, probe, entry, model))
        return Trial(model, since(began), text=probe.probe.text(answer).strip()[:MAX_LENGTH])
    except BridgeError as error:
        entry.note_error(error)
        entry.status = error.status or 502
        return Trial(model, since(began), problem=str(error))
    finally:
        finish_request(context, entry)


def complete(context: RequestContext, probe: DialectProbe, entry: RequestLogEntry, model: str) -> bytes:
    """Return the whole answer.  Raises BridgeError."""
    question = orjson.dumps(probe.probe.body(model, QUESTION, MAX_TOKENS))
    with closing(run_request(context, probe.make, entry, question, {})) as exchange:
        answer = exchange.result()
    entry.status = 200
    return answer if isinstance(answer, bytes) else b"".join(answer)


def since(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)
