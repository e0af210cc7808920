"""What replies say is left, and what all workers know of it together.

A reply's headers are noted in memory, which costs its request nothing.  A moment later, and no more often
than that, a thread puts what is new on the key_values, where the pages of the other workers find it.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from cachetools import LRUCache

from copilot_bridge.errors import StoreError
from copilot_bridge.upstream.github.tokens import Account, KeyValueStore
from copilot_bridge.upstream.quota import Snapshot, read_snapshots

log = logging.getLogger(__name__)

EVERY = 2.0  # s between two writes for an account
MOST_ACCOUNTS = 256

Known = dict[str, tuple[float, Snapshot]]  # by name; the moment in unix seconds


class Samples:
    """:param clock: unix seconds.  :param every: seconds between two writes for an account."""

    def __init__(
        self, key_values: KeyValueStore, clock: Callable[[], float] = time.time, every: float = EVERY
    ) -> None:
        self._key_values = key_values
        self._clock = clock
        self._every = every
        self._noted: LRUCache[str, Known] = LRUCache(MOST_ACCOUNTS)
        self._planned: set[str] = set()

    def note(self, account: Account, headers: Mapping[str, str]) -> None:
        found = read_snapshots(headers)
        if not found:
            return
        key, now = account.fingerprint, self._clock()
        self._noted[key] = self._noted.get(key, {}) | {name: (now, each) for name, each in found.items()}
        if key not in self._planned:
            self._planned.add(key)
            timer = threading.Timer(self._every, self._keep, (key,))
            timer.daemon = True
            timer.start()

    def noted(self, account: Account) -> dict[str, Snapshot]:
        """As the last answers of this process told it."""
        return plain(self._noted.get(account.fingerprint, {}))

    def known(self, account: Account) -> dict[str, Snapshot]:
        """As the last answers of any process told it; looks at the store."""
        key = account.fingerprint
        return plain(newest(self._stored(key), self._noted.get(key, {})))

    def _stored(self, key: str) -> Known:
        return read_known(self._key_values.read(f"samples/{key}") or {})

    def _keep(self, key: str) -> None:
        self._planned.discard(key)
        try:
            with self._key_values.lock(f"samples-{key}"):
                stored = self._stored(key)
                merged = newest(stored, self._noted.get(key, {}))
                if plain(merged) == plain(stored):
                    return
                content = {name: {"at": at, **asdict(each)} for name, (at, each) in merged.items()}
                self._key_values.write(f"samples/{key}", content)
        except StoreError as error:
            log.warning("what replies say is left is kept in memory only: %s", error)


def newest(one: Known, other: Known) -> Known:
    both = sorted([*one.items(), *other.items()], key=lambda each: each[1][0])
    return dict(both)


def plain(known: Known) -> dict[str, Snapshot]:
    return {name: known[name][1] for name in sorted(known)}


def read_known(content: Mapping[str, Any]) -> Known:
    """What another version has written otherwise is left out."""
    names = {each.name for each in fields(Snapshot)}
    return {
        name: (float(told["at"]), Snapshot(**{each: told[each] for each in names}))
        for name, told in content.items()
        if isinstance(told, dict) and names | {"at"} <= told.keys()
    }
