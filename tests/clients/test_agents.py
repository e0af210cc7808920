"""Real agents do a task through the bridge: they write a program with one tool and run it with another.

What the model says is in the prompt, as a plan for the simulator; what the agents make of it is their own.
The program's output is in no prompt: to arrive upstream it has to come from a run.
"""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from clients.agents import (
    Agent,
    Ended,
    Sandbox,
    claude,
    codex,
    codex_as,
    codex_on_websocket,
    gemini,
    opencode,
    run,
)
from clients.install import AGENTS
from integration.harness import Bridge, Simulator

pytestmark = pytest.mark.timeout(120)

CHAT, MESSAGES, RESPONSES = "/chat/completions", "/v1/messages", "/responses"

Json = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A program to write, and what it prints."""

    path: Path
    first: int
    second: int

    @property
    def program(self) -> str:
        return f"echo product-$(({self.first} * {self.second}))\n"

    @property
    def output(self) -> str:
        return f"product-{self.first * self.second}"

    @property
    def written_by_shell(self) -> str:
        return f"cat > {self.path.name} <<'END'\n{self.program}END"

    @property
    def run(self) -> str:
        return f"sh {self.path.name}"

    @property
    def patch(self) -> str:
        return f"*** Begin Patch\n*** Add File: {self.path.name}\n+{self.program}*** End Patch\n"


Call = tuple[str, Json | str]
Plan = Callable[[Task], list[Call]]
"""The calls, by the names and in the form that reach Copilot."""


def with_claude(task: Task) -> list[Call]:
    bash = {"command": task.run, "description": "Run the program"}
    return [("Write", {"file_path": str(task.path), "content": task.program}), ("Bash", bash)]


def with_codex(task: Task) -> list[Call]:
    return [("exec_command", {"cmd": task.written_by_shell}), ("exec_command", {"cmd": task.run})]


def with_patch(task: Task) -> list[Call]:
    return [("apply_patch", task.patch), ("exec_command", {"cmd": task.run})]


def with_wrapped_patch(task: Task) -> list[Call]:
    return [("apply_patch", {"input": task.patch}), ("exec_command", {"cmd": task.run})]


def with_code(task: Task) -> list[Call]:
    """A free-form tool in a namespace that takes JavaScript, of which the real tools are functions."""
    commands = (task.written_by_shell, task.run)
    scripts = [f"text(await tools.exec_command({json.dumps({'cmd': command})}))" for command in commands]
    return [("functions__exec", {"input": script}) for script in scripts]


def with_gemini(task: Task) -> list[Call]:
    command = {"command": task.run, "description": "Run the program"}
    write = {"file_path": str(task.path), "content": task.program}
    return [("write_file", write), ("run_shell_command", command)]


def with_opencode(task: Task) -> list[Call]:
    bash = {"command": task.run, "description": "Run the program"}
    return [("write", {"filePath": str(task.path), "content": task.program}), ("bash", bash)]


def with_opencode_patch(task: Task) -> list[Call]:
    """What it offers to GPT-5 in place of `write`."""
    _write, bash = with_opencode(task)
    return [("apply_patch", {"patchText": task.patch}), bash]


opencode_chat, opencode_messages = opencode("@ai-sdk/openai-compatible"), opencode("@ai-sdk/anthropic")

RUNS: dict[str, tuple[Agent, Plan, str, str]] = {
    "claude-code on claude": (claude, with_claude, "claude-sonnet-4.5", MESSAGES),
    "claude-code on gpt": (claude, with_claude, "gpt-5.2", RESPONSES),
    "claude-code on gemini": (claude, with_claude, "gemini-3.1-pro-preview", CHAT),
    "codex on gpt-codex": (codex, with_codex, "gpt-5.3-codex", RESPONSES),
    "codex on claude": (codex, with_codex, "claude-sonnet-4.5", MESSAGES),
    "codex on gemini": (codex, with_codex, "gemini-3.1-pro-preview", CHAT),
    "codex patching on gpt-codex": (codex_as("gpt-5.5"), with_patch, "gpt-5.3-codex", RESPONSES),
    "codex patching on claude": (codex_as("gpt-5.5"), with_wrapped_patch, "claude-sonnet-4.5", MESSAGES),
    "codex in code mode on claude": (codex_as("gpt-6-sol"), with_code, "claude-sonnet-4.5", MESSAGES),
    "gemini-cli on gemini": (gemini, with_gemini, "gemini-3.1-pro-preview", CHAT),
    "gemini-cli on gpt-codex": (gemini, with_gemini, "gpt-5.3-codex", RESPONSES),
    "gemini-cli on claude": (gemini, with_gemini, "claude-sonnet-4.5", MESSAGES),
    "opencode chat on gpt": (opencode_chat, with_opencode, "gpt-4.1", CHAT),
    "opencode chat on gpt-codex": (opencode_chat, with_opencode_patch, "gpt-5.3-codex", RESPONSES),
    "opencode messages on claude": (opencode_messages, with_opencode, "claude-sonnet-4.5", MESSAGES),
}


def results_in(body: Json) -> Iterator[str]:
    """What the tools gave back, as JSON, whichever API the body is for."""
    for item in body.get("messages") or body["input"]:
        content = item.get("content")
        blocks = content if isinstance(content, list) else []
        if item.get("role") == "tool":
            yield json.dumps(content)
        elif "call_id" in item and "output" in item:
            yield json.dumps(item["output"])
        yield from (json.dumps(block["content"]) for block in blocks if block.get("type") == "tool_result")


def ends(lines: list[str]) -> set[tuple[int, str]]:
    """How the requests in the bridge's log ended."""
    done = [json.loads(line) for line in lines if "request.done" in line]
    return {(line["status"], line["outcome"]) for line in done}


@pytest.fixture
def sandbox(by_http: Bridge, tmp_path: Path) -> Iterator[Sandbox]:
    """The bridge's log of the test is shown if it fails."""
    assert AGENTS.is_installed(), "make test-clients installs the agents"
    before = len(by_http.log.all())
    yield Sandbox(tmp_path, by_http.url)
    print("\n".join(by_http.log.all()[before:]))


@pytest.mark.parametrize("name", RUNS)
def test_an_agent_does_its_task(
    by_http: Bridge, simulator: Simulator, sandbox: Sandbox, mark: str, name: str
) -> None:
    agent, plan, model, upstream = RUNS[name]
    task = Task(sandbox.work / "task.sh", secrets.randbelow(10**6), secrets.randbelow(10**6))
    steps = [{"tool": tool, "arguments": arguments} for tool, arguments in plan(task)]
    before = len(by_http.log.all())

    ended = run(
        agent(sandbox, model), sandbox, f"[[sim:plan]] {json.dumps(steps)} [[sim:say]] All done: {mark}."
    )

    show(ended)
    assert ended.code == 0
    assert "metadata" not in ended.err, "Codex does not know the model"
    assert ended.out.strip().splitlines()[-1] == f"All done: {mark}."
    assert task.path.read_text() == task.program
    # Those without tools ask for a title.
    turns = [entry for entry in simulator.ledger(mark) if entry["body"].get("tools")]
    assert [entry["path"] for entry in turns] == [upstream] * 3
    assert [entry["body"]["model"] for entry in turns] == [model] * 3
    assert [entry["headers"]["x-initiator"] for entry in turns] == ["user", "agent", "agent"]
    results = [list(results_in(entry["body"])) for entry in turns]
    assert [len(outputs) for outputs in results] == [0, 1, 2]
    assert [task.output in outputs for outputs in results[2]] == [False, True]
    assert ends(by_http.log.all()[before:]) == {(200, "ok")}


@pytest.mark.parametrize("model", ["gpt-5.3-codex", "claude-sonnet-4.5"])
def test_codex_does_its_task_over_a_websocket(
    bridge: Bridge, simulator: Simulator, tmp_path: Path, mark: str, model: str
) -> None:
    sandbox = Sandbox(tmp_path, bridge.url)
    task = Task(sandbox.work / "task.sh", secrets.randbelow(10**6), secrets.randbelow(10**6))
    steps = [{"tool": tool, "arguments": arguments} for tool, arguments in with_codex(task)]
    before = len(bridge.log.all())
    prompt = f"[[sim:plan]] {json.dumps(steps)} [[sim:say]] All done: {mark}."
    ended = run(codex_on_websocket(sandbox, model), sandbox, prompt)
    show(ended)
    assert ended.code == 0
    assert ended.out.strip().splitlines()[-1] == f"All done: {mark}."
    assert task.path.read_text() == task.program
    lines = bridge.log.all()[before:]
    assert ends(lines) == {(101, "ok"), (200, "ok")}
    methods = [json.loads(line)["method"] for line in lines if "request.done" in line]
    assert "POST" not in methods
    assert methods.count("WEBSOCKET") >= 3
    assert any(task.output in json.dumps(entry["body"]) for entry in simulator.ledger(task.output))


def show(ended: Ended) -> None:
    """For whoever reads about a failure."""
    print(f"exit code {ended.code}\n--- stdout\n{ended.out}\n--- stderr\n{ended.err}")
