"""Real agents search the web through the bridge, and what is found arrives at the model."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clients.agents import Agent, Launch, Sandbox, claude, codex, gemini, run
from clients.install import AGENTS
from integration.harness import Bridge, Simulator

pytestmark = pytest.mark.timeout(120)

Json = dict[str, Any]


@pytest.fixture
def sandbox(by_http: Bridge, tmp_path: Path) -> Iterator[Sandbox]:
    """The bridge's log of the test is shown if it fails."""
    assert AGENTS.is_installed(), "make test-clients installs the agents"
    before = len(by_http.log.all())
    yield Sandbox(tmp_path, by_http.url)
    print("\n".join(by_http.log.all()[before:]))


def claude_with_search(sandbox: Sandbox, model: str) -> Launch:
    """All tools are offered at once, so that the plan can name the search."""
    launch = claude(sandbox, model)
    settings = {**launch.settings, "ENABLE_TOOL_SEARCH": "false"}
    return Launch([*launch.command, "--allowedTools", "WebSearch"], settings)


def codex_with_search(sandbox: Sandbox, model: str) -> Launch:
    return codex(sandbox, model, 'web_search = "live"')


RUNS: dict[str, tuple[Agent, str, str]] = {
    "claude-code on claude": (claude_with_search, "WebSearch", "claude-sonnet-4.5"),
    "claude-code on gpt": (claude_with_search, "WebSearch", "gpt-5.2"),
    "claude-code on gemini": (claude_with_search, "WebSearch", "gemini-3.1-pro-preview"),
    "gemini-cli on claude": (gemini, "google_web_search", "claude-sonnet-4.5"),
    "codex on claude": (codex_with_search, "web_search", "claude-sonnet-4.5"),
    "codex on gemini": (codex_with_search, "web_search", "gemini-3.1-pro-preview"),
}


@pytest.mark.parametrize("name", RUNS)
def test_an_agent_searches(
    by_http: Bridge, simulator: Simulator, sandbox: Sandbox, mark: str, name: str
) -> None:
    agent, tool, model = RUNS[name]
    steps = [{"tool": tool, "arguments": {"query": mark}}]
    ended = run(
        agent(sandbox, model), sandbox, f"[[sim:plan]] {json.dumps(steps)} [[sim:say]] All done: {mark}."
    )
    print(f"exit code {ended.code}\n--- stdout\n{ended.out}\n--- stderr\n{ended.err}")
    assert ended.code == 0
    assert ended.out.strip().splitlines()[-1] == f"All done: {mark}."
    last = [entry for entry in simulator.ledger(mark) if entry["body"].get("tools")][-1]
    assert "https://example.com/" in json.dumps(last["body"])
    assert "Error: " not in json.dumps(last["body"].get("messages"))


def test_codex_on_an_openai_model_has_copilots_own_search(
    simulator: Simulator, sandbox: Sandbox, mark: str
) -> None:
    ended = run(codex_with_search(sandbox, "gpt-5.3-codex"), sandbox, f"[[sim:search]] {mark}")
    assert ended.code == 0
    assert "https://example.com/" in ended.out
    [entry] = [entry for entry in simulator.ledger(mark) if entry["body"].get("tools")]
    assert any(tool["type"] == "web_search" for tool in entry["body"]["tools"])
