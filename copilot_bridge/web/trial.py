"""One short request to a model by the way that a client's would go, to see that it answers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from flask import g

from copilot_bridge.errors import BridgeError
from copilot_bridge.exchange import Call, Exchange
from copilot_bridge.exchange.chat import ChatRequest
from copilot_bridge.exchange.messages import MessagesRequest
from copilot_bridge.exchange.responses import ResponsesRequest
from copilot_bridge.logs import Record

QUESTION = [{"role": "user", "content": "Say hello in five words."}]
ENOUGH = 200  # tokens: some models think first, and would have no word left with less
LONGEST = 300  # characters of the answer that are shown


@dataclass(frozen=True)
class Trial:
    """:param text: of the answer, "" if there was none.  :param problem: why not, for people."""

    model: str
    ms: int
    text: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Way:
    """How a dialect asks, and where its answers have their text."""

    path: str
    make: Callable[..., Any]
    body: dict[str, Any]
    text: Callable[[Any], str]


def of_chat(answer: Any) -> str:
    return "".join(each["message"].get("content") or "" for each in answer["choices"])


def of_messages(answer: Any) -> str:
    return "".join(each.get("text", "") for each in answer["content"])


def of_responses(answer: Any) -> str:
    parts = (part for item in answer["output"] if item["type"] == "message" for part in item["content"])
    return "".join(part.get("text", "") for part in parts)


WAYS = {
    "chat": Way("/v1/chat/completions", ChatRequest, {"max_tokens": ENOUGH, "messages": QUESTION}, of_chat),
    "messages": Way(
        "/v1/messages", MessagesRequest, {"max_tokens": ENOUGH, "messages": QUESTION}, of_messages
    ),
    "responses": Way(
        "/v1/responses",
        ResponsesRequest,
        {"max_output_tokens": ENOUGH, "input": QUESTION, "store": False},
        of_responses,
    ),
}


def ask(call: Call, dialect: str, model: str) -> Trial:
    """Has a line in the log like any other request, and waits for a yes like any other.

    :param call: for this request alone.
    """
    way, began = WAYS[dialect], time.perf_counter()
    record = Record(g.record.caller, "POST", way.path, caller_id=g.record.caller_id, dialect=dialect)
    try:
        answer = orjson.loads(complete(call, way, record, orjson.dumps({"model": model, **way.body})))
        return Trial(model, since(began), text=way.text(answer).strip()[:LONGEST])
    except BridgeError as error:
        record.failed(error)
        record.status = error.status or 502
        return Trial(model, since(began), problem=str(error))
    finally:
        call.leave()
        call.done(record)
        record.write()


def complete(call: Call, way: Way, record: Record, data: bytes) -> bytes:
    """The whole answer.  Raises BridgeError."""
    asked = way.make(call, record, data, {})
    record.model = asked.name
    call.ask_first(record, asked.name, data)
    call.bridge.journal.begin(record.row_if_cut())
    exchange = Exchange(call.bridge, asked, record, client=None)
    try:
        answer = exchange.result()
    finally:
        exchange.close()
    record.status = 200
    return answer


def since(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)
