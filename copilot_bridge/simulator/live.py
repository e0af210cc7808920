"""`GET /responses` with an upgrade: responses over a WebSocket (`ws:/responses`).

Each text frame is a turn: `{"type": "response.create", …the body of POST /responses…}`, with `initiator`,
`agent_task_id` and more `headers`.  What comes back are the events of the stream, one a frame, each with
`headers` of its own.  An error has no status.  Ids of responses and items count on their connection alone,
where a turn may continue an earlier one with nothing but new items.

Sources: the frames of Copilot's CLI 1.0.102 (November 2026), VS Code (chatWebSocketManager.ts), public logs
of July 2026.  How long a connection lives is not known: an hour, as OpenAI's, and five minutes of idleness,
after which users saw theirs end.  That a failed continuation forgets its parent is OpenAI's rule, too.
"""

import secrets
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from uuid import uuid4

import gevent
import orjson
from flask import Flask, Response, g, request

from copilot_bridge.simulator import quota
from copilot_bridge.simulator.directives import WEBSOCKET, Asked
from copilot_bridge.simulator.gate import Caller
from copilot_bridge.simulator.ledger import CLIENT_GONE, COMPLETE, FAULT, parse
from copilot_bridge.simulator.refusals.calls import CALLS
from copilot_bridge.simulator.refusals.forms import invalid
from copilot_bridge.simulator.refusals.refusal import Refusal, Refused
from copilot_bridge.simulator.responses import PATH, Item, Turn, events_for, items_of, take
from copilot_bridge.simulator.sockets import Closed, Socket
from copilot_bridge.simulator.transport import BATCH, DELIVERY, ClientGone, Faults
from copilot_bridge.simulator.world import Limits, World, world

METHOD = "WEBSOCKET"  # of a frame in the ledger
KEPT = 16  # responses that a connection can go on from
CREATE = "response.create"
ENVELOPE = frozenset({"type", "headers", "initiator", "agent_task_id", "previous_response_id"})
"""Fields of a frame that are not of the request."""
OF_THE_BODY = frozenset({"content-type", "content-length"})
CONTINUABLE = ("response.completed", "response.incomplete")
ITEM_DONE = b'{"type":"response.output_item.done"'
GOING_AWAY = 1001
TOO_OLD = "websocket_connection_limit_reached"

CODES = {401: "unauthorized", 402: "quota_exceeded", 404: "not_found", 413: "request_too_large"}
CODES |= {429: "rate_limited", 503: "service_unavailable"}
"""Of refusals that have no code of their own."""


def open_socket(caller: Caller) -> Response:
    """Takes the connection over as soon as Flask has made the headers."""
    limits = world().limits.get(caller.github_token, Limits())
    request.environ[DELIVERY] = Connection(caller, limits)
    return Response(status=101)


ROUTES = ((METHOD, PATH, open_socket),)


class Memory:
    """The last responses of a connection, each with all items up to its end."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, list[Item]] = OrderedDict()

    def keep(self, response_id: str, items: list[Item]) -> None:
        self._kept[response_id] = items
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def find(self, response_id: object) -> list[Item]:
        """The items of an earlier response of this connection.

        :raise Refused: it was made on another connection, or too long ago.
        """
        found = self._kept.get(str(response_id))
        if found is None:
            raise Refused(CALLS["previous-response"])
        return found

    def forget(self, response_id: object) -> None:
        self._kept.pop(str(response_id), None)


@dataclass(slots=True)
class Connection:
    """A WebSocket with its client, to its end."""

    caller: Caller
    limits: Limits
    memory: Memory = field(default_factory=Memory)
    id: str = field(default_factory=lambda: secrets.token_hex(16))

    def run(self, handler: Any) -> str:
        """Responds to the handshake and then to each frame; gives the ledger's outcome."""
        handler.headers_sent = handler.close_connection = True
        socket = Socket(handler.socket, handler.rfile, self.limits)
        try:
            if not socket.accept(head_of(handler.environ), response_headers(handler.response_headers)):
                return COMPLETE
            with socket:
                return self._serve(socket, handler.server.application, handler.environ)
        except (ClientGone, OSError):
            return CLIENT_GONE

    def _serve(self, socket: Socket, app: Flask, environ: Mapping[str, Any]) -> str:
        dies = monotonic() + self.limits.age
        try:
            while (frame := socket.receive(min(self.limits.idle, dies - monotonic()))) is not None:
                if monotonic() >= dies:
                    break
                if self._serve_turn(socket, app, environ, frame) == FAULT:
                    return FAULT
        except Closed as closed:
            return COMPLETE if closed.clean else CLIENT_GONE
        if monotonic() >= dies:
            socket.send(error_event(TOO_OLD, "The connection has reached its age limit.", self.caller))
        socket.close(GOING_AWAY, "")
        return COMPLETE

    def _serve_turn(self, socket: Socket, app: Flask, environ: Mapping[str, Any], frame: bytes) -> str:
        """One turn, with an entry of its own in the ledger."""
        ledger = world_of(app).ledger
        frame_ = parse(frame)
        more = frame_.get("headers") if isinstance(frame_, dict) else None
        with app.request_context(with_headers(environ, more if isinstance(more, dict) else {})):
            headers = {name.lower(): value for name, value in request.headers.items()}
            entry = ledger.open(METHOD, request.path, headers, frame, self.caller.persona.name)
            g.entry = entry
            outcome = CLIENT_GONE
            try:
                outcome = self._run_turn(socket, frame_)
            finally:
                ledger.close(entry, outcome)
        return outcome

    def _run_turn(self, socket: Socket, request: object) -> str:
        before = request.get("previous_response_id") if isinstance(request, dict) else None
        try:
            turn = self._read(request)
            return self._send(socket, turn)
        except Refused as refused:
            # A conversation that can't be continued is forgotten.
            self.memory.forget(before)
            socket.send(refusal_event(refused.refusal, self.caller))
            return COMPLETE

    def _read(self, request: object) -> Turn:
        """Reads one message of the client.

        :raise Refused: it is no request, or one that Copilot does not take.
        """
        if not isinstance(request, dict) or request.get("type") != CREATE:
            raise Refused(invalid(f"a text frame has to be a JSON object of the type {CREATE}"))
        if request.get("generate") is False:
            raise Refused(invalid("generate is not supported", "unsupported_value", param="generate"))
        body = {name: value for name, value in request.items() if name not in ENVELOPE} | {"stream": True}
        before = request.get("previous_response_id")
        if before is not None:
            body["input"] = [*self.memory.find(before), *items_of(body.get("input"))]
        return take(self.caller, body, WEBSOCKET, connection=f"{self.caller.github_token} {self.id}")

    def _send(self, socket: Socket, turn: Turn) -> str:
        """Send the events of a response, and keep what the client got whole."""
        events, gap = events_for(turn)
        frames = [data_of(event) for event in events]
        more = b"," + orjson.dumps({"headers": self._event_headers()})[1:]
        outcome = play(socket, [frame[:-1] + more for frame in frames], gap, turn.asked)
        if outcome == COMPLETE:
            self._keep(turn, frames)
        return outcome

    def _keep(self, turn: Turn, frames: list[bytes]) -> None:
        last = orjson.loads(frames[-1])
        if last["type"] in CONTINUABLE:
            items = [orjson.loads(frame)["item"] for frame in frames if frame.startswith(ITEM_DONE)]
            self.memory.keep(last["response"]["id"], [*items_of(turn.body["input"]), *items])

    def _event_headers(self) -> dict[str, str]:
        """The headers of an HTTP response that the events carry here."""
        return {
            "X-Request-Id": str(uuid4()),
            "X-Copilot-Service-Request-Id": str(uuid4()),
            "X-Copilot-WebSocket-Session-Id": self.id,
            "X-GitHub-Copilot-Request-Te": "0",
            "X-Copilot-API-Exp-Assignment-Context": "5133j383:1109202;",
        }


def play(socket: Socket, frames: list[bytes], gap: float, asked: Asked) -> str:
    """Send the frames, `gap` seconds apart, with the faults that were asked for."""
    faults = Faults.asked(asked)
    if faults.vanish:
        return FAULT
    socket.pause(faults.slow_headers + faults.slow_body)
    # If there are too few before the fault, the last one is left out, so that it always happens.
    end = min(faults.after, len(frames) - 1) if faults.cut else len(frames)
    if gap or faults.stall:
        send_paced(socket, frames[:end], gap, faults)
    else:
        for start in range(0, end, BATCH):
            socket.send(*frames[start : min(end, start + BATCH)])
            gevent.sleep(0)  # a fast reader would otherwise keep the loop from everyone else
    return end_with(socket, faults.cut, frames[end:], asked) if faults.cut else COMPLETE


def send_paced(socket: Socket, frames: list[bytes], gap: float, faults: Faults) -> None:
    due = monotonic()
    for number, frame in enumerate(frames):
        due += faults.stall if number == faults.stall_after else gap if number else 0.0
        socket.pause(due - monotonic())
        socket.send(frame)


def end_with(socket: Socket, cut: str, rest: list[bytes], asked: Asked) -> str:
    if cut == "cut-in-frame":
        socket.send_half(rest[0])
    if cut == "reset":
        socket.reset_on_close()
    if cut == "bad-deflate":
        socket.send_deflated(b"\xff" * 8)
    if cut == "bomb":
        socket.send_deflated(zlib.compress(bytes(asked.get(cut, "bytes")), wbits=-zlib.MAX_WBITS))
    if cut == "close-frame":
        socket.close(asked.get(cut, "code"), "")
    return FAULT


def data_of(event: bytes) -> bytes:
    """The JSON of an SSE event."""
    return event.partition(b"data: ")[2].rstrip()


def error_event(code: str, message: str, caller: Caller) -> bytes:
    """Copilot's own form: nested, and without a status."""
    plan = caller.persona.plan
    left = quota.billed_snapshots() if plan.quota == "billed" else quota.snapshots(plan.quota)
    return orjson.dumps(
        {"type": "error", "error": {"code": code, "message": message}, "copilot_quota_snapshots": left}
    )


def refusal_event(refusal: Refusal, caller: Caller) -> bytes:
    """A refusal in a frame; only its text says how long to wait."""
    body: Any = refusal.body
    error = body.get("error", body) if isinstance(body, dict) else {"message": str(body).strip()}
    usual = "internal_error" if refusal.status >= 500 else "bad_request"
    code = error.get("code") or CODES.get(refusal.status, usual)
    message = error["message"]
    if str(wait := refusal.headers.get("retry-after", "")).isdigit():
        message += f" Please retry after {wait} seconds."
    if refusal.status == 429:
        code += f":{caller.persona.plan.tier}"
    return error_event(code, message, caller)


# between WSGI and the protocol


def head_of(environ: Mapping[str, Any]) -> bytes:
    """The head of the request, as it came."""
    names = (name for name in environ if name.startswith("HTTP_"))
    lines = (f"{header_name(name)}: {environ[name]}\r\n" for name in names)
    return f"GET {environ['PATH_INFO']} HTTP/1.1\r\n{''.join(lines)}\r\n".encode("latin-1")


def header_name(key: str) -> str:
    return key.removeprefix("HTTP_").replace("_", "-").title()


def with_headers(environ: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The environment of the handshake with a frame's headers over its own."""
    added = {f"HTTP_{name.upper().replace('-', '_')}": str(value) for name, value in more.items()}
    kept = {name: value for name, value in environ.items() if name != "werkzeug.request"}
    return kept | added


def response_headers(made: Iterable[tuple[Any, Any]]) -> Iterator[tuple[str, str]]:
    """The headers that the server gives any response, without those about a body."""
    for name, value in made:
        if (text := as_text(name)).lower() not in OF_THE_BODY:
            yield text, as_text(value)


def as_text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def world_of(app: Flask) -> World:
    found: World = app.extensions["simulator"]
    return found
