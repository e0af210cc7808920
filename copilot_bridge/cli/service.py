"""`copilot-bridge service`: the bridge as a service of this system, in the system's own way."""

import os
import plistlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import click

from copilot_bridge.errors import ConfigError

NAME = "copilot-bridge"
LABEL = "io.github.copilot-bridge"
TASK = "Copilot Bridge"

# The paths in the unit files, which are those of install.sh.
SHIPPED = "/opt/copilot-bridge/current/bin"


@dataclass(frozen=True)
class Write:
    """A file to write."""

    path: Path
    text: str

    def __str__(self) -> str:
        return f"write {self.path}"

    def do(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.text)


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
    """A command.  :param may_fail: it may be done already."""

    command: tuple[str, ...]
    may_fail: bool = False

    def __str__(self) -> str:
        return shlex.join(self.command)

    def do(self) -> None:
        try:
            code = subprocess.call(self.command)
        except OSError as error:
            raise ConfigError(f"can't run {self.command[0]}: {error.strerror}") from error
        if code and not self.may_fail:
            raise ConfigError(f"`{self}` has failed (exit code {code})")


Step = Write | Remove | Run


@dataclass(frozen=True)
class Machine:
    """Where this program runs, as far as a service has to know."""

    platform: str = sys.platform
    home: Path = field(default_factory=Path.home)
    root: bool = field(default_factory=lambda: hasattr(os, "geteuid") and os.geteuid() == 0)
    user: int = field(default_factory=lambda: os.getuid() if hasattr(os, "getuid") else 0)
    python: Path = Path(sys.executable)
    has_systemd: bool = field(default_factory=lambda: shutil.which("systemctl") is not None)

    @property
    def program(self) -> Path:
        return self.python.with_name(NAME)


Plan = Callable[[Machine], list[Step]]


def unit(name: str, machine: Machine) -> str:
    """A unit file of ours, for the program as it is installed here."""
    text = files("copilot_bridge.cli").joinpath("units", name).read_text()
    return text.replace(f"{SHIPPED}/copilot-bridge", str(machine.program)).replace(
        f"{SHIPPED}/python", str(machine.python)
    )


SYSTEM_UNITS = Path("/etc/systemd/system")
SOCKET, SERVICE = f"{NAME}.socket", f"{NAME}.service"


def install_system(machine: Machine) -> list[Step]:
    """Raises ConfigError: the service's user could not reach the program."""
    if machine.python.is_relative_to("/root") or machine.python.is_relative_to("/home"):
        raise ConfigError(
            f"a system service can't run what is in {machine.python.parent}: use systemd/install.sh"
        )
    user = ("useradd", "--system", "--home-dir", f"/var/lib/{NAME}", "--shell", "/usr/sbin/nologin", NAME)
    return [
        Run(user, may_fail=True),
        *(Write(SYSTEM_UNITS / each, unit(each, machine)) for each in (SERVICE, SOCKET)),
        Run(("systemctl", "daemon-reload")),
        Run(("systemctl", "enable", "--now", SOCKET, SERVICE)),
    ]


def uninstall_system(_machine: Machine) -> list[Step]:
    return [
        Run(("systemctl", "disable", "--now", SOCKET, SERVICE), may_fail=True),
        *(Remove(SYSTEM_UNITS / each) for each in (SERVICE, SOCKET)),
        Run(("systemctl", "daemon-reload")),
    ]


def user_unit(machine: Machine) -> Path:
    return machine.home / ".config/systemd/user" / SERVICE


def install_user(machine: Machine) -> list[Step]:
    return [
        Write(user_unit(machine), unit(f"{NAME}-user.service", machine)),
        Run(("systemctl", "--user", "daemon-reload")),
        Run(("systemctl", "--user", "enable", "--now", SERVICE)),
    ]


def uninstall_user(machine: Machine) -> list[Step]:
    return [
        Run(("systemctl", "--user", "disable", "--now", SERVICE), may_fail=True),
        Remove(user_unit(machine)),
        Run(("systemctl", "--user", "daemon-reload")),
    ]


def agent(machine: Machine) -> Path:
    return machine.home / "Library/LaunchAgents" / f"{LABEL}.plist"


def launchd_log(machine: Machine) -> Path:
    return machine.home / "Library/Logs" / f"{NAME}.log"


def plist(program: Path, home: Path, user: str | None = None) -> str:
    """See launchd.plist(5).  :param user: a daemon's; an agent runs as who logs in."""
    logs = home / "Library/Logs"
    content: dict[str, object] = {
        "Label": LABEL,
        "ProgramArguments": [str(program), "start", "--log-file", str(logs / f"{NAME}.log")],
        "EnvironmentVariables": {"COPILOT_BRIDGE_ENV_FILE": ""},
        "WorkingDirectory": str(home),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ExitTimeOut": 45,
        "Umask": 0o077,
        "SoftResourceLimits": {"NumberOfFiles": 65536},
        "StandardOutPath": "/dev/null",
        "StandardErrorPath": str(logs / f"{NAME}.start.log"),
    }
    if user:
        content["UserName"] = user
    return plistlib.dumps(content, sort_keys=False).decode()


def domain(machine: Machine) -> str:
    return f"gui/{machine.user}"


def install_launchd(machine: Machine) -> list[Step]:
    return [
        Run(("launchctl", "bootout", f"{domain(machine)}/{LABEL}"), may_fail=True),
        Write(agent(machine), plist(machine.program, machine.home)),
        Run(("launchctl", "enable", f"{domain(machine)}/{LABEL}")),
        Run(("launchctl", "bootstrap", domain(machine), str(agent(machine)))),
    ]


def uninstall_launchd(machine: Machine) -> list[Step]:
    return [
        Run(("launchctl", "bootout", f"{domain(machine)}/{LABEL}"), may_fail=True),
        Remove(agent(machine)),
    ]


def windows_log(machine: Machine) -> Path:
    return machine.home / "AppData/Local" / NAME / f"{NAME}.log"


def install_windows(machine: Machine) -> list[Step]:
    """pythonw has no window."""
    python = machine.python.with_name("pythonw.exe")
    action = f'"{python}" -m copilot_bridge start --log-file "{windows_log(machine)}"'
    create = ("schtasks", "/Create", "/F", "/TN", TASK, "/SC", "ONLOGON", "/RL", "LIMITED", "/TR", action)
    return [
        Write(windows_log(machine).with_name("README.txt"), "The log of Copilot Bridge.\n"),
        Run(create),
        Run(("schtasks", "/Run", "/TN", TASK)),
    ]


def uninstall_windows(_machine: Machine) -> list[Step]:
    return [
        Run(("schtasks", "/End", "/TN", TASK), may_fail=True),
        Run(("schtasks", "/Delete", "/F", "/TN", TASK)),
    ]


def always(*steps: Step) -> Plan:
    return lambda _machine: list(steps)


def systemctl(*words: str) -> Plan:
    return always(Run(("systemctl", *words)))


def launchctl(*words: str) -> Plan:
    """`{service}` stands for the service's name in its domain."""

    def plan(machine: Machine) -> list[Step]:
        name = f"{domain(machine)}/{LABEL}"
        return [Run(("launchctl", *(each.format(service=name) for each in words)))]

    return plan


def task(*verbs: str) -> Plan:
    return always(*(Run(("schtasks", verb, "/TN", TASK), may_fail=verb == "/End") for verb in verbs))


# What each verb does on each kind of system.
PLANS: dict[str, dict[str, Plan]] = {
    "systemd": {
        "install": install_system,
        "uninstall": uninstall_system,
        "start": systemctl("start", SOCKET, SERVICE),
        "stop": systemctl("stop", SOCKET, SERVICE),
        "restart": systemctl("restart", SERVICE),
        "status": systemctl("--no-pager", "status", SOCKET, SERVICE),
        "logs": always(Run(("journalctl", "-u", NAME, "-n", "100", "-f"))),
    },
    "systemd of the user": {
        "install": install_user,
        "uninstall": uninstall_user,
        "start": systemctl("--user", "start", SERVICE),
        "stop": systemctl("--user", "stop", SERVICE),
        "restart": systemctl("--user", "restart", SERVICE),
        "status": systemctl("--user", "--no-pager", "status", SERVICE),
        "logs": always(Run(("journalctl", "--user", "-u", NAME, "-n", "100", "-f"))),
    },
    "launchd": {
        "install": install_launchd,
        "uninstall": uninstall_launchd,
        "start": launchctl("kickstart", "{service}"),
        "stop": launchctl("kill", "SIGTERM", "{service}"),
        "restart": launchctl("kickstart", "-k", "{service}"),
        "status": launchctl("print", "{service}"),
        "logs": lambda machine: [Run(("tail", "-n", "100", "-F", str(launchd_log(machine))))],
    },
    "Windows task": {
        "install": install_windows,
        "uninstall": uninstall_windows,
        "start": task("/Run"),
        "stop": task("/End"),
        "restart": task("/End", "/Run"),
        "status": task("/Query"),
        "logs": lambda machine: [
            Run(("powershell", "-Command", f"Get-Content -Tail 100 -Wait '{windows_log(machine)}'"))
        ],
    },
}


def kind_of(machine: Machine, scope: str | None) -> str:
    """Raises ConfigError: there is no way to have a service here."""
    if machine.platform == "win32":
        return "Windows task"
    if machine.platform == "darwin":
        return "launchd"
    if not machine.has_systemd:
        raise ConfigError("there is no systemd here: let whatever starts services run `copilot-bridge start`")
    return "systemd" if scope == "system" or (scope is None and machine.root) else "systemd of the user"


@click.command("service")
@click.argument("verb", type=click.Choice(list(PLANS["systemd"])))
@click.option("--user", "scope", flag_value="user", help="Linux: a service of yours.  [unless you are root]")
@click.option("--system", "scope", flag_value="system", help="Linux: a service of the machine.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def command(verb: str, scope: str | None, dry_run: bool) -> None:
    """Run as a service of this system.

    It starts with the machine (or with your session), and again after a crash: on Linux a systemd unit, on
    macOS a launchd agent, on Windows a scheduled task.
    """
    machine = Machine()
    for step in PLANS[kind_of(machine, scope)][verb](machine):
        click.echo(f"+ {step}")
        if dry_run and isinstance(step, Write):
            click.echo("".join(f"    {line}\n" for line in step.text.splitlines()), nl=False)
        if not dry_run:
            sys.stdout.flush()
            step.do()
