"""What Copilot gets wrong in a Responses stream, and how it is put right as it goes by.

Seen on the wire, 2026: every event calls the same item by another id, some 400 characters long, which
breaks clients that keep items by their ids.  So each item gets one id for all its events and for the final
`response.output`.  Copilot itself wants to hear the id of `output_item.done` again, with the
`encrypted_content` that came with it: `upstream_item_ids` tells which that is.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from copilot_bridge.dialects import codec, members
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.responses.errors import error_frame
from copilot_bridge.dialects.responses.framing import FRAMING
from copilot_bridge.dialects.stream_errors import as_stream_error, error_in, is_error, read_stream_error
from copilot_bridge.errors import BridgeError, StreamCut, UpstreamRefused

ResponseCallback = Callable[[JsonObject], None]

# The usual form of ids, by the item's type.
PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "web_search_call": "ws",
    "compaction": "cmp",
}

CALLS = ("function_call", "custom_tool_call")

GOOD_ENDS = ("response.completed", "response.incomplete")
BAD_ENDS = ("response.failed", "response.cancelled")
TERMINAL = (*GOOD_ENDS, *BAD_ENDS)
FAILED = ("failed", "cancelled")

# The many events in the middle need nothing but their item's id exchanged: two lines, of which these are
# the marks.  Those of the second can't stand inside of a JSON string, where quotes are escaped.
EVENT, DELTA = b"event: response.", b".delta\ndata: {"
ITEM_ID = b'"item_id":"'
OUTPUT_INDEX = re.compile(rb'"output_index":(\d{1,9})[,}]')


class ItemIds:
    """One id for each item of an answer, by its place, one for each call, and one for the answer itself.

    :param answer_id: for answers that carry none.
    """

    def __init__(self, answer_id: str = "") -> None:
        self._answer_id = answer_id
        self._items: dict[int, str] = {}
        self._calls: dict[int, str] = {}
        self.response: str | None = None
        self.upstream_item_ids: dict[str, str] = {}  # the id that clients know -> the one that Copilot wants

    def fitted(self, place: int, item: JsonObject) -> JsonObject:
        """The item with its ids."""
        fitted = {**item, "id": self.of_item(place, item)}
        if item.get("type") in CALLS:
            fitted["call_id"] = self._of_call(place, item.get("call_id"))
        return fitted

    def of_item(self, place: int, item: JsonObject) -> str:
        if place not in self._items:
            prefix = PREFIXES.get(str(item.get("type")), "item")
            id_ = f"{prefix}_{digest(str(item.get('id')))}"
            new = item.get("id") and id_ not in self._items.values()
            self._items[place] = id_ if new else f"{prefix}_{self._made(place)}"
        return self._items[place]

    def _of_call(self, place: int, given: object) -> str:
        """Its own, if no other call has it: results find their calls by it."""
        if place not in self._calls:
            new = isinstance(given, str) and given and given not in self._calls.values()
            self._calls[place] = str(given) if new else f"call_{self._made(place)}"
        return self._calls[place]

    def _made(self, place: int) -> str:
        return digest(f"{self.response or self._answer_id} {place}")

    def known(self, place: int) -> str | None:
        return self._items.get(place)

    def of_response(self, given: object) -> str:
        if self.response is None:
            self.response = f"resp_{digest(str(given or self._answer_id))}"
        return self.response


def digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:40]


class StreamNormalizer:
    """A stream's bytes in, cut anywhere; whole mended events out.

    :param keep: leave Copilot's own fields in.
    :param previous: the response that this one goes on from.
    :param ended: is told the whole response, once it is complete.
    :param answer_id: for answers that carry none.
    """

    stopped = False  # from here; only a stream that is read anew is

    def __init__(
        self,
        *,
        keep: bool = False,
        previous: str | None = None,
        on_end: ResponseCallback = lambda _response: None,
        answer_id: str = "",
    ) -> None:
        self._keep = keep
        self._previous = previous
        self._ended = on_end
        self._splitter = sse.Splitter()
        self._ids = ItemIds(answer_id)
        self._last = (b"\n\n", b"")  # how a delta says that it is the item of the one before, and its id
        self._output: dict[int, JsonObject] = {}  # the items that are complete, by their place
        self._response: JsonObject = {"object": "response", "output": []}
        self._number = 0
        self.done = False
        self.failure: BridgeError | None = None
        self.outcome = "ok"
        self.usage: dict[str, int] | None = None

    @property
    def finished(self) -> bool:
        return self.done

    @property
    def upstream_item_ids(self) -> dict[str, str]:
        return self._ids.upstream_item_ids

    def feed(self, piece: bytes) -> bytes:
        return b"".join(map(self._normalize, self._splitter.feed(piece)))

    def close(self) -> bytes:
        """Raises StreamCut: the answer has no end."""
        out = self._normalize(self._splitter.rest())
        if not self.done:
            raise StreamCut("Copilot's answer broke off before its end")
        return out

    def fail(self, error: BridgeError) -> bytes:
        return FRAMING.encode([error_frame(error, self._response, self._number)])

    def _normalize(self, block: bytes) -> bytes:
        if self.done or not block:
            return b""
        try:
            return self._normalize_delta(block) or self._normalize_event(block)
        except UpstreamRefused as error:
            return self._failed(error)

    def _normalize_delta(self, block: bytes) -> bytes | None:
        """Without parsing; None where there is more to it than an id."""
        plain = block.startswith(EVENT) and DELTA in block and block.count(b"\n") == 1
        if not plain or b'"copilot_' in block:
            return None
        start = block.find(ITEM_ID) + len(ITEM_ID)
        end = block.find(b'"', start)
        known = self._known_id(block)
        if start < len(ITEM_ID) or b"\\" in block[start:end] or not known:
            return None
        self._number += 1
        return b"%b%b%b\n\n" % (block[:start], known, block[end:])

    def _known_id(self, block: bytes) -> bytes:
        """Of the item that a delta belongs to; b"": not known yet."""
        mark, known = self._last
        if mark not in block:
            place = OUTPUT_INDEX.search(block)
            known = (self._ids.known(int(place[1])) or "").encode() if place else b""
            if place and known:
                self._last = (place[0], known)
        return known

    def _failed(self, error: UpstreamRefused) -> bytes:
        """Upstream's own error, in the one form that all clients know."""
        self.done, self.outcome = True, error.kind
        return FRAMING.encode([error_frame(error, self._response, self._number)])

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
        if is_error(event) or (kind in GOOD_ENDS and has_failed(event)):
            raise as_stream_error(error_in(event))
        self._count(event)
        normalized = self._with_ids(event if self._keep else without_copilot_fields(event))
        if kind in TERMINAL:
            self._end(kind, normalized)
        return FRAMING.encode([(kind, normalized)])

    def _count(self, event: JsonObject) -> None:
        number = members.as_integer(event.get("sequence_number"))
        if number is not None:
            event["sequence_number"] = self._number = number
        self._number += 1

    def _with_ids(self, event: JsonObject) -> JsonObject:
        place = event.get("output_index")
        item = event.get("item")
        if isinstance(place, int) and isinstance(item, dict):
            event["item"] = fitted = self._ids.fitted(place, item)
            if event.get("type") == "response.output_item.done":
                self._ids.upstream_item_ids[fitted["id"]] = str(item.get("id"))
                self._output[place] = fitted
        if isinstance(place, int) and "item_id" in event:
            event["item_id"] = self._ids.of_item(place, {"id": event["item_id"]})
        kind = str(event.get("type"))
        if kind in TERMINAL or "response" in event:
            told = members.object_in(event, "response") or self._response | {
                "status": kind.rpartition(".")[2]
            }
            event["response"] = self._response_with_ids(told)
        return event

    def _response_with_ids(self, response: JsonObject) -> JsonObject:
        answer_id = self._ids.of_response(response.get("id"))
        given = response.get("output")
        output = [
            self._ids.fitted(place, item) if isinstance(item, dict) else item
            for place, item in enumerate(given if isinstance(given, list) else [])
        ]
        # Clients read the answer from the last event, even where upstream leaves it empty.
        full = output or [self._output[place] for place in sorted(self._output)]
        self._response = {"store": False, **response, "output": full}
        self._response["id"] = answer_id
        if self._previous:
            self._response["previous_response_id"] = self._previous
        return self._response

    def _end(self, kind: str, event: JsonObject) -> None:
        self.done = True
        response = event["response"]
        self.usage = as_chat_usage(response.get("usage"))
        if kind in GOOD_ENDS:
            self._ended(response)
        else:
            self.outcome = as_stream_error(error_in(event)).kind


def has_failed(event: JsonObject) -> bool:
    response = event.get("response")
    return isinstance(response, dict) and response.get("status") in FAILED


def normalize_response(
    data: bytes, *, keep: bool = False, answer_id: str = ""
) -> tuple[JsonObject, dict[str, int] | None, dict[str, str]]:
    """Copilot's answer in one piece -> the response, its usage as chat counts, upstream's item ids.

    :raises UpstreamRefused: this is no answer.
    """
    reply = codec.read_object(data)
    if reply is not None and (is_error(reply) or reply.get("status") in FAILED):
        raise as_stream_error(error_in(reply))
    if reply is None or reply.get("object") != "response":
        raise UpstreamRefused("Copilot's answer is no response")
    ids = ItemIds(answer_id)
    normalized = dict(reply if keep else without_copilot_fields(reply))
    normalized["id"] = ids.of_response(reply.get("id"))
    output = members.objects_in(reply, "output")
    normalized["output"] = [with_id(ids, place, item) for place, item in enumerate(output)]
    normalized.setdefault("store", False)
    if normalized.get("output_text") is None:
        normalized.pop("output_text", None)  # a convenience of SDKs, who make it themselves
    return normalized, as_chat_usage(reply.get("usage")), ids.upstream_item_ids


def accumulate(pieces: Iterable[bytes]) -> tuple[bytes, dict[str, int] | None]:
    """The answer as the last event of a stream tells it, and its usage as chat counts.

    :raises StreamCut: there is no such event.
    :raises UpstreamRefused: it tells of an error.
    """
    splitter = sse.Splitter()
    for block in chain(chain.from_iterable(map(splitter.feed, pieces)), last(splitter)):
        data = sse.read_data(block)
        if sse.tells_error(block):
            raise read_stream_error(data)
        event = codec.read_object(data) or {}
        if is_error(event) or event.get("type") in BAD_ENDS:
            raise as_stream_error(error_in(event))
        if event.get("type") in GOOD_ENDS:
            response = members.object_in(event, "response")
            return codec.write(response), as_chat_usage(response.get("usage"))
    raise StreamCut("Copilot's answer broke off before its end")


def last(splitter: sse.Splitter) -> Iterator[bytes]:
    """What is left over, which is known only when everything else has been read."""
    yield splitter.rest()


def with_id(ids: ItemIds, place: int, item: JsonObject) -> JsonObject:
    fitted = ids.fitted(place, item)
    ids.upstream_item_ids[fitted["id"]] = str(item.get("id"))
    return fitted


def without_copilot_fields(event: JsonObject) -> JsonObject:
    """Without Copilot's own fields, beside the response and inside of it."""
    kept = {key: value for key, value in event.items() if not key.startswith("copilot_")}
    if isinstance(kept.get("response"), dict):
        kept["response"] = without_copilot_fields(kept["response"])
    return kept


def as_chat_usage(usage: Any) -> dict[str, int] | None:
    if not isinstance(usage, dict):
        return None
    return {
        "prompt_tokens": members.token_count(usage.get("input_tokens")),
        "completion_tokens": members.token_count(usage.get("output_tokens")),
    }
