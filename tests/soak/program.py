"""The bridge as a user starts it, and what its processes hold."""

import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from integration.harness import PATIENCE, ROOT, Lines, chat_body, environment
from processes import spawn

from copilot_bridge.store import open_store

ADDRESS = r"http://([\d.]+):(\d+)"
CLOCK = Path(__file__).parent / "clock"


@dataclass(frozen=True)
class Held:
    """By the busiest worker, and by the master."""

    megabytes: float
    files: int
    threads: int


class Program:
    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        self.home = home
        environ = environment(home) | {"PYTHONPATH": f"{CLOCK}:{ROOT}"} | settings
        self.process = spawn(
            [sys.executable, "-m", "copilot_bridge", "start", "--port", "0", "--workers", "2"],
            cwd=home,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._greeting, self.log = Lines(self.process.stdout), Lines(self.process.stderr)
        found = re.search(ADDRESS, self._greeting.wait_for(lambda line: "Base URL" in line, 60))
        assert found
        self.address = (found[1], int(found[2]))

    def ask(self, text: str) -> int:
        with closing(http.client.HTTPConnection(*self.address, timeout=PATIENCE)) as connection:
            try:
                connection.request("POST", "/v1/chat/completions", json.dumps(chat_body(text, "gpt-4.1")))
                return connection.getresponse().status
            except (OSError, http.client.HTTPException):
                return 0

    def workers(self) -> list[int]:
        pid = self.process.pid
        with suppress(OSError):
            return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        return []

    def held(self) -> Held:
        """The most that any of its processes holds."""
        found = [held(pid) for pid in (self.process.pid, *self.workers())]
        return Held(*(max(values) for values in zip(*found, strict=True)))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._greeting.close()
        self.log.close()
        return code

    def logged(self) -> list[str]:
        """The ids in the store's log, with what the next start takes over of processes that have ended."""
        with closing(open_store(self.home / "data")) as store:
            store.request_log_writer(days=30, max_rows=1_000_000).recover()
        with closing(sqlite3.connect(self.home / "data" / "bridge.db")) as connection:
            return [id_ for (id_,) in connection.execute("SELECT id FROM requests")]


def held(pid: int) -> tuple[float, int, int]:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        files = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
        threads = len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208
    except OSError:  # it has ended
        return 0.0, 0, 0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, files, threads
