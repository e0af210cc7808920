"""Many streams at a time, at the pace of a model."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson

from bench.arena import (
    RESPONSE,
    SETTLE,
    SIZE,
    UPSTREAM_BUSY,
    Arena,
    Sheet,
    Target,
    Watch,
    directive,
    quantile,
    rounds,
)
from bench.load import Load, Response
from bench.processes import Instructions, Server
from bench.report import Goal, Row
from bench.scripts import MODELS, SURFACES, filler
from bench.surfaces import Event, ask, body_of, chat, check_stream, get, lag_ms

SHARES = (0.5, 0.99)
ARRIVAL_TIME = 5.0  # seconds
LARGE_PROMPT, LARGE_EVERY = 2_000_000, 50  # bytes, clients


@dataclass(frozen=True)
class Crowd:
    """Many paced streams.  `rate`: events per second of each; times in seconds.

    :param client: the API that the clients speak.
    :param shape: of upstream's stream.
    """

    streams: int
    rate: float
    ramp: float
    hold: float
    client: str = "chat"
    shape: str = "clean"

    def run(self, target: Target) -> tuple[list[Response], list[list[Event]], Watch]:
        """All of them together, looked at before, when the last has begun, and near the end.

        :return: the responses, the events of each, the looks.
        """
        events = round(self.rate * (self.ramp + self.hold))
        watch = Watch(target)
        marks = [(SETTLE, watch.sample), (self.hold - SETTLE, watch.sample)]
        # What only passes on is asked in upstream's own API.
        client = self.client if target.is_bridge else SURFACES[self.shape]
        prompt = directive(events, SIZE, gap=1 / self.rate, shape=self.shape)
        load = Load(
            target.address, ask(client, prompt, model=MODELS[self.shape]), lines=self.streams, marks=marks
        )
        load.stagger = self.ramp / self.streams
        watch.sample()
        responses = load.run()
        found = [check_stream(response, events, SIZE, surface=client, stamped=True) for response in responses]
        return responses, found, watch


def note_times(sheet: Sheet, target: Target, responses: Sequence[Response], events: Sequence[Event]) -> None:
    lags = [lag_ms(event) for event in events]
    firsts = [(response.arrivals[0][0] - response.sent) / 1e6 for response in responses]
    for share in SHARES:
        sheet.note(target, f"lag p{share * 100:.0f}, ms", quantile(lags, share))
    for share in SHARES:
        sheet.note(target, f"first byte p{share * 100:.0f}, ms", quantile(firsts, share))


def over_direct(sheet: Sheet, *names: str) -> None:
    for name in names:
        sheet.over_direct(f"{name}, ms", f"{name} over direct, ms")


def pace(arena: Arena, sheet: Sheet, client: str, shape: str = "clean") -> list[Row]:
    """100 streams of 50 events a second each."""
    scale = arena.scale
    crowd = Crowd(streams=100, rate=50, ramp=scale.paced_ramp, hold=scale.paced, client=client, shape=shape)
    with arena.targets() as targets:
        for target in rounds(scale.repetitions, targets):
            others, began = arena.upstream.cpu(), time.monotonic_ns()
            with Instructions(target.pids if arena.countable else []) as executed:
                responses, found, watch = crowd.run(target)
            events = list(chain.from_iterable(found))
            if executed.count is not None:
                sheet.note(target, "k instructions / event", executed.count / len(events) / 1e3)
            if target.server:
                sheet.note(target, "CPU µs / event", watch.cpu_per(events))
            busy = (arena.upstream.cpu() - others) / (watch.at[-1] - began)
            sheet.note(target, UPSTREAM_BUSY, busy * 100)
            note_times(sheet, target, responses, events)
    over_direct(sheet, "lag p50", "lag p99")
    return sheet.rows()


def paced(arena: Arena) -> list[Row]:
    goals = {
        "CPU µs / event": Goal(1.5, ratio=True),
        "k instructions / event": Goal(50),
        "lag p50 over direct, ms": Goal(0.2),
        "lag p99 over direct, ms": Goal(2),
    }
    return pace(arena, Sheet(arena.label("100 streams, 50 events/s each"), goals), "chat")


def paced_translated(arena: Arena) -> list[Row]:
    """The clients speak Messages, the model Chat Completions."""
    goals = {"CPU µs / event": Goal(45), "k instructions / event": Goal(80)}
    return pace(arena, Sheet("100 translated streams, 50 events/s each", goals), "messages")


# The shapes of streams that Copilot sends -> the dialect that each is also translated to.
TRUE_SHAPES = {
    "offsets": "messages",
    "arguments": "messages",
    "sequence": "chat",
    "messages": "chat",
    "thinking": "chat",
    "input": "responses",
}
PASSED, TRANSLATED = Goal(2, ratio=True), Goal(2.5, ratio=True)


def paced_shapes(arena: Arena) -> list[Row]:
    """Measure the shapes of real streams at the pace of a model, passed through and translated."""
    rows: list[Row] = []
    for shape, other in TRUE_SHAPES.items():
        for client, goal in ((SURFACES[shape], PASSED), (other, TRANSLATED)):
            sheet = Sheet(f"100 paced streams of {shape} for {client}", {"CPU µs / event": goal})
            rows += pace(arena, sheet, client, shape)
    return rows


def many(arena: Arena) -> list[Row]:
    """1,000 streams within some seconds, 2 events a second each.

    Memory is given back late or never, so each repetition starts everything afresh.
    """
    scale = arena.scale
    goals = {"kB / stream": Goal(50), "first byte p99 over direct, ms": Goal(60)}
    sheet = Sheet(f"{scale.many:,} streams, 2 events/s each", goals)
    crowd = Crowd(streams=scale.many, rate=2, ramp=scale.ramp, hold=scale.hold)
    for _ in range(scale.repetitions):
        with arena.targets() as targets:
            for target in targets:
                responses, found, watch = crowd.run(target)
                events = list(chain.from_iterable(found))
                if target.server:
                    grown = max(watch.rss) - watch.rss[0]
                    sheet.note(target, "kB / stream", grown / scale.many / 1e3)
                    sheet.note(target, "CPU µs / event", watch.cpu_per(events))
                note_times(sheet, target, responses, events)
    over_direct(sheet, "first byte p99")
    return sheet.rows()


def tell(upstream: Server) -> dict[str, Any]:
    """{"accepted", "open", "left": [ns, ...]}"""
    response = Load(upstream.address, get("/bench")).run()[0]
    body: dict[str, Any] = orjson.loads(body_of(response.raw)[0])
    return body


LATE = [f"first byte after upstream's p{share * 100:.0f}, ms" for share in SHARES]
OPENED = ("connections opened beyond the streams", "connections opened the second time")


def burst(arena: Arena) -> list[Row]:
    """1,000 streams that all begin at the same moment, twice: the second time the pool is full."""
    scale = arena.scale
    goals = {LATE[1]: Goal(60), "kB / stream": Goal(50), **dict.fromkeys(OPENED, Goal(0))}
    sheet = Sheet(f"{scale.many:,} streams at once", goals)
    crowd = Crowd(streams=scale.many, rate=2, ramp=0, hold=scale.burst_hold)
    for _ in range(scale.repetitions):
        with arena.targets() as targets:
            for target in targets:
                grown = []
                for quantity, needed in zip(OPENED, (scale.many, 0), strict=True):
                    before = tell(arena.upstream)["accepted"]
                    responses, found, watch = crowd.run(target)
                    note_firsts(sheet, target, responses, found)
                    opened = tell(arena.upstream)["accepted"] - before
                    grown.append((max(watch.rss) - watch.rss[0]) / scale.many / 1e3)
                    if target.server:
                        sheet.note(target, quantity, max(0, opened - needed))
                if target.server:
                    sheet.note(target, "kB / stream", grown[0])  # the second time the memory is there
    return sheet.rows()


def arrivals(arena: Arena) -> list[Row]:
    """1,000 clients that come within five seconds, one in fifty with a prompt of 2 MB.

    Whoever waited for another's prompt to be read would see it in the time to the first byte.
    """
    sheet = Sheet(f"{arena.scale.many:,} clients within {ARRIVAL_TIME:g} s", {})
    with arena.targets() as targets:
        for target in rounds(arena.scale.repetitions, targets):
            load = Load(
                target.address, chat(directive(2, SIZE, gap=0.5), stream=True), lines=arena.scale.many
            )
            load.large, load.large_every = chat(directive(1, RESPONSE) + filler(LARGE_PROMPT)), LARGE_EVERY
            load.stagger = ARRIVAL_TIME / arena.scale.many
            responses = load.run()
            for name, large in (("small", False), ("2 MB", True)):
                firsts = [
                    response.first_ms
                    for response in responses
                    if (response.requested > LARGE_PROMPT) == large
                ]
                for share in SHARES:
                    quantity = f"first byte p{share * 100:.0f}, {name} prompt, ms"
                    sheet.note(target, quantity, quantile(firsts, share))
    return sheet.rows()


def note_firsts(
    sheet: Sheet, target: Target, responses: Sequence[Response], found: Sequence[Sequence[Event]]
) -> None:
    """A stream's first event bears the time at which upstream sent the first byte."""
    late = [
        (response.arrivals[0][0] - events[0].stamp) / 1e6
        for response, events in zip(responses, found, strict=True)
    ]
    for share, quantity in zip(SHARES, LATE, strict=True):
        sheet.note(target, quantity, quantile(late, share))
