"""What keys and the request log cost: the same bridge with and without them, slice by slice."""

import statistics
import time
from contextlib import ExitStack

from bench.arena import REPLY, Arena, Sheet, Target, directive, warm_up
from bench.load import Load
from bench.report import OURS, Goal, Row
from bench.scenarios.single import verify
from bench.surfaces import chat

LINES = 16
WRITTEN = 0.8  # s after the last answer in which the log is written: that counts, too

BARE = {"COPILOT_BRIDGE_LOG_DAYS": "0"}
GUARDED = {"COPILOT_BRIDGE_API_KEY": "another,none", "COPILOT_BRIDGE_LOG_DAYS": "30"}

RATIO = "CPU, with keys and log / without"


def guarded(arena: Arena) -> list[Row]:
    """Many short slices, in the order A B B A: what the machine does meanwhile hits both of a pair."""
    sheet = Sheet(f"small chat, {LINES} at a time, keys and log", {RATIO: Goal(1.05)})
    with ExitStack() as stack:
        pair = []
        for name, settings in ((OURS, BARE), ("guarded", GUARDED)):
            checkout = arena.checkouts[OURS]
            server = stack.enter_context(arena.yard.bridge(name, checkout, arena.upstream, settings))
            pair.append(Target(name, server.address, server))
        for target in pair:
            warm_up(target)
        spent: dict[str, list[float]] = {target.name: [] for target in pair}
        for number in range(arena.scale.pairs):
            for target in pair if number % 2 else reversed(pair):
                spent[target.name].append(cpu_of_slice(arena, target))
    bare, guarded = spent.values()
    ours = pair[0]
    for each in bare:
        sheet.note(ours, "CPU ms / request, without", each)
    for each in guarded:
        sheet.note(ours, "CPU ms / request, with", each)
    ratios = [with_ / without for without, with_ in zip(bare, guarded, strict=True)]
    for each in ratios:
        sheet.note(ours, RATIO, each)
    for name, place in (("lower", 0), ("upper", 2)):
        sheet.note(ours, f"{RATIO}, {name} quartile", statistics.quantiles(ratios, n=4)[place])
    return sheet.rows()


def cpu_of_slice(arena: Arena, target: Target) -> float:
    """ms per request, with what is written afterwards."""
    count = arena.scale.slice
    load = Load(target.address, chat(directive(1, REPLY)), lines=LINES, requests=count // LINES)
    before = target.cpu()
    replies = load.run()
    time.sleep(WRITTEN)
    spent = target.cpu() - before
    verify(replies, REPLY)
    return spent / count / 1e6
