"""Where the scenarios take place: what is measured, how often, and the sheets that numbers go on."""

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.load import Address, Load, Response
from bench.processes import Instructions, NotStartedError, ProcessGroup, Server
from bench.report import BASE, RIVAL, Goal, Row
from bench.surfaces import Event, chat

SIZE = 40  # bytes of text in an event
RESPONSE = 400  # bytes of text in a response in one piece
UPSTREAM_BUSY = "upstream busy, % of a core"
SETTLE = 0.3  # seconds, for what a scenario has begun to come to rest


@dataclass(frozen=True)
class Scale:
    """How long everything goes on.  Times in seconds."""

    repetitions: int = 3
    small: int = 400  # requests one after the other
    crowd: int = 1600  # requests, 16 at a time
    slices: int = 30  # with and without keys and log at the same time
    slice: int = 640  # requests to each
    flood: int = 2000  # events
    floods: int = 25  # streams, one after the other
    growth: int = 2000  # events; ten streams of so many against one of ten times as many
    firsts: int = 50  # streams, for the times of their first bytes
    flood_repetitions: int = 5  # how much arrives at a time is a matter of luck
    paced: float = 5.0  # after all of them have begun
    paced_ramp: float = 1.0
    many: int = 1000  # streams
    ramp: float = 6.0  # until all of them have begun
    hold: float = 4.0
    burst_hold: float = 4.0
    large: int = 20  # requests
    responses: int = 3  # of 20 MB
    lists: int = 500  # requests
    leavers: int = 20  # clients
    leak: float = 60.0
    starts: int = 5
    path_rounds: int = 5
    work: float = 3600.0  # of an agent, on a fast clock


QUICK = Scale(
    repetitions=1,
    small=150,
    crowd=320,
    slices=4,
    slice=320,
    floods=5,
    growth=400,
    firsts=20,
    flood_repetitions=2,
    paced=1.0,
    paced_ramp=0.4,
    many=200,
    ramp=0.6,
    hold=0.9,
    burst_hold=2.0,
    large=5,
    responses=1,
    lists=100,
    leak=6.0,
    starts=1,
    path_rounds=1,
    work=900.0,
)


@dataclass
class Target:
    """Something that answers.  Without a server it is upstream itself, whose CPU is not ours to count."""

    name: str
    address: Address
    server: Server | None = None

    @property
    def is_bridge(self) -> bool:
        return self.name not in (BASE, RIVAL)

    def cpu(self) -> int:
        """ns."""
        return self.server.cpu() if self.server else 0

    @property
    def pids(self) -> list[int]:
        return self.server.pids if self.server else []


@dataclass
class Arena:
    """Where the scenarios take place.  `checkouts`: name -> the bridge's source."""

    group: ProcessGroup
    upstream: Server
    checkouts: dict[str, Path]
    scale: Scale
    countable: bool
    with_nginx: bool

    @property
    def secure(self) -> bool:
        """Upstream speaks TLS, which the clients don't: nobody goes there directly."""
        return self.upstream.certificate is not None

    def label(self, scenario: str) -> str:
        return f"{scenario}, over TLS" if self.secure else scenario

    @contextmanager
    def targets(
        self, *, bridges_only: bool = False, settings: Mapping[str, str] | None = None
    ) -> Iterator[list[Target]]:
        """All of them, started and warmed up.

        :param settings: of the bridges, where the default ones won't do.
        """
        with ExitStack() as stack:
            found = [] if self.secure or bridges_only else [Target(BASE, self.upstream.address)]
            if self.with_nginx and not bridges_only:
                nginx = stack.enter_context(self.group.nginx(self.upstream))
                found.append(Target(RIVAL, nginx.address, nginx))
            for name, checkout in self.checkouts.items():
                bridge = stack.enter_context(self.group.bridge(name, checkout, self.upstream, settings))
                found.append(Target(name, bridge.address, bridge))
            for target in found:
                warm_up(target)
            yield found


def warm_up(target: Target) -> None:
    """Raises NotStartedError: it does not answer, and its log says why."""
    try:
        for request in (chat(directive(1, RESPONSE)), chat(directive(5, SIZE), stream=True)):
            Load(target.address, request, lines=4, requests=10).run()
    except Exception as error:
        if target.server is None or target.server.process.poll() is None:
            raise
        raise NotStartedError(f"{target.name} ended: {target.server.log.read_text()[-2000:]}") from error
    if target.server:
        target.server.find_processes()


def directive(events: int, size: int, *, gap: float = 0, shape: str = "clean", batch: int = 1) -> str:
    return f"Say something. [[bench events={events} size={size} gap={gap:g} shape={shape} batch={batch}]]"


@dataclass
class Sheet:
    """Collects numbers: quantity -> target -> repetitions."""

    scenario: str
    goals: dict[str, Goal] = field(default_factory=dict)
    numbers: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def note(self, target: Target, quantity: str, value: float) -> None:
        self.numbers.setdefault(quantity, {}).setdefault(target.name, []).append(value)

    def over_direct(self, quantity: str, added: str) -> None:
        """A quantity more: what a target adds to the bare connection, repetition by repetition."""
        given = self.numbers[quantity]
        if BASE not in given:
            return
        self.numbers[added] = {
            name: [value - bare for value, bare in zip(values, given[BASE], strict=True)]
            for name, values in given.items()
            if name != BASE
        }

    def rows(self) -> list[Row]:
        return [
            Row(
                self.scenario,
                quantity,
                {name: statistics.median(values) for name, values in given.items()},
                given,
                self.goals.get(quantity),
            )
            for quantity, given in self.numbers.items()
        ]


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def rounds(repetitions: int, targets: Sequence[Target]) -> Iterator[Target]:
    """Each target once per repetition, in turn."""
    for _ in range(repetitions):
        yield from targets


def weighed(
    arena: Arena, target: Target, sheet: Sheet, load: Load, units: int, unit: str
) -> tuple[list[Response], float]:
    """The responses, and the CPU in ms per unit; instructions are noted where they can be counted."""
    with Instructions(target.pids if arena.countable else []) as executed:
        before, others, began = target.cpu(), arena.upstream.cpu(), time.monotonic_ns()
        responses = load.run()
        spent = target.cpu() - before
        busy = (arena.upstream.cpu() - others) / (time.monotonic_ns() - began)
    if executed.count is not None:
        sheet.note(target, f"k instructions / {unit}", executed.count / units / 1e3)
    sheet.note(target, UPSTREAM_BUSY, busy * 100)
    return responses, spent / units / 1e6


@dataclass
class Watch:
    """CPU (ns), memory (bytes) and the time (ns) at moments of a run."""

    target: Target
    cpu: list[int] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)
    at: list[int] = field(default_factory=list)

    def sample(self) -> None:
        self.at.append(time.monotonic_ns())
        self.cpu.append(self.target.cpu())
        self.rss.append(self.target.server.rss() if self.target.server else 0)

    def cpu_per(self, events: Sequence[Event]) -> float:
        """µs per event that came between the last two samples."""
        begin, end = self.at[-2:]
        inside = sum(begin <= event.at < end for event in events)
        return (self.cpu[-1] - self.cpu[-2]) / inside / 1e3
