"""The files in which the workers count.  A name's last part is the id of the worker's process."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Bytes, by kind.  The files are written in advance: a disk that is full later would kill the process in the
# middle of a count.
FILE_SIZES = {
    "counter": 1 << 18,
    "histogram": 1 << 19,
    "gauge_livesum": 1 << 16,
    "gauge_mostrecent": 1 << 16,
}

LIVE_SUM = "gauge_livesum"  # the kinds of gauges that end with their process
MOST_RECENT = "gauge_mostrecent"
MERGED_PID = 0  # in the names of the files in which those of ended processes are merged
MERGE_THRESHOLD = 8  # ended processes, whose files are worth merging


def preallocate(folder: Path) -> None:
    """Write this process' files.

    :raises OSError:
    """
    for kind, size in FILE_SIZES.items():
        path = folder / f"{kind}_{os.getpid()}.db"
        if path.exists() and kind != LIVE_SUM:
            continue  # of an earlier process with the same id: this one counts on
        path.write_bytes(bytes(size))


def collect(folder: Path) -> Iterable[Any]:
    """The metrics of all processes, as prometheus_client merges them."""
    from prometheus_client.multiprocess import MultiProcessCollector

    with locked(folder):
        ended = ended_processes(folder)
        files = [
            path for path in folder.glob("*.db") if kind_of(path) != LIVE_SUM or pid_of(path) not in ended
        ]
        return list(MultiProcessCollector.merge(list(map(str, files))))  # type: ignore[no-untyped-call]


def merge_ended(folder: Path, threshold: int = MERGE_THRESHOLD) -> None:
    """Merge the files of processes that have ended, or each reload would add some."""
    with locked(folder, exclusive=True):
        ended = ended_processes(folder)
        if len(ended) < threshold:
            return
        for kind in FILE_SIZES:
            names = (f"{kind}_{pid}.db" for pid in (MERGED_PID, *ended))
            old = [path for name in names if (path := folder / name).exists()]
            if kind != LIVE_SUM:
                merge(old, folder / f"{kind}.new", keep_newest=kind == MOST_RECENT)
            for path in old:
                path.unlink()
            if kind != LIVE_SUM:
                (folder / f"{kind}.new").rename(folder / f"{kind}_{MERGED_PID}.db")


def merge(paths: Iterable[Path], target: Path, *, keep_newest: bool) -> None:
    """Write the sum of the files, or the newest of each value.

    `MmapedDict` is no public part of prometheus_client, which can read such files but merge none.
    """
    from prometheus_client.mmap_dict import MmapedDict

    merged: dict[str, tuple[float, float]] = {}  # (time, value)
    for path in paths:
        for key, value, time, _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
            before = merged.get(key, (0.0, 0.0))
            merged[key] = max(before, (time, value)) if keep_newest else (time, before[1] + value)
    target.unlink(missing_ok=True)
    file = MmapedDict(str(target))  # type: ignore[no-untyped-call]
    for key, (time, value) in merged.items():
        file.write_value(key, value, time)  # type: ignore[no-untyped-call]
    file.close()  # type: ignore[no-untyped-call]


@contextmanager
def locked(folder: Path, *, exclusive: bool = False) -> Iterator[None]:
    """Keep others from merging meanwhile; exclusive: from reading, too."""
    import fcntl  # not on Windows, where there are no workers either

    handle = os.open(folder / "reading", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def ended_processes(folder: Path) -> set[int]:
    return {pid for pid in map(pid_of, folder.glob("*.db")) if pid != MERGED_PID and has_ended(pid)}


def has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # the id belongs to another user's process by now
        return True
    return False


def pid_of(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def kind_of(path: Path) -> str:
    return path.stem.rpartition("_")[0]
