"""One stream at a time, as fast as it goes."""

import itertools
import time

from bench.arena import SIZE, Arena, Sheet, directive, rounds, weighed
from bench.load import Load
from bench.report import Goal, Row
from bench.scripts import MODELS, SHAPES, SURFACES
from bench.surfaces import ask, check_stream


def flood(arena: Arena) -> list[Row]:
    """One stream as fast as it goes, again and again on one connection.

    The more arrives at a time, the cheaper an event is for nginx: from 5 µs each down to 1.4 when upstream
    runs ahead.  Compare ratios within a run only.
    """
    scale = arena.scale
    goals = {"CPU µs / event": Goal(2, ratio=True), "k instructions / event": Goal(22)}
    sheets = {
        shape: Sheet(arena.label(f"one stream flat out, {shape}"), goals)
        for shape in (SHAPES if not arena.secure else ("clean",))
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
            responses, cpu = weighed(arena, target, sheet, load, events, "event")
            taken = time.monotonic() - began
            for response in responses:
                check_stream(response, scale.flood, SIZE, surface=SURFACES[shape])
            if target.server:
                sheet.note(target, "CPU µs / event", cpu * 1e3)
            sheet.note(target, "k events / s", events / taken / 1e3)
    return [row for sheet in sheets.values() for row in sheet.rows()]
