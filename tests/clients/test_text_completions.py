"""The AI SDK's and litellm's text completions, with a model for gaps and a model of each API of Copilot."""

import json
import subprocess
from pathlib import Path

import pytest
from clients.install import PACKAGES, SDKS
from integration.harness import Bridge, Simulator

FOLDER = Path(__file__).parent
PROGRAMS = {
    "ai-sdk": ("node", FOLDER / "javascript" / "completions.mjs", SDKS.folder),
    "litellm": (PACKAGES.python, FOLDER / "python" / "completions.py"),
}
ENGINE = "gpt-41-copilot"
CASES = [
    *(("ai-sdk", model) for model in (ENGINE, "gpt-4.1", "gpt-5.3-codex", "claude-sonnet-4.5")),
    *(("litellm", model) for model in (ENGINE, "claude-sonnet-4.5")),  # it takes seconds to start
]
ENGINE_PATH = f"/proxy/v1/engines/{ENGINE}/completions"


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("program", "model"), CASES)
def test_programs_of_text_completions_work(
    bridge: Bridge, simulator: Simulator, mark: str, program: str, model: str
) -> None:
    command = (*PROGRAMS[program], bridge.url, model, mark)
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    # The AI SDK ends its prompts with a line of its own, and a model for gaps repeats the last line alone.
    echo, goodbye, gap = ("/* after '",) * 3 if model == ENGINE else (mark, f"Bye {mark}", mark)
    assert echo in found["whole"][0]
    assert found["whole"][1:] == ["stop", True]
    assert goodbye in found["streamed"]
    assert found["ended"] == "stop"
    assert gap in found["filled"]
    assert "pass" in json.dumps(simulator.ledger(mark)[-1]["body"])
    assert found["error"] == 404
    to_engine = [entry["path"] == ENGINE_PATH for entry in simulator.ledger(mark)]
    assert to_engine == [model == ENGINE] * 3
