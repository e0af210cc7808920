"""Conversion of the hub's events into the lines of Ollama's streams.

Calls of tools come whole, since their arguments are objects in this dialect.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, ClassVar

from msgspec import Struct

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import (
    Citation,
    Event,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    ServerToolCall,
    ServerToolResult,
    TextDelta,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.dialects.ollama.call_ids import sign_id
from copilot_bridge.dialects.ollama.errors import error_frame
from copilot_bridge.errors import BridgeError, UpstreamRefused

FINISH_REASON_MAP = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "stop",
    "refusal": "stop",
    "filtered": "stop",
    "paused": "stop",
}


class OpenCall(Struct):
    """A tool call whose arguments are still coming.

    :ivar custom: whether they are a free text.
    """

    id: str
    name: str
    custom: bool
    arguments: str = ""


class OllamaWriter:
    """Writes a stream.

    :param members: writes (text, thinking, calls) as members of a line.
    :param elapsed: returns the seconds since the request came.
    :param now: returns the present time by RFC 3339.
    """

    def __init__(
        self,
        *,
        model: str,
        members: Callable[..., JsonObject],
        elapsed: Callable[[], float] = float,
        now: Callable[[], str] = str,
    ) -> None:
        self._model = model
        self._members = members
        self._elapsed = elapsed
        self._now = now
        self._first: float | None = None
        self._call: OpenCall | None = None
        self._signature: JsonObject = {}  # of the next call

    def feed(self, event: Event) -> list[Frame]:
        return self._HANDLERS[type(event)](self, event)

    def fail(self, error: BridgeError) -> Frame:
        return error_frame(error)

    def loaded(self) -> JsonObject:
        """Return the response to a request that only has the model loaded, as it always is."""
        _name, line = self._line(self._members() | {"done_reason": "load"}, done=True)
        return line

    def _started(self, _event: ResponseStarted) -> list[Frame]:
        self._first = self._elapsed()
        return []

    def _text(self, event: TextDelta | RefusalDelta) -> list[Frame]:
        return [*self._close_call(), self._line(self._members(event.text))]

    def _reasoning(self, event: ReasoningDelta) -> list[Frame]:
        return [*self._close_call(), self._line(self._members("", event.text))]

    def _tool_call(self, event: ToolCallStarted) -> list[Frame]:
        closed = self._close_call()
        self._call = OpenCall(sign_id(event.id, self._signature), event.name, event.custom)
        self._signature = {}
        return closed

    def _arguments(self, event: ToolCallArgumentsDelta) -> list[Frame]:
        if self._call:
            self._call.arguments += event.json
        return []

    def _sign(self, event: ReasoningSignature) -> list[Frame]:
        """Keep Gemini's signature for its call; this dialect has no member for others."""
        self._signature = event.provider_details.get("google") or self._signature
        return []

    def _unsaid(self, _event: Event) -> list[Frame]:
        """Write nothing: this dialect has no member for it."""
        return []

    def _close_call(self) -> list[Frame]:
        """Write the call that is open.

        :raises UpstreamRefused: its arguments are no JSON object.
        """
        call, self._call = self._call, None
        if call is None:
            return []
        function = {"name": call.name, "arguments": read_arguments(call)}
        return [self._line(self._members("", "", [{"id": call.id, "function": function}]))]

    def _finished(self, event: ResponseFinished) -> list[Frame]:
        now = self._elapsed()
        first = now if self._first is None else self._first
        end = {
            "done_reason": FINISH_REASON_MAP[event.reason],
            "total_duration": nanoseconds(first) + nanoseconds(now - first),
            "load_duration": 0,
            "prompt_eval_count": event.usage.prompt_tokens,
            "prompt_eval_duration": nanoseconds(first),
            "eval_count": event.usage.output,
            "eval_duration": nanoseconds(now - first),
        }
        last = self._line(self._members() | end, done=True)
        return [last] if event.reason == "length" and self._is_cut() else [*self._close_call(), last]

    def _is_cut(self) -> bool:
        """Return whether the length limit has cut off a call, which nobody could run."""
        if self._call is None:
            return False
        with suppress(UpstreamRefused):
            read_arguments(self._call)
            return False
        return True

    def _line(self, members: JsonObject, *, done: bool = False) -> Frame:
        created_at = self._now()
        return "", {"model": self._model, "created_at": created_at, **members, "done": done}

    _HANDLERS: ClassVar[dict[type, Callable[[Any, Any], list[Frame]]]] = {
        ResponseStarted: _started,
        TextDelta: _text,
        RefusalDelta: _text,
        ReasoningDelta: _reasoning,
        ReasoningSignature: _sign,
        ToolCallStarted: _tool_call,
        ToolCallArgumentsDelta: _arguments,
        ServerToolCall: _unsaid,
        ServerToolResult: _unsaid,
        Citation: _unsaid,
        ResponseFinished: _finished,
    }


def nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def chat_members(text: str = "", thinking: str = "", calls: Sequence[JsonObject] = ()) -> JsonObject:
    """Return the members of a chat's line that hold a piece of the response."""
    message: JsonObject = {"role": "assistant", "content": text}
    message |= {"thinking": thinking} if thinking else {}
    return {"message": message | ({"tool_calls": [*calls]} if calls else {})}


def generate_members(text: str = "", thinking: str = "", _calls: Sequence[JsonObject] = ()) -> JsonObject:
    """Return the members of a generation's line; it offers no tools, so there are no calls."""
    return {"response": text, **({"thinking": thinking} if thinking else {})}


def read_arguments(call: OpenCall) -> JsonObject:
    """Read the arguments of a call; a free text becomes the only argument of a function.

    :raises UpstreamRefused: they are no JSON object, as where the response was cut off.
    """
    if call.custom:
        return {"input": call.arguments}
    try:
        arguments = codec.read(call.arguments.encode() or b"{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise UpstreamRefused(f"the arguments of the call of {call.name!r} are not a JSON object")
    return arguments
