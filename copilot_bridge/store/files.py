"""A directory of small JSON files that only their owner can read.

A file is written whole and then moved into place: others read the old one or the new one, never a part, and a
crash in between loses nothing.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from copilot_bridge.errors import BridgeError, ConfigError
from copilot_bridge.private_files import make_directory, written_beside

log = logging.getLogger(__name__)

# Seconds; longer than any token exchange takes, which is done under such a lock.
LOCK_TIMEOUT = 90.0


class JsonFiles:
    """Named JSON objects below a directory.  Names may hold slashes: "tokens/ab12"."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def read(self, name: str) -> dict[str, Any] | None:
        """Read an object.  None: there is no such file, or it can't be read, which is logged."""
        path = self._path(name)
        try:
            content = orjson.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError) as error:
            log.warning("can't read %s: %s", path, error)
            return None
        return content if isinstance(content, dict) else None

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Write an object.  Raises ConfigError: the data directory can't be written to."""
        path = self._path(name)
        try:
            make_directory(path.parent)
            with written_beside(path, orjson.dumps(dict(content), option=orjson.OPT_INDENT_2)) as temporary:
                temporary.replace(path)
        except OSError as error:
            raise self._unwritable(error) from error

    def remove(self, name: str) -> None:
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error

    @contextmanager
    def lock(self, name: str, timeout: float | None = None) -> Iterator[None]:
        """A lock for the block, held by one process at a time.  The system releases it if its holder dies.

        Where it can't be had, the block runs without it: a full disk must not fail a request.
        """
        from filelock import FileLock, Timeout  # reading needs none, and that is what most commands do

        seconds = LOCK_TIMEOUT if timeout is None else timeout
        lock = FileLock(self.home / "locks" / f"{name}.lock", timeout=seconds, mode=0o600)
        try:
            make_directory(self.home / "locks")
            lock.acquire()
        except (OSError, Timeout) as error:
            log.warning("can't lock %s: %s", lock.lock_file, error)
        try:
            yield
        finally:
            lock.release()

    def _path(self, name: str) -> Path:
        return self.home / f"{name}.json"

    def _unwritable(self, error: OSError) -> BridgeError:
        return ConfigError(f"can't write to the data directory {self.home}: {error.strerror or error}")
