"""The files of a service on macOS and Windows, and the one with its settings on every system."""

import plistlib
from contextlib import suppress
from pathlib import Path
from xml.sax.saxutils import escape

NAME = "copilot-bridge"
LABEL = "io.github.copilot-bridge"

ENV_FILE = "COPILOT_BRIDGE_ENV_FILE"

SETTINGS = """\
# Settings of the service, as NAME=value, named as in docs/settings.md: COPILOT_BRIDGE_PORT=5000
# After a change: {restart}
"""


def plist(program: Path, home: Path, user: str | None = None) -> str:
    """A property list for launchd; see launchd.plist(5).

    It has no settings: launchd reads it only when the service is bootstrapped, while the program reads its
    settings file at each start.

    :param user: the user of a daemon; None: an agent, which runs as the user who logs in.
    """
    logs = home / "Library/Logs"
    content: dict[str, object] = {
        "Label": LABEL,
        "ProgramArguments": [str(program), "start", "--log-file", str(logs / f"{NAME}.log")],
        "EnvironmentVariables": {ENV_FILE: str(home / ".config" / NAME / "env")},
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


def carried_over(agent: Path) -> str:
    """The settings in an agent's file, where earlier versions stored them, as lines."""
    with suppress(OSError, plistlib.InvalidFileException, ValueError, AttributeError):
        found = plistlib.loads(agent.read_bytes()).get("EnvironmentVariables", {})
        return "".join(f"{name}={quoted(str(value))}\n" for name, value in found.items() if name != ENV_FILE)
    return ""


def quoted(value: str) -> str:
    """The value as it is written in a file of settings."""
    plain = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'


# learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema.  RestartOnFailure applies to tasks that
# can't be started, not to a program that ends with an error.  So the trigger fires each minute, which is
# ignored while the program runs.  By default a task does not run on battery power, and is ended after three
# days.
TASK = """\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.3" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Copilot Bridge: a GitHub Copilot subscription as OpenAI and Anthropic APIs</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <Repetition>
        <Interval>PT1M</Interval>
        <StopAtDurationEnd>false</StopAtDurationEnd>
      </Repetition>
      <UserId>{user}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{user}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <StartWhenAvailable>true</StartWhenAvailable>
    <IdleSettings>
      <StopOnIdleEnd>false</StopOnIdleEnd>
      <RestartOnIdle>false</RestartOnIdle>
    </IdleSettings>
    <AllowStartOnDemand>true</AllowStartOnDemand>
    <Enabled>true</Enabled>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>255</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{program}</Command>
      <Arguments>{arguments}</Arguments>
      <WorkingDirectory>{folder}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
"""


def task_definition(program: Path, folder: Path, log: Path, settings: Path, user: str) -> str:
    """The definition of the scheduled task.  :param user: DOMAIN\\name."""
    arguments = f'-m copilot_bridge start --log-file "{log}" --env-file "{settings}"'
    values = {"program": program, "arguments": arguments, "folder": folder, "user": user}
    return TASK.format(**{name: escape(str(value)) for name, value in values.items()})
