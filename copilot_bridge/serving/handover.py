"""What a process leaves to the one that takes its place: `start` to the server, that to the next `start`."""

import json
import os
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

# Not among the settings, whose names begin otherwise.
STARTED = "_COPILOT_BRIDGE_STARTED"
INHERITED = "_COPILOT_BRIDGE_INHERITED"
ENDS_WITH_STDIN = "_COPILOT_BRIDGE_ENDS_WITH_STDIN"

FIRST_SOCKET = 3  # systemd's SD_LISTEN_FDS_START
OF_SYSTEMD = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


@dataclass(frozen=True)
class Inheritance:
    """:param listeners: sockets that listen already.  :param workers: processes that wait to be relieved."""

    listeners: list[int] = field(default_factory=list)
    workers: list[int] = field(default_factory=list)

    @classmethod
    def taken_from(cls, environ: MutableMapping[str, str]) -> "Inheritance":
        """From the server before us, or from systemd's socket unit."""
        left = environ.pop(INHERITED, None)
        count, owner, _names = [environ.pop(name, "") for name in OF_SYSTEMD]
        if left:
            return cls(**json.loads(left))
        if owner == str(os.getpid()) and count.isdecimal():
            return cls(list(range(FIRST_SOCKET, FIRST_SOCKET + int(count))))
        return cls()

    def variables(self) -> dict[str, str]:
        return {INHERITED: json.dumps(asdict(self))}


@dataclass(frozen=True)
class Started:
    """How `start` was called, so that it can be called again."""

    command: list[str]
    environ: dict[str, str]

    @classmethod
    def now(cls) -> "Started":
        """Call before anything changes the environment."""
        program = Path(sys.argv[0]).absolute()
        runs = not program.suffix and os.access(program, os.X_OK)
        # By its name, links in it as they are: after an upgrade it may lead to another place.
        named = [str(program)] if runs else [sys.executable, "-m", "copilot_bridge"]
        return cls([*named, *sys.argv[1:]], dict(os.environ))

    @classmethod
    def taken_from(cls, environ: MutableMapping[str, str]) -> "Started | None":
        """None: somebody has called the server itself."""
        told = environ.pop(STARTED, None)
        return cls(**json.loads(told)) if told else None

    def variables(self) -> dict[str, str]:
        return {STARTED: json.dumps(asdict(self))}

    def once_more(self, environ: Mapping[str, str]) -> "Started":
        """With the settings of another environment.  What systemd told this process stays as it is."""
        given = {name: value for name, value in environ.items() if name not in OF_THE_PROCESS}
        return Started(
            self.command,
            given | {name: self.environ[name] for name in OF_THE_PROCESS if name in self.environ},
        )


# systemd tells these to the process of a service, and not to the one that asks for a reload.
OF_THE_PROCESS = ("JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")
