"""Imports of a process at its start: each module costs time and memory."""

import subprocess
import sys

import pytest

# The program -> what it does without.
PROCESSES = {
    "import copilot_bridge.cli.start.startup": (
        "flask",
        "gevent",
        "gunicorn",
        "filelock",
        "prometheus_client",
    ),
    "import copilot_bridge.serving.master, copilot_bridge.serving.worker_process": (
        "copilot_bridge.dialects",
        "flask",
        "gevent",
        "requests",
        "urllib3",
    ),
}


@pytest.mark.parametrize("program", PROCESSES)
def test_a_process_imports_nothing_that_it_does_without(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not set(PROCESSES[program]) & set(done.stdout.split())
