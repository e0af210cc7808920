"""The command line, in this process where that is enough, else as the process that a user starts."""

import contextlib
import fcntl
import gc
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from integration.harness import PATIENCE, Simulator, environment, new_token
from processes import spawn

from copilot_bridge import cli
from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line of a failure; nothing else was printed."""
        assert not self.out, self.out
        (line,) = self.err.splitlines()
        assert line.startswith("copilot-bridge: ")
        assert self.code == 1
        return line.removeprefix("copilot-bridge: ")

    @property
    def rows(self) -> list[list[str]]:
        """A table's cells; columns stand at least two blanks apart."""
        return [re.split(r"  +", line.strip()) for line in self.out.splitlines()]


Run = Callable[..., Result]


@pytest.fixture(autouse=True, scope="module")
def _no_garbage_of_other_tests() -> None:
    """It would be frozen before the first command, and what it has left open would never be reported."""
    gc.collect()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def settings(simulator: Simulator, home: Path) -> dict[str, str]:
    """The environment that leads to the simulator."""
    return {
        "COPILOT_BRIDGE_HOME": str(home),
        "COPILOT_BRIDGE_GITHUB_URL": simulator.url,
        "COPILOT_BRIDGE_GITHUB_API_URL": simulator.url,
    }


@pytest.fixture
def _logging_restored() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("copilot_bridge")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.fixture
def run(
    settings: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    _logging_restored: None,
) -> Run:
    """Runs a command in this process; extra settings by their names in the environment."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, **environ: str) -> Result:
        with monkeypatch.context() as patch:
            patch.delenv("COLUMNS", raising=False)
            for name, value in (settings | environ).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["copilot-bridge", *map(str, arguments)])
            patch.setattr(sys.modules["__main__"], "__package__", None)  # or click says `python -m pytest`
            capsys.readouterr()
            gc.freeze()  # so that only what the command has made is looked at
            with warnings.catch_warnings():  # what a command leaves open, the end of its process closes
                warnings.simplefilter("ignore", ResourceWarning)
                code = call_main()
                gc.collect()
        out, err = capsys.readouterr()
        result = Result(code, out, err)
        assert "Traceback" not in out + err
        assert not ANSI.search(out + err), "nobody sits at a terminal"
        return result

    return call


def call_main() -> int:
    try:
        cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "copilot_bridge", *map(str, arguments)]


@pytest.fixture
def run_process(settings: dict[str, str], tmp_path: Path) -> Run:
    """Runs a command to its end, as a process without a terminal."""

    def call(*arguments: object, stdout: Any = subprocess.PIPE, **environ: str) -> Result:
        done = subprocess.run(
            command(*arguments),
            cwd=tmp_path,
            env=environment(tmp_path) | settings | environ,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
        result = Result(done.returncode, (done.stdout or b"").decode(), done.stderr.decode())
        assert "Traceback" not in result.out + result.err
        assert not ANSI.search(result.out + result.err)
        return result

    return call


def take_terminal() -> None:
    """In the child: as a shell leaves it, whatever the tests themselves were started by."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A command at a terminal of its own, as a shell would start it."""

    def __init__(self, cwd: Path, environ: dict[str, str], *arguments: object) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, b"\x28\x00\xc8\x00\x00\x00\x00\x00")  # 40 x 200
        self.process = spawn(
            command(*arguments),
            cwd=cwd,
            env=environment(cwd) | environ | {"TERM": "xterm"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=take_terminal,
        )
        os.close(slave)
        self._news = threading.Condition()
        self._raw = b""
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: the last one has closed its side
            while piece := os.read(self._master, 65536):
                with self._news:
                    self._raw += piece
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def text(self) -> str:
        """What was printed, without colours and moving signs."""
        return ANSI.sub("", self._raw.decode("utf-8", "replace")).replace("\r\n", "\n").replace("\r", "\n")

    def wait_for(self, pattern: str) -> re.Match[str]:
        end = time.monotonic() + PATIENCE
        with self._news:
            while not (match := re.search(pattern, self.text)):
                remaining = end - time.monotonic()
                assert remaining > 0, f"no {pattern!r} in {self.text!r}"
                assert not self._ended, f"no {pattern!r} in {self.text!r}"
                self._news.wait(remaining)
        return match

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> tuple[int, str]:
        """The exit code and all that was printed, once it is over."""
        code = self.process.wait(PATIENCE)
        self._thread.join(PATIENCE)
        return code, self.text

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._thread.join(PATIENCE)
        os.close(self._master)


@pytest.fixture
def log_in(home, simulator):
    """Stores a login, as `auth` does at its end."""

    def store(persona="demo", user=None):
        token = new_token(persona)
        store = open_store(home)
        store.logins.add(user or f"octo-{persona}", Secret(token), simulator.url)
        store.close()
        return token

    return store
