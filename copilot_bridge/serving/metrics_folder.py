"""The folder in which the workers count.  It lasts as long as the server, over all its reloads.

It is in memory, where possible: the workers write to it all the time, and it need not outlive them.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, MutableMapping
from pathlib import Path

FOLDER_VARIABLE = "_COPILOT_BRIDGE_METRICS"  # not a setting, so it has another prefix
PROMETHEUS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's name

PREFIX = "copilot-bridge-metrics-"
LOCK = "lock"
MEMORY = "/dev/shm"  # noqa: S108 - the bridge makes a folder of its own in it


def candidates(environ: MutableMapping[str, str]) -> Iterator[Path]:
    """Writable directories: systemd's RuntimeDirectory, the machine's memory, that of temporary files."""
    for path in (environ.get("RUNTIME_DIRECTORY", "").split(":")[0], MEMORY, tempfile.gettempdir()):
        if path and os.access(path, os.W_OK | os.X_OK):
            yield Path(path)


def prepare(environ: MutableMapping[str, str]) -> Path | None:
    """The folder of the previous server, or a new one; None if there is no directory for one."""
    folder = Path(environ.get(FOLDER_VARIABLE, ""))
    if not environ.get(FOLDER_VARIABLE) or not folder.is_dir():
        created = next(filter(None, map(create, candidates(environ))), None)
        environ.pop(PROMETHEUS_VARIABLE, None)  # set by another program
        if created is None:
            return None
        folder = created
    environ[FOLDER_VARIABLE] = environ[PROMETHEUS_VARIABLE] = str(folder)
    return folder


def create(directory: Path) -> Path | None:
    """A new folder.  Also removes the folders of servers that were killed."""
    for old in directory.glob(f"{PREFIX}*"):
        remove_abandoned(old)
    with contextlib.suppress(OSError):
        new = Path(tempfile.mkdtemp(prefix="copilot-bridge-new-", dir=directory))
        lock(new / LOCK, create=True)
        return new.rename(directory / f"{PREFIX}{new.name.rpartition('-')[2]}")
    return None


def remove_abandoned(folder: Path) -> None:
    """Remove the folder if no process holds its lock."""
    with contextlib.suppress(OSError):  # it is in use, or belongs to another user
        held = lock(folder / LOCK)
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def lock(path: Path, create: bool = False) -> int:
    """Lock the file for this process, its workers, and the server that it becomes by a reload.

    :raises OSError: another process holds the lock, or the file can't be opened.
    """
    import fcntl  # not on Windows, where there are no workers either

    handle = os.open(path, os.O_RDWR | (os.O_CREAT | os.O_EXCL if create else 0), 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    os.set_inheritable(handle, True)
    return handle


def remove_live_gauges(folder: Path, pid: int) -> None:
    """Remove what a worker that has ended had open; what it has counted stays."""
    for path in folder.glob(f"gauge_live*_{pid}.db"):
        path.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
