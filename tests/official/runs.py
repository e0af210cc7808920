"""Runs of the Copilot CLI without a person: its tasks, and what is recorded.

The plan for the simulator is in the prompt: what the model says and which tools it calls.  What the CLI makes
of it is its own.  The output of the program that it writes is in no prompt: to arrive upstream it has to come
from a run.
"""

import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from clients.agents import Ended, Launch, Sandbox, run
from integration.harness import Bridge, Simulator, new_mark
from official.install import CLI

from copilot_bridge.clients import setup_instructions

Json = dict[str, Any]
Step = tuple[str, Json | str]

CHAT, MESSAGES, RESPONSES, AUTO = "/chat/completions", "/v1/messages", "/responses", "/auto"
MODEL_PATHS = frozenset({CHAT, MESSAGES, RESPONSES})

# How a directive is written in the JSON of a plan that is a subagent's only: as JSON it is the same.
NESTED = "[[sim\\u003a"


@dataclass(frozen=True)
class Task:
    """A program to write, and what it prints."""

    path: Path
    mark: str
    first: int = field(default_factory=lambda: secrets.randbelow(10**6))
    second: int = field(default_factory=lambda: secrets.randbelow(10**6))

    @property
    def program(self) -> str:
        return f"echo product-$(({self.first} * {self.second}))\n"

    @property
    def output(self) -> str:
        return f"product-{self.first * self.second}"

    @property
    def said(self) -> str:
        return f"All done: {self.mark}."

    @property
    def patch(self) -> str:
        return f"*** Begin Patch\n*** Add File: {self.path.name}\n+{self.program}*** End Patch\n"

    @property
    def by_shell(self) -> str:
        return f"cat > {self.path.name} <<'END'\n{self.program}END"

    def prompt(self, steps: Iterable[Step]) -> str:
        return f"{plan(steps)} [[sim:say]] {self.said}"


def plan(steps: Iterable[Step]) -> str:
    calls = [{"tool": tool, "arguments": arguments} for tool, arguments in steps]
    return f"[[sim:plan]] {json.dumps(calls).replace('[[sim:', NESTED)}"


def bash(command: str) -> Step:
    return ("bash", {"command": command, "description": "A step of the task"})


def by_create(task: Task) -> list[Step]:
    return [("create", {"path": str(task.path), "file_text": task.program}), bash(f"sh {task.path.name}")]


def by_patch(task: Task) -> list[Step]:
    """A free-form tool, which GPT models are offered in place of `create`."""
    return [("apply_patch", task.patch), bash(f"sh {task.path.name}")]


def by_shell(task: Task) -> list[Step]:
    return [bash(task.by_shell), bash(f"sh {task.path.name}")]


def by_search(task: Task) -> list[Step]:
    return [("web_search", {"query": f"red pandas {task.mark}"}), *by_create(task)]


def by_subagent(task: Task) -> list[Step]:
    """The subagent does the work, and has a plan of its own in its prompt."""
    asked = f"{plan(by_create(task))} [[sim:say]] The subagent is done: {task.mark}."
    arguments = {
        "description": "Do the task",
        "prompt": asked,
        "agent_type": "general-purpose",
        "name": "worker",
    }
    return [("task", arguments), bash(f"cat {task.path.name}")]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of the CLI on the simulator.  `persona`: whose token it has; `outages`: what fails for it."""

    model: str
    steps: Callable[[Task], list[Step]] = by_create
    persona: str = "demo"
    outages: Mapping[str, int] = field(default_factory=dict)
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run, and the simulator's view of it."""

    ended: Ended
    task: Task
    entries: list[Json]

    @cached_property
    def turns(self) -> list[Json]:
        """The requests that a model was to respond with tools at hand; not those for a title."""
        return [entry for entry in self.entries if entry["path"] in MODEL_PATHS and offers(entry["body"])]

    def at(self, path: str) -> list[Json]:
        return [entry for entry in self.entries if entry["path"] == path]

    def check(self) -> None:
        """It ended well, and the tools did what they were to do."""
        self.show()
        assert self.ended.code == 0
        assert self.ended.out.strip().splitlines()[-1] == self.task.said
        assert self.task.path.read_text() == self.task.program
        assert any(self.task.output in result for entry in self.turns for result in results_in(entry["body"]))

    def show(self) -> None:
        """For whoever reads about a failure."""
        print(f"exit code {self.ended.code}\n--- stdout\n{self.ended.out}\n--- stderr\n{self.ended.err}")
        print(f"its own log is in {self.task.path.parents[1] / 'log'}")
        for entry in self.entries:
            print(entry["method"], entry["path"], json.dumps(entry["body"])[:200])


def offers(body: Any) -> bool:
    return isinstance(body, dict) and bool(body.get("tools"))


def results_in(body: Json) -> Iterator[str]:
    """What the tools gave back, as JSON, whichever API the body is for."""
    given = body.get("messages") or body.get("input")
    for item in given if isinstance(given, list) else []:
        content = item.get("content")
        if item.get("role") == "tool":
            yield json.dumps(content)
        elif "call_id" in item and "output" in item:
            yield json.dumps(item["output"])
        blocks = content if isinstance(content, list) else []
        yield from (json.dumps(block["content"]) for block in blocks if block.get("type") == "tool_result")


RUNS: dict[str, Run] = {
    "claude on messages": Run(model="claude-sonnet-4.6"),
    "gemini on chat": Run(model="gemini-3.1-pro-preview"),
    "gpt on a websocket": Run(model="gpt-5.3-codex", steps=by_patch),
    "gpt where no websocket is": Run(model="gpt-5.3-codex", steps=by_patch, persona="httponly"),
    "auto": Run(model="auto"),
    "auto with a tier": Run(model="auto", options=("--auto-tier", "intelligence")),
    "auto in its first version": Run(model="auto", persona="firstauto"),
    "a subagent": Run(model="claude-sonnet-4.6", steps=by_subagent),
    "web search": Run(model="claude-sonnet-4.6", steps=by_search),
}

# What a careless simulator would get away with: the CLI goes on without what fails here.
BROKEN = {
    "gpt without its websocket": Run(model="gpt-5.3-codex", steps=by_patch, outages={"ws:/responses": 404})
}


@dataclass(frozen=True, kw_only=True)
class Wire:
    """An API that the CLI speaks to a provider.

    :param suffix: of the base URL.  :param upstream: the path at Copilot, by the model's family, where it is
    not the family's own.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""
    upstream: Mapping[str, str] = field(default_factory=dict)


AZURE = {"COPILOT_PROVIDER_TYPE": "azure"}
BY_RESPONSES = {"COPILOT_PROVIDER_WIRE_API": "responses"}
DIRECTLY = {"claude": CHAT}  # Claude models speak Chat Completions themselves

WIRES = {
    "completions": Wire(suffix="/v1", upstream=DIRECTLY),
    "responses": Wire(settings=BY_RESPONSES, suffix="/v1"),
    "websockets": Wire(settings=BY_RESPONSES | {"COPILOT_PROVIDER_TRANSPORT": "websockets"}, suffix="/v1"),
    "anthropic": Wire(settings={"COPILOT_PROVIDER_TYPE": "anthropic"}),
    "azure": Wire(settings=AZURE, upstream=DIRECTLY),
    "azure with a version": Wire(
        settings=AZURE | {"COPILOT_PROVIDER_AZURE_API_VERSION": "2024-10-21"}, upstream=DIRECTLY
    ),
}
MODELS = {"gpt": "gpt-5.3-codex", "claude": "claude-sonnet-4.6", "gemini": "gemini-3.1-pro-preview"}
UPSTREAM = {"gpt": RESPONSES, "claude": MESSAGES, "gemini": CHAT}


@dataclass(frozen=True)
class Provided:
    """A run as a client of the bridge: a model through a wire, or as `copilot-bridge setup` says."""

    wire: str
    family: str

    @property
    def model(self) -> str:
        return MODELS[self.family]

    @property
    def upstream(self) -> str:
        wire = WIRES.get(self.wire, Wire())
        return wire.upstream.get(self.family, UPSTREAM[self.family])

    def settings(self, url: str) -> Mapping[str, str]:
        if self.wire == SETUP:
            return setup_instructions("copilot-cli", url, model=self.model).variables
        wire = WIRES[self.wire]
        usual = {"COPILOT_OFFLINE": "true", "COPILOT_PROVIDER_API_KEY": "anything"}
        return usual | {"COPILOT_PROVIDER_BASE_URL": url + wire.suffix, **wire.settings}

    def steps(self, task: Task) -> list[Step]:
        """GPT models patch by a free-form tool in whatever API can say it."""
        return by_patch(task) if self.family == "gpt" and self.wire != "anthropic" else by_shell(task)


SETUP = "setup"
PROVIDED: dict[str, Provided] = {
    f"{wire} on {family}": Provided(wire, family)
    for wire, families in {
        SETUP: ("gpt", "claude", "gemini"),  # responses, anthropic and completions
        "completions": ("gpt", "claude"),
        "responses": ("claude", "gemini"),
        "websockets": ("gpt", "claude", "gemini"),
        "anthropic": ("gpt", "gemini"),
        "azure": ("gpt", "claude", "gemini"),
        "azure with a version": ("gemini",),
    }.items()
    for family in families
}

EVERYTHING: dict[str, Run | Provided] = {**RUNS, **BROKEN, **PROVIDED}


def conversation_of(entries: list[Json], mark: str) -> list[Json]:
    """All requests of conversations in which the mark is said; those that continue one need not say it."""
    found = {session_of(entry) for entry in entries if mark in json.dumps(entry["body"])}
    return [entry for entry in entries if session_of(entry) in found - {None}]


def session_of(entry: Json) -> str | None:
    session: str | None = entry["headers"].get("vscode-sessionid")
    return session


OPTIONS = ("--allow-all-tools", "--silent", "--log-level", "debug")


class Runner:
    """Runs side by side, as many as there are processors; each once."""

    def __init__(self, simulator: Simulator, bridge: Callable[[], Bridge], folder: Path) -> None:
        self._simulator = simulator
        self._start_bridge = bridge
        self._started: Bridge | None = None
        self._folder = folder
        self._pool = ThreadPoolExecutor(os.cpu_count())
        self._begun: dict[str, Future[Outcome]] = {}

    def begin(self, name: str, run: Run | Provided) -> None:
        if isinstance(run, Provided) and self._started is None:
            self._started = self._start_bridge()
        if name not in self._begun:
            start = self._official if isinstance(run, Run) else self._provided
            self._begun[name] = self._pool.submit(start, self._folder / name.replace(" ", "-"), run)

    def outcome(self, name: str, run: Run | Provided) -> Outcome:
        self.begin(name, run)
        return self._begun[name].result()

    @property
    def bridge(self) -> Bridge:
        assert self._started is not None, "a run as a client has begun"
        return self._started

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        if self._started is not None:
            self._started.stop()

    def _official(self, folder: Path, run: Any) -> Outcome:
        sandbox, task = self._prepare(folder, self._simulator.url)
        token = f"gho_sim_{run.persona}.{task.mark}"
        if run.outages:
            self._simulator.control("outages", github_token=token, paths=dict(run.outages))
        settings = {
            "COPILOT_API_URL": sandbox.url,
            "COPILOT_DEBUG_GITHUB_API_URL": sandbox.url,
            "COPILOT_GITHUB_TOKEN": token,
        }
        ended = self._run(sandbox, run, settings, task)
        found = self._simulator.ledger()
        mine = [entry for entry in found if token in entry["headers"].get("authorization", "")]
        return Outcome(ended, task, mine)

    def _provided(self, folder: Path, run: Any) -> Outcome:
        sandbox, task = self._prepare(folder, self.bridge.url)
        ended = self._run(sandbox, run, run.settings(sandbox.url), task)
        return Outcome(ended, task, conversation_of(self._simulator.ledger(), task.mark))

    def _prepare(self, folder: Path, url: str) -> tuple[Sandbox, Task]:
        sandbox = Sandbox(folder, url)
        sandbox.work.mkdir(parents=True)
        return sandbox, Task(sandbox.work / "task.sh", new_mark())

    def _run(self, sandbox: Sandbox, case: Run | Provided, settings: Mapping[str, str], task: Task) -> Ended:
        options = getattr(case, "options", ())
        command = [
            "copilot",
            "--model",
            case.model,
            *OPTIONS,
            "--log-dir",
            str(sandbox.home / "log"),
            *options,
        ]
        launch = Launch(command, {"COPILOT_AUTO_UPDATE": "false", **settings}, CLI.programs)
        return run(launch, sandbox, task.prompt(case.steps(task)))
