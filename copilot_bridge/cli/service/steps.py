"""What a plan for a service is made of: files and commands, said before they are done."""

import os
import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import click

from copilot_bridge.cli.service.files import ENV_FILE
from copilot_bridge.cli.terminal.timeout import call_with_timeout
from copilot_bridge.errors import BridgeError, ConfigError

QUICK = 1.0  # s, for the bridge's word
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


@dataclass(frozen=True)
class Ask:
    """The running bridge's own word on how it is.

    :param settings: the file that says where it listens; without it, it listens where it does by default.
    """

    settings: Path

    def __str__(self) -> str:
        return "ask the bridge how it is"

    def do(self) -> None:
        try:
            click.echo(self._answer())
        except BridgeError as error:
            click.echo(f"it does not say how it is: {error}")

    def _answer(self) -> str:
        from copilot_bridge.cli.terminal.console import (
            printable,  # which other steps have no need of, as of all these
        )
        from copilot_bridge.config import load_config
        from copilot_bridge.serving.address import base_url
        from copilot_bridge.upstream.bridge_client import get_condition
        from copilot_bridge.upstream.transport.http_client import HttpClient

        config = load_config(environ={ENV_FILE: ""}, env_file=self._readable())
        root = base_url(config.host, config.port)
        key = config.api_key[0].reveal() if config.api_key else ""
        return printable(
            f"{root}: {call_with_timeout(lambda: get_condition(HttpClient(config), root, key), QUICK)}"
        )

    def _readable(self) -> Path | None:
        return self.settings if os.access(self.settings, os.R_OK) else None


Step = Write | Keep | Remove | Run | Await | Ask
