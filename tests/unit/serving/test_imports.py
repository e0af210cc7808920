"""Imports of a process at its start: each module costs time and memory."""

import subprocess
import sys

import pytest

from copilot_bridge.serving.patching import EXTRAS

PREPARED = "from copilot_bridge.serving.patching import import_without_extras, skip_plugin_search"

START = f"""
import copilot_bridge.cli.start.command
{PREPARED}
import_without_extras("msgspec")
import_without_extras("requests")
import copilot_bridge.cli.start.startup
"""

MASTER = """
import copilot_bridge.serving.launch, copilot_bridge.serving.gunicorn_settings
import copilot_bridge.serving.master, copilot_bridge.serving.worker_process
"""

WORKER = f"""
{PREPARED}
import_without_extras("msgspec")
import copilot_bridge.serving.worker
skip_plugin_search()
from gevent import monkey
monkey.patch_all()
import_without_extras("requests")
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
            "typing_extensions",
            "websockets",
        ),
    ),
    "master": (
        MASTER,
        (
            "copilot_bridge.dialects",
            "difflib",
            "dotenv",
            "flask",
            "gevent",
            "msgspec",
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
            "copilot_bridge.search.web_search",
            "copilot_bridge.simulator",
            "copilot_bridge.upstream.public_web.fetcher",
            "copilot_bridge.upstream.recovery.acts",
            "copilot_bridge.upstream.recovery.table",
            "PIL",
            "bs4",
            "opentelemetry",
            "psycopg",
            "rich",
            "statistics",
            "tiktoken",
            "typing_extensions",
            "websockets",
            "zoneinfo",
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


@pytest.mark.parametrize("library", EXTRAS)
def test_skipped_extras_can_be_imported_later(library: str) -> None:
    """Pages of the public web, for one, are decoded with requests' detector of charsets."""
    extra = EXTRAS[library][-1]
    program = f"{PREPARED}\nimport_without_extras({library!r})"
    assert extra not in loaded_by(program)
    assert extra in loaded_by(f"{program}\nimport {extra}")
