"""The events of a response that is made in the background and streamed meanwhile.

https://platform.openai.com/docs/guides/background
"""

from collections.abc import Iterator

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing.sse import Splitter, read_data
from copilot_bridge.dialects.responses.errors import error_frame
from copilot_bridge.errors import BridgeError

BEGINNING = ("response.created", "response.queued")
END_TYPES = frozenset({"response.completed", "response.incomplete", "response.failed"})


class BackgroundEvents:
    """Turns the bytes of a stream into the events of a response that has had an id from its beginning.

    :ivar response: the response in the last event that had one.
    :ivar ended: whether the last event has told of the end.
    """

    def __init__(self, response: JsonObject) -> None:
        self.response = response
        self.ended = False
        self._number = 0
        self._splitter = Splitter()

    def begin(self) -> list[JsonObject]:
        return [self._event({"type": kind, "response": self.response}) for kind in BEGINNING]

    def feed(self, piece: bytes) -> Iterator[JsonObject]:
        for block in self._splitter.feed(piece):
            data = read_data(block)
            event = codec.read_object(data) if data else None
            if event and event.get("type") != BEGINNING[0]:
                yield self._event(event)

    def fail(self, error: BridgeError) -> JsonObject:
        _name, event = error_frame(error, self.response, self._number)
        return self._event(event)

    def _event(self, event: JsonObject) -> JsonObject:
        if isinstance(given := event.get("response"), dict):
            self.response = given | {"id": self.response["id"], "background": True}
            event = event | {"response": self.response}
        self.ended = event.get("type") in END_TYPES
        self._number += 1
        return event | {"sequence_number": self._number - 1}
