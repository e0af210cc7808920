"""Imports of a process at its start: each module costs time and memory."""

import subprocess
import sys

import pytest

PREPARED = "from copilot_bridge.serving.patching import skip_charset_detection, skip_plugin_search"

START = f"""
import copilot_bridge.cli.start.command
{PREPARED}
skip_charset_detection()
import copilot_bridge.cli.start.startup
"""

MASTER = """
import copilot_bridge.serving.launch, copilot_bridge.serving.gunicorn_settings
import copilot_bridge.serving.master, copilot_bridge.serving.worker_process
"""

WORKER = f"""
{PREPARED}
skip_plugin_search()
from gevent import monkey
monkey.patch_all()
skip_charset_detection()
import copilot_bridge.serving.worker
from copilot_bridge.app import create_app
create_app()
"""

# The program of each process -> what it does without.
PROCESSES = {
    "start": (
        START,
        (
            "charset_normalizer",
            "copilot_bridge.access.budgets",
            "copilot_bridge.billing.budgets",
            "copilot_bridge.cli.demo",
            "copilot_bridge.http",
            "copilot_bridge.pipeline.services",
            "copilot_bridge.search",
            "copilot_bridge.store.request_log",
            "copilot_bridge.upstream.websocket",
            "filelock",
            "flask",
            "gevent",
            "gunicorn",
            "prometheus_client",
            "websockets",
        ),
    ),
    "master": (
        MASTER,
        (
            "copilot_bridge.dialects",
            "flask",
            "gevent",
            "requests",
            "urllib3",
        ),
    ),
    "worker": (
        WORKER,
        (
            "charset_normalizer",
            "copilot_bridge.cli",
            "copilot_bridge.openapi",
            "copilot_bridge.simulator",
            "PIL",
            "bs4",
            "opentelemetry",
            "psycopg",
            "rich",
            "tiktoken",
            "websockets",
        ),
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn does not run there")
@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_imports_nothing_that_it_does_without(process: str) -> None:
    program, without = PROCESSES[process]
    assert set(without) & loaded_by(program) == set()


def loaded_by(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport os, sys\nprint(*sys.modules, flush=True)\nos._exit(0)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_the_charset_detector_can_be_imported_later() -> None:
    """Pages of the public web are decoded with it."""
    program = f"{PREPARED}\nskip_charset_detection()\nimport charset_normalizer"
    assert "charset_normalizer" in loaded_by(program)
