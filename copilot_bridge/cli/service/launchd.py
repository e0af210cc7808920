"""The bridge as a launchd agent, on macOS."""

from pathlib import Path

from copilot_bridge.cli.service.files import LABEL, NAME, SETTINGS, carried_over, plist
from copilot_bridge.cli.service.machine import Machine
from copilot_bridge.cli.service.steps import (
    KeepFile,
    LogIn,
    RemoveFile,
    RunCommand,
    Step,
    WaitUntilFails,
    WriteFile,
)
from copilot_bridge.cli.service.systemd import user_settings


def agent(machine: Machine) -> Path:
    return machine.home / "Library/LaunchAgents" / f"{LABEL}.plist"


def launchd_log(machine: Machine) -> Path:
    return machine.home / "Library/Logs" / f"{NAME}.log"


def domain(machine: Machine) -> str:
    return f"gui/{machine.user}"


def install_launchd(machine: Machine) -> list[Step]:
    """The plan for an agent.

    `bootout` returns before launchd has removed the service, and `bootstrap` fails until it has.
    """
    name = f"{domain(machine)}/{LABEL}"
    restart = "copilot-bridge service restart"
    kept = SETTINGS.format(restart=restart) + carried_over(agent(machine))
    return [
        KeepFile(user_settings(machine), kept),
        RunCommand(("launchctl", "bootout", name), may_fail=True),
        WaitUntilFails(("launchctl", "print", name), 60.0),
        WriteFile(agent(machine), plist(machine.program, machine.home)),
        RunCommand(("launchctl", "enable", name)),
        RunCommand(("launchctl", "bootstrap", domain(machine), str(agent(machine))), tries=10),
        LogIn((str(machine.program), "auth")),
    ]


def uninstall_launchd(machine: Machine) -> list[Step]:
    return [
        RunCommand(("launchctl", "bootout", f"{domain(machine)}/{LABEL}"), may_fail=True),
        RemoveFile(agent(machine)),
    ]
