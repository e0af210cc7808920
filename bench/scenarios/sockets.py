"""Streams over WebSockets beside the same streams by HTTP: those to Copilot, and those of clients.

Upstream is the bridge's own simulator, as in the agent's task.  The ways are taken in turn.
"""

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from bench.arena import SETTLE, SIZE, Arena, Sheet, Target
from bench.load import READ_AT_ONCE, Address, Load, WrongResponseError
from bench.processes import Server
from bench.report import OURS, Goal, Row
from bench.scenarios.agent import MODEL, SCHEMA, settings_of, simulated
from bench.surfaces import PATHS, body_of, post

STREAMS, GAP, EVENTS = 40, 20, 200  # paced ones: how many, ms between two events, and how many events
REQUESTS = 200  # small ones
OPEN = 1000  # connections of clients
COMPLETED = b"response.completed"
HTTP, WEBSOCKET = "HTTP", "WebSocket"

Json = dict[str, Any]
Run = Callable[[], None]


def body(prompt: str) -> Json:
    """A request whose conversation goes on, as its tool says."""
    tool = {"type": "function", "name": "look", "parameters": SCHEMA}
    return {"model": MODEL, "input": [{"role": "user", "content": prompt}], "tools": [tool]}


def flood(events: int, gap: float = 0) -> str:
    return f"[[sim:flood events={events} size={SIZE} gap={gap:g}]]"


def sockets(arena: Arena) -> list[Row]:
    with simulated(arena) as upstream:
        return [*to_copilot(arena, upstream), *of_clients(arena, upstream)]


def to_copilot(arena: Arena, upstream: Server) -> list[Row]:
    """Two bridges, of which one sends everything by HTTP."""
    kinds = (
        "one stream flat out, event",
        f"{STREAMS} streams of {1000 // GAP} events/s, event",
        "small request",
    )
    sheet = Sheet("WebSockets to Copilot", {ratio_of(kind): Goal(1.1) for kind in kinds})
    with bridge(arena, upstream, "auto") as live, bridge(arena, upstream, "off") as plain:
        bridges = {HTTP: plain, WEBSOCKET: live}
        for server in bridges.values():
            side_by_side(server)()
            stream(server.address, flood(arena.scale.flood))
        time.sleep(SETTLE)  # in which WebSockets are opened
        before = carried(live)
        for _ in range(arena.scale.flood_repetitions):
            runs = {way: flat_out(arena, server) for way, server in bridges.items()}
            compare(sheet, kinds[0], bridges, runs, arena.scale.flood * arena.scale.floods)
            runs = {way: side_by_side(server) for way, server in bridges.items()}
            compare(sheet, kinds[1], bridges, runs, STREAMS * EVENTS)
            runs = {way: small(server) for way, server in bridges.items()}
            compare(sheet, kinds[2], bridges, runs, REQUESTS)
        wanted = arena.scale.flood_repetitions * (arena.scale.floods + STREAMS + REQUESTS)
        if carried(live) - before < wanted * 0.99:
            raise WrongResponseError(f"{carried(live) - before} of {wanted} turns went over WebSockets")
    return sheet.rows()


def of_clients(arena: Arena, upstream: Server) -> list[Row]:
    """One bridge, which is asked in both ways."""
    kind = "one stream flat out, event"
    sheet = Sheet("WebSockets of clients", {ratio_of(kind): Goal(1.1), "kB / open connection": Goal(60)})
    with bridge(arena, upstream, "off") as server, closing(connect(server.address)) as sock:
        turn = masked({"type": "response.create", **body(flood(arena.scale.flood))})

        def live() -> None:
            for _ in range(arena.scale.floods):
                converse(sock, turn)

        live()
        bridges = {HTTP: server, WEBSOCKET: server}
        for _ in range(arena.scale.flood_repetitions):
            runs = {HTTP: flat_out(arena, server), WEBSOCKET: live}
            compare(sheet, kind, bridges, runs, arena.scale.flood * arena.scale.floods)
        note_memory(sheet, server)
    return sheet.rows()


def note_memory(sheet: Sheet, server: Server) -> None:
    """Measure the memory of connections that have had a turn each."""
    turn = masked({"type": "response.create", **body("[[sim:say]] Hello.")})
    before = server.rss()
    with ExitStack() as stack:
        for _ in range(OPEN):
            converse(stack.enter_context(closing(connect(server.address))), turn)
        grown = server.rss() - before
    sheet.note(Target(OURS, server.address, server), "kB / open connection", grown / OPEN / 1000)


@contextmanager
def bridge(arena: Arena, upstream: Server, websocket: str) -> Iterator[Server]:
    settings = {**settings_of(upstream, upstream.address), "COPILOT_BRIDGE_UPSTREAM_WEBSOCKET": websocket}
    with arena.group.bridge(OURS, arena.checkouts[OURS], upstream, settings) as server:
        stream(server.address, "Hello.")
        server.find_processes()
        yield server


def ratio_of(kind: str) -> str:
    return f"CPU / {kind}, WebSocket over HTTP"


def compare(sheet: Sheet, kind: str, bridges: dict[str, Server], runs: dict[str, Run], units: int) -> None:
    spent: dict[str, float] = {}
    for way, run in runs.items():
        before = bridges[way].cpu()
        run()
        spent[way] = (bridges[way].cpu() - before) / units / 1e3
        sheet.note(Target(OURS, bridges[way].address), f"CPU µs / {kind}, {way}", spent[way])
    sheet.note(Target(OURS, bridges[HTTP].address), ratio_of(kind), spent[WEBSOCKET] / spent[HTTP])


def flat_out(arena: Arena, server: Server) -> Run:
    data = json.dumps({**body(flood(arena.scale.flood)), "stream": True}).encode()

    def run() -> None:
        responses = Load(server.address, post(PATHS["responses"], data), requests=arena.scale.floods).run()
        for response in responses:
            check(body_of(response.raw)[0], arena.scale.flood)

    return run


def side_by_side(server: Server) -> Run:
    def run() -> None:
        with ThreadPoolExecutor(STREAMS) as pool:
            for response in pool.map(lambda number: stream(server.address, paced(number)), range(STREAMS)):
                check(response, EVENTS)

    return run


def small(server: Server) -> Run:
    def run() -> None:
        for _ in range(REQUESTS):
            stream(server.address, "Hello.")

    return run


def paced(number: int) -> str:
    """A prompt of a conversation of its own."""
    return f"Number {number}. {flood(EVENTS, GAP)}"


def check(response: bytes, events: int) -> None:
    found = response.count(b'"response.output_text.delta"')
    if found != events or COMPLETED not in response:
        raise WrongResponseError(f"{found} of {events} events: ...{response[-300:]!r}")


def stream(address: Address, prompt: str) -> bytes:
    """The response to a streamed request on a connection of its own."""
    with closing(http.client.HTTPConnection(*address, timeout=60)) as connection:
        data = json.dumps({**body(prompt), "stream": True}).encode()
        connection.request("POST", PATHS["responses"], data, {"Content-Type": "application/json"})
        return connection.getresponse().read()


def carried(server: Server) -> int:
    """Turns that went over WebSockets."""
    with closing(http.client.HTTPConnection(*server.address, timeout=60)) as connection:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    turns = [line for line in lines if "websocket_turns_total{" in line]
    ways = [line for line in turns if "whole" in line or "continued" in line]
    return round(sum(float(line.rpartition(" ")[2]) for line in ways))


# clients with a WebSocket, which cost little


def connect(address: Address) -> socket.socket:
    path = f"ws://{address[0]}:{address[1]}{PATHS['responses']}"
    handshake = ClientProtocol(parse_uri(path))
    sock = socket.create_connection(address, timeout=60)
    sock.sendall(handshake.connect().serialize())
    if b" 101 " not in sock.recv(READ_AT_ONCE):
        raise WrongResponseError("no WebSocket")
    return sock


def masked(message: Json) -> bytes:
    return Frame(Opcode.TEXT, json.dumps(message).encode()).serialize(mask=True)


def converse(sock: socket.socket, turn: bytes) -> None:
    """One turn.  Only the end of it is looked at."""
    sock.sendall(turn)
    end = b""
    while b'"type":"response.completed"' not in end:
        data = sock.recv(READ_AT_ONCE)
        if not data:
            raise WrongResponseError(f"the connection ended after {end!r}")
        end = (end + data)[-200_000:]
