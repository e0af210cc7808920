"""The frames of a turn: the request as Copilot's own clients write it, and the events as a stream has them.

Sources: frames of the Copilot CLI 1.0.102 (2026-11), VS Code's chatWebSocketManager.ts, logs of July 2026.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.members import object_in
from copilot_bridge.errors import StreamCut

Items = Sequence[Mapping[str, Any]]

TYPE = b'{"type":"'
EVENT_HEADERS = b',"headers":{'
PREVIOUS = b'"previous_response_id":"'
DELTA = ".delta"
NO_EVENT = b"\0"  # with which none begins
END_OF_EVENT, LINES = b"}\n\n", 3
QUOTAS = "copilot_quota_snapshots"
ITEM_DONE = "response.output_item.done"
COMPLETED, INCOMPLETE = "response.completed", "response.incomplete"
LAST_EVENTS = (COMPLETED, INCOMPLETE, "response.failed", "response.cancelled", "error")


def turn_frame(
    body: Mapping[str, Any], items: Items, previous: str | None, initiator: str, headers: Mapping[str, str]
) -> bytes:
    """Return the text of a frame that asks for a response.

    :param body: that of a request by HTTP.  :param items: those that the connection does not know.
    :param previous: Copilot's id of the response that they follow; None: they are all.
    :param headers: of this turn alone.
    """
    frame: JsonObject = {"type": "response.create", **body, "input": [without_id(item) for item in items]}
    frame.pop("stream", None)
    if previous is not None:
        frame["previous_response_id"] = previous
    frame["initiator"] = initiator
    if task := headers.get("X-Agent-Task-Id"):
        frame["agent_task_id"] = task
    return codec.write(frame | {"headers": dict(headers)})


def without_id(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an item without its id, which would count on another connection."""
    return {name: value for name, value in item.items() if name != "id"} if "id" in item else item


class TurnReader:
    """Turns the messages of one turn into the bytes of the same stream by HTTP.

    :ivar headers: those of HTTP's response, which the first event carries.
    :ivar last: the type of the event that ended the turn; None: it goes on.
    :ivar response_id: of a complete response.  :ivar output: its items so far.
    :ivar quotas: those of the last event, which are headers in a response by HTTP.
    """

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.last: str | None = None
        self.response_id: str | None = None
        self.quotas: object = None
        self._output: dict[int, JsonObject] = {}
        self._begun = False
        # The start and the end of the last delta, and the first lines of its event.
        self._delta, self._tail, self._head = NO_EVENT, b"", b""

    @property
    def output(self) -> Items:
        return [self._output[index] for index in sorted(self._output)]

    def feed(self, messages: Sequence[bytes]) -> bytes:
        """Return the events of messages.

        :raises StreamCut: one of them is no event, or comes after the end.
        """
        return self._deltas(messages) or b"".join([self._read(message) for message in messages])

    def _read(self, message: bytes) -> bytes:
        return self._deltas([message]) or self._read_any(message)

    def _deltas(self, messages: Sequence[bytes]) -> bytes:
        """Return the events of messages that all begin and end as the last delta did; else b"".

        They are nearly all that a stream has.
        """
        start, tail, length = self._delta, self._tail, len(self._tail)
        bodies = [
            message[:-length] for message in messages if message.startswith(start) and message.endswith(tail)
        ]
        if not bodies or len(bodies) < len(messages):
            return b""
        events = (END_OF_EVENT + self._head).join(bodies)
        if events.count(b"\n") != LINES * (len(bodies) - 1):  # there is one within a message
            return b""
        return b"".join((self._head, events, END_OF_EVENT))

    def _read_any(self, message: bytes) -> bytes:
        if self.last is not None:
            raise StreamCut("Copilot sent more after the end of its response")
        data = without_headers(message) if self._begun else None
        kind = type_of(message)
        if data is None or PREVIOUS in data or kind is None or kind in LAST_EVENTS or b"\n" in data:
            kind, data = self._read_whole(message)
        elif kind == ITEM_DONE:
            self._keep(codec.read_object(data) or {})
        elif kind.endswith(DELTA) and len(data) < len(message):
            self._note_delta(kind, message[len(data) - 1 :])
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)

    def _note_delta(self, kind: str, tail: bytes) -> None:
        """Note how a delta begins and ends: the next ones are nearly always of its type, with its headers."""
        self._delta = TYPE + kind.encode() + b'"'
        self._head = b"event: %b\ndata: " % kind.encode()
        self._tail = tail

    def _read_whole(self, message: bytes) -> tuple[str, bytes]:
        event = codec.read_object(message)
        if event is None or not isinstance(event.get("type"), str):
            raise StreamCut("Copilot sent something else than an event")
        headers = event.pop("headers", None)
        if isinstance(headers, dict) and not self._begun:
            self.headers = {str(name): str(value) for name, value in headers.items()}
        self._begun = True
        response = object_in(event, "response")
        if response.get("previous_response_id"):
            response["previous_response_id"] = None  # it is the connection's affair
        kind: str = event["type"]
        if kind == ITEM_DONE:
            self._keep(event)
        if kind in LAST_EVENTS:
            self.last, self._delta = kind, NO_EVENT
            self.response_id = str(response["id"]) if response.get("id") else None
            self.quotas = event.pop(QUOTAS, None) or response.pop(QUOTAS, None)
        return kind, codec.write(event)

    def _keep(self, event: JsonObject) -> None:
        index, item = event.get("output_index"), event.get("item")
        if isinstance(index, int) and isinstance(item, dict):
            self._output[index] = item


def type_of(message: bytes) -> str | None:
    """Return the type of an event that begins with it."""
    if not message.startswith(TYPE):
        return None
    end = message.find(b'"', len(TYPE))
    return message[len(TYPE) : end].decode("ascii", "replace")


def without_headers(message: bytes) -> bytes | None:
    """Return an event without the headers that it ends with; None: they are elsewhere, or there may be none.

    Quotes inside a string are escaped, so what is found is a member.  If no brace but its own two and the
    event's last one follows, it is a member of the event itself.
    """
    start = message.rfind(EVENT_HEADERS)
    if start < 0:
        return None if b'"headers"' in message else message
    remainder = message[start + len(EVENT_HEADERS) :]
    if not remainder.endswith(b"}}") or b"{" in remainder or remainder.count(b"}") != 2:
        return None
    return message[:start] + b"}"
