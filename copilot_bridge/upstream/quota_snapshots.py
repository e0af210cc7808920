"""The quota snapshots that come with Copilot's responses, shared by all workers.

A response's headers are noted in memory, which costs its request nothing.  A thread writes new snapshots to
the store at a small interval, where the pages of the other workers find them.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from cachetools import LRUCache
from msgspec.structs import asdict

from copilot_bridge.billing.quota import QuotaSnapshot, read_snapshot_objects, read_snapshots
from copilot_bridge.errors import StoreError
from copilot_bridge.upstream.github.accounts import Account
from copilot_bridge.upstream.key_value_store import KeyValueStore

log = logging.getLogger(__name__)

WRITE_INTERVAL = 2.0  # seconds between two writes for an account
MAX_ACCOUNTS = 256

Dated = dict[str, tuple[float, QuotaSnapshot]]  # by the quota's name; the time in unix seconds


class QuotaSnapshots:
    """The newest snapshots of each account.

    :param clock: unix seconds.
    :param interval: seconds between two writes for an account.
    """

    def __init__(
        self,
        store: KeyValueStore,
        clock: Callable[[], float] = time.time,
        interval: float = WRITE_INTERVAL,
    ) -> None:
        self._store = store
        self._clock = clock
        self._interval = interval
        self._noted: LRUCache[str, Dated] = LRUCache(MAX_ACCOUNTS)
        self._planned: set[str] = set()

    def note(self, account: Account, headers: Mapping[str, str]) -> None:
        """Note the snapshots in a response's headers."""
        if found := read_snapshots(headers):
            self._note(account.fingerprint, found)

    def note_objects(self, fingerprint: str, content: object) -> None:
        """Note the snapshots in the last event of a response over a WebSocket.

        :param fingerprint: of the account.
        """
        if found := read_snapshot_objects(content):
            self._note(fingerprint, found)

    def _note(self, key: str, found: Mapping[str, QuotaSnapshot]) -> None:
        now = self._clock()
        dated = {name: (now, snapshot) for name, snapshot in found.items()}
        self._noted[key] = self._noted.get(key, {}) | dated
        if key not in self._planned:
            self._planned.add(key)
            timer = threading.Timer(self._interval, self._write, (key,))
            timer.daemon = True
            timer.start()

    def noted(self, account: Account) -> dict[str, QuotaSnapshot]:
        """The snapshots from this process's last responses."""
        return undated(self._noted.get(account.fingerprint, {}))

    def shared(self, account: Account) -> dict[str, QuotaSnapshot]:
        """The snapshots from any process's last responses; reads the store."""
        key = account.fingerprint
        return undated(newest(self._stored(key), self._noted.get(key, {})))

    def _stored(self, key: str) -> Dated:
        return read_dated(self._store.read(f"samples/{key}") or {})

    def _write(self, key: str) -> None:
        self._planned.discard(key)
        try:
            with self._store.lock(f"samples-{key}"):
                stored = self._stored(key)
                merged = newest(stored, self._noted.get(key, {}))
                if undated(merged) == undated(stored):
                    return
                content = {name: {"at": at, **asdict(snapshot)} for name, (at, snapshot) in merged.items()}
                self._store.write(f"samples/{key}", content)
        except StoreError as error:
            log.warning("the quota snapshots can't be stored, so they are kept in memory only: %s", error)


def newest(one: Dated, other: Dated) -> Dated:
    by_time = sorted([*one.items(), *other.items()], key=lambda item: item[1][0])
    return dict(by_time)


def undated(dated: Dated) -> dict[str, QuotaSnapshot]:
    return {name: dated[name][1] for name in sorted(dated)}


def read_dated(content: Mapping[str, Any]) -> Dated:
    """The stored snapshots, except those that another version wrote in another form."""
    names = set(QuotaSnapshot.__struct_fields__)
    return {
        name: (float(entry["at"]), QuotaSnapshot(**{field: entry[field] for field in names}))
        for name, entry in content.items()
        if isinstance(entry, dict) and names | {"at"} <= entry.keys()
    }
