"""Faults around a running service, a row each: what its clients see, and how it recovers."""

import http.client
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.harness import PATIENCE, ROOT, Junction, ReceivedStream, Simulator, environment, new_token
from integration.services import START, MakeUnit, Service, await_end, children

# Found by Python before anything of ours: the machine's clock and its name service, which files put wrong.
FAULTS = """
import _socket, os, time
def put(name):
    try:
        with open(os.path.join(os.path.dirname(__file__), name)) as file:
            return float(file.read())
    except (OSError, ValueError):
        return 0.0
right_time, right_names = time.time, _socket.getaddrinfo
time.time = lambda: right_time() + put("clock")
def names(host, *more, **named):
    if put("dns") and not str(host).replace(".", "").isdecimal():
        raise _socket.gaierror(_socket.EAI_AGAIN, "Temporary failure in name resolution")
    return right_names(host, *more, **named)
_socket.getaddrinfo = names
"""


@pytest.fixture
def faults(tmp_path: Path) -> Path:
    """Its files `clock` and `dns` put the machine wrong."""
    here = tmp_path / "faults"
    here.mkdir()
    (here / "sitecustomize.py").write_text(FAULTS)
    return here


def broken_off(unit_stream: Iterator[object]) -> None:
    """The stream ends, and not as one that is complete."""
    with pytest.raises((http.client.IncompleteRead, ConnectionError, AssertionError)):
        assert not list(unit_stream), "a stream that looks whole"


def await_recovery(service: Service) -> None:
    """After trouble the bridge waits two seconds before it tries again."""
    end = time.monotonic() + 10
    while (got := service.chat("hello")).status != 200:
        assert time.monotonic() < end, got.body
        time.sleep(0.1)


def test_a_worker_is_killed(make_unit: MakeUnit) -> None:
    """Its streams break, visibly; the next request finds another worker."""
    service = make_unit().up()
    (worker,) = children(service.process.pid)
    stream = service.stream("[[sim:stall after=4 seconds=30]] one two three")
    frames = stream.frames()
    assert next(frames)
    os.kill(worker, signal.SIGKILL)
    broken_off(frames)
    assert service.chat("hello").status == 200
    assert children(service.process.pid) != [worker]


def test_the_master_is_killed(make_unit: MakeUnit, simulator: Simulator, mark: str) -> None:
    """Its worker does not go on by itself, and the next start answers who has come meanwhile."""
    unit = make_unit()
    service = unit.up()
    (worker,) = children(service.process.pid)
    stream = service.stream(f"[[sim:stall after=4 seconds=30]] one two three {mark}")
    frames = stream.frames()
    assert next(frames)
    service.process.kill()
    service.process.wait(PATIENCE)
    broken_off(frames)
    await_end(worker)
    assert simulator.ended(mark)["outcome"] == "client-gone"
    assert unit.start().chat("hello").status == 200


def test_upstream_is_unreachable_at_start(make_unit: MakeUnit, simulator: Simulator) -> None:
    """It starts, says what it lacks, and needs nobody when upstream is back."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    service = make_unit(github_url=url, github_api_url=url, copilot_api_url=url).up()
    assert service.request("GET", "/healthz").status == 200
    ready = service.request("GET", "/readyz")
    assert (ready.status, ready.json["kind"]) == (503, "unreachable")
    refused = service.chat("hello")
    assert refused.status == 503
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert ready.json["state"] == "waiting for GitHub"
    junction = Junction(simulator.url, port=port)
    try:
        await_recovery(service)
    finally:
        junction.close()


def test_the_name_service_is_gone(make_unit: MakeUnit, simulator: Simulator, faults: Path) -> None:
    unit = make_unit(copilot_api_url=simulator.url.replace("127.0.0.1", "localhost"))
    unit.more["PYTHONPATH"] = f"{faults}:{ROOT}"
    (faults / "dns").write_text("1")
    service = unit.up()
    refused = service.chat("hello")
    assert refused.status == 503
    assert "name resolution" in refused.error["message"]
    (faults / "dns").write_text("0")
    await_recovery(service)


def test_the_disk_is_full(make_unit: MakeUnit) -> None:
    """Values that can't be stored are fetched again; requests get their responses."""
    unit = make_unit()
    service = unit.up()
    for pid in (service.process.pid, *children(service.process.pid)):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))  # each write to a file fails
    assert service.chat("hello").status == 200
    assert ReceivedStream(service.stream("hello").all()).finish_reason == "stop"


def test_the_data_directory_is_read_only(make_unit: MakeUnit) -> None:
    """With a token in the settings it is not needed.  (Nobody may write to /sys/x, root included.)"""
    service = make_unit(home="/sys/copilot-bridge").up()
    assert service.chat("hello").status == 200
    assert service.request("GET", "/readyz").status == 200


def test_the_clock_jumps_an_hour_and_a_laptop_sleeps(
    make_unit: MakeUnit, simulator: Simulator, faults: Path
) -> None:
    """Streams go on, and so do requests.

    In sleep the monotonic clock stands still and the token's time does not: it is fetched anew before use.
    """
    token = new_token()
    unit = make_unit(github_token=token)
    unit.more["PYTHONPATH"] = f"{faults}:{ROOT}"
    service = unit.up()
    workers = children(service.process.pid)
    stream = service.stream("[[sim:flood events=20 size=10 gap=50]]")
    frames = stream.frames()
    first = next(frames)
    for seconds in (3600, -3600, 0):
        (faults / "clock").write_text(str(seconds))
        assert service.chat("hello").status == 200
    before = len(simulator.exchanges(token))
    simulator.expire(token)
    (faults / "clock").write_text(str(8 * 3600))
    assert service.chat("hello").status == 200
    assert len(simulator.exchanges(token)) == before + 1
    assert ReceivedStream([first, *frames]).finish_reason == "stop"
    assert children(service.process.pid) == workers
    assert service.end() == 0


def test_the_port_is_taken(tmp_path: Path, simulator: Simulator) -> None:
    """Without a socket unit: one line, and an exit code that systemd takes for a failure."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*START, "--port", str(port), "--home", tmp_path / "home"],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"can't listen on 127.0.0.1:{port}" in line


def test_the_token_is_revoked(make_unit: MakeUnit, simulator: Simulator) -> None:
    """The error says who can help; a reload brings the new one."""
    token = new_token("revoked")
    unit = make_unit(github_token=token)
    service = unit.up()
    assert service.chat("hello").status == 200
    simulator.expire(token)
    refused = service.chat("hello")
    assert refused.status == 401
    assert "copilot-bridge auth" in refused.error["message"]
    assert service.request("GET", "/readyz").status == 503
    unit.settings["github_token"] = new_token()
    assert service.reload().returncode == 0
    assert service.chat("hello").status == 200
