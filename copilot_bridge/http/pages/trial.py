"""One short request to a model by the way that a client's would go, to see that it answers."""

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
ENOUGH = 200  # tokens: some models think first, and would have no word left with less
LONGEST = 300  # characters of the answer that are shown


@dataclass(frozen=True)
class Trial:
    """:param text: of the answer, "" if there was none.  :param problem: why not, for people."""

    model: str
    ms: int
    text: str = ""
    problem: str = ""


def ask(context: RequestContext, dialect: str, model: str) -> Trial:
    """Has a line in the log like any other request, and waits for a yes like any other.

    :param context: for this request alone.
    """
    probe, began = DIALECT_PROBES[dialect], time.perf_counter()
    entry = RequestLogEntry(g.entry.caller, "POST", probe.path, caller_id=g.entry.caller_id, dialect=dialect)
    try:
        answer = orjson.loads(complete(context, probe, entry, model))
        return Trial(model, since(began), text=probe.probe.text(answer).strip()[:LONGEST])
    except BridgeError as error:
        entry.note_error(error)
        entry.status = error.status or 502
        return Trial(model, since(began), problem=str(error))
    finally:
        finish_request(context, entry)


def complete(context: RequestContext, probe: DialectProbe, entry: RequestLogEntry, model: str) -> bytes:
    """Return the whole answer.  Raises BridgeError."""
    question = orjson.dumps(probe.probe.body(model, QUESTION, ENOUGH))
    with closing(run_request(context, probe.make, entry, question, {})) as exchange:
        answer = exchange.result()
    entry.status = 200
    return answer


def since(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)
