"""`make soak`, or `make soak SECONDS=60`: fails if anything has grown, got lost, or had no honest end."""

import argparse
import itertools
import json
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from integration.harness import Simulator, environment, new_token
from processes import spawn

from soak.faults import FIRST_HALF, FOR_ALL, Fault, Stage
from soak.program import Held, Program
from soak.traffic import Agents, Tally, kinds
from soak.wire import Wire

MINUTES_30 = 1800.0
LONG, BETWEEN = 60.0, 5.0  # s: a long fault, and from the end of one to the next
AGENTS, PAUSE = 6, 0.5

# On a busy machine a run goes on until each has happened.
KINDS = {fault.__name__ for fault in (*FIRST_HALF, *FOR_ALL)}

# What a worker may have gathered from the middle of the run to its end.
MORE = Held(megabytes=40.0, files=12, threads=4)


def soak(seconds: float, home: Path, agents: int = AGENTS, pause: float = PAUSE) -> "Result":
    """:param seconds: in a shorter run than half an hour everything that lasts is shorter by as much."""
    share = min(1.0, seconds / MINUTES_30)
    with ExitStack() as stack:
        simulator = start_simulator(home)
        stack.callback(simulator.stop)
        wire = stack.enter_context(Wire(simulator.url))
        clock = home / "clock"
        clock.write_bytes(struct.pack("=d", 0.0))
        token = new_token()
        program = Program(home, settings(home, wire.url, token, clock))
        stack.callback(lambda: program.process.poll() is None and program.stop())
        program.ask("hello")  # the server has taken over from `start`
        stage = Stage(program, simulator, wire, token, clock, long=max(0.7, LONG * share))
        asking = Agents(program.address, agents, pause, stage.was_killed)
        done: Counter[str] = Counter()
        end = time.monotonic() + seconds
        for fault in faults(time.monotonic() + seconds / 2):
            rest(max(0.2, BETWEEN * min(1.0, share * 12)))
            if fault is None:
                before = program.held()
                continue
            if time.monotonic() >= end and done.keys() >= KINDS:
                break
            fault(stage)
            done[fault.__name__] += 1
            simulator.session.delete(f"{simulator.url}/_simulator/requests", timeout=20)
        tally = asking.end()
        rest(3.0)
        after = program.held()
        code = program.stop()
        traces = [line for line in program.log.all() if "Traceback" in line and "StoreError" not in line]
        return Result(done, tally, before, after, program.logged(), code, traces)


def start_simulator(home: Path) -> Simulator:
    """Its messages on reset connections are not checked."""
    command = [sys.executable, "-m", "copilot_bridge.simulator", "--pace", "0", "--exit-with-stdin"]
    pipe = subprocess.PIPE
    with (home / "simulator.log").open("wb") as log:
        process = spawn(command, cwd=home, env=environment(home), stdin=pipe, stdout=pipe, stderr=log)
    assert process.stdout is not None
    return Simulator(json.loads(process.stdout.readline())["url"], process)


def faults(half: float) -> Iterator[Fault | None]:
    """None once, where the first half ends."""
    yield from FIRST_HALF  # on a busy machine they alone may take the first half
    for fault in itertools.cycle((*FOR_ALL, *FIRST_HALF)):
        if time.monotonic() > half:
            break
        yield fault
    yield None
    yield from itertools.cycle(FOR_ALL)


def rest(seconds: float) -> None:
    """Between two faults the traffic goes on."""
    time.sleep(seconds)


def settings(home: Path, url: str, token: str, clock: Path) -> dict[str, str]:
    return {
        "COPILOT_BRIDGE_HOME": str(home / "data"),
        "COPILOT_BRIDGE_GITHUB_URL": url,
        "COPILOT_BRIDGE_GITHUB_API_URL": url,
        "COPILOT_BRIDGE_COPILOT_API_URL": url,
        "COPILOT_BRIDGE_GITHUB_TOKEN": token,
        "COPILOT_BRIDGE_READ_TIMEOUT": "20",
        "COPILOT_BRIDGE_KEEPALIVE": "2",
        "COPILOT_BRIDGE_GRACEFUL_TIMEOUT": "20",
        "COPILOT_BRIDGE_ENV_FILE": "",
        "SOAK_CLOCK": str(clock),
    }


class Result:
    def __init__(
        self,
        done: Counter[str],
        tally: Tally,
        before: Held,
        after: Held,
        logged: list[str],
        code: int,
        traces: list[str],
    ) -> None:
        self.done, self.tally, self.before, self.after = done, tally, before, after
        lost = set(tally.ids) - set(logged)
        twice = len(logged) - len(set(logged))
        grown = {
            name: (getattr(before, name), getattr(after, name))
            for name in ("megabytes", "files", "threads")
            if getattr(after, name) - getattr(before, name) > getattr(MORE, name)
        }
        self.rows = len(logged)
        self.wrong = [
            *(f"no honest end: {complaint}" for complaint in tally.dishonest[:20]),
            *([f"{len(lost)} answered requests are not in the log: {sorted(lost)[:5]}"] if lost else []),
            *([f"{twice} are in the log twice"] if twice else []),
            *(f"grown: {name} from {old:.0f} to {new:.0f}" for name, (old, new) in grown.items()),
            *([f"the exit code is {code}"] if code else []),
            *(f"in the log: {line[:300]}" for line in traces[:5]),
        ]

    def lines(self) -> Iterator[str]:
        yield "faults"
        yield from (f"  {name.replace('_', ' '):28}{count:6}" for name, count in sorted(self.done.items()))
        yield f"\n{'requests':30}{'chat':>10}{'messages':>10}{'responses':>10}"
        for end, counts in kinds(self.tally):
            yield f"  {end:28}" + "".join(f"{count:10}" for count in counts.values())
        yield f"  sent {self.tally.sent}, answered {len(self.tally.ids)}, rows in the log {self.rows}"
        yield f"\n{'held by the largest process':30}{'half-time':>10}{'end':>10}"
        for name in ("megabytes", "files", "threads"):
            yield f"  {name:28}{getattr(self.before, name):10.0f}{getattr(self.after, name):10.0f}"
        yield ""
        yield from (f"WRONG  {complaint}" for complaint in self.wrong)
        yield "FAILED" if self.wrong else "All is well."


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("seconds", nargs="?", type=float, default=MINUTES_30)
    seconds = parser.parse_args(given).seconds
    with tempfile.TemporaryDirectory(prefix="copilot-bridge-soak-") as folder:
        result = soak(seconds, Path(folder))
    print("\n".join(result.lines()))
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
