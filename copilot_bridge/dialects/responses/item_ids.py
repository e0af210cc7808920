"""Stable ids for the items of a Responses stream.

Seen on the wire, 2026: every event has another id for the same item, some 400 characters long, which breaks
clients that keep items by their ids.  Here each item gets one id for all its events and for the final
`response.output`.  Copilot itself wants the id of `output_item.done` back, with the `encrypted_content` that
came with it: `upstream_item_ids` maps the one to the other.
"""

import hashlib

from copilot_bridge.dialects.codec import JsonObject

# The usual prefixes of ids by the item's type.
PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
    "web_search_call": "ws",
    "compaction": "cmp",
}

CALLS = ("function_call", "custom_tool_call")


class ItemIds:
    """Gives one id to each item of a response, by its index, to each call, and to the response.

    :param response_id: the bridge's own, for responses without an id and for new ids.
    """

    def __init__(self, response_id: str = "") -> None:
        self._response_id = response_id
        self._items: dict[int, str] = {}
        self._calls: dict[int, str] = {}
        self.response: str | None = None
        self.upstream_item_ids: dict[str, str] = {}  # the client's id -> the one that Copilot wants back

    def with_ids(self, index: int, item: JsonObject) -> JsonObject:
        """Return an item with its ids."""
        result = {**item, "id": self.item_id(index, item)}
        if item.get("type") in CALLS:
            result["call_id"] = self._call_id(index, item.get("call_id"))
        return result

    def item_id(self, index: int, item: JsonObject) -> str:
        if index not in self._items:
            prefix = PREFIXES.get(str(item.get("type")), "item")
            response = self.response_id(None).partition("_")[2]
            self._items[index] = f"{prefix}_{response}_{index}"
        return self._items[index]

    def _call_id(self, index: int, call_id: object) -> str:
        """Return the id of a call: upstream's, if no other call has it, since results refer to it."""
        if index not in self._calls:
            is_new = isinstance(call_id, str) and call_id and call_id not in self._calls.values()
            self._calls[index] = str(call_id) if is_new else f"call_{self._new_id(index)}"
        return self._calls[index]

    def _new_id(self, index: int) -> str:
        """Make an id from the bridge's own for the response, since upstream's may be the same every time."""
        return digest(f"{self._response_id or self.response} {index}")

    def known_item_id(self, index: int) -> str | None:
        return self._items.get(index)

    def response_id(self, id_: object) -> str:
        if self.response is None:
            self.response = f"resp_{digest(str(id_ or self._response_id))}"
        return self.response


def digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:40]
