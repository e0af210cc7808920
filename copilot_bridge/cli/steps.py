"""What a plan for a service is made of: files and commands, said before they are done."""

import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from copilot_bridge.errors import ConfigError

PAUSE = 1.0  # s, between two tries


@dataclass(frozen=True)
class Write:
    """A file to write."""

    path: Path
    text: str
    encoding: str = "utf-8"

    def __str__(self) -> str:
        return f"write {self.path}"

    def do(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.text, encoding=self.encoding)


@dataclass(frozen=True)
class Keep(Write):
    """A file of the user's own: written if there is none, and never over one.  Only they can read it."""

    def __str__(self) -> str:
        return f"write {self.path}, if there is none"

    def do(self) -> None:
        if not self.path.exists():
            super().do()
            self.path.chmod(0o600)


@dataclass(frozen=True)
class Remove:
    """A file to remove, if it is there."""

    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}"

    def do(self) -> None:
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Run:
    """A command.

    :param may_fail: it may be done already.
    :param tries: how often, a second apart, where it fails while something else is still under way.
    """

    command: tuple[str, ...]
    may_fail: bool = False
    tries: int = 1

    def __str__(self) -> str:
        return shlex.join(self.command)

    def do(self) -> None:
        code = self._called()
        for _ in range(self.tries - 1):
            if not code:
                break
            time.sleep(PAUSE)
            code = self._called()
        if code and not self.may_fail:
            raise ConfigError(f"`{self}` has failed (exit code {code})")

    def _called(self) -> int:
        try:
            return subprocess.call(self.command)
        except OSError as error:
            raise ConfigError(f"can't run {self.command[0]}: {error.strerror}") from error


@dataclass(frozen=True)
class Await:
    """The end of what a command shows: it is asked until it fails, for so many seconds at most."""

    command: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        return f"until it fails: {shlex.join(self.command)}"

    def do(self) -> None:
        give_up = time.monotonic() + self.seconds
        nowhere = subprocess.DEVNULL
        while time.monotonic() < give_up and not subprocess.call(
            self.command, stdout=nowhere, stderr=nowhere
        ):
            time.sleep(PAUSE / 4)


Step = Write | Keep | Remove | Run | Await
