"""Minutes of clients that come and go, in every way: what the bridge holds must not grow."""

import statistics
import time
from dataclasses import dataclass, field
from itertools import product

from bench.arena import RESPONSE, SETTLE, SIZE, Arena, Sheet, Target, directive
from bench.load import Load
from bench.report import Goal, Row
from bench.scripts import ENDPOINTS, MODELS
from bench.surfaces import ask, chat, check_stream, check_whole

CLIENTS = 40  # of each kind in a wave
REQUESTS = 3  # of a client, for responses in one piece
EVENTS, GAP = 10, 0.02  # of a stream; s
FOREVER = 3600.0  # seconds
LEAVE_AFTER = (0.0, 0.2)  # s: before the response and in the middle of it
CELLS = list(product(ENDPOINTS, ("clean", "messages", "responses")))

# What is kept for `previous_response_id` grows for an hour by default; here the store is soon full.
STORE = {"COPILOT_BRIDGE_RESPONSE_STORE_MB": "1"}  # MB
FILLING = 3000  # responses; each counts for some 700 bytes

MEMORY, DESCRIPTORS = "RSS grown, MB", "descriptors grown"


@dataclass
class Growth:
    """What a target holds after each wave."""

    rss: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def look(self, target: Target) -> None:
        assert target.server is not None
        self.rss.append(target.server.rss())
        self.files.append(target.server.files())

    def of(self, held: list[int]) -> float:
        """The last tenth over the third one: the first waves fill pools and caches."""
        tenth = max(1, len(held) // 10)
        return statistics.median(held[-tenth:]) - statistics.median(held[2 * tenth : 3 * tenth] or held[:1])


def leak(arena: Arena) -> list[Row]:
    seconds = arena.scale.leak
    goals = {MEMORY: Goal(5), DESCRIPTORS: Goal(0)}
    sheet = Sheet(f"{seconds:g} s of clients that come and go", goals)
    with arena.targets(bridges_only=True, settings=STORE) as targets:
        for target in targets:
            fill(target)
            growth, clients, until = Growth(), 0, time.monotonic() + seconds
            while time.monotonic() < until:
                clients += wave(target)
                time.sleep(SETTLE)
                growth.look(target)
            sheet.note(target, "clients served", clients)
            sheet.note(target, MEMORY, growth.of(growth.rss) / 1e6)
            sheet.note(target, DESCRIPTORS, growth.of(growth.files))
            sheet.note(target, "RSS at the end, MB", growth.rss[-1] / 1e6)
            sheet.note(target, "descriptors at the end", growth.files[-1])
    return sheet.rows()


def fill(target: Target) -> None:
    request = ask("responses", directive(5, SIZE), model=MODELS["clean"])
    Load(target.address, request, lines=CLIENTS, requests=FILLING // CLIENTS).run()


def wave(target: Target) -> int:
    """Every pair of APIs, answers in one piece, refusals, clients that leave.  How many there were."""
    for after in LEAVE_AFTER:
        load = Load(target.address, chat(directive(2, SIZE, gap=FOREVER), stream=True), lines=CLIENTS)
        load.marks = [(after, load.hang_up)]
        load.run()
    for client, shape in CELLS:
        prompt = directive(EVENTS, SIZE, gap=GAP, shape=shape)
        load = Load(target.address, ask(client, prompt, model=MODELS[shape]), lines=CLIENTS)
        for response in load.run():
            check_stream(response, EVENTS, SIZE, surface=client, stamped=True)
    for response in Load(
        target.address, chat(directive(1, RESPONSE)), lines=CLIENTS, requests=REQUESTS
    ).run():
        check_whole(response, RESPONSE)
    Load(target.address, chat("Hello", model="nobody"), lines=CLIENTS).run()
    return CLIENTS * (len(CELLS) + 2 + len(LEAVE_AFTER))
