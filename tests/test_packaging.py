"""The files for containers, macOS and Windows, as far as they can be judged on this system."""

import fnmatch
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PS1 = (ROOT / "windows/copilot-bridge-service.ps1").read_text()
VERBS = ("enable", "disable", "start", "stop", "restart", "status")


@pytest.mark.skipif(not shutil.which("hadolint"), reason="hadolint is not here")
def test_the_dockerfile_is_clean():
    done = subprocess.run(
        ["hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def copied() -> list[str]:
    """What is copied from this folder."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return [word for line in lines for word in line.split()[:-1]]


def test_files_that_the_dockerfile_copies_exist_and_are_not_ignored():
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for source in copied():
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern) for pattern in kept), source
    assert not any((ROOT / source).match(".env*") for source in kept)


def test_links_in_the_package_lead_to_what_is_copied():
    for link in (ROOT / "copilot_bridge").rglob("*"):
        if link.is_symlink():
            assert link.resolve().relative_to(ROOT).parts[0] in copied()


def test_the_container_is_pinned_and_not_root():
    stages = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(set(stages)) == 1
    assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", stages[0])
    assert re.search(r"^USER [1-9]\d+$", DOCKERFILE, re.MULTILINE)
    assert "HEALTHCHECK" in DOCKERFILE
    assert 'ENTRYPOINT ["copilot-bridge"]' in DOCKERFILE, "without a shell, signals come through"


def test_compose_publishes_on_this_machine_only():
    text = (ROOT / "compose.yaml").read_text()
    assert re.findall(r'^ +- "(\S+):4141:4141"$', text, re.MULTILINE) == ["127.0.0.1"]
    assert "read_only: true" in text
    assert "no-new-privileges:true" in text


def test_the_powershell_script_knows_its_verbs():
    allowed = re.search(r"ValidateSet\((.+)\)", PS1)
    assert allowed
    assert tuple(re.findall(r"'(\w+)'", allowed[1])) == VERBS
    assert tuple(re.findall(r"^    '(\w+)' \{", PS1, re.MULTILINE)) == VERBS


def test_the_powershell_script_calls_only_what_it_defines_or_windows_has():
    """Not parsed by PowerShell; see docs/deploy-windows.md."""
    code = re.sub(r"<#.*?#>|#[^\n]*|'[^'\n]*'", "", PS1, flags=re.DOTALL)
    for one, other in ("()", "{}", "[]"):
        assert code.count(one) == code.count(other), one
    defined = set(re.findall(r"^function ([\w-]+)", code, re.MULTILINE))
    used = set(re.findall(r"\b([A-Z][a-z]+-[A-Z]\w+)\b", code))
    of_windows = {
        *("Get-Command", "Get-ScheduledTask", "Get-ScheduledTaskInfo", "Invoke-WebRequest", "Join-Path"),
        *("New-Item", "New-ScheduledTaskAction", "New-ScheduledTaskSettingsSet", "New-ScheduledTaskTrigger"),
        *("Disable-ScheduledTask", "Enable-ScheduledTask", "Get-Date", "Select-String", "Set-Content"),
        *("New-TimeSpan", "Out-Null", "Register-ScheduledTask", "Select-Object", "Set-StrictMode"),
        *("Split-Path", "Start-ScheduledTask", "Stop-ScheduledTask", "Test-Path", "Unregister-ScheduledTask"),
    }
    assert used - defined <= of_windows
    assert defined <= used


def test_the_batch_file_has_the_line_ends_that_cmd_wants():
    lines = (ROOT / "windows/start.bat").read_bytes().split(b"\n")
    assert all(line.endswith(b"\r") for line in lines[:-1])


@pytest.mark.parametrize("arguments", [(), ("--daemon",), ("--uninstall",), ("--daemon", "--uninstall")])
def test_the_launchd_script_says_what_it_would_do(tmp_path, arguments):
    done = subprocess.run(
        ["sh", ROOT / "launchd/install.sh", "--dry-run", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PROGRAM": "/venv/bin/copilot-bridge"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "launchctl bootout" in done.stdout
    assert ("launchctl bootstrap" in done.stdout) is ("--uninstall" not in arguments)
    assert not list(tmp_path.iterdir())
