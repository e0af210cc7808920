"""A stream of one API in the words of another, beside the same stream passed through."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.arena import SIZE, Arena, Sheet, Target, directive, quantile, rounds, weighed
from bench.load import Load, Response
from bench.report import RIVAL, Goal, Row
from bench.scripts import ENDPOINTS, MODELS, SURFACES
from bench.surfaces import ask, check_stream

SPOKEN = ("clean", "responses", "messages")  # upstream's streams, one of each API
LONGER = 10
GAP = 0.005  # seconds

# Growth shows where as much arrives at a time in the long stream as in the short one: flat out that is luck.
BATCH, BEAT = 40, 0.002  # events at a time, s

COST = "CPU µs / event"
TRANSLATED = "CPU / event, translated over passed through"
GROWTH = f"CPU / event, {LONGER} times the length over once"
FIRST_BYTE = "first byte after upstream's p99, ms"

GROWTH_GOAL = Goal(1.25)  # what grew with the length would be near LONGER


@dataclass(frozen=True)
class Cell:
    """A client of one API, a stream of the same or another."""

    client: str
    shape: str

    @property
    def passed_through(self) -> bool:
        return self.client == SURFACES[self.shape]

    def sheet(self) -> Sheet:
        goals = {GROWTH: GROWTH_GOAL, FIRST_BYTE: Goal(5)}
        if not self.passed_through:
            goals |= {TRANSLATED: Goal(3), "k instructions / event": Goal(45)}
        way = "passed through" if self.passed_through else f"from {SURFACES[self.shape]}"
        return Sheet(f"one {self.client} stream flat out, {way}", goals)

    def request(self, events: int, gap: float = 0, batch: int = 1) -> bytes:
        prompt = directive(events, SIZE, gap=gap, shape=self.shape, batch=batch)
        return ask(self.client, prompt, model=MODELS[self.shape])

    def check(self, responses: Sequence[Response], events: int, *, stamped: bool = False) -> None:
        for response in responses:
            check_stream(response, events, SIZE, surface=self.client, stamped=stamped)


def translated(arena: Arena) -> list[Row]:
    """All nine pairs of client and model; what only passes on is asked in the model's own API."""
    rows: list[Row] = []
    with arena.targets() as targets:
        for shape in SPOKEN:
            own = SURFACES[shape]
            cells = [
                Cell(client, shape)
                for client in (own, *(endpoint for endpoint in ENDPOINTS if endpoint != own))
            ]
            sheets = {cell: cell.sheet() for cell in cells}
            for target in rounds(arena.scale.repetitions, targets):
                if target.is_bridge:
                    compare(arena, target, sheets)
                else:
                    pass_on(arena, target, cells[0], list(sheets.values()))
            rows += [row for sheet in sheets.values() for row in sheet.rows()]
    return rows


def compare(arena: Arena, target: Target, sheets: dict[Cell, Sheet]) -> None:
    """The first cell is the one that is passed through."""
    scale, costs = arena.scale, []
    for cell, sheet in sheets.items():
        costs.append(cost(arena, target, cell, sheet, scale.flood, scale.floods))
        sheet.note(target, COST, costs[-1])
        if not cell.passed_through:
            sheet.note(target, TRANSLATED, costs[-1] / costs[0])
        sheet.note(target, GROWTH, growth(arena, target, cell))
        sheet.note(target, FIRST_BYTE, first_byte(arena, target, cell))


def pass_on(arena: Arena, target: Target, cell: Cell, sheets: list[Sheet]) -> None:
    """nginx, or nobody: the same figures stand beside every client's."""
    if target.name == RIVAL:
        spent = cost(arena, target, cell, sheets[0], arena.scale.flood, arena.scale.floods)
        for sheet in sheets:
            sheet.note(target, COST, spent)
    late = first_byte(arena, target, cell)
    for sheet in sheets:
        sheet.note(target, FIRST_BYTE, late)


def cost(arena: Arena, target: Target, cell: Cell, sheet: Sheet, events: int, streams: int) -> float:
    """µs of CPU per event."""
    request = cell.request(events)
    Load(target.address, request).run()
    load = Load(target.address, request, requests=streams)
    responses, cpu = weighed(arena, target, sheet, load, events * streams, "event")
    cell.check(responses, events)
    return cpu * 1e3


def growth(arena: Arena, target: Target, cell: Cell) -> float:
    """CPU of one long stream over that of as many events in short ones."""
    events = arena.scale.growth
    spent = []
    for length, streams in ((events, LONGER), (events * LONGER, 1)):
        load = Load(target.address, cell.request(length, BEAT, BATCH), requests=streams)
        before = target.cpu()
        responses = load.run()
        spent.append(target.cpu() - before)
        cell.check(responses, length, stamped=True)
    return spent[1] / spent[0]


def first_byte(arena: Arena, target: Target, cell: Cell) -> float:
    """p99 of the ms from upstream's first `send` to the client's first `recv`."""
    load = Load(target.address, cell.request(2, GAP), requests=arena.scale.firsts)
    late = []
    for response in load.run():
        first = check_stream(response, 2, SIZE, surface=cell.client, stamped=True)[0]
        late.append((response.arrivals[0][0] - first.stamp) / 1e6)
    return quantile(late, 0.99)
