"""How soon the bridge is there, and what that time goes to."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from bench.arena import RESPONSE, SETTLE, Arena, Sheet, Target, directive
from bench.load import Load
from bench.processes import SERVER_CORE, NotStartedError, plain_environ, prepare
from bench.report import OURS, Goal, Row
from bench.surfaces import chat, check_whole, get

# Libraries are imported as a start does it, and in an older checkout as they are.
LIBRARIES = """
try:
    from copilot_bridge.serving.patching import EXTRAS, import_without_extras
except ImportError:
    EXTRAS = ()
for library in EXTRAS:
    import_without_extras(library)
"""
# What is imported on the way: by the command line first, then by the server that takes its place.
IMPORTS = {
    "copilot-bridge start": f"{LIBRARIES}import copilot_bridge.cli.start.startup",
    "the master": "import copilot_bridge.serving.master",
    "the worker": f"from gevent import monkey; monkey.patch_all()\n{LIBRARIES}import copilot_bridge.app",
}
TOP = 6  # packages that are named
STANDARD = "standard library"
CPU = "CPU s until then"
IDLE_MEMORY = "idle memory, MB"  # what two processes share counts once, as in systemd's accounting


def start(arena: Arena) -> list[Row]:
    """From `copilot-bridge start`, with a stored login, to the first responses; then what it weighs idle."""
    goals = {"s to the first answer of a model": Goal(0.8), CPU: Goal(0.6), IDLE_MEMORY: Goal(80)}
    sheet = Sheet("start", goals)
    for _ in range(arena.scale.starts):
        for name, checkout in arena.checkouts.items():
            with arena.group.started(name, checkout, arena.upstream) as server:
                target = Target(name, server.address, server)
                health = Load(server.address, get("/healthz")).run()[0]
                if not health.raw.startswith(b"HTTP/1.1 200"):
                    raise NotStartedError(f"{name} is not well: {health.raw[:300]!r}")
                response = Load(server.address, chat(directive(1, RESPONSE))).run()[0]
                check_whole(response, RESPONSE)
                time.sleep(SETTLE)
                server.find_processes()
                sheet.note(target, CPU, server.cpu() / 1e9)
                for quantity, first in (("/healthz", health), ("the first answer of a model", response)):
                    sheet.note(target, f"s to {quantity}", (first.arrivals[-1][0] - server.began) / 1e9)
                sheet.note(target, IDLE_MEMORY, server.memory() / 1e6)
                sheet.note(target, "idle RSS, MB", server.rss() / 1e6)
    return sheet.rows() + imports(arena)


def imports(arena: Arena) -> list[Row]:
    """By `-X importtime`: the whole, and the packages that take the most of it."""
    rows: list[Row] = []
    for what, program in IMPORTS.items():
        sheet = Sheet(f"imports of {what}")
        for _ in range(arena.scale.starts):
            for name, checkout in arena.checkouts.items():
                target = Target(name, arena.upstream.address)
                try:
                    spent = import_times(checkout, program)
                except subprocess.CalledProcessError:
                    if name == OURS:
                        raise
                    continue  # another checkout may have other modules
                sheet.note(target, "all, ms", sum(spent.values()) / 1e3)
                for package, time_spent in spent.items():
                    sheet.note(target, f"{package}, ms", time_spent / 1e3)
        whole, *parts = sorted(sheet.rows(), key=lambda row: -max(row.values.values()))
        rows += [whole, *parts[:TOP]]
    return rows


def import_times(checkout: Path, program: str) -> Counter[str]:
    """µs by package, its own modules only."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program],
        cwd=checkout,  # Python looks there first
        env=plain_environ() | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=prepare(SERVER_CORE, os.getpid()),
    )
    return read_import_times(done.stderr)


def read_import_times(report: str) -> Counter[str]:
    """`import time:   123 |   456 |   package.module`: the first number is without what it imports itself."""
    spent: Counter[str] = Counter()
    for line in report.splitlines():
        if line.startswith("import time:") and (took := line[12:].split("|")[0].strip()).isdecimal():
            package = line.rpartition("|")[2].strip().partition(".")[0]
            spent[STANDARD if package in sys.stdlib_module_names else package] += int(took)
    return spent
