"""Values that a process passes to the next one by environment: `start` to the server, that to its reload."""

import json
import os
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

# They are not settings, so they have another prefix.  The values must never change: a reload after an upgrade
# passes them from one version to the next.
START_COMMAND = "_COPILOT_BRIDGE_STARTED"
HANDOVER = "_COPILOT_BRIDGE_INHERITED"
EXIT_WITH_STDIN = "_COPILOT_BRIDGE_ENDS_WITH_STDIN"

FIRST_SYSTEMD_SOCKET = 3  # SD_LISTEN_FDS_START
SYSTEMD_SOCKET_VARIABLES = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")

# systemd sets these for a service's process, and not for its `ExecReload`.
SYSTEMD_PROCESS_VARIABLES = ("JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")


@dataclass(frozen=True)
class Handover:
    """The sockets and workers that a server takes over.

    :param listeners: descriptors of listening sockets.  :param workers: ids of processes to drain.
    """

    listeners: list[int] = field(default_factory=list)
    workers: list[int] = field(default_factory=list)

    @classmethod
    def take_from(cls, environ: MutableMapping[str, str]) -> "Handover":
        """The handover of the previous server, or of systemd's socket unit."""
        text = environ.pop(HANDOVER, None)
        count, pid, _names = [environ.pop(name, "") for name in SYSTEMD_SOCKET_VARIABLES]
        if text:
            return cls(**json.loads(text))
        if pid == str(os.getpid()) and count.isdecimal():
            return cls(list(range(FIRST_SYSTEMD_SOCKET, FIRST_SYSTEMD_SOCKET + int(count))))
        return cls()

    def variables(self) -> dict[str, str]:
        return {HANDOVER: json.dumps(asdict(self))}


@dataclass(frozen=True)
class StartCommand:
    """The command and the environment of `start`, so that the server can run it again."""

    command: list[str]
    environ: dict[str, str]

    @classmethod
    def of_this_process(cls) -> "StartCommand":
        """Call it before anything changes the environment."""
        program = Path(sys.argv[0]).absolute()
        executable = not program.suffix and os.access(program, os.X_OK)
        # The path keeps its symbolic links, which may point to another version after an upgrade.
        prefix = [str(program)] if executable else [sys.executable, "-m", "copilot_bridge"]
        return cls([*prefix, *sys.argv[1:]], dict(os.environ))

    @classmethod
    def take_from(cls, environ: MutableMapping[str, str]) -> "StartCommand | None":
        """The command in the environment; None: the server was started without `start`."""
        text = environ.pop(START_COMMAND, None)
        return cls(**json.loads(text)) if text else None

    def variables(self) -> dict[str, str]:
        return {START_COMMAND: json.dumps(asdict(self))}

    def with_environ(self, environ: Mapping[str, str]) -> "StartCommand":
        """The same command in another environment, but with systemd's variables of this process."""
        others = {name: value for name, value in environ.items() if name not in SYSTEMD_PROCESS_VARIABLES}
        ours = {name: self.environ[name] for name in SYSTEMD_PROCESS_VARIABLES if name in self.environ}
        return StartCommand(self.command, others | ours)
