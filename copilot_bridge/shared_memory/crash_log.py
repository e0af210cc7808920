"""Notes of what a worker is doing, which outlive the worker.

A file that is mapped into memory costs a worker no system call to write to, and the system keeps what was
written even if the process is killed.  Another process finds the file and reads what the dead one was doing.
"""

import errno
import mmap
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from copilot_bridge.private_files import make_directory

HALF_SIZE = 1 << 20  # bytes; the two halves are written in turn

# The errors of a file system that can't reserve room.
NOT_SUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


class CrashLog:
    """Lines by key, of which the last one of each key counts.

    The file begins with the number of the half that is valid; a half begins at its second byte.

    :raises OSError: there is no room for the file.
    """

    def __init__(self, folder: Path) -> None:
        make_directory(folder)
        self._path = folder / f"{uuid.uuid4().hex}.spool"
        from filelock import FileLock  # the workers need it; the commands do not

        # Held as long as the process lives, however it ends.
        self._lock = FileLock(f"{self._path}.lock", mode=0o600, thread_local=False)
        self._lock.acquire()
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            reserve(handle, 2 * HALF_SIZE)  # a full disk is noticed now
            self._memory = mmap.mmap(handle, 2 * HALF_SIZE)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(handle)
        self._lines: dict[str, bytes] = {}
        self._half, self._end = 0, 1

    def put(self, key: str, line: bytes) -> None:
        """Note a line, which holds no line break."""
        line += b"\n"  # a copy, since short bytes from orjson occupy 4 kB
        self._lines[key] = line
        if self._end + len(line) > HALF_SIZE:
            self._compact()
        else:
            self._write(line)

    def forget(self, keys: list[str]) -> None:
        """Drop lines that are stored elsewhere by now.  The file loses them when it is compacted."""
        for key in keys:
            self._lines.pop(key, None)

    def _write(self, line: bytes) -> None:
        start = self._half * HALF_SIZE + self._end
        self._memory[start : start + len(line)] = line
        self._end += len(line)

    def _compact(self) -> None:
        """Write the lines that count to the other half, and then make that half the valid one."""
        self._half, self._end = 1 - self._half, 1
        start = self._half * HALF_SIZE
        self._memory[start + 1 : start + HALF_SIZE] = bytes(HALF_SIZE - 1)
        for line in self._lines.values():
            if self._end + len(line) <= HALF_SIZE:  # lines for which there is no room are lost in a crash
                self._write(line)
        self._memory[0] = self._half

    def close(self) -> None:
        """Remove the file, when nothing runs any more."""
        self._path.unlink(missing_ok=True)
        self._lock.release()
        Path(self._lock.lock_file).unlink(missing_ok=True)


def reserve(handle: int, size: int) -> None:
    """Have the file occupy its room on the disk, if possible without writing it.

    What is written stays in memory, and counts as this process's; a crash log hardly ever needs all of it.

    :raises OSError: there is no room.
    """
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(handle, 0, size)
            return
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
    if os.write(handle, bytes(size)) < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def left_behind(folder: Path) -> Iterator[list[bytes]]:
    """Yield the lines of each ended process.

    A process's file is removed when the caller asks for the next one.
    """
    from filelock import FileLock, Timeout

    for path in sorted(folder.glob("*.spool")):
        lock = FileLock(f"{path}.lock", timeout=0, mode=0o600)
        with suppress(Timeout, OSError), lock:
            if path.exists():
                yield lines_of(path.read_bytes())
                path.unlink(missing_ok=True)
                Path(lock.lock_file).unlink(missing_ok=True)


def find_line(folder: Path, prefix: bytes) -> bytes | None:
    """The last line with this prefix, of whichever process."""
    for path in folder.glob("*.spool"):
        with suppress(OSError):  # the file has gone meanwhile
            found = [line for line in lines_of(path.read_bytes()) if line.startswith(prefix)]
            if found:
                return found[-1]
    return None


def all_lines(folder: Path) -> Iterator[list[bytes]]:
    """Yield the lines of each running process."""
    from filelock import FileLock, Timeout

    for path in sorted(folder.glob("*.spool")):
        lock = FileLock(f"{path}.lock", timeout=0, mode=0o600)
        try:
            with lock:
                continue  # its process is gone
        except Timeout:
            with suppress(OSError):
                yield lines_of(path.read_bytes())
        except OSError:
            continue


def lines_of(content: bytes) -> list[bytes]:
    start = content[0] * HALF_SIZE if content else 0
    return content[start + 1 : start + HALF_SIZE].partition(b"\0")[0].split(b"\n")[:-1]
