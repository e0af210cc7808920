"""The waiting times of a request before it is sent to Copilot."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct


class Waits(Struct):
    """Seconds, each counted once: a token that is fetched for a catalogue counts as a token.

    :param connection: until a new connection to Copilot was open.
    """

    connection: float = 0.0
    token: float = 0.0
    catalogue: float = 0.0

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Count the time of the block under this name, without what is counted in it under another one."""
        began, before = time.monotonic(), self.total
        try:
            yield
        finally:
            seconds = time.monotonic() - began - (self.total - before)
            setattr(self, name, getattr(self, name) + max(0.0, seconds))

    @property
    def total(self) -> float:
        return self.connection + self.token + self.catalogue
