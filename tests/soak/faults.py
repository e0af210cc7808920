"""The faults, each with how long it lasts: what happens to a bridge in months, in minutes."""

import os
import resource
import signal
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from integration.harness import PATIENCE, Simulator

from soak.program import Program
from soak.wire import Wire

HOUR = 3600.0
KILLED_FOR = 5.0  # seconds in which a connection may break because its worker was killed


@dataclass
class Stage:
    """What the faults are done to.  `long`: seconds that the long ones last."""

    program: Program
    simulator: Simulator
    wire: Wire
    github_token: str
    clock: Path
    long: float
    killed_at: float = -1e9

    def was_killed(self) -> bool:
        return time.monotonic() - self.killed_at < KILLED_FOR


def tokens_expire(stage: Stage) -> None:
    stage.simulator.expire(stage.github_token)


def refused_for_the_rate(stage: Stage) -> None:
    """For one model and for a second, as a request of its own asks for it."""
    stage.program.ask("[[sim:status code=429 retry-after=1]] hello")


def connections_are_reset(stage: Stage) -> None:
    stage.wire.reset()


def connections_go_mute(stage: Stage) -> None:
    stage.wire.mute()


@contextmanager
def awaiting_workers(stage: Stage, number: int) -> Iterator[None]:
    """Until so many new workers note what they do: with a full disk they could not."""
    spool = stage.program.home / "data" / "spool"
    before = set(spool.glob("*.spool"))
    yield
    end = time.monotonic() + PATIENCE
    while len(set(spool.glob("*.spool")) - before) < number and time.monotonic() < end:
        time.sleep(0.05)


def reload(stage: Stage) -> None:
    with awaiting_workers(stage, 2):
        stage.program.process.send_signal(signal.SIGHUP)


def a_worker_is_killed(stage: Stage) -> None:
    workers = stage.program.workers()
    with awaiting_workers(stage, 1), suppress(ProcessLookupError):
        os.kill(workers[0], signal.SIGKILL)
        stage.killed_at = time.monotonic()


def github_is_down(stage: Stage) -> None:
    stage.wire.down = True
    stage.wire.reset()
    time.sleep(stage.long)
    stage.wire.down = False


def the_disk_is_full(stage: Stage) -> None:
    """No file of these processes may grow: what writes a byte more fails."""
    limit_files(stage, 1)
    time.sleep(stage.long)
    limit_files(stage, resource.RLIM_INFINITY)


def limit_files(stage: Stage, size: int) -> None:
    for pid in (stage.program.process.pid, *stage.program.workers()):
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def the_clock_jumps(stage: Stage) -> None:
    """An hour ahead, and back."""
    stage.clock.write_bytes(struct.pack("=d", HOUR))
    time.sleep(stage.long / 4)
    stage.clock.write_bytes(struct.pack("=d", 0.0))


Fault = Callable[[Stage], None]

# Those after which the workers are others than before come in the first half alone: what a worker has
# gathered is seen in the second.
FOR_ALL: tuple[Fault, ...] = (
    tokens_expire,
    refused_for_the_rate,
    connections_are_reset,
    connections_go_mute,
    the_clock_jumps,
    github_is_down,
    the_disk_is_full,
)
FIRST_HALF: tuple[Fault, ...] = (reload, a_worker_is_killed)
