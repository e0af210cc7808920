"""Limits how many wrong keys an address may try, without locking out others at the same address.

An address may send a number of wrong keys in a row, then one every few seconds; all workers count together.
A key of 16 or more characters can't be guessed in a lifetime, so a valid one is always accepted.  A shorter
key is not even compared while its address has no tries left, unless it was valid from there before.
"""

import math
import time
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from cachetools import LRUCache

from copilot_bridge.errors import BridgeError
from copilot_bridge.shared_memory.shared_times import SharedTimes

SAFE_KEY_LENGTH = 16  # characters

MAX_WRONG_KEYS, WRONG_KEY_INTERVAL = 20, 3.0  # per address in a row; then one per interval, in seconds
CACHE_SIZE = 4096

# New GitHub tokens of all addresses together: each costs a token exchange at GitHub.
MAX_NEW_TOKENS, NEW_TOKEN_INTERVAL = 60, 2.0
ALL_NEW_TOKENS = "newcomers"


class GuessLimiter:
    """The wrong keys of each address, as debts of time that are paid off by waiting.

    :param clock: seconds, the same for all processes of this machine.
    """

    def __init__(self, tries: SharedTimes, clock: Callable[[], float] = time.monotonic) -> None:
        self._tries = tries
        self._clock = clock
        self._proven: LRUCache[tuple[str, bytes], bool] = LRUCache(CACHE_SIZE)

    def may_try(self, address: str, key: str, digest: bytes) -> bool:
        """Return whether a key may be compared with the known ones."""
        return len(key) >= SAFE_KEY_LENGTH or (address, digest) in self._proven or not self.wait(address)

    def note_right(self, address: str, key: str, digest: bytes) -> None:
        if len(key) < SAFE_KEY_LENGTH:
            self._proven[address, digest] = True

    def note_wrong(self, address: str, count: int = 1) -> float:
        """Counts wrong keys, and returns the seconds until the address may try again; 0: now."""
        wait = self.wait(address)
        if not wait:
            self._charge(network_of(address), MAX_WRONG_KEYS, WRONG_KEY_INTERVAL, count)
        return wait

    def wait(self, address: str) -> float:
        return self._wait(network_of(address), MAX_WRONG_KEYS, WRONG_KEY_INTERVAL)

    def charge_new_token(self, address: str) -> None:
        """Counts a GitHub token that the bridge has not seen before.  Raises BridgeError "rate_limited"."""
        wait = max(self.wait(address), self._wait(ALL_NEW_TOKENS, MAX_NEW_TOKENS, NEW_TOKEN_INTERVAL))
        if wait:
            raise too_many("too many unknown GitHub tokens", wait)
        self.note_wrong(address)
        self._charge(ALL_NEW_TOKENS, MAX_NEW_TOKENS, NEW_TOKEN_INTERVAL, 1)

    def _debt(self, name: str, limit: int, interval: float) -> float:
        """Return the seconds until all tries are paid off; 0 if the machine has restarted since."""
        left = self._tries.read(name) - self._clock()
        return left if 0 < left <= (limit + 1) * interval * 2 else 0.0

    def _wait(self, name: str, limit: int, interval: float) -> float:
        return max(0.0, self._debt(name, limit, interval) - (limit - 1) * interval)

    def _charge(self, name: str, limit: int, interval: float, count: int) -> None:
        left = min(self._debt(name, limit, interval) + count * interval, (limit + 1) * interval)
        self._tries.write(name, self._clock() + left)


def too_many(reason: str, wait: float) -> BridgeError:
    seconds = max(1, math.ceil(wait))
    return BridgeError(
        f"{reason}: wait {seconds} s", kind="rate_limited", headers={"retry-after": str(seconds)}
    )


def network_of(address: str) -> str:
    """The address itself, or the /64 network of an IPv6 address, which has one owner."""
    try:
        version = ip_address(address).version
    except ValueError:
        return address
    return address if version == 4 else str(ip_network(f"{address}/64", strict=False))
