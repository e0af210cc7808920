"""`copilot-bridge service`: runs the bridge as a service of this system, in the system's own way."""

import sys
from collections.abc import Callable
from pathlib import Path

import click

from copilot_bridge.cli.service.files import LABEL, NAME
from copilot_bridge.cli.service.launchd import domain, install_launchd, launchd_log, uninstall_launchd
from copilot_bridge.cli.service.machine import Machine
from copilot_bridge.cli.service.steps import ReportCondition, RunCommand, Step, WriteFile
from copilot_bridge.cli.service.systemd import (
    SERVICE,
    SOCKET,
    SYSTEM_SETTINGS,
    install_system,
    install_user,
    uninstall_system,
    uninstall_user,
    user_settings,
)
from copilot_bridge.cli.service.windows import (
    TASK,
    install_windows,
    uninstall_windows,
    windows_log,
    windows_settings,
)
from copilot_bridge.cli.terminal.help import Command
from copilot_bridge.errors import ConfigError

Plan = Callable[[Machine], list[Step]]


def always(*steps: Step) -> Plan:
    return lambda _machine: list(steps)


def systemctl(*words: str) -> Plan:
    return always(RunCommand(("systemctl", *words)))


def launchctl(*words: str) -> Plan:
    """The plan to run launchctl, with the service's name in its domain for `{service}`."""

    def plan(machine: Machine) -> list[Step]:
        name = f"{domain(machine)}/{LABEL}"
        return [RunCommand(("launchctl", *(word.format(service=name) for word in words)))]

    return plan


def task(*verbs: str) -> Plan:
    """The plan to run schtasks.  A stopped task is disabled, so that its trigger does not start it again."""
    return always(*(RunCommand(("schtasks", *VERBS[verb]), may_fail=verb == "/End") for verb in verbs))


VERBS = {
    verb: (("/Change", "/TN", TASK, verb) if verb in ("/ENABLE", "/DISABLE") else (verb, "/TN", TASK))
    for verb in ("/ENABLE", "/DISABLE", "/Run", "/End", "/Query")
}


def with_condition(show: Plan, settings: Callable[[Machine], Path]) -> Plan:
    """The plan that shows the system's status of the service, then the bridge's own."""
    return lambda machine: [*show(machine), ReportCondition(settings(machine))]


# The plan of each verb on each kind of system.
PLANS: dict[str, dict[str, Plan]] = {
    "systemd": {
        "install": install_system,
        "uninstall": uninstall_system,
        "start": systemctl("start", SOCKET, SERVICE),
        "stop": systemctl("stop", SOCKET, SERVICE),
        "restart": systemctl("restart", SERVICE),
        "status": with_condition(
            systemctl("--no-pager", "status", SOCKET, SERVICE), lambda _machine: SYSTEM_SETTINGS
        ),
        "logs": always(RunCommand(("journalctl", "-u", NAME, "-n", "100", "-f"))),
    },
    "systemd of the user": {
        "install": install_user,
        "uninstall": uninstall_user,
        "start": systemctl("--user", "start", SERVICE),
        "stop": systemctl("--user", "stop", SERVICE),
        "restart": systemctl("--user", "restart", SERVICE),
        "status": with_condition(systemctl("--user", "--no-pager", "status", SERVICE), user_settings),
        "logs": always(RunCommand(("journalctl", "--user", "-u", NAME, "-n", "100", "-f"))),
    },
    "launchd": {
        "install": install_launchd,
        "uninstall": uninstall_launchd,
        "start": launchctl("kickstart", "{service}"),
        "stop": launchctl("kill", "SIGTERM", "{service}"),
        "restart": launchctl("kickstart", "-k", "{service}"),
        "status": with_condition(launchctl("print", "{service}"), user_settings),
        "logs": lambda machine: [RunCommand(("tail", "-n", "100", "-F", str(launchd_log(machine))))],
    },
    "Windows task": {
        "install": install_windows,
        "uninstall": uninstall_windows,
        "start": task("/ENABLE", "/Run"),
        "stop": task("/DISABLE", "/End"),
        "restart": task("/DISABLE", "/End", "/ENABLE", "/Run"),
        "status": with_condition(task("/Query"), windows_settings),
        "logs": lambda machine: [
            RunCommand(("powershell", "-Command", f"Get-Content -Tail 100 -Wait '{windows_log(machine)}'"))
        ],
    },
}


def require_installed(machine: Machine) -> None:
    """Check that the program stays where the service finds it.  Raises ConfigError: it is an archive."""
    if machine.archive:
        raise ConfigError(
            f"a service needs an installed program, but this runs from {machine.archive}: install it with "
            f"pip, or let whatever starts services run `python3 {machine.archive} start`"
        )


def kind_of(machine: Machine, scope: str | None) -> str:
    """The kind of service that this system has.  Raises ConfigError: it has none."""
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
    if verb == "install":
        require_installed(machine)
    for step in PLANS[kind_of(machine, scope)][verb](machine):
        click.echo(f"+ {step}")
        if dry_run and isinstance(step, WriteFile):
            click.echo("".join(f"    {line}\n" for line in step.text.splitlines()), nl=False)
        if not dry_run:
            sys.stdout.flush()
            step.run()
