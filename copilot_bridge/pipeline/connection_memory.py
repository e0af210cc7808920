"""The last responses of a client's WebSocket, which its later turns continue, stored or not."""

from cachetools import LRUCache

from copilot_bridge.pipeline.response_store import StoredResponse

MAX_RESPONSES = 32  # responses
MAX_BYTES = 32 * 1024 * 1024  # that a connection's turns and their responses may take


class ConnectionMemory:
    """Keeps the responses of one connection by their ids, the last ones used."""

    def __init__(self) -> None:
        self._kept: LRUCache[str, StoredResponse] = LRUCache(MAX_BYTES, getsizeof=size_of)

    def find(self, response_id: str) -> StoredResponse | None:
        return self._kept.get(response_id)

    def keep(self, response_id: str, response: StoredResponse) -> None:
        if size_of(response) <= MAX_BYTES:
            self._kept[response_id] = response
        while len(self._kept) > MAX_RESPONSES:
            self._kept.popitem()


def size_of(response: StoredResponse) -> int:
    """Return the bytes of a response without those before it, which are shared."""
    return len(response.given) + len(response.response_body)
