"""The steps of a plan for a service: files and commands, each printed before it runs."""

import json
import os
import shlex
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import click

from copilot_bridge.cli.service.files import ENV_FILE
from copilot_bridge.cli.terminal.console import is_interactive
from copilot_bridge.cli.terminal.timeout import call_with_timeout
from copilot_bridge.errors import BridgeError, ConfigError

CONDITION_TIMEOUT = 1.0  # seconds
RETRY_INTERVAL = 1.0  # seconds


@dataclass(frozen=True)
class WriteFile:
    """A file to write."""

    path: Path
    text: str
    encoding: str = "utf-8"

    def __str__(self) -> str:
        return f"write {self.path}"

    def run(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.text, encoding=self.encoding)


@dataclass(frozen=True)
class KeepFile(WriteFile):
    """A file of the user's own, written only if there is none, and readable only by them."""

    def __str__(self) -> str:
        return f"write {self.path}, unless it exists"

    def run(self) -> None:
        if not self.path.exists():
            super().run()
            self.path.chmod(0o600)


@dataclass(frozen=True)
class RemoveFile:
    """A file to remove, if it exists."""

    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}"

    def run(self) -> None:
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class RunCommand:
    """A command.

    :param may_fail: a failure is ignored, as the work may be done already.
    :param tries: how often, a second apart, where it fails while something else is still under way.
    """

    command: tuple[str, ...]
    may_fail: bool = False
    tries: int = 1

    def __str__(self) -> str:
        return shlex.join(self.command)

    def run(self) -> None:
        code = self._called()
        for _ in range(self.tries - 1):
            if not code:
                break
            time.sleep(RETRY_INTERVAL)
            code = self._called()
        if code and not self.may_fail:
            raise ConfigError(f"`{self}` has failed (exit code {code})")

    def _called(self) -> int:
        try:
            return subprocess.call(self.command)
        except OSError as error:
            raise ConfigError(f"can't run {self.command[0]}: {error.strerror}") from error


@dataclass(frozen=True)
class WaitUntilFails:
    """A command that is repeated until it fails, for so many seconds at most."""

    command: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        return f"until it fails: {shlex.join(self.command)}"

    def run(self) -> None:
        give_up = time.monotonic() + self.seconds
        nowhere = subprocess.DEVNULL
        while time.monotonic() < give_up and not subprocess.call(
            self.command, stdout=nowhere, stderr=nowhere
        ):
            time.sleep(RETRY_INTERVAL / 4)


@dataclass(frozen=True)
class ReportCondition:
    """The condition that the running bridge reports.

    :param settings: the file that says where it listens; without the file, at the default address.
    """

    settings: Path

    def __str__(self) -> str:
        return "ask the bridge for its state"

    def run(self) -> None:
        try:
            click.echo(self._answer())
        except BridgeError as error:
            click.echo(f"the bridge does not report its state: {error}")

    def _answer(self) -> str:
        from copilot_bridge.cli.terminal.console import (
            printable,  # no other step needs these
        )
        from copilot_bridge.config import load_config
        from copilot_bridge.serving.address import base_url
        from copilot_bridge.upstream.bridge_client import get_condition
        from copilot_bridge.upstream.transport.http_client import HttpClient

        config = load_config(environ={ENV_FILE: ""}, env_file=self._readable())
        root = base_url(config.host, config.port)
        key = config.api_key[0].reveal() if config.api_key else ""
        client = HttpClient(config)
        condition = call_with_timeout(lambda: get_condition(client, root, key), CONDITION_TIMEOUT)
        return printable(f"{root}: {condition}")

    def _readable(self) -> Path | None:
        return self.settings if os.access(self.settings, os.R_OK) else None


@dataclass(frozen=True)
class LogIn:
    """A login to GitHub with the data directory of the service, unless one is stored there.

    :param command: `... copilot-bridge auth`, as the service's user.
    :param options: of that command and of `auth list`.
    """

    command: tuple[str, ...]
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{shlex.join((*self.command, *self.options))}, unless a login is stored"

    def run(self) -> None:
        if self._is_stored():
            return
        if is_interactive():
            subprocess.call((*self.command, *self.options))
        else:
            click.echo(f"Log in with: {shlex.join((*self.command, *self.options))}")

    def _is_stored(self) -> bool:
        try:
            listed = subprocess.run(
                (*self.command, "list", "--json", *self.options), capture_output=True, check=False
            )
            return bool(json.loads(listed.stdout))
        except (OSError, ValueError):
            return False


Step = WriteFile | KeepFile | RemoveFile | RunCommand | WaitUntilFails | ReportCondition | LogIn
