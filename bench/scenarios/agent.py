"""An agent's task of 40 tool calls on a path of 80 ms with an uplink of 10 Mbit/s, over a GPT model.

Its conversation grows to 300 kB.  Upstream is the bridge's own simulator, which speaks Responses over
WebSockets; the bytes between it and the bridge go through a relay, which counts them.  With 1 kB of tools the
conversation is nearly all that is sent; real agents have 20 kB of them and more, which each turn repeats.
"""

import http.client
import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.arena import Arena, Sheet, Target
from bench.load import Address
from bench.processes import HERE, LOAD_CORE, Server, await_port, free_port
from bench.relay import Relay
from bench.report import Goal, Row
from bench.scenarios.path import ROUND_TRIP
from bench.surfaces import PATHS
from bench.texts import sources, tool_output, tools

UPLINK = 10e6 / 8  # bytes/s
CALLS = 40
OUTPUT = 7_300  # bytes of each tool's
MODEL = "gpt-5.3-codex"
HTTP, PLAIN, WEBSOCKET = "HTTP", "WebSocket, not compressed", "WebSocket"
WAYS = {HTTP: ("off", "off"), PLAIN: ("auto", "off"), WEBSOCKET: ("auto", "auto")}  # the bridge's settings
TOOLS = {"Responses, 20 kB of tools": 20_000, "Responses, 40 kB of tools": 40_000}  # bytes, if more than one
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}

INSTRUCTIONS = sources(".md")[0][:1000]

Json = dict[str, Any]


class Agent:
    """One that speaks Responses, and puts whatever the model says before the next request."""

    surface = "responses"

    def __init__(self, tools: list[Json]) -> None:
        self.tools = [{"name": "look", "description": "Look into it.", "parameters": SCHEMA}, *tools]
        steps = [{"tool": "look", "arguments": {"path": f"/{number}"}} for number in range(CALLS)]
        prompt = f"Do it. [[sim:plan]] {json.dumps(steps)} [[sim:say]] It is done."
        self.items: list[Json] = [{"role": "user", "content": prompt}]

    def body(self) -> Json:
        tools = [{"type": "function", **tool} for tool in self.tools]
        return {"instructions": INSTRUCTIONS, "input": self.items, "tools": tools}

    def read(self, events: list[Json]) -> list[str]:
        """Returns the ids of the calls."""
        output = events[-1]["response"]["output"]
        self.items += output
        return [item["call_id"] for item in output if item["type"] == "function_call"]

    def response(self, call_id: str, output: str) -> None:
        self.items.append({"type": "function_call_output", "call_id": call_id, "output": output})


class ChatAgent(Agent):
    surface = "chat"

    def body(self) -> Json:
        tools = [{"type": "function", "function": tool} for tool in self.tools]
        system = {"role": "system", "content": INSTRUCTIONS}
        return {"messages": [system, *self.items], "tools": tools}

    def read(self, events: list[Json]) -> list[str]:
        parts = [
            part
            for event in events
            for choice in event["choices"]
            for part in choice["delta"].get("tool_calls") or ()
        ]
        ids = [part["id"] for part in parts if part.get("id")]
        arguments = "".join(part["function"].get("arguments") or "" for part in parts)
        calls = [
            {"id": id_, "type": "function", "function": {"name": "look", "arguments": arguments}}
            for id_ in ids
        ]
        self.items.append({"role": "assistant", "content": None, "tool_calls": calls})
        return ids

    def response(self, call_id: str, output: str) -> None:
        self.items.append({"role": "tool", "tool_call_id": call_id, "content": output})


class MessagesAgent(Agent):
    surface = "messages"

    def body(self) -> Json:
        tools = [
            {"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]}
            for tool in self.tools
        ]
        return {"system": INSTRUCTIONS, "messages": self.items, "tools": tools, "max_tokens": 4096}

    def read(self, events: list[Json]) -> list[str]:
        blocks = [event["content_block"] for event in events if event["type"] == "content_block_start"]
        written = "".join(event["delta"].get("partial_json", "") for event in events if "delta" in event)
        for block in blocks:
            if block["type"] == "tool_use":
                block["input"] = json.loads(written)
        used = [block for block in blocks if block["type"] == "tool_use"]
        self.items.append({"role": "assistant", "content": used})
        return [block["id"] for block in used]

    def response(self, call_id: str, output: str) -> None:
        content = [{"type": "tool_result", "tool_use_id": call_id, "content": output}]
        self.items.append({"role": "user", "content": content})


AGENTS: dict[str, type[Agent]] = {"Responses": Agent, "Chat": ChatAgent, "Messages": MessagesAgent}
AGENTS |= dict.fromkeys(TOOLS, Agent)


@contextmanager
def simulated(arena: Arena) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "copilot_bridge.simulator", "--pace", "0", "--port", str(port)]
    environ = {"PYTHONPATH": str(HERE)}
    address = ("127.0.0.1", port)
    with arena.group.run("simulator", command, address, core=LOAD_CORE, environ=environ) as server:
        await_port(server)
        yield server


def agent(arena: Arena) -> list[Row]:
    goals = {}
    for api in AGENTS:
        goals[f"{api}: uploaded, % of HTTP, {WEBSOCKET}"] = Goal(5)
        goals[f"{api}: first byte of a step, median, RTT, {WEBSOCKET}"] = Goal(1.2)
    sheet = Sheet(f"an agent's task of {CALLS} calls", goals)
    with simulated(arena) as upstream, Relay("127.0.0.4", upstream.address, ROUND_TRIP, UPLINK) as relay:
        for name, checkout in arena.checkouts.items():
            for api in AGENTS:
                measure(arena, upstream, relay, name, checkout, api, sheet)
    return sheet.rows()


def measure(
    arena: Arena, upstream: Server, relay: Relay, name: str, checkout: Path, api: str, sheet: Sheet
) -> None:
    uploaded: dict[str, int] = {}
    for way, (websocket, compression) in WAYS.items():
        settings = {
            **settings_of(upstream, relay.address),
            "COPILOT_BRIDGE_UPSTREAM_WEBSOCKET": websocket,
            "COPILOT_BRIDGE_UPSTREAM_WEBSOCKET_COMPRESSION": compression,
        }
        with arena.group.bridge(name, checkout, upstream, settings) as server:
            target = Target(name, server.address, server)
            time.sleep(1.0)  # for the connection that is kept ready
            before = relay.uploaded
            times = work(server, AGENTS[api](tools(TOOLS.get(api, 0))))
            uploaded[way] = relay.uploaded - before
            sheet.note(target, f"{api}: uploaded, kB, {way}", uploaded[way] / 1000)
            sheet.note(target, f"{api}: first byte of the first step, RTT, {way}", times[0] / ROUND_TRIP)
            median = statistics.median(times[1:]) / ROUND_TRIP
            sheet.note(target, f"{api}: first byte of a step, median, RTT, {way}", median)
            sheet.note(target, f"{api}: first bytes of all steps, s, {way}", sum(times))
            if way != HTTP:
                share = 100 * uploaded[way] / uploaded[HTTP]
                sheet.note(target, f"{api}: uploaded, % of HTTP, {way}", share)


def settings_of(upstream: Server, copilot: Address) -> Mapping[str, str]:
    return {
        "COPILOT_BRIDGE_GITHUB_URL": upstream.url,
        "COPILOT_BRIDGE_GITHUB_API_URL": upstream.url,
        "COPILOT_BRIDGE_COPILOT_API_URL": f"http://{copilot[0]}:{copilot[1]}",
        "COPILOT_BRIDGE_GITHUB_TOKEN": "ghu_sim_demo",
    }


def work(server: Server, agent: Agent) -> list[float]:
    """The times to the first byte of each step, in seconds."""
    connection = http.client.HTTPConnection(*server.address, timeout=60)
    connection.request("GET", "/v1/models")
    connection.getresponse().read()
    times: list[float] = []
    for _ in range(CALLS + 1):
        body = {"model": MODEL, "stream": True, **agent.body()}
        data = json.dumps(body).encode()
        began = time.monotonic()
        connection.request("POST", PATHS[agent.surface], data, {"Content-Type": "application/json"})
        response = connection.getresponse()
        first = response.read1(1)
        times.append(time.monotonic() - began)
        for call_id in agent.read(read_events(first + response.read())):
            agent.response(call_id, tool_output(len(times), OUTPUT))
    connection.close()
    return times


def read_events(stream: bytes) -> list[Json]:
    found = [block.rpartition(b"data: ")[2] for block in stream.split(b"\n\n") if b"data: {" in block]
    return [json.loads(data) for data in found]
