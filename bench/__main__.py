"""python -m bench: the bridge beside nginx and a bare connection, every response checked.

Loopback only; needs Linux.  Core 0 is for what is measured, core 1 for upstream and the clients.
"""

import argparse
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from bench.arena import QUICK, Arena, Scale
from bench.load import WrongResponseError
from bench.processes import (
    HERE,
    LOAD_CORE,
    SERVER_CORE,
    TICK,
    Instructions,
    NotStartedError,
    ProcessGroup,
    busy,
    find_nginx,
    pin,
)
from bench.report import OURS, Row, notes, read_json, table, write_json
from bench.scenarios import SCENARIOS

OTHER = "other"  # the column of --against
RESULTS = Path(__file__).resolve().parent / "results"


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything: four minutes")
    parser.add_argument(
        "--only", action="append", choices=list(SCENARIOS), metavar="SCENARIO", help=", ".join(SCENARIOS)
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="where the results go (bench/results/...)")
    parser.add_argument(
        "--against", type=Path, metavar="CHECKOUT", help="measure another checkout's bridge beside this one's"
    )
    parser.add_argument(
        "--base",
        type=Path,
        metavar="PATH",
        help="compare with the results of an earlier run (make bench BASE=)",
    )
    parser.add_argument(
        "--leak", type=float, metavar="SECONDS", help="how long clients come and go (600 to be sure)"
    )
    return parser.parse_args(given)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def leave(number: int, _frame: FrameType | None) -> NoReturn:
    """A signal ends the bench by its usual way out, which stops what it has started."""
    raise SystemExit(128 + number)


def machine(pinned: bool, countable: bool) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": platform.release(),
        "processor": processor(),
        "nginx": nginx_version(),
        "cores": os.cpu_count(),
        "pinned": pinned,
        "instructions counted": countable,
        "commit": commit(),
        "load average before": os.getloadavg()[0],
        "yardstick before, ms": yardstick(),
    }


def processor() -> str:
    return Path("/proc/cpuinfo").read_text().partition("model name")[2].partition("\n")[0].strip(" \t:")


def nginx_version() -> str:
    program = find_nginx()
    output = (
        subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stderr if program else ""
    )
    return output.strip().rpartition("/")[2] or "none"


def yardstick() -> float:
    """ms of CPU for a fixed piece of work: how fast the machine is at the moment."""
    began = time.process_time()
    sum(number * number for number in range(1_000_000))
    return round((time.process_time() - began) * 1e3, 1)


def commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def measure(
    group: ProcessGroup,
    names: Sequence[str],
    scale: Scale,
    against: Path | None,
    countable: bool,
    rows: list[Row],
) -> None:
    """:param rows: where they go; what has been measured before an error is not lost."""
    checkouts = {OURS: HERE} | ({OTHER: against.resolve()} if against else {})
    with group, group.upstream() as upstream:
        with_nginx = find_nginx() is not None
        if not with_nginx:
            say("nginx is not installed: its column and the ratios to it are left out")
        arena = Arena(group, upstream, checkouts, scale, countable, with_nginx)
        for name in names:
            began = time.monotonic()
            measured = SCENARIOS[name](arena)
            rows += measured
            say(
                f"{name}: {time.monotonic() - began:.0f} s" if measured else f"{name}: can't be measured here"
            )


def main(given: Sequence[str] | None = None) -> int:
    options = arguments(given)
    if not sys.platform.startswith("linux"):
        say("the bench reads /proc and pins processes to cores: it needs Linux")
        return 2
    try:
        base = read_json(options.base)[0] if options.base else []
    except (OSError, ValueError, LookupError, TypeError) as error:
        say(f"{options.base} holds no results of the bench: {error!r}")
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    pinned = (os.cpu_count() or 1) > 1 and pin(SERVER_CORE) and pin(LOAD_CORE)
    if not pinned:
        say("processes can't be pinned to cores here: expect noise")
    countable = Instructions.countable()
    if not countable:
        say("instructions can't be counted here (perf stat): CPU time alone, which moves with the machine")
    facts = machine(pinned, countable)
    scale = QUICK if options.quick else Scale()
    scale = replace(scale, leak=options.leak) if options.leak else scale
    before, began = busy(SERVER_CORE), time.monotonic()
    rows: list[Row] = []
    status, group = 0, ProcessGroup()
    try:
        measure(group, options.only or list(SCENARIOS), scale, options.against, countable, rows)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except (NotStartedError, WrongResponseError) as error:
        say(f"{type(error).__name__}: {error}")
        status = 1
    facts |= {"yardstick after, ms": yardstick(), "load average after": os.getloadavg()[0]}
    seconds = time.monotonic() - began
    ticks, stolen = (after - earlier for after, earlier in zip(busy(SERVER_CORE), before, strict=True))
    foreign = ticks / TICK - group.spent / 1e9
    facts |= {"seconds": round(seconds), "steal ticks of the servers' core": stolen}
    facts |= {"others on the servers' core, %": round(foreign / seconds * 100, 1)}
    print(table(rows, base), notes(facts), sep="\n\n")
    path = options.json or RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    write_json(path, rows, facts)
    say(f"written to {path}")
    return status


if __name__ == "__main__":
    sys.exit(main())
