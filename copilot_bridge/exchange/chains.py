"""What `previous_response_id` refers to: earlier requests and their answers, kept for a while.

Copilot keeps nothing.  So the bridge does, in memory: for an hour, up to a number of bytes, and for the
caller alone who asked.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cachetools import TTLCache

from copilot_bridge.access.callers import NOBODY, Caller
from copilot_bridge.dialects import codec

Item = dict[str, Any]

LIFE = 3600.0  # seconds
OVERHEAD = 4096  # bytes that a link was seen to take besides what it holds

# Where no key is needed, callers are told apart by what they show all the same.
CREDENTIALS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")


def caller_of(caller: Caller, account: str, headers: Mapping[str, str]) -> str:
    shown = [headers.get(name, "") for name in CREDENTIALS] if caller is NOBODY else []
    return hashlib.sha256("\0".join([caller.id, account, *shown]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Link:
    """A request's body as it came, what was answered, and what it went on from.

    Nothing is taken apart until somebody goes on from here.
    """

    before: "Link | None"
    given: bytes
    answer: bytes = b"[]"

    @property
    def size(self) -> int:
        """Bytes, with all before: what is shared is counted for each, so the bound holds."""
        return OVERHEAD + len(self.given) + len(self.answer) + (self.before.size if self.before else 0)

    def items(self) -> Iterator[Item]:
        """The conversation so far, as items."""
        if self.before:
            yield from self.before.items()
        yield from as_items(codec.read(self.given)["input"])
        yield from codec.read(self.answer)


def as_items(given: str | list[Item]) -> list[Item]:
    return [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else given


class Chains:
    """:param most: bytes of all that is kept; 0: nothing is."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self._links: TTLCache[tuple[str, str], Link] = TTLCache(most, LIFE, clock, lambda link: link.size)

    def find(self, caller: str, id_: str) -> Link | None:
        return self._links.get((caller, id_))

    def keep(self, caller: str, id_: str, link: Link) -> None:
        if link.size <= self.most:
            self._links[caller, id_] = link
