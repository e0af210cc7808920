"""Objects that clients make and change: conversations of their own, and responses that are being made.

They are kept like earlier responses (`response_store.py`): for an hour after the last change, under the same
limit, for the caller alone, encrypted in the store, so that every worker knows them.  Without a store they
are in memory.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from msgspec import Struct

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.errors import BridgeError, ConfigError, StoreError
from copilot_bridge.pipeline.response_store import OVERHEAD, ResponseStore, stored_name

log = logging.getLogger(__name__)


class KeptObject(Struct, frozen=True):
    """An object in memory, encoded."""

    content: bytes

    @property
    def size(self) -> int:
        return OVERHEAD + len(self.content)


def object_name(caller: str, id_: str) -> str:
    """The name of an object in the store, which is not that of a response with the same id."""
    return stored_name(caller, f"object {id_}")


class KeptObjects:
    """Keeps JSON objects by their ids, for their callers."""

    def __init__(self, store: ResponseStore) -> None:
        self._store = store

    def read(self, caller: str, id_: str) -> JsonObject | None:
        """Return an object; None: there is none, or not any more.

        :raises BridgeError: "unavailable": the store can't be used.
        """
        name = object_name(caller, id_)
        content = self._read_stored(name) if self._store.table else self._read_memory(name)
        return None if content is None else codec.read_object(content)

    def write(self, caller: str, id_: str, content: JsonObject) -> None:
        """Write an object, in place of what it was.

        :raises BridgeError: "too_large": it has no room.  "unavailable": the store can't be used.
        """
        name, kept = object_name(caller, id_), KeptObject(codec.write(content))
        if kept.size > self._store.max_bytes:
            raise BridgeError(
                "this is more than the bridge keeps (COPILOT_BRIDGE_RESPONSE_STORE_MB)", kind="too_large"
            )
        if (table := self._store.table) is None:
            self._store.memory[name] = kept
            return
        with in_store():
            table.replace(name, table.encrypt(kept.content))

    def remove(self, caller: str, id_: str) -> bool:
        """Delete an object.  False: there is none.

        :raises BridgeError: "unavailable": the store can't be used.
        """
        name = object_name(caller, id_)
        if (table := self._store.table) is None:
            return self._store.memory.pop(name, None) is not None
        with in_store():
            return table.remove(name)

    def change(self, caller: str, id_: str, act: Callable[[JsonObject], JsonObject]) -> JsonObject | None:
        """Change an object while nobody else does.  Returns what `act` makes of it; None: there is none.

        :raises BridgeError: "too_large": it has no room.  "unavailable": the store can't be used.
        """
        table = self._store.table
        lock = f"kept-{object_name(caller, id_)[:2]}"  # one of a few, since each has a file that stays
        with in_store(), table.lock(lock) if table else nullcontext():
            before = self.read(caller, id_)
            if before is None:
                return None
            after = act(before)
            self.write(caller, id_, after)
            return after

    def _read_memory(self, name: str) -> bytes | None:
        kept = self._store.memory.get(name)
        return kept.content if isinstance(kept, KeptObject) else None

    def _read_stored(self, name: str) -> bytes | None:
        table = self._store.table
        assert table
        with in_store():
            found = table.find(name)
            return table.decrypt(found[1][0]) if found else None


@contextmanager
def in_store() -> Iterator[None]:
    """Return the error of an unusable store in the client's dialect.

    :raises BridgeError: "unavailable".
    """
    try:
        yield
    except (StoreError, ConfigError) as error:  # ConfigError: there is no key to encrypt with
        log.warning("an object can't be stored: %s", error)
        raise BridgeError(
            "the bridge can't use its store at the moment; see its log", kind="unavailable"
        ) from error
