"""Google's and Ollama's packages for JavaScript, as programs use them, on a model of each API of Copilot."""

import json
import subprocess
from pathlib import Path

import pytest
from clients.install import SDKS
from integration.harness import Bridge, Json

SCRIPTS = Path(__file__).parent / "javascript"
each_model = pytest.mark.parametrize(
    "model", ["gemini-3.1-pro-preview", "gpt-5.3-codex", "claude-sonnet-4.5"]
)

pytestmark = pytest.mark.timeout(120)


def ran(script: str, bridge: Bridge, model: str, mark: str) -> Json:
    command = ("node", SCRIPTS / script, SDKS.folder, bridge.url, model, mark)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: Json = json.loads(done.stdout)
    return found


def check(found: Json, mark: str) -> None:
    assert mark in found["whole"][0]
    assert found["whole"][1].lower() == "stop"
    assert found["whole"][2] is True
    assert f"Bye {mark}" in found["streamed"]
    assert found["thoughts"] is True
    name, city, response = found["tools"]
    assert (name, city) == ("get_weather", "string")
    assert f"sunny {mark}" in response
    assert found["schema"] == "string"
    assert found["embeddings"] == [1536, 1536]
    assert found["models"] > 5
    assert found["error"] == 404


@each_model
def test_googles_library_works(bridge: Bridge, mark: str, model: str) -> None:
    found = ran("google_genai.mjs", bridge, model, mark)
    check(found, mark)
    assert found["count"] > 0


@each_model
def test_ollamas_library_works(bridge: Bridge, mark: str, model: str) -> None:
    found = ran("ollama.mjs", bridge, model, mark)
    check(found, mark)
    assert mark in found["generated"]
    assert {"completion", "tools"} <= {*found["capabilities"]}
