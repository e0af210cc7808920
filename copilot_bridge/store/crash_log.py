"""What a worker is doing, in memory that outlives it.

A file that is mapped into memory costs a worker no system call to write to, and the system keeps what was
written even if the process is killed.  Whoever finds the file of a process that is gone reads what it was
doing.
"""

import errno
import mmap
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from copilot_bridge.store.files import Files

HALF = 1 << 20  # bytes; the two halves are written in turn


class CrashLog:
    """Lines by key, the last one of a key counts.  Raises OSError: there is no room for the file."""

    def __init__(self, folder: Path) -> None:
        Files(folder.parent).make(folder)
        self._path = folder / f"{uuid.uuid4().hex}.spool"
        # Held for as long as the process lives, however it ends.
        self._lock = FileLock(f"{self._path}.lock", mode=0o600, thread_local=False)
        self._lock.acquire()
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            if os.write(handle, bytes(2 * HALF)) < 2 * HALF:  # written, so that a full disk is told now
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._memory = mmap.mmap(handle, 2 * HALF)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(handle)
        self._lines: dict[str, bytes] = {}
        self._half, self._at = 0, 1

    def put(self, key: str, line: bytes) -> None:
        """:param line: without a line's end in it."""
        line += b"\n"  # a copy, too: what orjson makes takes 4 kB, however short it is
        self._lines[key] = line
        if self._at + len(line) > HALF:
            self._turn()
        else:
            self._write(line)

    def forget(self, keys: list[str]) -> None:
        """They are safe elsewhere.  Their lines go with the next turn."""
        for key in keys:
            self._lines.pop(key, None)

    def _write(self, line: bytes) -> None:
        start = self._half * HALF + self._at
        self._memory[start : start + len(line)] = line
        self._at += len(line)

    def _turn(self) -> None:
        """What still counts goes to the other half; when all of it is there, a single byte says so."""
        self._half, self._at = 1 - self._half, 1
        start = self._half * HALF
        self._memory[start + 1 : start + HALF] = bytes(HALF - 1)
        for line in self._lines.values():
            if self._at + len(line) <= HALF:  # more at a time than there is room for: the rest is not saved
                self._write(line)
        self._memory[0] = self._half

    def close(self) -> None:
        """The file goes: nothing is under way any more."""
        self._path.unlink(missing_ok=True)
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


def left_behind(folder: Path) -> Iterator[list[bytes]]:
    """The lines of each process that is gone; its file is removed when, and if, the caller goes on."""
    for path in sorted(folder.glob("*.spool")):
        lock = FileLock(f"{path}.lock", timeout=0, mode=0o600)
        with suppress(Timeout, OSError), lock:
            if path.exists():
                yield lines_of(path.read_bytes())
                path.unlink(missing_ok=True)
                Path(lock.lock_file).unlink(missing_ok=True)


def find_line(folder: Path, start: bytes) -> bytes | None:
    """The last one that begins so, of any process's."""
    for path in folder.glob("*.spool"):
        with suppress(OSError):  # it has gone meanwhile
            found = [line for line in lines_of(path.read_bytes()) if line.startswith(start)]
            if found:
                return found[-1]
    return None


def lines_of(content: bytes) -> list[bytes]:
    half = content[0] * HALF if content else 0
    return content[half + 1 : half + HALF].partition(b"\0")[0].split(b"\n")[:-1]
