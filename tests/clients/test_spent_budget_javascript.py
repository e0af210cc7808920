"""The SDKs for JavaScript send one request to a budget that is used up, as those for Python do."""

import json
import subprocess
from pathlib import Path

import pytest
from clients.install import SDKS
from integration.harness import Bridge
from sdk.test_spent_budget import outcomes, spent  # noqa: F401 - a fixture

SCRIPT = Path(__file__).parent / "javascript" / "spent_budget.mjs"
SURFACES = {"chat": 429, "responses": 429, "messages": 402, "gemini": 429}


@pytest.mark.timeout(120)
def test_the_sdks_give_up_at_once(spent: tuple[Bridge, str]) -> None:  # noqa: F811 - the fixture
    bridge, key = spent
    command = ("node", SCRIPT, SDKS.folder, bridge.url, key)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name: error["status"] for name, error in found.items()} == SURFACES
    assert all("used up" in error["message"] for error in found.values()), found
    assert outcomes(bridge, 5) == [*["quota"] * 4, "ok"]
