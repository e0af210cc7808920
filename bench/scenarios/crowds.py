"""Many streams at a time, at the pace of a model."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.arena import SETTLE, SIZE, Arena, Sheet, Target, Watch, directive, quantile, rounds
from bench.load import Load, Reply
from bench.processes import Instructions
from bench.report import Goal, Row
from bench.surfaces import Event, chat, check_stream, lag_ms


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
