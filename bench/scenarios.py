"""What is asked of each target, and what is read off.

Every scenario starts its targets afresh, warms them up, and asks them in turn, so that a slow minute of
the machine hits all of them.  CPU is user + system time of a target's whole process tree.
"""

import base64
import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.load import Address, Load, Reply
from bench.processes import Instructions, NotStartedError, Server, Yard
from bench.report import BASE, RIVAL, Goal, Row
from bench.scripts import MODELS, SHAPES, SURFACES
from bench.surfaces import Event, ask, chat, check_stream, check_whole, get, lag_ms

SIZE = 40  # bytes of text in an event
REPLY = 400  # bytes of text in an answer in one piece
IMAGE = 1_500_000  # bytes; 2 MB as base64
SETTLE = 0.3  # s, for what a scenario has begun to come to rest


@dataclass(frozen=True)
class Scale:
    """How long everything goes on.  Times in seconds."""

    repetitions: int = 3
    small: int = 400  # requests one after the other
    crowd: int = 1600  # requests, 16 at a time
    flood: int = 2000  # events
    floods: int = 25  # streams, one after the other
    flood_repetitions: int = 5  # how much arrives at a time is a matter of luck
    paced: float = 5.0  # after all of them have begun
    paced_ramp: float = 1.0
    many: int = 1000  # streams
    ramp: float = 6.0  # until all of them have begun
    hold: float = 4.0
    large: int = 20  # requests
    starts: int = 3


QUICK = Scale(
    repetitions=1,
    small=150,
    crowd=320,
    floods=5,
    flood_repetitions=2,
    paced=1.0,
    paced_ramp=0.4,
    many=200,
    ramp=0.6,
    hold=0.9,
    large=5,
    starts=1,
)


@dataclass
class Target:
    """Something that answers.  Without a server it is upstream itself, whose CPU is not ours to count."""

    name: str
    address: Address
    server: Server | None = None

    def cpu(self) -> int:
        """ns."""
        return self.server.cpu() if self.server else 0

    @property
    def pids(self) -> list[int]:
        return self.server.pids if self.server else []


@dataclass
class Arena:
    """Where the scenarios take place.  `checkouts`: name -> the bridge's source."""

    yard: Yard
    upstream: Server
    checkouts: dict[str, Path]
    scale: Scale
    countable: bool
    with_nginx: bool

    @contextmanager
    def targets(self) -> Iterator[list[Target]]:
        """All of them, started and warmed up."""
        with ExitStack() as stack:
            found = [Target(BASE, self.upstream.address)]
            if self.with_nginx:
                nginx = stack.enter_context(self.yard.nginx(self.upstream))
                found.append(Target(RIVAL, nginx.address, nginx))
            for name, checkout in self.checkouts.items():
                bridge = stack.enter_context(self.yard.bridge(name, checkout, self.upstream))
                found.append(Target(name, bridge.address, bridge))
            for target in found:
                warm_up(target)
            yield found


def warm_up(target: Target) -> None:
    """Raises NotStartedError: it does not answer, and its log says why."""
    try:
        for request in (chat(directive(1, REPLY)), chat(directive(5, SIZE), stream=True)):
            Load(target.address, request, lines=4, requests=10).run()
    except Exception as error:
        if target.server is None or target.server.process.poll() is None:
            raise
        raise NotStartedError(f"{target.name} ended: {target.server.log.read_text()[-2000:]}") from error
    if target.server:
        target.server.settle()


def directive(events: int, size: int, *, gap: float = 0, shape: str = "clean") -> str:
    return f"Say something. [[bench events={events} size={size} gap={gap:g} shape={shape}]]"


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
) -> tuple[list[Reply], float]:
    """The replies, and the CPU in ms per unit; instructions are noted where they can be counted."""
    with Instructions(target.pids if arena.countable else []) as executed:
        before = target.cpu()
        replies = load.run()
        spent = target.cpu() - before
    if executed.count is not None:
        sheet.note(target, f"k instructions / {unit}", executed.count / units / 1e3)
    return replies, spent / units / 1e6


def small(arena: Arena) -> list[Row]:
    """A short question and a short answer in one piece."""
    scale, request = arena.scale, chat(directive(1, REPLY))
    alone = Sheet("small chat, one at a time", {"CPU ms / request": Goal(1.5)})
    crowd = Sheet("small chat, 16 at a time", {"CPU ms / request": Goal(1.5)})
    with arena.targets() as targets:
        for target in rounds(arena.scale.repetitions, targets):
            load = Load(target.address, request, requests=scale.small)
            replies, cpu = weighed(arena, target, alone, load, scale.small, "request")
            verify(replies, REPLY)
            if target.server:
                alone.note(target, "CPU ms / request", cpu)
            for share in (0.5, 0.99):
                taken = quantile([reply.ms for reply in replies], share)
                alone.note(target, f"latency p{share * 100:.0f}, ms", taken)
            load = Load(target.address, request, lines=16, requests=scale.crowd // 16)
            began = time.monotonic()
            replies, cpu = weighed(arena, target, crowd, load, scale.crowd, "request")
            crowd.note(target, "requests / s", len(replies) / (time.monotonic() - began))
            verify(replies, REPLY)
            if target.server:
                crowd.note(target, "CPU ms / request", cpu)
    for name in ("p50", "p99"):
        alone.over_direct(f"latency {name}, ms", f"latency {name} over direct, ms")
    return alone.rows() + crowd.rows()


def verify(replies: Sequence[Reply], size: int) -> None:
    for reply in replies:
        check_whole(reply, size)


def flood(arena: Arena) -> list[Row]:
    """One stream as fast as it goes, again and again on one connection.

    The more arrives at a time, the cheaper an event is for nginx: from 5 µs each down to 1.4 when upstream
    runs ahead.  Compare ratios within a run only.
    """
    scale = arena.scale
    sheets = {
        shape: Sheet(f"one stream flat out, {shape}", {"CPU µs / event": Goal(2, ratio=True)})
        for shape in SHAPES
    }
    with arena.targets() as targets:
        for (shape, sheet), target in itertools.product(
            sheets.items(), rounds(scale.flood_repetitions, targets)
        ):
            prompt = directive(scale.flood, SIZE, shape=shape)
            request = ask(SURFACES[shape], prompt, model=MODELS[shape])
            Load(target.address, request).run()
            load = Load(target.address, request, requests=scale.floods)
            began = time.monotonic()
            events = scale.flood * scale.floods
            replies, cpu = weighed(arena, target, sheet, load, events, "event")
            taken = time.monotonic() - began
            for reply in replies:
                check_stream(reply, scale.flood, SIZE, surface=SURFACES[shape])
            if target.server:
                sheet.note(target, "CPU µs / event", cpu * 1e3)
            sheet.note(target, "k events / s", events / taken / 1e3)
    return [row for sheet in sheets.values() for row in sheet.rows()]


@dataclass
class Watch:
    """CPU (ns), memory (bytes) and the time (ns) at moments of a run."""

    target: Target
    cpu: list[int] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)
    at: list[int] = field(default_factory=list)

    def look(self) -> None:
        self.at.append(time.monotonic_ns())
        self.cpu.append(self.target.cpu())
        self.rss.append(self.target.server.rss() if self.target.server else 0)

    def cpu_per(self, events: Sequence[Event]) -> float:
        """µs per event that came between the last two looks."""
        begin, end = self.at[-2:]
        inside = sum(begin <= event.at < end for event in events)
        return (self.cpu[-1] - self.cpu[-2]) / inside / 1e3


@dataclass(frozen=True)
class Crowd:
    """Many paced streams.  `rate`: events per second of each; times in seconds."""

    streams: int
    rate: float
    ramp: float
    hold: float

    def run(self, target: Target) -> tuple[list[Reply], list[Event], Watch]:
        """All of them together, looked at before, when the last has begun, and near the end."""
        events = round(self.rate * (self.ramp + self.hold))
        watch = Watch(target)
        marks = [(SETTLE, watch.look), (self.hold - SETTLE, watch.look)]
        prompt = directive(events, SIZE, gap=1 / self.rate)
        load = Load(target.address, chat(prompt, stream=True), lines=self.streams, marks=marks)
        load.stagger = self.ramp / self.streams
        watch.look()
        replies = load.run()
        found = [check_stream(reply, events, SIZE, stamped=True) for reply in replies]
        return replies, [event for each in found for event in each], watch


def note_times(sheet: Sheet, target: Target, replies: Sequence[Reply], events: Sequence[Event]) -> None:
    lags = [lag_ms(event) for event in events]
    firsts = [(reply.arrivals[0][0] - reply.sent) / 1e6 for reply in replies]
    for share in (0.5, 0.99):
        sheet.note(target, f"lag p{share * 100:.0f}, ms", quantile(lags, share))
    for share in (0.5, 0.99):
        sheet.note(target, f"first byte p{share * 100:.0f}, ms", quantile(firsts, share))


def paced(arena: Arena) -> list[Row]:
    """100 streams of 50 events a second each."""
    goals = {"CPU µs / event": Goal(3, ratio=True)}
    sheet = Sheet("100 streams, 50 events/s each", goals)
    scale = arena.scale
    crowd = Crowd(streams=100, rate=50, ramp=scale.paced_ramp, hold=scale.paced)
    with arena.targets() as targets:
        for target in rounds(scale.repetitions, targets):
            with Instructions(target.pids if arena.countable else []) as executed:
                replies, events, watch = crowd.run(target)
            if executed.count is not None:
                sheet.note(target, "k instructions / event", executed.count / len(events) / 1e3)
            if target.server:
                sheet.note(target, "CPU µs / event", watch.cpu_per(events))
            note_times(sheet, target, replies, events)
    for quantity in [name for name in sheet.numbers if name.startswith("lag")]:
        sheet.over_direct(quantity, f"{quantity.removesuffix(', ms')} over direct, ms")
    return sheet.rows()


def many(arena: Arena) -> list[Row]:
    """1,000 streams at once, 2 events a second each; not repeated: memory is given back late or never."""
    scale = arena.scale
    goals = {"kB / stream": Goal(60), "first byte p99 over direct, ms": Goal(60)}
    sheet = Sheet(f"{scale.many:,} streams, 2 events/s each", goals)
    crowd = Crowd(streams=scale.many, rate=2, ramp=scale.ramp, hold=scale.hold)
    with arena.targets() as targets:
        for target in targets:
            replies, events, watch = crowd.run(target)
            if target.server:
                grown = max(watch.rss) - watch.rss[0]
                sheet.note(target, "kB / stream", grown / scale.many / 1e3)
                sheet.note(target, "CPU µs / event", watch.cpu_per(events))
            note_times(sheet, target, replies, events)
    sheet.over_direct("first byte p99, ms", "first byte p99 over direct, ms")
    return sheet.rows()


def large(arena: Arena) -> list[Row]:
    """A prompt of 2 MB: a picture as a data URL."""
    sheet = Sheet("2 MB prompt with an image", {"CPU ms / request": Goal(15)})
    picture = base64.b64encode(random.Random(1).randbytes(IMAGE)).decode()
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    request = chat([{"type": "text", "text": directive(1, REPLY)}, image])
    count = arena.scale.large
    with arena.targets() as targets:
        for target in rounds(arena.scale.repetitions, targets):
            Load(target.address, request).run()
            load = Load(target.address, request, requests=count)
            replies, cpu = weighed(arena, target, sheet, load, count, "request")
            verify(replies, REPLY)
            if target.server:
                sheet.note(target, "CPU ms / request", cpu)
            sheet.note(target, "latency p50, ms", quantile([reply.ms for reply in replies], 0.5))
    return sheet.rows()


def start(arena: Arena) -> list[Row]:
    """From the start of the process to its first answers, and what it weighs when it has nothing to do."""
    sheet = Sheet("start", {"s to the first answer of a model": Goal(0.8), "idle RSS, MB": Goal(85)})
    for _, (name, checkout) in itertools.product(range(arena.scale.starts), arena.checkouts.items()):
        with arena.yard.bridge(name, checkout, arena.upstream) as server:
            target = Target(name, server.address, server)
            health = Load(server.address, get("/healthz")).run()[0]
            if not health.raw.startswith(b"HTTP/1.1 200"):
                raise NotStartedError(f"{name} is not well: {health.raw[:300]!r}")
            answer = Load(server.address, chat(directive(1, REPLY))).run()[0]
            check_whole(answer, REPLY)
            time.sleep(SETTLE)
            server.settle()
            for quantity, reply in (("/healthz", health), ("the first answer of a model", answer)):
                sheet.note(target, f"s to {quantity}", (reply.arrivals[-1][0] - server.began) / 1e9)
            sheet.note(target, "idle RSS, MB", server.rss() / 1e6)
    return sheet.rows()


SCENARIOS: dict[str, Callable[[Arena], list[Row]]] = {
    "start": start,
    "small": small,
    "flood": flood,
    "paced": paced,
    "many": many,
    "large": large,
}
