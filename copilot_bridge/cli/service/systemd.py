"""The bridge as a systemd service, of the machine or of a user."""

from importlib.resources import files
from pathlib import Path

from copilot_bridge.cli.service.files import NAME, SETTINGS
from copilot_bridge.cli.service.machine import Machine
from copilot_bridge.cli.service.steps import KeepFile, LogIn, RemoveFile, RunCommand, Step, WriteFile
from copilot_bridge.errors import ConfigError

# The paths in the unit files, which are those of install.sh.
SHIPPED = "/opt/copilot-bridge/current/bin"

SYSTEM_UNITS = Path("/etc/systemd/system")
DATA = f"/var/lib/{NAME}"
SYSTEM_SETTINGS = Path("/etc") / NAME / "env"
SOCKET, SERVICE = f"{NAME}.socket", f"{NAME}.service"


def install_system(machine: Machine) -> list[Step]:
    """The plan for a service of the machine.  Raises ConfigError: its user can't reach the program."""
    for needed, folder in machine.out_of_reach():
        raise ConfigError(
            f"a system service can't reach {needed}: {folder} is closed to it.  Install the program "
            "below /opt (systemd/install.sh of the sources does), or install a service of your user: --user"
        )
    user = ("useradd", "--system", "--home-dir", DATA, "--shell", "/usr/sbin/nologin", NAME)
    return [
        RunCommand(user, may_fail=True),
        *(WriteFile(SYSTEM_UNITS / name, unit(name, machine)) for name in (SERVICE, SOCKET)),
        RunCommand(("systemctl", "daemon-reload")),
        RunCommand(("systemctl", "enable", "--now", SOCKET, SERVICE)),
        LogIn(("runuser", "-u", NAME, "--", str(machine.program), "auth"), ("--home", DATA)),
    ]


def uninstall_system(_machine: Machine) -> list[Step]:
    return [
        RunCommand(("systemctl", "disable", "--now", SOCKET, SERVICE), may_fail=True),
        *(RemoveFile(SYSTEM_UNITS / name) for name in (SERVICE, SOCKET)),
        RunCommand(("systemctl", "daemon-reload")),
    ]


def user_unit(machine: Machine) -> Path:
    return machine.home / ".config/systemd/user" / SERVICE


def user_settings(machine: Machine) -> Path:
    return machine.home / ".config" / NAME / "env"


def install_user(machine: Machine) -> list[Step]:
    """The plan for a service of the user.

    Without linger, it would end when the user logs out, and not start with the machine.
    """
    return [
        KeepFile(user_settings(machine), SETTINGS.format(restart="copilot-bridge service restart")),
        WriteFile(user_unit(machine), unit(f"{NAME}-user.service", machine)),
        RunCommand(("loginctl", "enable-linger"), may_fail=True),
        RunCommand(("systemctl", "--user", "daemon-reload")),
        RunCommand(("systemctl", "--user", "enable", "--now", SERVICE)),
        LogIn((str(machine.program), "auth")),
    ]


def uninstall_user(machine: Machine) -> list[Step]:
    return [
        RunCommand(("systemctl", "--user", "disable", "--now", SERVICE), may_fail=True),
        RemoveFile(user_unit(machine)),
        RunCommand(("systemctl", "--user", "daemon-reload")),
    ]


def unit(name: str, machine: Machine) -> str:
    """A packaged unit file with the paths of this installation."""
    text = files("copilot_bridge.cli.service").joinpath("units", name).read_text()
    return text.replace(f"{SHIPPED}/copilot-bridge", str(machine.program)).replace(
        f"{SHIPPED}/python", str(machine.python)
    )
