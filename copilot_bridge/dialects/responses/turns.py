"""Turns over a WebSocket: a client's messages, and the messages that respond to them.

Source: https://platform.openai.com/docs/guides/websocket-mode, and openai-python's types of its events
(2026-11).  Codex takes an error without a status for silence, and waits for five minutes.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.client_request import ResponseOptions
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import ResponseFinished, ResponseStarted
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.responses import request
from copilot_bridge.dialects.responses.client_request import ResponsesRequest, ResponsesResponse
from copilot_bridge.errors import InvalidRequest, Unsupported

CREATE, STEER = "response.create", "response.steer"
ENVELOPE = ("type", "stream_id", "stream")  # a turn is always streamed
LANE = re.compile(r"[A-Za-z0-9_.-]{1,256}")
EVENT = re.compile(rb"event: [^\n]*\ndata: ([^\n]+)\n\n")
LINES = 3  # of such an event
PING = b""  # stands for a ping among the messages of a stream


class SteeringUnsupported(Unsupported):
    """New input for a response that is being made, which no model here takes.

    :ivar steer: that input, which the client gets back.
    """

    def __init__(self, message: JsonObject) -> None:
        super().__init__("no model takes new input while it responds: send it as a turn", param="type")
        self.steer = {"input": message["input"], "previous_response_id": message["previous_response_id"]}


class ClientTurn(NamedTuple):
    """A client's message that asks for a response.

    :param lane: the turns of one lane follow each other; those of several run at once.
    :param body: that of a request by HTTP.
    """

    lane: str | None
    body: bytes


def read_turn(data: bytes) -> ClientTurn:
    """Read a client's message.

    :raises InvalidRequest, Unsupported: it does not ask for a response.
    """
    try:
        message = codec.read(data)
    except ValueError as error:
        raise InvalidRequest(f"a message has to be JSON: {error}") from error
    if not isinstance(message, dict):
        raise InvalidRequest("a message has to be a JSON object")
    if message.get("type") == STEER and {"input", "previous_response_id"} <= message.keys():
        raise SteeringUnsupported(message)
    if message.get("type") != CREATE:
        raise Unsupported(f"type: only {CREATE!r} is supported", param="type")
    if message.get("background"):
        raise Unsupported("background: not over a WebSocket, send a POST request", param="background")
    body = {name: value for name, value in message.items() if name not in ENVELOPE} | {"stream": True}
    return ClientTurn(read_lane(message), codec.write(body))


def read_lane(message: JsonObject) -> str | None:
    """Return the name of a message's lane.

    :raises InvalidRequest: it can't be one.
    """
    lane = message.get("stream_id")
    if lane is None or (isinstance(lane, str) and LANE.fullmatch(lane)):
        return lane
    raise InvalidRequest(
        "stream_id: expected 1 to 256 letters, digits, '_', '.' or '-'",
        param="stream_id",
        code="invalid_stream_id",
    )


def lane_of(data: bytes) -> str | None:
    """Return the lane that a refused message names, if it can be read."""
    message = codec.read_object(data) or {}
    lane = message.get("stream_id")
    return lane if isinstance(lane, str) and LANE.fullmatch(lane) else None


@dataclass(frozen=True, slots=True)
class WarmUpResponse(ResponsesResponse):
    """Respond to a turn that only brings the beginning of a conversation, without a model."""

    def ready(self) -> bytes:
        writer = self.writer()
        *_, (_, last) = [
            *writer.feed(ResponseStarted(self.options.id)),
            *writer.feed(ResponseFinished("stop")),
        ]
        return codec.write(last["response"])


class TurnRequest(ResponsesRequest):
    """The body of a turn, which may be a warm-up: `generate` is false."""

    def __init__(self, body: JsonObject) -> None:
        self._warms_up = body.pop("generate", None) is False
        super().__init__(body)

    @classmethod
    def read(cls, data: bytes) -> "TurnRequest":
        return cls(request.read(data))

    def response(self, options: ResponseOptions) -> ResponsesResponse:
        made = super().response(options)
        if not self._warms_up:
            return made
        return WarmUpResponse(**{field.name: getattr(made, field.name) for field in fields(made)})


class MessageSplitter:
    """Splits the bytes of a stream into the messages of a lane."""

    def __init__(self, lane: str | None) -> None:
        self._blocks = sse.Splitter()
        self._end = b"" if lane is None else b',"stream_id":"%b"}' % lane.encode()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete; `PING` for a comment."""
        if self._blocks.is_empty and data.startswith(b"event: ") and data.endswith(b"\n\n"):
            events: list[bytes] = EVENT.findall(data)
            if data.count(b"\n") == LINES * len(events):  # nothing else is there, as nearly always
                return list(map(self._with_lane, events)) if self._end else events
        return [self._read(block) for block in self._blocks.feed(data)]

    def _read(self, block: bytes) -> bytes:
        _, found, event = block.partition(b"\ndata: ")
        if not found or b"\n" in event:
            event = sse.read_data(block)
        return self._with_lane(event) if event else PING

    def _with_lane(self, event: bytes) -> bytes:
        return event[:-1] + self._end if self._end else event

    def whole(self, response: bytes) -> Iterator[bytes]:
        """Yield the messages of a response that was ready at once."""
        complete = codec.read(response)
        begun = complete | {"status": "in_progress", "output": [], "usage": None}
        for number, (kind, event_) in enumerate((("created", begun), ("completed", complete))):
            event = {"type": f"response.{kind}", "sequence_number": number, "response": event_}
            yield self._with_lane(codec.write(event))


def steering_failed(error: SteeringUnsupported) -> bytes:
    """Return the message that steering has failed.  An error would end the response that is being made."""
    cause = {"code": "steering_not_supported", "message": str(error), "type": "invalid_request_error"}
    return codec.write(
        {"type": "response.steer.failed", "sequence_number": 0, "steer": error.steer, "error": cause}
    )


def error_message(status: int, headers: Mapping[str, str], body: bytes, lane: str | None) -> bytes:
    """Return the message for an error before the first event of a response.

    :param body: of the same error by HTTP.
    """
    event = {"type": "error", "status": status, "error": codec.read(body)["error"], "headers": dict(headers)}
    return codec.write(event | ({} if lane is None else {"stream_id": lane}))
