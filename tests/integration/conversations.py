"""Agents whose tool loop goes on turn by turn, in each dialect."""

import json
import time
from abc import ABC, abstractmethod
from typing import Any

from integration.harness import PATIENCE, Bridge, Json, Simulator, Stream

MODEL = "gpt-5.3-codex"  # which Copilot offers over WebSockets
# WebSockets: where the most are open, a new one takes the place of another, and is not noticed.
ENOUGH = 1000
OPERATOR = "a-key-of-the-operators"
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
Call = tuple[str, Json]  # id, arguments


def plan(calls: int, text: str) -> str:
    steps = [{"tool": "look", "arguments": {"path": f"/{number}", "z": 1, "a": 2}} for number in range(calls)]
    return f"[[sim:plan]] {json.dumps(steps)} [[sim:say]] {text}"


class Agent(ABC):
    """An agent.

    :param mark: a word that each of its requests has, however little of the conversation it sends.
    :param token: a GitHub token of its own, where the bridge takes one.
    :ivar items: the conversation, as this dialect has it.
    """

    path: str

    model = MODEL

    def __init__(self, prompt: str, mark: str = "", token: str = "") -> None:
        self.headers = {"authorization": f"Bearer {token}"} if token else {}
        self.system = f"Be brief. {mark}"
        self.items: list[Json] = [{"role": "user", "content": prompt}]

    @abstractmethod
    def body(self) -> Json:
        """The next request."""

    @abstractmethod
    def read(self, events: list[Json]) -> tuple[str, list[Call]]:
        """The text and the calls of a stream; adds them to the conversation."""

    @abstractmethod
    def result(self, call: Call, output: str) -> Json:
        """What a tool gave back."""

    def ask(self, bridge: Bridge, **more: Any) -> Stream:
        body = {"model": self.model, "stream": True, **self.body(), **more}
        return bridge.dial("POST", self.path, json.dumps(body).encode(), self.headers)

    def turn(self, bridge: Bridge) -> tuple[str, list[Call]]:
        stream = self.ask(bridge)
        assert stream.status == 200, stream.response().body
        result = self.read(events_of(stream))
        stream.close()
        return result

    def work(self, bridge: Bridge, ready: Any = None) -> str:
        """The whole loop.  `ready` is called after the first turn."""
        while True:
            text, calls = self.turn(bridge)
            if not calls:
                return text
            self.items += [self.result(call, f"output of {call[1]['path']}") for call in calls]
            if ready:
                ready()
                ready = None


class Responses(Agent):
    path = "/v1/responses"

    def body(self) -> Json:
        tool = {"type": "function", "name": "look", "parameters": SCHEMA}
        return {"instructions": self.system, "input": self.items, "tools": [tool]}

    def read(self, events: list[Json]) -> tuple[str, list[Call]]:
        assert events[-1]["type"] == "response.completed", events[-1]
        output = events[-1]["response"]["output"]
        self.items += output
        calls = [
            (item["call_id"], json.loads(item["arguments"]))
            for item in output
            if item["type"] == "function_call"
        ]
        parts = [part for item in output if item["type"] == "message" for part in item["content"]]
        return "".join(part["text"] for part in parts), calls

    def result(self, call: Call, output: str) -> Json:
        return {"type": "function_call_output", "call_id": call[0], "output": output}


class Chat(Agent):
    path = "/v1/chat/completions"

    def body(self) -> Json:
        tool = {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}
        return {"messages": [{"role": "system", "content": self.system}, *self.items], "tools": [tool]}

    def read(self, events: list[Json]) -> tuple[str, list[Call]]:
        assert "error" not in events[-1], events[-1]
        deltas = [choice["delta"] for event in events for choice in event["choices"]]
        text = "".join(delta.get("content") or "" for delta in deltas)
        made: dict[int, Json] = {}
        for delta in deltas:
            for part in delta.get("tool_calls") or ():
                call = made.setdefault(part["index"], {"id": part.get("id"), "arguments": ""})
                call["arguments"] += part["function"].get("arguments") or ""
        calls = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": "look", "arguments": call["arguments"]},
            }
            for call in made.values()
        ]
        message: Json = {"role": "assistant", "content": text or None}
        self.items.append(message | ({"tool_calls": calls} if calls else {}))
        return text, [(str(call["id"]), json.loads(call["arguments"])) for call in made.values()]

    def result(self, call: Call, output: str) -> Json:
        return {"role": "tool", "tool_call_id": call[0], "content": output}


class Messages(Agent):
    path = "/v1/messages"

    def body(self) -> Json:
        tool = {"name": "look", "input_schema": SCHEMA}
        return {"system": self.system, "messages": self.items, "tools": [tool], "max_tokens": 999}

    def read(self, events: list[Json]) -> tuple[str, list[Call]]:
        assert events[-1]["type"] == "message_stop", events[-1]
        blocks: list[Json] = []
        for event in events:
            if event["type"] == "content_block_start":
                blocks.append(event["content_block"] | {"written": ""})
            if event["type"] == "content_block_delta":
                self._add(blocks[event["index"]], event["delta"])
        for block in blocks:
            written = block.pop("written")
            if block["type"] == "tool_use":
                block["input"] = json.loads(written or "{}")
        self.items.append({"role": "assistant", "content": blocks})
        calls = [(block["id"], block["input"]) for block in blocks if block["type"] == "tool_use"]
        return "".join(block["text"] for block in blocks if block["type"] == "text"), calls

    def _add(self, block: Json, delta: Json) -> None:
        field = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
        if name := field.get(delta["type"]):
            block[name] = block.get(name, "") + delta[name]
        else:
            block["written"] += delta["partial_json"]

    def result(self, call: Call, output: str) -> Json:
        content = [{"type": "tool_result", "tool_use_id": call[0], "content": output}]
        return {"role": "user", "content": content}


AGENTS = {"responses": Responses, "chat": Chat, "messages": Messages}


def events_of(stream: Stream) -> list[Json]:
    """The data of a stream's events."""
    blocks = [frame.raw.rpartition(b"data: ")[2] for frame in stream.all() if not frame.is_comment]
    return [json.loads(data) for data in blocks if data != b"[DONE]"]


def metric(bridge: Bridge, name: str) -> float:
    lines = bridge.request("GET", "/metrics", headers={"x-api-key": OPERATOR}).body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"copilot_bridge_{name}"))


def wait_until_opened(bridge: Bridge, before: float) -> None:
    """Wait until the bridge has more WebSockets open than before."""
    end = time.monotonic() + PATIENCE
    while (now := metric(bridge, "upstream_websockets_open")) <= before:
        assert time.monotonic() < end, "no WebSocket was opened"
        before = min(before, now)  # one of another conversation was closed meanwhile
        time.sleep(0.01)


def ways(simulator: Simulator, mark: str) -> list[str]:
    """How the turns of a conversation came to Copilot: by HTTP, or whole or continued in a frame."""
    return [way_of(entry) for entry in simulator.ledger(mark)]


def way_of(entry: Json) -> str:
    if entry["method"] == "POST":
        return "http"
    return "continued" if entry["body"].get("previous_response_id") else "whole"
