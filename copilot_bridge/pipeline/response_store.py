"""Earlier requests and their responses, to which `previous_response_id` refers, kept for a while.

Copilot keeps none.  The bridge keeps them for an hour, up to a number of bytes, and only for the caller who
asked: in memory, and encrypted in the store, where other workers and the next start find them.  A thread
writes them there after the response.  If the store can't be used, they are in memory only.
"""

import atexit
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any, Protocol, TypeVar

from cachetools import TTLCache

from copilot_bridge.access.authentication import LOCAL_OPERATOR, Caller
from copilot_bridge.dialects import codec
from copilot_bridge.dialects.responses.request import as_items
from copilot_bridge.errors import ConfigError, StoreError
from copilot_bridge.store.response_chains import MAX_RESPONSES, EncryptedResponse, ResponseChainTable
from copilot_bridge.threads import run_in_thread

log = logging.getLogger(__name__)

Item = dict[str, Any]
T = TypeVar("T")

RESPONSE_TTL = 3600.0  # seconds
OVERHEAD = 4096  # bytes of memory that a response takes besides its content, as measured

PAUSE = 0.02  # seconds, so that of many responses a few are written at a time
PRUNE_EVERY = 60.0  # seconds
# seconds before the store is read again: another worker may just be writing the response.
GLANCES = (0.0, 0.05, 0.2)

# Where no key is needed, callers are distinguished by the credentials that they send all the same.
CREDENTIALS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")


def caller_of(caller: Caller, account: str, headers: Mapping[str, str]) -> str:
    shown = [headers.get(name, "") for name in CREDENTIALS] if caller is LOCAL_OPERATOR else []
    return name_of(caller.id, account, *shown)


@lru_cache(256)
def name_of(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def stored_name(caller: str, response_id: str) -> str:
    """Return the name of a response in the store, which is another one for each caller."""
    return hashlib.sha256(f"{caller}\0{response_id}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A request's body as it came, its response, and the one that it continues.

    Nothing is decoded until a request continues from here, or a client asks for it.

    :param response_body: of the response; b"": the request's alone.

    :param name: in the store.  :param chain: the name of the first one.
    """

    before: "StoredResponse | None"
    given: bytes
    response_body: bytes = b""
    name: str = field(default="", compare=False)
    chain: str = field(default="", compare=False)
    size: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Compute `size`, the bytes of this response and all before it: shared content counts for each."""
        before = self.before.size if self.before else 0
        object.__setattr__(self, "size", OVERHEAD + len(self.given) + len(self.response_body) + before)

    def named(self, name: str) -> "StoredResponse":
        return replace(self, name=name, chain=self.before.chain if self.before else name)

    def items(self) -> Iterator[Item]:
        """The conversation so far, as items."""
        line = []
        link: StoredResponse | None = self
        while link:
            line.append(link)
            link = link.before
        for response in reversed(line):
            yield from response.own_items()

    def own_items(self) -> Iterator[Item]:
        yield from self.input_items()
        yield from self.response().get("output", ())

    def input_items(self) -> list[Item]:
        return as_items(codec.read(self.given).get("input") or [])

    def response(self) -> Item:
        """The whole response; {}: there is none."""
        whole: Item = codec.read(self.response_body) if self.response_body else {}
        return whole

    def content(self) -> bytes:
        """Return what is stored of it."""
        return codec.write({"input": self.input_items(), "response": self.response()})


def read_record(content: bytes) -> Item:
    """Read what is stored of a response.  Until 2026-11 it was a list of all items."""
    record = codec.read(content)
    return {"input": record, "response": {}} if isinstance(record, list) else record


def items_of(record: Item) -> Iterator[Item]:
    yield from record["input"]
    yield from record["response"].get("output", ())


class HasSize(Protocol):
    """Something that is kept.  `size`: in bytes."""

    @property
    def size(self) -> int: ...


class ResponseStore:
    """Keeps responses in memory and in the store.

    :param max_bytes: of all that is kept; 0: nothing is.  :param table: None: in memory only.
    :ivar memory: by name in the store, and other things that are kept under the same limit.
    """

    def __init__(
        self,
        max_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        table: ResponseChainTable | None = None,
    ) -> None:
        self.max_bytes = max_bytes
        self.memory: TTLCache[str, HasSize] = TTLCache(max_bytes, RESPONSE_TTL, clock, lambda kept: kept.size)
        self.table = table if max_bytes and table and table.persistent else None
        self._written: TTLCache[str, bool] = TTLCache(
            MAX_RESPONSES, RESPONSE_TTL, clock
        )  # names, by this process
        self._waiting: list[StoredResponse] = []
        self._room = max_bytes  # bytes that may still wait
        self._writing = threading.Lock()  # held while responses are being written
        self._news = threading.Event()
        self._running = False
        self._warned = False

    def find(self, caller: str, id_: str) -> StoredResponse | None:
        """Find a response.  One that is in memory still may have been deleted by another worker."""
        name = stored_name(caller, id_)
        link = self._link(name)
        written = link and self.table and name in self._written
        if written and self.table and self._try(partial(self.table.exists, name)) is False:
            self.memory.pop(name, None)
            return None
        return link or self._stored(name)

    def remove(self, caller: str, id_: str) -> bool:
        """Delete a response.  False: there is none."""
        name = stored_name(caller, id_)
        self.flush()  # a waiting write must not come after the deletion
        in_memory = self.memory.pop(name, None) is not None
        in_store = bool(self.table and self._try(partial(self.table.remove, name)))
        return in_memory or in_store

    def _link(self, name: str) -> StoredResponse | None:
        link = self.memory.get(name)
        return link if isinstance(link, StoredResponse) else None

    def keep(self, caller: str, id_: str, link: StoredResponse) -> None:
        if link.size > self.max_bytes:
            return
        name = stored_name(caller, id_)
        link = self.memory[name] = link.named(name)
        own = len(link.given) + len(link.response_body)
        if self.table and own <= self._room:
            self._room -= own
            self._waiting.append(link)
            self._news.set()
            self.start()

    def start(self) -> None:
        """Start the threads that write new responses and remove old ones."""
        if self.table and not self._running:
            self._running = True
            threading.Thread(target=self._run, daemon=True).start()
            atexit.register(self.flush)

    def _run(self) -> None:
        self.prune()
        pruned = time.monotonic()
        written = 0
        while True:
            if self._news.wait(PRUNE_EVERY):
                time.sleep(PAUSE)
            written += self.flush()
            if time.monotonic() - pruned >= PRUNE_EVERY or written > self.max_bytes / 8:
                self.prune()
                pruned, written = time.monotonic(), 0

    def flush(self) -> int:
        """Write the waiting responses, and return their bytes.

        What the store does not accept stays in memory only.
        """
        with self._writing:
            self._news.clear()
            batch, self._waiting, self._room = self._waiting, [], self.max_bytes
            if not batch:
                return 0
            return self._try(partial(self._write, batch)) or 0

    def _write(self, batch: list[StoredResponse]) -> int:
        assert self.table
        self.table.prepare()
        encrypted = run_in_thread(self._encrypted, batch)
        self.table.write(encrypted)
        self._written.update(dict.fromkeys((row.id for row in encrypted), True))
        return sum(len(row.content) for row in encrypted)

    def _encrypted(self, batch: list[StoredResponse]) -> list[EncryptedResponse]:
        assert self.table
        return [
            EncryptedResponse(
                link.name,
                link.chain,
                link.before.name if link.before else "",
                self.table.encrypt(link.content()),
            )
            for link in batch
        ]

    def prune(self) -> None:
        """Remove old responses in small steps, so that no other writer waits for long."""
        while self.table and self._try(self.table.prune):
            time.sleep(0.01)

    def _stored(self, name: str) -> StoredResponse | None:
        for pause in GLANCES if self.table else ():
            time.sleep(pause)
            if found := self._try(partial(self._read, name)):
                return found
        return None

    def _read(self, name: str) -> StoredResponse | None:
        assert self.table
        if (found := self.table.find(name)) is None:
            return None
        chain, contents = found
        self.table.prepare()
        link: StoredResponse | None = run_in_thread(self._decrypted, contents)
        return replace(link, name=name, chain=chain) if link else None

    def _decrypted(self, contents: list[str]) -> StoredResponse | None:
        """The response, and before it all that it continues as one."""
        assert self.table
        records = []
        for content in contents:
            if (piece := self.table.decrypt(content)) is None:
                return None
            records.append(read_record(piece))
        *earlier, last = records
        items = [item for record in earlier for item in items_of(record)]
        before = StoredResponse(None, codec.write({"input": items})) if items else None
        response_body = codec.write(last["response"]) if last["response"] else b""
        return StoredResponse(before, codec.write({"input": last["input"]}), response_body)

    def _try(self, act: Callable[[], T]) -> T | None:
        try:
            done = act()
        except (StoreError, ConfigError) as error:  # ConfigError: there is no key to encrypt with
            if not self._warned:
                log.warning("conversations can't be stored, so they are kept in memory only: %s", error)
            self._warned = True
            return None
        self._warned = False
        return done
