"""The process of the simulator: its address, its end, and its help."""

import signal
import subprocess
import sys

import pytest
import requests
from simulator_calls import finish, start


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quietly(number: signal.Signals) -> None:
    process, url = start()
    assert url.startswith("http://127.0.0.1:")
    process.send_signal(number)
    assert finish(process) == (0, b"")


def test_the_simulator_ends_with_its_stdin() -> None:
    process, url = start("--exit-with-stdin")
    assert requests.get(f"{url}/login/device", timeout=5).status_code == 200
    assert finish(process) == (0, b"")


def test_the_list_and_the_page_show_the_same_tables(url: str) -> None:
    command = [sys.executable, "-m", "copilot_bridge.simulator", "--list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    shown = requests.get(f"{url}/_simulator", timeout=5).json()
    for table in ("personas", "directives", "refusals", "scenarios", "controls"):
        assert shown[table]
        assert all(name in listed for name in shown[table])


def test_an_unknown_path_is_404(url: str) -> None:
    assert requests.post(f"{url}/nowhere", timeout=5).status_code == 404
