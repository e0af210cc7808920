"""The workers' files.  A name's last part is the number of the process that counts in it."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Written in advance: a disk that is full later would end the process in the middle of a count.
ROOM = {"counter": 1 << 18, "histogram": 1 << 19, "gauge_livesum": 1 << 16, "gauge_mostrecent": 1 << 16}

OPEN = "gauge_livesum"  # what a process has open, which is gone with it
LATEST = "gauge_mostrecent"
MERGED_PID = 0  # the number of the file in which those that are gone are added up
MANY = 8  # processes that are gone, whose files are better added up


def make_room(folder: Path) -> None:
    """For this process' files.  Raises OSError."""
    for kind, size in ROOM.items():
        path = folder / f"{kind}_{os.getpid()}.db"
        if path.exists() and kind != OPEN:
            continue  # of a process that had the same number: it is counted on
        path.write_bytes(bytes(size))


def all_read(folder: Path) -> Iterable[Any]:
    """What all processes have counted, as prometheus_client puts it together."""
    from prometheus_client.multiprocess import MultiProcessCollector

    with reading(folder):
        gone = gone_from(folder)
        files = [path for path in folder.glob("*.db") if kind_of(path) != OPEN or number_of(path) not in gone]
        return list(MultiProcessCollector.merge(list(map(str, files))))  # type: ignore[no-untyped-call]


def fold(folder: Path, most: int = MANY) -> None:
    """Add up what those have counted that are gone, lest there be more files with each reload."""
    with reading(folder, alone=True):
        gone = gone_from(folder)
        if len(gone) < most:
            return
        for kind in ROOM:
            old = [
                path for number in (MERGED_PID, *gone) if (path := folder / f"{kind}_{number}.db").exists()
            ]
            if kind != OPEN:
                add_up(old, folder / f"{kind}.new", latest=kind == LATEST)
            for path in old:
                path.unlink()
            if kind != OPEN:
                (folder / f"{kind}.new").rename(folder / f"{kind}_{MERGED_PID}.db")


def add_up(paths: Iterable[Path], target: Path, *, latest: bool) -> None:
    """:param latest: of each number the newest, instead of the sum."""
    from prometheus_client.mmap_dict import MmapedDict

    sums: dict[str, tuple[float, float]] = {}  # (when, how much)
    for path in paths:
        for key, value, at, _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
            before = sums.get(key, (0.0, 0.0))
            sums[key] = max(before, (at, value)) if latest else (at, before[1] + value)
    target.unlink(missing_ok=True)
    file = MmapedDict(str(target))  # type: ignore[no-untyped-call]
    for key, (at, value) in sums.items():
        file.write_value(key, value, at)  # type: ignore[no-untyped-call]
    file.close()  # type: ignore[no-untyped-call]


@contextmanager
def reading(folder: Path, *, alone: bool = False) -> Iterator[None]:
    """While it lasts nobody adds up; or, alone, nobody reads either."""
    import fcntl  # not on Windows, where no workers are either

    handle = os.open(folder / "reading", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def gone_from(folder: Path) -> set[int]:
    return {
        number for number in map(number_of, folder.glob("*.db")) if number != MERGED_PID and is_gone(number)
    }


def is_gone(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's by now
        return True
    return False


def number_of(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def kind_of(path: Path) -> str:
    return path.stem.rpartition("_")[0]
