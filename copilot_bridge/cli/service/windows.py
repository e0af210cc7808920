"""The bridge as a scheduled task, on Windows."""

from pathlib import Path

from copilot_bridge.cli.service.files import NAME, SETTINGS, task_definition
from copilot_bridge.cli.service.machine import Machine
from copilot_bridge.cli.service.steps import KeepFile, LogIn, RemoveFile, RunCommand, Step, WriteFile

TASK = "Copilot Bridge"


def folder_on_windows(machine: Machine) -> Path:
    return machine.home / "AppData/Local" / NAME


def windows_settings(machine: Machine) -> Path:
    return folder_on_windows(machine) / "env"


def windows_log(machine: Machine) -> Path:
    return folder_on_windows(machine) / f"{NAME}.log"


def install_windows(machine: Machine) -> list[Step]:
    """The plan for a task, which runs pythonw because that has no window."""
    folder = folder_on_windows(machine)
    definition = task_definition(
        program=machine.python.with_name("pythonw.exe"),
        folder=folder,
        log=windows_log(machine),
        settings=windows_settings(machine),
        user=machine.account,
    )
    return [
        KeepFile(windows_settings(machine), SETTINGS.format(restart="copilot-bridge service restart")),
        WriteFile(folder / "task.xml", definition, encoding="utf-16"),  # schtasks takes no other
        RunCommand(("schtasks", "/Create", "/F", "/TN", TASK, "/XML", str(folder / "task.xml"))),
        RunCommand(("schtasks", "/Run", "/TN", TASK)),
        LogIn((str(machine.program), "auth")),
    ]


def uninstall_windows(machine: Machine) -> list[Step]:
    return [
        RunCommand(("schtasks", "/Change", "/TN", TASK, "/DISABLE"), may_fail=True),
        RunCommand(("schtasks", "/End", "/TN", TASK), may_fail=True),
        RunCommand(("schtasks", "/Delete", "/F", "/TN", TASK)),
        RemoveFile(folder_on_windows(machine) / "task.xml"),
    ]
