"""A directory of small JSON files that only their owner can read.

A file is written whole and then renamed into place, so whoever reads it finds the old or the new one,
never half of one; a crash in between loses nothing.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock, Timeout

from copilot_bridge.errors import BridgeError, ConfigError
from copilot_bridge.private_files import make_directory, written_beside

log = logging.getLogger(__name__)

# A token is fetched under a lock; whoever waits longer than any such fetch takes can't be helped by it.
LOCK_TIMEOUT = 90.0


class JsonFiles:
    """Named JSON objects below a directory.  Names may hold slashes: "tokens/ab12"."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def read(self, name: str) -> dict[str, Any] | None:
        """None if there is none; a file that can't be understood is as good as none, and is told of."""
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
        """Raises ConfigError: the data directory can't be written to."""
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
        """Held by one process at a time; the system takes it from a holder that dies.

        Where it can't be had, the work goes on without: a full disk costs nobody an answer.
        """
        patience = LOCK_TIMEOUT if timeout is None else timeout
        held = FileLock(self.home / "locks" / f"{name}.lock", timeout=patience, mode=0o600)
        try:
            make_directory(self.home / "locks")
            held.acquire()
        except (OSError, Timeout) as error:
            log.warning("can't lock %s: %s", held.lock_file, error)
        try:
            yield
        finally:
            held.release()

    def _path(self, name: str) -> Path:
        return self.home / f"{name}.json"

    def _unwritable(self, error: OSError) -> BridgeError:
        return ConfigError(f"can't write to the data directory {self.home}: {error.strerror or error}")
