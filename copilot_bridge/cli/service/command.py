"""`copilot-bridge service`: the bridge as a service of this system, in the system's own way."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import click

from copilot_bridge.cli.service.files import LABEL, NAME, SETTINGS, carried_over, plist, task_definition
from copilot_bridge.cli.service.steps import Ask, Await, Keep, Remove, Run, Step, Write
from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.errors import ConfigError

TASK = "Copilot Bridge"

# The paths in the unit files, which are those of install.sh.
SHIPPED = "/opt/copilot-bridge/current/bin"


@dataclass(frozen=True)
class Machine:
    """Where this program runs, as far as a service has to know."""

    platform: str = sys.platform
    home: Path = field(default_factory=Path.home)
    root: bool = field(default_factory=lambda: hasattr(os, "geteuid") and os.geteuid() == 0)
    user: int = field(default_factory=lambda: os.getuid() if hasattr(os, "getuid") else 0)
    python: Path = Path(sys.executable)
    account: str = field(
        default_factory=lambda: "\\".join(filter(None, map(os.environ.get, ("USERDOMAIN", "USERNAME"))))
    )
    has_systemd: bool = field(default_factory=lambda: shutil.which("systemctl") is not None)

    @property
    def program(self) -> Path:
        return self.python.with_name(NAME)


Plan = Callable[[Machine], list[Step]]


def unit(name: str, machine: Machine) -> str:
    """A unit file of ours, for the program as it is installed here."""
    text = files("copilot_bridge.cli.service").joinpath("units", name).read_text()
    return text.replace(f"{SHIPPED}/copilot-bridge", str(machine.program)).replace(
        f"{SHIPPED}/python", str(machine.python)
    )


SYSTEM_UNITS = Path("/etc/systemd/system")
SYSTEM_SETTINGS = Path("/etc") / NAME / "env"
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


def user_settings(machine: Machine) -> Path:
    return machine.home / ".config" / NAME / "env"


def install_user(machine: Machine) -> list[Step]:
    return [
        Keep(user_settings(machine), SETTINGS.format(restart="copilot-bridge service restart")),
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


def domain(machine: Machine) -> str:
    return f"gui/{machine.user}"


def install_launchd(machine: Machine) -> list[Step]:
    """`bootout` comes back before launchd has forgotten the service, and `bootstrap` fails until it has."""
    name = f"{domain(machine)}/{LABEL}"
    restart = "copilot-bridge service restart"
    kept = SETTINGS.format(restart=restart) + carried_over(agent(machine))
    return [
        Keep(user_settings(machine), kept),
        Run(("launchctl", "bootout", name), may_fail=True),
        Await(("launchctl", "print", name), 60.0),
        Write(agent(machine), plist(machine.program, machine.home)),
        Run(("launchctl", "enable", name)),
        Run(("launchctl", "bootstrap", domain(machine), str(agent(machine))), tries=10),
    ]


def uninstall_launchd(machine: Machine) -> list[Step]:
    return [
        Run(("launchctl", "bootout", f"{domain(machine)}/{LABEL}"), may_fail=True),
        Remove(agent(machine)),
    ]


def folder_on_windows(machine: Machine) -> Path:
    return machine.home / "AppData/Local" / NAME


def windows_settings(machine: Machine) -> Path:
    return folder_on_windows(machine) / "env"


def windows_log(machine: Machine) -> Path:
    return folder_on_windows(machine) / f"{NAME}.log"


def install_windows(machine: Machine) -> list[Step]:
    """pythonw has no window."""
    folder = folder_on_windows(machine)
    definition = task_definition(
        program=machine.python.with_name("pythonw.exe"),
        folder=folder,
        log=windows_log(machine),
        settings=windows_settings(machine),
        user=machine.account,
    )
    return [
        Keep(windows_settings(machine), SETTINGS.format(restart="copilot-bridge service restart")),
        Write(folder / "task.xml", definition, encoding="utf-16"),  # schtasks takes no other
        Run(("schtasks", "/Create", "/F", "/TN", TASK, "/XML", str(folder / "task.xml"))),
        Run(("schtasks", "/Run", "/TN", TASK)),
    ]


def uninstall_windows(machine: Machine) -> list[Step]:
    return [
        Run(("schtasks", "/Change", "/TN", TASK, "/DISABLE"), may_fail=True),
        Run(("schtasks", "/End", "/TN", TASK), may_fail=True),
        Run(("schtasks", "/Delete", "/F", "/TN", TASK)),
        Remove(folder_on_windows(machine) / "task.xml"),
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
    """A disabled task is not started again by its trigger: that is how one that was stopped stays so."""
    return always(*(Run(("schtasks", *VERBS[verb]), may_fail=verb == "/End") for verb in verbs))


VERBS = {
    verb: (("/Change", "/TN", TASK, verb) if verb in ("/ENABLE", "/DISABLE") else (verb, "/TN", TASK))
    for verb in ("/ENABLE", "/DISABLE", "/Run", "/End", "/Query")
}


def telling(show: Plan, settings: Callable[[Machine], Path]) -> Plan:
    """What the system says of the service, and after it what the bridge itself does."""
    return lambda machine: [*show(machine), Ask(settings(machine))]


# What each verb does on each kind of system.
PLANS: dict[str, dict[str, Plan]] = {
    "systemd": {
        "install": install_system,
        "uninstall": uninstall_system,
        "start": systemctl("start", SOCKET, SERVICE),
        "stop": systemctl("stop", SOCKET, SERVICE),
        "restart": systemctl("restart", SERVICE),
        "status": telling(
            systemctl("--no-pager", "status", SOCKET, SERVICE), lambda _machine: SYSTEM_SETTINGS
        ),
        "logs": always(Run(("journalctl", "-u", NAME, "-n", "100", "-f"))),
    },
    "systemd of the user": {
        "install": install_user,
        "uninstall": uninstall_user,
        "start": systemctl("--user", "start", SERVICE),
        "stop": systemctl("--user", "stop", SERVICE),
        "restart": systemctl("--user", "restart", SERVICE),
        "status": telling(systemctl("--user", "--no-pager", "status", SERVICE), user_settings),
        "logs": always(Run(("journalctl", "--user", "-u", NAME, "-n", "100", "-f"))),
    },
    "launchd": {
        "install": install_launchd,
        "uninstall": uninstall_launchd,
        "start": launchctl("kickstart", "{service}"),
        "stop": launchctl("kill", "SIGTERM", "{service}"),
        "restart": launchctl("kickstart", "-k", "{service}"),
        "status": telling(launchctl("print", "{service}"), user_settings),
        "logs": lambda machine: [Run(("tail", "-n", "100", "-F", str(launchd_log(machine))))],
    },
    "Windows task": {
        "install": install_windows,
        "uninstall": uninstall_windows,
        "start": task("/ENABLE", "/Run"),
        "stop": task("/DISABLE", "/End"),
        "restart": task("/DISABLE", "/End", "/ENABLE", "/Run"),
        "status": telling(task("/Query"), windows_settings),
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


@click.command(
    "service",
    cls=Command,
    examples=("service install --dry-run", "service install", "service status", "service logs"),
)
@click.argument("verb", type=click.Choice(list(PLANS["systemd"])))
@click.option(
    "--user", "scope", flag_value="user", help="Linux: a service of your user.  [unless you are root]"
)
@click.option("--system", "scope", flag_value="system", help="Linux: a service of the machine.")
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
def command(verb: str, scope: str | None, dry_run: bool) -> None:
    """Run the bridge as a service of this system.

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
