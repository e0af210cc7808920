"""The model of openai-agents that speaks Responses over a WebSocket: one connection for all of its runs."""

import json
import subprocess
from pathlib import Path

import pytest
from clients.install import PACKAGES
from integration.harness import Bridge

SCRIPT = Path(__file__).parent / "python" / "websocket.py"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("model", ["gpt-5.3-codex", "claude-sonnet-4.5"])
def test_runs_share_a_websocket(bridge: Bridge, mark: str, model: str) -> None:
    before = len(bridge.log.all())
    command = (PACKAGES.python, SCRIPT, bridge.url, model, mark)
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    first, second = found["at once"]
    assert f"sunny {mark} for first" in first
    assert f"sunny {mark} for second" in second
    response, again = found["continued"]
    assert f"sunny {mark}" in response
    assert "And again?" in again
    assert found["streamed"] == [f"It is {mark}.", True]
    assert "previous_response_not_found" in found["refused"]
    lines = [json.loads(line) for line in bridge.log.all()[before:] if "request.done" in line]
    methods = [line["method"] for line in lines if line["path"] == "/v1/responses"]
    assert methods == ["WEBSOCKET"] * 9 + ["GET"]
