"""One short request to a model by the way that a client's would go, to see that it answers."""

import time
from dataclasses import dataclass

import orjson
from flask import g

from copilot_bridge.errors import BridgeError
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline import Exchange, RequestContext
from copilot_bridge.pipeline.dialect_probes import DIALECT_PROBES, DialectProbe
from copilot_bridge.pipeline.log_rows import interrupted_row

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


def ask(call: RequestContext, dialect: str, model: str) -> Trial:
    """Has a line in the log like any other request, and waits for a yes like any other.

    :param call: for this request alone.
    """
    way, began = DIALECT_PROBES[dialect], time.perf_counter()
    record = RequestLogEntry(g.entry.caller, "POST", way.path, caller_id=g.entry.caller_id, dialect=dialect)
    try:
        answer = orjson.loads(
            complete(call, way, record, orjson.dumps(way.probe.body(model, QUESTION, ENOUGH)))
        )
        return Trial(model, since(began), text=way.probe.text(answer).strip()[:LONGEST])
    except BridgeError as error:
        record.note_error(error)
        record.status = error.status or 502
        return Trial(model, since(began), problem=str(error))
    finally:
        call.leave()
        call.done(record)
        record.write()


def complete(call: RequestContext, way: DialectProbe, record: RequestLogEntry, data: bytes) -> bytes:
    """The whole answer.  Raises BridgeError."""
    asked = way.make(call, record, data, {})
    record.model = asked.name
    call.prepare_approval(record, asked.name, data)
    call.bridge.request_log_writer.begin(interrupted_row(record))
    exchange = Exchange(call.bridge, asked, record, client=None)
    try:
        answer = exchange.result()
    finally:
        exchange.close()
    record.status = 200
    return answer


def since(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)
