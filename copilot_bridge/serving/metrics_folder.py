"""Where the workers count: a folder that lasts as long as the server, over all its reloads.

In memory, where there is such a place: what is counted is written all the time, and need not outlive us.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, MutableMapping
from pathlib import Path

NAME = "_COPILOT_BRIDGE_METRICS"  # not among the settings, whose names begin otherwise
FOR_WORKERS = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client looks at it

PREFIX = "copilot-bridge-metrics-"
LOCK = "lock"
MEMORY = "/dev/shm"  # noqa: S108 - a folder of our own is made in it


def places(environ: MutableMapping[str, str]) -> Iterator[Path]:
    """The service's own (systemd's RuntimeDirectory), the system's memory, the temporary files'."""
    for each in (environ.get("RUNTIME_DIRECTORY", "").split(":")[0], MEMORY, tempfile.gettempdir()):
        if each and os.access(each, os.W_OK | os.X_OK):
            yield Path(each)


def take(environ: MutableMapping[str, str]) -> Path | None:
    """The folder that the server before us has left, or a new one; None if there is no place for one."""
    folder = Path(environ.get(NAME, ""))
    if not environ.get(NAME) or not folder.is_dir():
        made = next(filter(None, map(make, places(environ))), None)
        environ.pop(FOR_WORKERS, None)  # somebody else's
        if made is None:
            return None
        folder = made
    environ[NAME] = environ[FOR_WORKERS] = str(folder)
    return folder


def make(place: Path) -> Path | None:
    """Also removes what others have left that were killed."""
    for old in place.glob(f"{PREFIX}*"):
        remove_abandoned(old)
    with contextlib.suppress(OSError):
        new = Path(tempfile.mkdtemp(prefix="copilot-bridge-new-", dir=place))
        lock(new / LOCK, create=True)
        return new.rename(place / f"{PREFIX}{new.name.rpartition('-')[2]}")
    return None


def remove_abandoned(folder: Path) -> None:
    """Nobody holds its lock."""
    with contextlib.suppress(OSError):  # somebody else's, or in use
        held = lock(folder / LOCK)
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def lock(path: Path, create: bool = False) -> int:
    """Held by this process, by what it becomes, and by its workers: until the last of them is gone.

    :raises OSError: it is held, or can't be.
    """
    import fcntl  # not on Windows, where no workers are either

    handle = os.open(path, os.O_RDWR | (os.O_CREAT | os.O_EXCL if create else 0), 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    os.set_inheritable(handle, True)
    return handle


def forget(folder: Path, pid: int) -> None:
    """A worker has ended: what it had open is gone; what it has counted stays."""
    for path in folder.glob(f"gauge_live*_{pid}.db"):
        path.unlink(missing_ok=True)


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
