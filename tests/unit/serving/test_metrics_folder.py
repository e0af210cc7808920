"""The folder in which the workers count: one for a server's life, and none that is left over."""

import os
import stat
import subprocess
import sys

import pytest
from processes import spawn

from copilot_bridge.serving import metrics_folder as module
from copilot_bridge.serving.metrics_folder import (
    FOLDER_VARIABLE,
    PROMETHEUS_VARIABLE,
    candidates,
    prepare,
    remove,
    remove_live_gauges,
)

# A server that becomes another program, which still holds the folder, and is killed.
SERVER = """
import os, sys
from copilot_bridge.serving.metrics_folder import prepare
prepare(os.environ)
os.execv(sys.executable, [sys.executable, "-c", "print('up', flush=True); input()"])
"""


@pytest.fixture
def environ(tmp_path):
    return {"RUNTIME_DIRECTORY": str(tmp_path)}


def folders(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir())


def test_the_folder_is_private_and_kept_by_the_next_server(tmp_path, environ):
    folder = prepare(environ)
    assert folder.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert environ[FOLDER_VARIABLE] == environ[PROMETHEUS_VARIABLE] == str(folder)
    assert prepare(environ) == folder, "the next server goes on with it"
    assert len(folders(tmp_path)) == 1
    remove(folder)
    assert folders(tmp_path) == []
    assert prepare(environ) != folder, "what is gone is made anew"


def test_the_folder_of_a_server_is_removed_after_its_end_alone(tmp_path, environ):
    server = spawn(
        [sys.executable, "-c", SERVER],
        env=os.environ | environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout.readline() == b"up\n"
    (theirs,) = folders(tmp_path)
    ours = prepare(dict(environ))
    assert folders(tmp_path) == sorted([theirs, ours.name])
    server.kill()
    server.communicate()
    prepare(dict(environ))
    assert theirs not in folders(tmp_path)


def test_a_folder_of_another_program_is_not_used(tmp_path, environ):
    environ[PROMETHEUS_VARIABLE] = "/nowhere"
    assert environ[PROMETHEUS_VARIABLE] != str(prepare(environ))
    assert environ[PROMETHEUS_VARIABLE].startswith(str(tmp_path))


def test_without_a_directory_there_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "candidates", lambda _environ: iter([tmp_path / "nowhere"]))
    environ = {PROMETHEUS_VARIABLE: "/nowhere"}
    assert prepare(environ) is None
    assert environ == {}


def test_the_runtime_directory_is_preferred(tmp_path):
    first, *more = candidates({"RUNTIME_DIRECTORY": f"{tmp_path}:/elsewhere"})
    assert first == tmp_path
    assert more
    assert tmp_path not in candidates({})


def test_the_live_gauges_of_a_worker_that_has_ended_are_removed(tmp_path):
    names = ["counter_7.db", "gauge_livesum_7.db", "gauge_livesum_77.db", "gauge_mostrecent_7.db"]
    for name in names:
        (tmp_path / name).touch()
    remove_live_gauges(tmp_path, 7)
    assert folders(tmp_path) == sorted(set(names) - {"gauge_livesum_7.db"})
