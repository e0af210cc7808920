"""The unit files and the scripts beside them, as far as they can be judged without a systemd."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from env_example import example

ROOT = Path(__file__).parent.parent
SYSTEMD = ROOT / "systemd"
SCRIPTS = ("install.sh", "upgrade.sh", "uninstall.sh")
MOST_EXPOSURE = 1.5

needs_analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
needs_shellcheck = pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not here")

# Plays a Python with venv and pip: makes the files that they would make.
FAKE_PYTHON = """#!/bin/sh
case "$*" in
"-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"
    printf '#!/bin/sh\\necho copilot-bridge, version 1\\n' >"$3/bin/copilot-bridge"
    chmod +x "$3/bin/copilot-bridge" ;;
esac
"""

Play = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Runs a script that installs below a folder of its own."""
    fake = tmp_path / "python"
    fake.write_text(FAKE_PYTHON)
    fake.chmod(0o755)

    def call(script: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        known = {"PATH": os.environ["PATH"], "DESTDIR": str(tmp_path / "root"), "PYTHON": str(fake)}
        return subprocess.run(
            ["sh", str(SYSTEMD / script), *arguments],
            env=known | environ,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return call


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def tree(root: Path) -> dict[str, str]:
    """Every file and link, with what is in it."""
    found = sorted(entry for entry in root.rglob("*") if entry.is_symlink() or entry.is_file())
    return {
        str(entry.relative_to(root)): str(entry.readlink()) if entry.is_symlink() else entry.read_text()
        for entry in found
    }


def test_the_example_of_settings_is_made_of_the_table():
    assert (SYSTEMD / "copilot-bridge.env").read_text() == example(), "python tests/env_example.py makes it"


def test_the_example_of_settings_changes_nothing():
    lines = (SYSTEMD / "copilot-bridge.env").read_text().splitlines()
    assert all(not line or line.startswith("#") for line in lines)


@needs_analyze
def test_the_units_are_understood(tmp_path):
    for name in ("copilot-bridge.service", "copilot-bridge.socket"):
        text = (SYSTEMD / name).read_text()
        (tmp_path / name).write_text(re.sub(r"/opt/copilot-bridge/current/bin/[\w-]+", "/bin/true", text))
    units = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_analyze
@pytest.mark.parametrize(("unit", "most"), [("copilot-bridge", MOST_EXPOSURE), ("copilot-bridge-user", 6.2)])
def test_the_service_is_locked_down(unit, most):
    """A user's service can't be denied what takes a namespace or a capability to deny."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", SYSTEMD / f"{unit}.service"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= most
    assert "ignoring" not in done.stderr


@needs_shellcheck
@pytest.mark.parametrize(
    "script", sorted(ROOT.glob("*/*.sh")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_the_scripts_are_clean(script):
    done = subprocess.run(
        ["shellcheck", "-x", script], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_a_second_install_changes_nothing(play, root):
    first = play("install.sh")
    assert first.returncode == 0, first.stderr
    before = tree(root)
    assert before["opt/copilot-bridge/current"] == "releases/1"
    assert (root / "etc/copilot-bridge/env").stat().st_mode & 0o777 == 0o600
    assert (root / "var/lib/copilot-bridge").stat().st_mode & 0o777 == 0o700
    (root / "etc/copilot-bridge/env").write_text("COPILOT_BRIDGE_WORKERS=2\n")
    (root / "etc/systemd/system/copilot-bridge.service").unlink()
    assert play("install.sh").returncode == 0
    assert tree(root) == before | {"etc/copilot-bridge/env": "COPILOT_BRIDGE_WORKERS=2\n"}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_dry_run_touches_nothing(play, root, script):
    assert play("install.sh").returncode == 0
    before = tree(root)
    done = play(script, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "+ " in done.stdout
    assert tree(root) == before


def test_a_dry_run_of_an_install_into_nothing(play, root):
    done = play("install.sh", "--dry-run")
    assert "-m venv" in done.stdout
    assert not root.exists()


def test_an_upgrade_can_be_reverted(play, root):
    play("install.sh")
    current = root / "opt/copilot-bridge/current"
    for expected, kept in (("releases/2", {"1", "2"}), ("releases/3", {"2", "3"})):
        assert play("upgrade.sh").returncode == 0
        assert str(current.readlink()) == expected
        assert {release.name for release in (root / "opt/copilot-bridge/releases").iterdir()} == kept
    assert play("upgrade.sh", "--rollback").returncode == 0
    assert str(current.readlink()) == "releases/2"


def test_a_release_that_can_not_be_built_is_none(play, root):
    play("install.sh")
    before = tree(root)
    fake = root.parent / "python"
    fake.write_text(FAKE_PYTHON.replace("esac", '"-m pip "*) exit 1 ;; esac'))
    done = play("upgrade.sh")
    assert done.returncode == 1
    assert "nothing has changed" in done.stderr
    assert tree(root) == before


def test_without_an_install_there_is_nothing_to_upgrade(play):
    assert "install.sh" in play("upgrade.sh").stderr


@pytest.mark.parametrize("purge", [False, True])
def test_uninstall_keeps_the_login_unless_asked_to_remove_it(play, root, purge):
    play("install.sh")
    (root / "var/lib/copilot-bridge/logins.json").write_text("{}")
    for _ in range(2):
        assert play("uninstall.sh", *(["--purge"] if purge else [])).returncode == 0
        assert not (root / "opt/copilot-bridge").exists()
        assert not list((root / "etc/systemd/system").iterdir())
        assert (root / "var/lib/copilot-bridge/logins.json").exists() is not purge
        assert (root / "etc/copilot-bridge/env").exists() is not purge


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_refuse_unknown_options(play, root, script):
    done = play(script, "--purgee")
    assert done.returncode == 1
    assert not root.exists()
    assert script in play(script, "--help").stdout


# What the manager of a user's services can't do: it has no capability to give away, and makes no mounts.
NOT_FOR_USERS = (
    "Protect",
    "Private",
    "CapabilityBoundingSet",
    "DevicePolicy",
    "DynamicUser",
    "User=",
    "IPAddress",
)


def test_the_users_unit_asks_for_nothing_that_would_keep_it_from_starting():
    lines = (SYSTEMD / "copilot-bridge-user.service").read_text().splitlines()
    assert [line for line in lines if line.startswith(NOT_FOR_USERS)] == []
    for line in ("NoNewPrivileges=yes", "SystemCallFilter=@system-service", "RestrictNamespaces=yes"):
        assert line in lines
