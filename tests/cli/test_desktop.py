"""A login on a desktop opens the browser, and puts the code on the clipboard."""

import time

import pytest
from cli.conftest import Terminal

from copilot_bridge.cli.terminal.browser import open_in_browser


@pytest.fixture
def programs(tmp_path):
    """Stand-ins for the desktop's programs, which write down what they are given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, code in {"xdg-open": 'echo "$1"', "wl-copy": "cat"}.items():
        (folder / name).write_text(f"#!/bin/sh\n{code} > {tmp_path}/{name}\n")
        (folder / name).chmod(0o700)
    return folder


def read_soon(path):
    end = time.monotonic() + 10
    while not (path.exists() and path.read_text()) and time.monotonic() < end:
        time.sleep(0.02)
    return path.read_text().strip()


def test_the_browser_opens_where_there_is_a_desktop(programs, tmp_path):
    environ = {"PATH": f"{programs}:/usr/bin:/bin", "DISPLAY": ":0"}
    assert open_in_browser("https://github.com/login/device", environ, "linux")
    assert read_soon(tmp_path / "xdg-open") == "https://github.com/login/device"


@pytest.mark.parametrize("missing", [{"DISPLAY": ""}, {"SSH_CONNECTION": "1"}, {"PATH": "/nowhere"}], ids=str)
def test_the_browser_does_not_open_without_a_desktop(programs, tmp_path, missing):
    environ = {"PATH": f"{programs}:/usr/bin:/bin", "DISPLAY": ":0"} | missing
    assert not open_in_browser("https://github.com/login/device", environ, "linux")


@pytest.mark.parametrize(("options", "desktop"), [((), True), (("--no-browser",), False)])
def test_a_login_on_a_desktop_opens_the_browser_with_the_code_copied(
    settings, tmp_path, programs, simulator, options, desktop
):
    desk = {"PATH": f"{programs}:/usr/bin:/bin", "WAYLAND_DISPLAY": "wayland-0"}
    terminal = Terminal(tmp_path, settings | desk, "auth", *options)
    try:
        code = terminal.wait_for(r"Enter +(\S+)")[1]
        assert ("opening in your browser" in terminal.text) is desktop
        if desktop:
            assert "on the clipboard" in terminal.text
            assert read_soon(tmp_path / "wl-copy") == code
            assert read_soon(tmp_path / "xdg-open").startswith(simulator.url)
        else:
            assert not (tmp_path / "wl-copy").exists()
    finally:
        terminal.close()
