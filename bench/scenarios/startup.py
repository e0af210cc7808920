"""How soon it is there."""

import itertools
import time

from bench.arena import REPLY, SETTLE, Arena, Sheet, Target, directive
from bench.load import Load
from bench.processes import NotStartedError
from bench.report import Goal, Row
from bench.surfaces import chat, check_whole, get


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
