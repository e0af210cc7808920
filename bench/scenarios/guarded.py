"""What keys and the request log cost: the same bridge with and without them, side by side."""

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from bench.arena import RESPONSE, Arena, Sheet, Target, directive, warm_up
from bench.load import Load
from bench.report import OURS, Goal, Row
from bench.scenarios.single import verify
from bench.surfaces import chat

LINES = 8  # to each
WRITTEN = 0.8  # seconds after the last response in which the log is written: that counts, too

BARE = {"COPILOT_BRIDGE_LOG_DAYS": "0"}
GUARDED = {"COPILOT_BRIDGE_API_KEY": "another,none", "COPILOT_BRIDGE_LOG_DAYS": "30"}

RATIO = "CPU, with keys and log / without"


def guarded(arena: Arena) -> list[Row]:
    """Both at work at the same time, in many short slices: what the machine does meanwhile hits both."""
    sheet = Sheet(f"small chat, {2 * LINES} at a time, keys and log", {RATIO: Goal(1.05)})
    with ExitStack() as stack:
        pair = []
        for name, settings in ((OURS, BARE), ("guarded", GUARDED)):
            checkout = arena.checkouts[OURS]
            server = stack.enter_context(arena.group.bridge(name, checkout, arena.upstream, settings))
            pair.append(Target(name, server.address, server))
        for target in pair:
            warm_up(target)
        bare, guarded = zip(*(cpu_of_both(arena, pair) for _ in range(arena.scale.slices)), strict=True)
    ours = pair[0]
    for ratio in bare:
        sheet.note(ours, "CPU ms / request, without", ratio)
    for ratio in guarded:
        sheet.note(ours, "CPU ms / request, with", ratio)
    ratios = [with_ / without for without, with_ in zip(bare, guarded, strict=True)]
    for ratio in ratios:
        sheet.note(ours, RATIO, ratio)
    for name, index in (("lower", 0), ("upper", 2)):
        sheet.note(ours, f"{RATIO}, {name} quartile", statistics.quantiles(ratios, n=4)[index])
    return sheet.rows()


def cpu_of_both(arena: Arena, pair: Sequence[Target]) -> list[float]:
    """ms per request of each, with what is written afterwards."""
    count = arena.scale.slice
    request = chat(directive(1, RESPONSE))
    loads = [Load(target.address, request, lines=LINES, requests=count // LINES) for target in pair]
    before = [target.cpu() for target in pair]
    with ThreadPoolExecutor(len(pair)) as clients:
        responses = list(clients.map(Load.run, loads))
    time.sleep(WRITTEN)
    spent = [(target.cpu() - earlier) / count / 1e6 for target, earlier in zip(pair, before, strict=True)]
    for response in responses:
        verify(response, RESPONSE)
    return spent
