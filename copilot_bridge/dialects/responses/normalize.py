"""Correction of Copilot's Responses streams on their way to the client.

The ids of items are made stable, and the last event complete.
"""

import re
from collections.abc import Callable, MutableMapping

from copilot_bridge.dialects import codec, members
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.responses.errors import error_frame
from copilot_bridge.dialects.responses.framing import FRAMING
from copilot_bridge.dialects.responses.item_ids import ItemIds
from copilot_bridge.dialects.responses.usage import as_chat_usage
from copilot_bridge.dialects.stream_errors import (
    as_stream_error,
    error_in,
    incomplete_response,
    is_error,
    read_stream_error,
)
from copilot_bridge.errors import BridgeError, UpstreamRefused

ResponseCallback = Callable[[JsonObject], None]
NONE: JsonObject = {}
SUCCESSFUL_ENDS = ("response.completed", "response.incomplete")
FAILED_ENDS = ("response.failed", "response.cancelled")
END_EVENTS = (*SUCCESSFUL_ENDS, *FAILED_ENDS)
FAILED_STATUSES = ("failed", "cancelled")
RUNNING_STATUSES = ("queued", "in_progress")

# In most events only the item's id has to be replaced.  They have two lines, with these patterns.  Those of
# the second line can't be inside a JSON string, where quotes are escaped.
EVENT_START, DELTA_START = b"event: response.", b".delta\ndata: {"
HEAD = 100  # bytes, in which the name of an event ends

ITEM_ID = b'"item_id":"'
OUTPUT_INDEX = re.compile(rb'"output_index":(\d{1,9})[,}]')


class ResponsesNormalizer:
    """Turns a stream of bytes, cut anywhere, into whole normalized events.

    :param keep: whether to leave Copilot's own fields in.
    :param relations: the fields of the response that say what it belongs to.
    :param on_end: called with the whole response when it is complete.
    :param response_id: for responses without an id.
    :param item_ids: takes up the ids of items at the end, the client's -> Copilot's.
    """

    stopped = False  # whether the bridge ended the stream; only a translated stream can be

    def __init__(
        self,
        *,
        keep: bool = False,
        relations: JsonObject = NONE,
        on_end: ResponseCallback = lambda _response: None,
        response_id: str = "",
        item_ids: MutableMapping[str, str] | None = None,
    ) -> None:
        self._keep = keep
        self._relations = relations
        self._on_end = on_end
        self._splitter = sse.Splitter()
        self._ids = ItemIds(response_id)
        self._item_ids = {} if item_ids is None else item_ids
        # The output index of the last delta, as written in it, and its item's id.
        self._last_item = (b"\n\n", b"")
        self._output: dict[int, JsonObject] = {}  # complete items by their index
        self._response: JsonObject = {"object": "response", "output": []}
        self._sequence_number = 0
        self.done = False
        self.failure: BridgeError | None = None
        self.outcome = "ok"
        self.usage: JsonObject | None = None

    @property
    def finished(self) -> bool:
        return self.done

    @property
    def upstream_item_ids(self) -> dict[str, str]:
        return self._ids.upstream_item_ids

    def feed(self, piece: bytes) -> bytes:
        if piece.endswith(b"\n\n") and not self.done and self._splitter.is_empty and b"\r" not in piece:
            delta = self._normalize_delta(piece[:-2])  # the usual case: one event at a time
            if delta is not None:
                return delta
        out = b"".join(map(self._normalize, self._splitter.feed(piece)))
        if self.done:
            self._item_ids.update(self.upstream_item_ids)
        return out

    def close(self) -> bytes:
        """Return the rest of the stream.

        :raises StreamCut: the response has no end.
        """
        out = self._normalize(self._splitter.rest())
        if not self.done:
            raise incomplete_response()
        return out

    def fail(self, error: BridgeError) -> bytes:
        return FRAMING.encode([error_frame(error, self._response, self._sequence_number)])

    def _normalize(self, block: bytes) -> bytes:
        if self.done or not block:
            return b""
        try:
            return self._normalize_delta(block) or self._normalize_event(block)
        except UpstreamRefused as error:
            return self._failed(error)

    def _normalize_delta(self, block: bytes) -> bytes | None:
        """Replace the id in a delta without parsing it, or return None if there is more to do."""
        if not block.startswith(EVENT_START) or block.find(DELTA_START, 0, HEAD) < 0:
            return None
        if block.count(b"\n") != 1 or b'"copilot_' in block:
            return None
        start = block.find(ITEM_ID) + len(ITEM_ID)
        end = block.find(b'"', start)
        item_id = self._known_id(block, end)
        if start < len(ITEM_ID) or b"\\" in block[start:end] or not item_id:
            return None
        self._sequence_number += 1
        return b"%b%b%b\n\n" % (block[:start], item_id, block[end:])

    def _known_id(self, block: bytes, start: int) -> bytes:
        """Return the id of the item that a delta belongs to; b"" if it is not known yet.

        :param start: the position behind the item's id, where its index usually is.
        """
        written_index, item_id = self._last_item
        if block.find(written_index, start) < 0:
            match = OUTPUT_INDEX.search(block)
            item_id = (self._ids.known_item_id(int(match[1])) or "").encode() if match else b""
            if match and item_id:
                self._last_item = (match[0], item_id)
        return item_id

    def _failed(self, error: UpstreamRefused) -> bytes:
        """Return upstream's error as the event that all clients know."""
        self.done, self.outcome = True, error.kind
        return FRAMING.encode([error_frame(error, self._response, self._sequence_number)])

    def _normalize_event(self, block: bytes) -> bytes:
        data = sse.read_data(block)
        if not data or data.strip() == b"[DONE]":
            return block + b"\n\n" if block.startswith(b":") else b""
        if sse.tells_error(block):
            raise read_stream_error(data)
        event = codec.read_object(data)
        if event is None:
            return b""
        kind = str(event.get("type"))
        if is_error(event) or (kind in SUCCESSFUL_ENDS and has_failed(event)):
            raise as_stream_error(error_in(event))
        self._count(event)
        normalized = self._with_ids(event if self._keep else without_copilot_fields(event))
        if kind in END_EVENTS:
            self._end(kind, normalized)
        return FRAMING.encode([(kind, normalized)])

    def _count(self, event: JsonObject) -> None:
        number = members.as_integer(event.get("sequence_number"))
        if number is not None:
            event["sequence_number"] = self._sequence_number = number
        self._sequence_number += 1

    def _with_ids(self, event: JsonObject) -> JsonObject:
        index = event.get("output_index")
        item = event.get("item")
        if isinstance(index, int) and isinstance(item, dict):
            event["item"] = item_with_ids = self._ids.with_ids(index, item)
            if event.get("type") == "response.output_item.done":
                self._ids.upstream_item_ids[item_with_ids["id"]] = str(item.get("id"))
                self._output[index] = item_with_ids
        if isinstance(index, int) and "item_id" in event:
            event["item_id"] = self._ids.item_id(index, {"id": event["item_id"]})
        kind = str(event.get("type"))
        if kind in END_EVENTS or "response" in event:
            response = members.object_in(event, "response") or self._response | {
                "status": kind.rpartition(".")[2]
            }
            event["response"] = self._response_with_ids(response)
        return event

    def _response_with_ids(self, response: JsonObject) -> JsonObject:
        response_id = self._ids.response_id(response.get("id"))
        received = response.get("output")
        output = [
            self._ids.with_ids(index, item) if isinstance(item, dict) else item
            for index, item in enumerate(received if isinstance(received, list) else [])
        ]
        # Clients read the output from the last event, even if upstream leaves it empty there.
        complete = output or [self._output[index] for index in sorted(self._output)]
        self._response = {"store": False, **response, "output": complete}
        self._response |= {"id": response_id, **self._relations}
        return self._response

    def _end(self, kind: str, event: JsonObject) -> None:
        self.done = True
        response = event["response"]
        self.usage = as_chat_usage(response)
        if kind in SUCCESSFUL_ENDS:
            self._on_end(response)
        else:
            self.outcome = as_stream_error(error_in(event)).kind


def has_failed(event: JsonObject) -> bool:
    response = event.get("response")
    return isinstance(response, dict) and response.get("status") in FAILED_STATUSES


def without_copilot_fields(event: JsonObject) -> JsonObject:
    """Remove Copilot's own fields from an event and from the response in it."""
    cleaned = {key: value for key, value in event.items() if not key.startswith("copilot_")}
    if isinstance(cleaned.get("response"), dict):
        cleaned["response"] = without_copilot_fields(cleaned["response"])
    return cleaned
