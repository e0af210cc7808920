"""A clock that the bench moves, for the process that finds this module at its start.

`BENCH_CLOCK` names a file with one double: seconds by which the wall clock is ahead, as after a sleep of the
machine.  `BENCH_SPEED` makes all clocks and gevent's timers go so many times as fast, for the life of the
process.
"""

import mmap
import os
import struct
import time
from pathlib import Path

SPEED = float(os.environ.get("BENCH_SPEED", "1"))
AHEAD = struct.Struct("=d")


def move_clocks(path: str) -> None:
    with Path(path).open("rb") as file:
        ahead = mmap.mmap(file.fileno(), AHEAD.size, access=mmap.ACCESS_READ)
    wall, steady = time.time, time.monotonic
    began, started = wall(), steady()

    def moved_time() -> float:
        moved: float = AHEAD.unpack_from(ahead)[0]
        return began + (wall() - began) * SPEED + moved

    time.time = moved_time
    if SPEED != 1:
        time.monotonic = lambda: started + (steady() - started) * SPEED
        os.environ["GEVENT_LOOP"] = "fast_loop.Loop"


if "BENCH_CLOCK" in os.environ:
    move_clocks(os.environ["BENCH_CLOCK"])
