"""Clients that leave in the middle of a response: how soon upstream notices."""

import time

from bench.arena import SIZE, Arena, Sheet, Target, directive
from bench.load import Load
from bench.report import BASE, Goal, Row
from bench.scenarios.crowds import tell
from bench.scripts import MODELS
from bench.surfaces import ask

LEAVE_AFTER = 0.5  # seconds, of the last client's beginning
NOTICE_TIMEOUT = 5.0  # seconds, for upstream to notice

UNNOTICED = "clients that upstream was not told of"
WORST = "upstream told after, worst, s"

# What the streams do while their clients leave -> the pause between two events, s.
PACES = {"in silence": 3600.0, "between two events": 0.2}


def departures(arena: Arena) -> list[Row]:
    rows: list[Row] = []
    with arena.targets() as targets:
        for pace, gap in PACES.items():
            for client in ("chat", "messages"):
                sheet = Sheet(f"{client} clients that leave {pace}", {UNNOTICED: Goal(0), WORST: Goal(1)})
                for _ in range(arena.scale.repetitions):
                    for target in targets:
                        if target.name != BASE and (target.is_bridge or client == "chat"):
                            leave(arena, target, sheet, client, gap)
                rows += sheet.rows()
    return rows


def leave(arena: Arena, target: Target, sheet: Sheet, client: str, gap: float) -> None:
    """The model speaks Chat Completions; so the others' streams are translated."""
    leavers = arena.scale.leavers
    known = len(tell(arena.upstream)["left"])
    request = ask(client, directive(1000, SIZE, gap=gap), model=MODELS["clean"])
    load = Load(target.address, request, lines=leavers)
    load.marks = [(LEAVE_AFTER, load.hang_up)]
    load.run()
    give_up = time.monotonic() + NOTICE_TIMEOUT
    while len(left := tell(arena.upstream)["left"][known:]) < leavers and time.monotonic() < give_up:
        time.sleep(0.01)
    sheet.note(target, UNNOTICED, leavers - len(left))
    if left:
        sheet.note(target, WORST, (max(left) - load.hung_up) / 1e9)
