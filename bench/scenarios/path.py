"""The first byte on a path with a round trip of 80 ms to GitHub and to Copilot, over TLS.

Upstream responds at once, so what a request waits for beyond one round trip is the bridge's doing.  The
bridge's clock is moved (`bench/clock`): lists of models and tokens grow old, and connections idle.
"""

import http.client
import json
import os
import random
import ssl
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.arena import SIZE, Arena, Sheet, Target, directive
from bench.load import Load
from bench.processes import HERE, Server
from bench.relay import Relay
from bench.report import Goal, Row
from bench.surfaces import chat, check_stream, get

ROUND_TRIP = 0.08  # seconds
REFRESH_IN = (
    1500  # seconds, as GitHub's tokens have it: they are renewed after 1,260 and used for up to 1,560
)
REST = 1.0  # seconds, in which what goes on in the background comes to its end
SPEED = 30  # times as fast as real time, for the hour of work
PAUSES = (60.0, 300.0)  # seconds, the shortest and the longest of an agent's

WARM = "warm"
STALE_CATALOGUE = "list of models older than its life"
OLD_TOKEN = "token in its refresh window"
STARTED = "2 s after a start with a stored login"
PAUSE = "after 12 minutes without a request"
NIGHT = "after a night"
CUT = "idle connection cut in silence"
PROXY = "idle connection lost behind a proxy that acknowledges"
GOALS = {WARM: 1.15, STALE_CATALOGUE: 1.15, OLD_TOKEN: 1.15, STARTED: 1.2, PAUSE: 3.2, NIGHT: 4.3}
CUT_GOAL = 3 + 2 / ROUND_TRIP  # a new connection after 2 s

UNREADY = "requests without a ready connection"
EXCHANGES = "token exchanges in the hour"
IDLE_EXCHANGES = "token exchanges in the idle time after it"


class Clock:
    """The wall clock of a bridge, which is ahead by `seconds`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seconds = 0.0
        self.forward(0.0)

    def forward(self, seconds: float) -> None:
        self._seconds += seconds
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.write(struct.pack("=d", self._seconds))


class Path80:
    """Upstream, two relays to it, and the settings of a bridge that goes this way."""

    def __init__(self, arena: Arena, upstream: Server, github: Relay, copilot: Relay) -> None:
        self.upstream = upstream
        self.copilot = copilot
        self.clock = Clock(arena.group.folder / "clock")
        github_url, copilot_url = (
            f"https://{relay.address[0]}:{relay.address[1]}" for relay in (github, copilot)
        )
        self.github_url = github_url
        self.settings = {
            "COPILOT_BRIDGE_GITHUB_URL": github_url,
            "COPILOT_BRIDGE_GITHUB_API_URL": github_url,
            "COPILOT_BRIDGE_COPILOT_API_URL": copilot_url,
            "BENCH_CLOCK": str(self.clock.path),
        }

    def of(self, checkout: Path, **more: str) -> Mapping[str, str]:
        path = os.pathsep.join((str(HERE / "bench" / "clock"), str(checkout)))
        return self.settings | {"PYTHONPATH": path} | more

    def exchanges(self) -> int:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(*self.upstream.address, context=context)
        connection.request("GET", "/bench")
        exchanges: int = json.loads(connection.getresponse().read())["exchanges"]
        connection.close()
        return exchanges


@contextmanager
def path80(arena: Arena, certificate: Path) -> Iterator[Path80]:
    with (
        arena.group.upstream(certificate, REFRESH_IN) as upstream,
        Relay("127.0.0.2", upstream.address, ROUND_TRIP) as github,
        Relay("127.0.0.3", upstream.address, ROUND_TRIP) as copilot,
    ):
        yield Path80(arena, upstream, github, copilot)


def path(arena: Arena) -> list[Row]:
    """Nothing where no certificate can be made."""
    certificate = arena.group.certificate()
    if certificate is None:
        return []
    goals = {named(quantity): Goal(most) for quantity, most in (GOALS | {CUT: CUT_GOAL}).items()}
    sheet = Sheet("path of 80 ms", goals)
    hour = Sheet(
        "an hour of an agent's work on it", {UNREADY: Goal(0), EXCHANGES: Goal(3), IDLE_EXCHANGES: Goal(0)}
    )
    with path80(arena, certificate) as way:
        for name, checkout in arena.checkouts.items():
            waits(arena, way, name, checkout, sheet)
            start(arena, way, name, checkout, sheet)
            work(arena, way, name, checkout, hour)
    return [*sheet.rows(), *hour.rows()]


def named(quantity: str) -> str:
    return f"{quantity}, RTT"


def ask(target: Target) -> float:
    """The time to the first byte, in round trips."""
    (response,) = Load(target.address, chat(directive(1, SIZE), stream=True)).run()
    check_stream(response, 1, SIZE, stamped=False)
    return (response.arrivals[0][0] - response.sent) / 1e9 / ROUND_TRIP


def waits(arena: Arena, way: Path80, name: str, checkout: Path, sheet: Sheet) -> None:
    """One bridge, whose clock goes on through nights and pauses; after each request it comes to rest."""
    with arena.group.bridge(name, checkout, way.upstream, way.of(checkout)) as server:
        target = Target(name, server.address, server)
        ask(target)

        def after(seconds: float, quantity: str | None = None) -> None:
            time.sleep(REST)
            way.clock.forward(seconds)
            taken = ask(target)
            if quantity:
                sheet.note(target, named(quantity), taken)

        for _ in range(arena.scale.path_rounds):
            after(8 * 3600, NIGHT)
            after(0, WARM)
            after(720, PAUSE)
            after(535)  # the token is 1,255 s old, the list of models 535 s
            after(10, OLD_TOKEN)
            after(40)
            after(20, STALE_CATALOGUE)
            time.sleep(REST)
            way.copilot.lose_connections(acknowledged=False)
            after(0, CUT)
        time.sleep(REST)
        way.copilot.lose_connections(acknowledged=True)
        after(0, PROXY)


def start(arena: Arena, way: Path80, name: str, checkout: Path, sheet: Sheet) -> None:
    for _ in range(arena.scale.path_rounds):
        with arena.group.started(name, checkout, way.upstream, way.of(checkout)) as server:
            began = time.monotonic()
            Load(server.address, get("/healthz")).run()  # on a busy machine a start takes longer
            time.sleep(max(0.5, began + 2 - time.monotonic()))
            target = Target(name, server.address, server)
            sheet.note(target, named(STARTED), ask(target))


def work(arena: Arena, way: Path80, name: str, checkout: Path, sheet: Sheet) -> None:
    """Requests with pauses of one to five minutes, on a clock that is fast; then nothing for a while."""
    settings = way.of(
        checkout,
        BENCH_SPEED=str(SPEED),
        COPILOT_BRIDGE_CONNECT_TIMEOUT="600",
        GUNICORN_CMD_ARGS="--timeout 3600",
    )
    before = way.exchanges()
    pauses = random.Random(1)
    with arena.group.bridge(name, checkout, way.upstream, settings) as server:
        target = Target(name, server.address, server)
        ask(target)
        unready, until = 0, time.monotonic() + arena.scale.work / SPEED
        while time.monotonic() < until:
            time.sleep(pauses.uniform(*PAUSES) / SPEED)
            unready += ask(target) > 2  # a new connection takes two round trips more
        worked = way.exchanges()
        time.sleep(arena.scale.work / SPEED / 4)
        idle = way.exchanges()
    sheet.note(target, UNREADY, unready)
    sheet.note(target, EXCHANGES, worked - before)
    sheet.note(target, IDLE_EXCHANGES, idle - worked)
