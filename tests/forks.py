"""Bridges as forks of a process that has imported the program: imports are most of what a start costs.

Each is a process of its own, with an environment, a directory and a socket of its own.  It runs what
`python -m copilot_bridge.serving.gevent_server` runs; the tests of `copilot-bridge start` start that.
"""

import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from processes import end_with_this_process, spawn

TESTS = Path(__file__).parent


class Fork:
    """A bridge that was forked, with what the tests need of subprocess.Popen."""

    stdin = stdout = None

    def __init__(self, pid: int, status: int, stderr: int) -> None:
        """:param status: a pipe that the exit code comes through."""
        self.pid = pid
        self.stderr = os.fdopen(stderr, "rb")
        self.returncode: int | None = None
        self._status = status

    def poll(self) -> int | None:
        return self._read(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._read(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"the bridge {self.pid}", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            response = os.read(self._status, 16)
            os.close(self._status)
            assert response, "the process that forks has ended"
            self.returncode = int(response)
        return self.returncode


class ForkServer:
    """The process that has imported the program.  It ends with this one."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(TESTS.parent)}
            self._process = spawn(
                [sys.executable, TESTS / "fork_server.py"],
                env=environment,
                stdin=theirs,
                stdout=subprocess.DEVNULL,
            )

    def start(self, home: Path, environment: Mapping[str, str], listener: int) -> Fork:
        """Start a bridge that serves the socket of that file descriptor."""
        (status, its_status), (stderr, its_stderr) = os.pipe(), os.pipe()
        open_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        request = {"home": str(home), "environment": dict(environment), "open_files": open_files}
        descriptors = [listener, its_stderr, its_status]
        socket.send_fds(self._control, [json.dumps(request).encode()], descriptors)
        os.close(its_status)
        os.close(its_stderr)
        pid = int(self._control.recv(16))
        end_with_this_process(pid)
        return Fork(pid, status, stderr)


@cache
def fork_server() -> ForkServer:
    """One for all bridges of this process."""
    return ForkServer()
