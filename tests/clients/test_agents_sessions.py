"""The sessions of openai-agents, which keep their conversations in the bridge, and compact them there."""

import json
import subprocess
from pathlib import Path

import pytest
from clients.install import PACKAGES
from integration.harness import Bridge, Simulator

SCRIPT = Path(__file__).parent / "python" / "sessions.py"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("model", ["gpt-5.3-codex", "claude-sonnet-4.5"])
def test_sessions_and_conversations_of_the_agents_sdk_go_on(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    command = (PACKAGES.python, SCRIPT, bridge.url, model, mark)
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    conversation = found["conversation"]
    assert f"sunny {mark}" in conversation["answers"][0]
    assert "And again?" in conversation["answers"][1]
    kept = [kind for kind in conversation["items"] if kind != "reasoning"]
    assert [kind for kind in kept if kind != "message"] == ["function_call", "function_call_output"]
    assert kept.count("message") >= 4
    assert conversation["popped"] == ["message", 1]
    assert conversation["cleared"] == 0
    if model.startswith("gpt-"):
        assert found["compaction"] == ["message", "message", "compaction"]
        assert any("Write a summary" in json.dumps(entry["body"]) for entry in simulator.ledger(mark))
