"""The store that upstream's modules need, to keep JSON objects beyond the process."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol


class KeyValueStore(Protocol):
    """JSON objects by name, shared by all workers."""

    def read(self, name: str) -> dict[str, Any] | None: ...
    def write(self, name: str, content: Mapping[str, Any]) -> None: ...
    def prune(self, prefix: str, older: float) -> None: ...
    def lock(self, name: str) -> AbstractContextManager[object]: ...
