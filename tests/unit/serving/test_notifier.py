"""The notifications that systemd receives."""

import os
import socket
from collections.abc import Iterator

import pytest

from copilot_bridge.serving.notifier import Notifier


@pytest.fixture
def systemd(tmp_path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.setblocking(False)
        yield sock


@pytest.fixture
def environ(tmp_path):
    return {"NOTIFY_SOCKET": str(tmp_path / "notify")}


def received(sock: socket.socket) -> list[str]:
    lines = []
    try:
        while True:
            lines.append(sock.recv(4096).decode())
    except BlockingIOError:
        return lines


def test_all_lines_are_sent_in_one_message(systemd, environ):
    Notifier.take_from(environ).notify("READY=1", "STATUS=Serving")
    assert received(systemd) == ["READY=1\nSTATUS=Serving"]


def test_no_library_finds_the_address(environ):
    Notifier.take_from(environ)
    assert environ == {}


def test_an_abstract_address_is_understood():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0bridge-test-{os.getpid()}")
        Notifier(f"@bridge-test-{os.getpid()}").notify("READY=1")
        assert sock.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/at/all"])
def test_a_missing_systemd_is_no_error(address):
    Notifier(address).notify("READY=1")


def test_pings_are_sent_twice_as_often_as_required(systemd, environ):
    clock = iter([100.0, 101.0, 102.0, 102.5, 104.0])
    notifier = Notifier(environ["NOTIFY_SOCKET"], 4.0, lambda: next(clock))
    for _ in range(5):
        notifier.ping()
    assert received(systemd) == ["WATCHDOG=1"] * 3


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({"WATCHDOG_USEC": "4000000"}, 2.0),
        ({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": str(os.getpid())}, 2.0),
        ({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_sets_the_ping_interval(variables, seconds):
    assert Notifier.take_from(variables).ping_interval == seconds


def test_without_a_watchdog_there_are_no_pings(systemd, environ):
    Notifier.take_from(environ).ping()
    assert received(systemd) == []
