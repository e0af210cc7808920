"""Agents that ask without end, each one after the other, and what has become of each request."""

import http.client
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from integration.dialects import CELLS
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

TURNS = 3  # over a client's WebSocket
GOING_AWAY = 1001
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
DIRECTIVES = ("", "", "", "[[sim:slow-body seconds=0.3]] ", "[[sim:flood events=200 size=20 gap=1]] ")

# With a tool a conversation may go on, so the bridge opens a WebSocket for it where Copilot offers that.
SCHEMA = {"type": "object", "properties": {}}
TOOLS: dict[str, dict[str, Any]] = {
    "chat": {"type": "function", "function": {"name": "look", "parameters": SCHEMA}},
    "messages": {"name": "look", "input_schema": SCHEMA},
    "responses": {"type": "function", "name": "look", "parameters": SCHEMA},
}

# The last event of a stream that went well, and a word in the one that tells of an error.
WELL = {
    "chat": b"data: [DONE]",
    "messages": b"event: message_stop",
    "responses": b"event: response.completed",
}
BADLY = {"chat": b'data: {"error"', "messages": b"event: error", "responses": b"event: response.failed"}

# The last events of a turn over a WebSocket.
ENDS = {
    "response.completed": "streamed",
    "response.incomplete": "streamed",
    "response.failed": "told in the stream",
    "error": "told in the stream",
}

TIMEOUT = 120.0  # seconds; whoever waits longer is left without an end


@dataclass
class Tally:
    """The outcomes of all requests.  `ids`: of those that were answered, as the bridge names them."""

    sent: int = 0
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    ids: list[str] = field(default_factory=list)
    dishonest: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, dialect: str, end: str, request_id: str | None) -> None:
        with self.lock:
            self.ends[dialect, end] += 1
            if request_id:
                self.ids.append(request_id)


class Agents:
    """:param excused: whether a broken connection is nobody's fault just now (a worker was killed)."""

    def __init__(
        self, address: tuple[str, int], count: int, pause: float, excused: Callable[[], bool]
    ) -> None:
        self._address = address
        self._pause = pause
        self._excused = excused
        self._over = threading.Event()
        self.tally = Tally()
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._ask_on, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def end(self) -> Tally:
        self._over.set()
        for thread in self._threads:
            thread.join(TIMEOUT)
        if any(thread.is_alive() for thread in self._threads):
            self.tally.dishonest.append("a request had no end")
        return self.tally

    def _ask_on(self, seed: int) -> None:
        chance = random.Random(seed)
        for dialect, model, _ in itertools.cycle(chance.sample(CELLS, len(CELLS))):
            if self._over.wait(self._pause * chance.uniform(0.5, 1.5)):
                return
            streaming = chance.random() < 0.7
            directive = chance.choice(DIRECTIVES if streaming else DIRECTIVES[:-1])
            if dialect == "responses" and chance.random() < 0.3:
                self._converse(body_of(dialect, model, directive, streaming=True))
            else:
                self._ask_once(dialect, body_of(dialect, model, directive, streaming))

    def _converse(self, body: dict[str, Any]) -> None:
        """A few turns over a WebSocket, which a bridge that reloads closes between two of them."""
        host, port = self._address
        url = f"ws://{host}:{port}{PATHS['responses']}"
        end = "broken"
        try:
            with connect(url, compression=None, proxy=None, open_timeout=TIMEOUT) as socket:
                for _ in range(TURNS):
                    end = "broken"
                    with self.tally.lock:
                        self.tally.sent += 1
                    socket.send(json.dumps({"type": "response.create", **body}))
                    while (kind := json.loads(socket.recv(timeout=TIMEOUT))["type"]) not in ENDS:
                        end = "no end"
                    end = ENDS[kind]
                    self.tally.note("responses", end, None)
        except (OSError, InvalidHandshake, ConnectionClosed) as error:
            closed = error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd else None
            if not self._may_close(closed, in_response=end == "no end"):
                self.tally.dishonest.append(f"a WebSocket for {body['model']}: {end}, {error!r}")
            self.tally.note("responses", "broken", None)

    def _may_close(self, code: int | None, *, in_response: bool) -> bool:
        """Whether a WebSocket may end so.  A worker that is killed says nothing, also in a response."""
        if in_response:
            return code is None and self._excused()
        return code == GOING_AWAY or self._excused()

    def _ask_once(self, dialect: str, body: dict[str, Any]) -> None:
        with self.tally.lock:
            self.tally.sent += 1
        began, request_id = time.monotonic(), None
        try:
            with closing(http.client.HTTPConnection(*self._address, timeout=TIMEOUT)) as connection:
                connection.request(
                    "POST", PATHS[dialect], json.dumps(body), {"Content-Type": "application/json"}
                )
                response = connection.getresponse()
                request_id = response.headers["X-Request-Id"]
                end = judge(dialect, response.status, body.get("stream", False), response.read())
        except (OSError, http.client.HTTPException) as error:
            end = "broken" if self._excused() else f"broken: {type(error).__name__}"
        if end.startswith(("broken:", "no end", "no error")):
            took = time.monotonic() - began
            self.tally.dishonest.append(f"{dialect} {body['model']}: {end} after {took:.1f} s ({request_id})")
        self.tally.note(dialect, end.partition(":")[0], request_id)


def judge(dialect: str, status: int, streaming: bool, data: bytes) -> str:
    """How it has ended."""
    if status != 200:
        return f"refused {status}" if is_error(data) else f"no error in {data[:80]!r}"
    if not streaming:
        return "whole" if data.startswith(b"{") else f"no end: {data[:80]!r}"
    last = data.rstrip().rsplit(b"\n\n", 1)[-1]
    if WELL[dialect] in last or (dialect == "responses" and b"response.incomplete" in last):
        return "streamed"
    return "told in the stream" if BADLY[dialect] in last else f"no end: {last[-80:]!r}"


def is_error(data: bytes) -> bool:
    try:
        return bool(json.loads(data)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return False


def body_of(dialect: str, model: str, directive: str, streaming: bool) -> dict[str, Any]:
    text = f"{directive}Say something about the sea."
    asked: dict[str, Any] = {"model": model, "stream": streaming, "tools": [TOOLS[dialect]]}
    if dialect == "responses":
        return asked | {"input": text, "store": False}
    limit = {"max_tokens": 500} if dialect == "messages" else {}
    return asked | limit | {"messages": [{"role": "user", "content": text}]}


def kinds(tally: Tally) -> Iterator[tuple[str, dict[str, int]]]:
    """(how it ended, by dialect)"""
    for end in sorted({end for _, end in tally.ends}):
        yield end, {dialect: tally.ends[dialect, end] for dialect in PATHS}
