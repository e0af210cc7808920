"""Conversations over WebSockets with faults at random: answers are right, or clients are told otherwise.

`PYTHONPATH=tests python -m integration.websocket_faults 1000` runs that many, and prints what became of them.
"""

import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

from integration.conversations import AGENTS, OPERATOR, Agent, Chat, events_of, metric
from integration.harness import Bridge, Json, Simulator, new_mark, new_token
from websockets.sync.client import connect

TERMINAL = ("error", "response.completed", "response.failed", "response.incomplete")
FAULTS = (
    "close-before-response",
    "cut-between after={after}",
    "cut-in-frame after={after}",
    "reset after={after}",
    "close-frame after={after} code=1011",
    "bad-deflate after={after}",
    "stall after={after} seconds=0.3",
    "slow-headers seconds=0.2",
    "refuse name=previous-response",
    "status code=500",
    "status code=503",
    "failed",
)
RULES = "Say it as it is. " * 100  # so many that they are compressed
MUTE = "stall after=0 seconds=5"
SETTINGS: dict[str, Any] = {
    "allow_github_tokens": 1,
    "api_key": OPERATOR,
    "first_byte_timeout": 0.5,
    "honor_retry_after": 0,
}


class Wrong(Exception):
    """A response that its client could only take for a right one."""


def directive(random_: random.Random, key: str) -> str:
    """At most one fault, which comes once."""
    if random_.random() < 0.45:
        return ""
    fault = random_.choice(FAULTS if random_.random() < 0.97 else (MUTE,))
    return f"[[sim:{fault.format(after=random_.randrange(9))} once={key}]] "


def text_and_end(agent: Agent, events: list[Json]) -> tuple[str, str]:
    """The text of a stream, and "ok", "told" (of a failure), or "cut" without a word."""
    if isinstance(agent, Chat):
        choices = [choice for event in events for choice in event.get("choices") or ()]
        text = "".join(choice["delta"].get("content") or "" for choice in choices)
        if any("error" in event for event in events):
            return text, "told"
        return text, "ok" if any(choice.get("finish_reason") for choice in choices) else "cut"
    deltas = [event["delta"] for event in events if event["type"].endswith(("text.delta", "block_delta"))]
    text = "".join(delta if isinstance(delta, str) else delta.get("text", "") for delta in deltas)
    last = events[-1]["type"] if events else "nothing"
    ends = {"response.completed": "ok", "message_stop": "ok", "response.failed": "told", "error": "told"}
    return text, ends.get(last, "cut")


def whole_text(response: Json) -> str:
    """The text of a response that was not streamed, in any of the dialects."""
    if "choices" in response:
        return str(response["choices"][0]["message"]["content"])
    items = [item for item in response.get("output", ()) if item["type"] == "message"]
    parts = response["content"] if "content" in response else items[0]["content"]
    return "".join(part.get("text", "") for part in parts)


class Run:
    """One conversation of a few turns."""

    def __init__(self, bridge: Bridge, simulator: Simulator, seed: int, token: str) -> None:
        self.random = random.Random(seed)
        self.bridge = bridge
        self.token = token
        self.kind = self.random.choice([*AGENTS, "websocket"])
        self.agent = AGENTS[self.kind if self.kind in AGENTS else "responses"]("", token=self.token)
        self.agent.items.clear()
        self.outcomes: Counter[str] = Counter()
        self.refused = self.random.random() < 0.04
        limits: Json = {"compression": self.random.choice(["accept", "both", "refuse"])}
        if self.random.random() < 0.2:
            limits |= {"age": self.random.choice([0.1, 60]), "idle": self.random.choice([0.05, 60])}
        simulator.control("websockets", github_token=self.token, **limits)
        if self.refused:
            state = self.random.choice([404, 426, 503, "never"])
            simulator.control("outages", github_token=self.token, paths={"ws:/responses": state})

    def play(self) -> Counter[str]:
        if self.kind == "websocket":
            url = self.bridge.url.replace("http", "ws") + "/v1/responses"
            with connect(url, additional_headers=self.agent.headers, compression=None, proxy=None) as socket:
                self._turns(lambda items: self._by_socket(socket, items))
        else:
            self._turns(self._by_stream)
        return self.outcomes

    def _turns(self, ask: Any) -> None:
        for _ in range(self.random.randint(2, 5)):
            said, wanted = self._say()
            if self.kind in AGENTS and self.random.random() < 0.15:
                self._at_once(said)
            for _attempt in range(3):
                response = self._check(ask([*self.agent.items, said]), wanted)
                if response:
                    break
            self.agent.items += [said, {"role": "assistant", "content": wanted}]
            time.sleep(0.02)  # in which a WebSocket may be opened

    def _say(self) -> tuple[Json, str]:
        mark = new_mark()
        wanted = " ".join([mark, *(["word"] * self.random.randrange(12)), mark])
        fault = directive(self.random, mark)
        return {"role": "user", "content": f"{fault}[[sim:say]] {wanted}"}, wanted

    def _at_once(self, said: Json) -> None:
        """Another request of the conversation meanwhile, whose client may leave."""
        other, wanted = self._say()
        leaves = self.random.random() < 0.5

        def ask() -> None:
            with suppress(OSError, IncompleteRead):
                stream = self._open([*self.agent.items, other])
                if stream.status != 200:
                    stream.response()
                elif leaves:
                    with suppress(StopIteration):
                        next(stream.frames())
                    stream.leave()
                else:
                    found = text_and_end(self.agent, events_of(stream))
                    if found[1] == "ok" and found[0] != wanted:
                        self.outcomes["WRONG"] += 1

        thread = threading.Thread(target=ask)
        thread.start()
        if self.random.random() < 0.5:
            thread.join()
        self._threads = thread

    def _open(self, items: list[Json]) -> Any:
        agent = type(self.agent)("", RULES, self.token)
        agent.items = items
        return agent.ask(self.bridge)

    def _whole(self, items: list[Json]) -> tuple[str, str]:
        """A request that is not streamed: its response is right, or an error."""
        agent = type(self.agent)("", RULES, self.token)
        agent.items = items
        response = agent.ask(self.bridge, stream=False).response()
        return (whole_text(response.json), "ok") if response.status == 200 else ("", "told")

    def _by_stream(self, items: list[Json]) -> tuple[str, str]:
        if self.random.random() < 0.2:
            return self._whole(items)
        stream = self._open(items)
        try:
            if stream.status != 200:
                stream.response()
                return "", "told"
            return text_and_end(self.agent, events_of(stream))
        finally:
            stream.close()

    def _by_socket(self, socket: Any, items: list[Json]) -> tuple[str, str]:
        socket.send(json.dumps({"type": "response.create", "model": self.agent.model, "input": items}))
        events: list[Json] = []
        while not events or events[-1]["type"] not in TERMINAL:
            events.append(json.loads(socket.recv(timeout=30)))
        if events[-1]["type"] == "error" and not isinstance(events[-1].get("status"), int):
            raise Wrong(f"an error without a status: {events[-1]}")
        return text_and_end(self.agent, events)

    def _check(self, found: tuple[str, str], wanted: str) -> bool:
        """True: the response is right.  False: its client was told that it is not."""
        text, end = found
        self.outcomes[end] += 1
        if end == "cut":
            raise Wrong(f"cut without a word after {text!r}")
        if end == "ok" and text != wanted:
            raise Wrong(f"{text!r} instead of {wanted!r}")
        if not wanted.startswith(text):
            raise Wrong(f"{text!r} is no beginning of {wanted!r}")
        return end == "ok"


def campaign(bridge: Bridge, simulator: Simulator, seeds: range) -> Counter[str]:
    """Runs one conversation for each seed.

    :raises Wrong: a response was neither right nor told to be wrong.
    """
    outcomes: Counter[str] = Counter()
    token = ""
    for seed in seeds:
        try:
            token = token or known_token(bridge)
            run = Run(bridge, simulator, seed, token)
            outcomes += run.play()
            # After a refused handshake or several failures an account has no WebSockets for a while.
            if run.refused or seed % 10 == 9:
                token = ""
        except Exception as error:
            raise Wrong(f"seed {seed}: {error!r}") from error
    assert not outcomes["WRONG"], outcomes
    return outcomes


def known_token(bridge: Bridge) -> str:
    """A token of a new account, once the bridge takes it: it lets few new ones in at a time."""
    token = new_token()
    while bridge.request("GET", "/v1/models", headers={"x-api-key": token}).status != 200:
        time.sleep(0.2)
    return token


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory() as folder:
        simulator = Simulator.start(Path(folder))
        hosts = {"github_url": simulator.url, "github_api_url": simulator.url}
        bridge = Bridge(Path(folder), "gevent", new_token(), {**hosts, **SETTINGS}).warm_up(OPERATOR)
        try:
            print(dict(campaign(bridge, simulator, range(first, first + count))))
            lines = bridge.request("GET", "/metrics", headers={"x-api-key": OPERATOR}).body.decode()
            print("\n".join(line for line in lines.splitlines() if "websocket" in line and "#" not in line))
            print(
                "streams open:", metric(bridge, "streams_open"), "memory:", bridge.memory() // 1_000_000, "MB"
            )
            bad = [line for line in bridge.log.all() if "Traceback" in line or "internal error" in line]
            print(len(bad), "internal errors", *bad[:3])
        finally:
            bridge.stop()
            simulator.stop()


if __name__ == "__main__":
    main()
