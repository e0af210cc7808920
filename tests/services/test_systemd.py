"""The service under systemd, which is played: start, readiness, watchdog, reload under load, stop."""

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
from integration.harness import PATIENCE, ROOT, ReceivedStream, Simulator, new_token
from integration.services import Load, MakeUnit, await_end, children

BOTH = pytest.mark.parametrize("server", ["gunicorn", "gevent"])


@BOTH
def test_ready_is_reported_once_a_worker_serves(make_unit: MakeUnit, server: str) -> None:
    """Or the first response would take as long as a worker needs to be there, which is most of the start."""
    unit = make_unit(server=server, workers=2)
    began = time.monotonic()
    service = unit.start()
    assert unit.messages.wait_for("READY=1")[0] == "READY=1"
    start = time.monotonic() - began
    if server == "gunicorn":
        assert len(children(service.process.pid)) == 2
    began = time.monotonic()
    assert service.request("GET", "/healthz").status == 200
    assert time.monotonic() - began < start / 2
    assert service.end() == 0
    assert "STOPPING=1" in unit.messages.waiting()


@BOTH
def test_a_request_waits_at_the_socket_for_the_start(make_unit: MakeUnit, server: str) -> None:
    """Start on demand: the socket is there before the service is."""
    unit = make_unit(server=server)
    service = unit.start()
    assert service.chat("hello").message["content"]


@BOTH
def test_the_watchdog_gets_its_pings(make_unit: MakeUnit, server: str) -> None:
    unit = make_unit(server=server)
    unit.up(WATCHDOG_USEC="2000000")
    for _ in range(2):
        unit.messages.wait_for("WATCHDOG=1", 2)


def two_versions(directory: Path) -> Path:
    """A link that leads to the one release, and can lead to the other."""
    for version in ("1.1.1", "2.2.2"):
        package = directory / version / "copilot_bridge"
        shutil.copytree(ROOT / "copilot_bridge", package, ignore=shutil.ignore_patterns("__pycache__"))
        (package / "__init__.py").write_text(f'"""A release."""\n\n__version__ = "{version}"\n')
    current = directory / "current"
    current.symlink_to("1.1.1")
    return current


def switch(current: Path, version: str) -> None:
    new = current.with_name("new")
    new.symlink_to(version)
    new.replace(current)


def test_a_reload_under_load_drops_no_request(
    make_unit: MakeUnit, simulator: Simulator, tmp_path: Path, mark: str
) -> None:
    """New code and new settings, and nobody has noticed."""
    current = two_versions(tmp_path)
    unit = make_unit(workers=2)
    unit.more["PYTHONPATH"] = str(current)
    service = unit.up()
    pid, old = service.process.pid, children(service.process.pid)
    assert service.request("GET", "/").json["version"] == "1.1.1"
    stream = service.stream(f"[[sim:flood events=60 size=10 gap=50]] {mark}")
    frames = stream.frames()
    first = next(frames)

    with Load(service.address).running() as load:
        while load.answered < 20:
            time.sleep(0.01)
        switch(current, "2.2.2")
        unit.settings["github_token"] = new_token("business")
        done = service.reload()
        assert (done.returncode, done.stderr) == (0, "")
        before = load.answered
        while load.answered < before + 20 and not load.broken:
            time.sleep(0.01)
    assert load.broken == []

    messages = unit.messages.waiting()
    assert messages.index("RELOADING=1") < messages.index("READY=1")
    assert service.process.pid == pid
    assert service.request("GET", "/").json["version"] == "2.2.2"
    assert service.chat(f"new {mark}").status == 200
    assert simulator.only(f"new {mark}")["persona"] == "business"
    received = ReceivedStream([first, *frames])
    assert received.finish_reason == "stop"
    assert received.text.count("The quick") == 60
    stream.close()
    for worker in old:
        await_end(worker)
    assert service.end() == 0


def test_a_reload_that_would_fail_changes_nothing(make_unit: MakeUnit) -> None:
    unit = make_unit()
    service = unit.up()
    unit.settings["workers"] = "many"
    done = service.reload()
    assert done.returncode == 1
    assert "workers: 'many'" in done.stderr
    assert service.chat("hello").status == 200
    del unit.settings["workers"]
    assert service.reload().returncode == 0, "it can be tried again"
    assert service.chat("hello").status == 200


def test_one_signal_reloads_and_two_are_harmless(make_unit: MakeUnit) -> None:
    unit = make_unit()
    service = unit.up()
    old = children(service.process.pid)
    for _ in range(2):
        os.kill(service.process.pid, signal.SIGHUP)
        time.sleep(0.3)  # the second one comes at whatever moment of the first
    unit.messages.wait_for("READY=1")
    for worker in old:
        await_end(worker)
    assert service.chat("hello").status == 200
    assert service.end() == 0


@pytest.mark.parametrize("during_the_check", [False, True])
def test_a_stop_during_a_reload_is_no_less_a_stop(make_unit: MakeUnit, during_the_check: bool) -> None:
    """Together with the reload, or while its check runs."""
    service = make_unit().up()
    workers = children(service.process.pid)
    os.kill(service.process.pid, signal.SIGHUP)
    end = time.monotonic() + PATIENCE
    while during_the_check and children(service.process.pid) == workers:
        assert time.monotonic() < end
    assert service.end() == 0
    for worker in workers:
        await_end(worker)


def test_the_gevent_server_refuses_to_reload(make_unit: MakeUnit) -> None:
    unit = make_unit(server="gevent")
    service = unit.up()
    done = service.reload()
    assert done.returncode == 1
    assert "restart" in done.stderr
    assert service.chat("hello").status == 200


def test_a_stop_waits_for_the_streams_of_relieved_workers_too(make_unit: MakeUnit) -> None:
    unit = make_unit()
    service = unit.up()
    stream = service.stream("[[sim:flood events=40 size=10 gap=50]]")
    frames = stream.frames()
    first = next(frames)
    assert service.reload().returncode == 0
    service.ask_to_stop()
    received = ReceivedStream([first, *frames])
    assert received.finish_reason == "stop"
    assert service.wait() == 0


def test_a_restart_under_load(make_unit: MakeUnit) -> None:
    """The socket is systemd's: whoever comes in between waits.

    Streams end before the stop, and a connection that is kept open is closed with it.
    """
    unit = make_unit()
    service = unit.up()
    load = Load(service.address)
    load._threads = [threading.Thread(target=load._repeat, args=(load._connecting,)) for _ in range(3)]
    with load.running():
        while load.answered < 20:
            time.sleep(0.01)
        assert service.end() == 0
        unit.up()
        before = load.answered
        while load.answered < before + 20 and not load.broken:
            time.sleep(0.01)
    assert load.broken == []
