"""Where the workers count: one folder for a server's life, and none that is left over."""

import os
import stat
import subprocess
import sys

import pytest

from copilot_bridge.serving import metrics_folder as module
from copilot_bridge.serving.metrics_folder import FOR_WORKERS, NAME, forget, places, remove, take

# A server that becomes another program, which still holds the folder, and is killed.
SERVER = """
import os, sys
from copilot_bridge.serving.metrics_folder import take
take(os.environ)
os.execv(sys.executable, [sys.executable, "-c", "print('up', flush=True); input()"])
"""


@pytest.fixture
def environ(tmp_path):
    return {"RUNTIME_DIRECTORY": str(tmp_path)}


def folders(tmp_path):
    return sorted(path.name for path in tmp_path.iterdir())


def test_private_and_handed_on(tmp_path, environ):
    folder = take(environ)
    assert folder.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert environ[NAME] == environ[FOR_WORKERS] == str(folder)
    assert take(environ) == folder, "the next server goes on with it"
    assert len(folders(tmp_path)) == 1
    remove(folder)
    assert folders(tmp_path) == []
    assert take(environ) != folder, "what is gone is made anew"


def test_others_are_left_alone_while_they_live(tmp_path, environ):
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        env=os.environ | environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout.readline() == b"up\n"
    (theirs,) = folders(tmp_path)
    ours = take(dict(environ))
    assert folders(tmp_path) == sorted([theirs, ours.name])
    server.kill()
    server.communicate()
    take(dict(environ))
    assert theirs not in folders(tmp_path)


def test_somebody_elses_setting_is_not_taken(tmp_path, environ):
    environ[FOR_WORKERS] = "/nowhere"
    assert environ[FOR_WORKERS] != str(take(environ))
    assert environ[FOR_WORKERS].startswith(str(tmp_path))


def test_no_place_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "places", lambda _environ: iter([tmp_path / "nowhere"]))
    environ = {FOR_WORKERS: "/nowhere"}
    assert take(environ) is None
    assert environ == {}


def test_places(tmp_path):
    first, *more = places({"RUNTIME_DIRECTORY": f"{tmp_path}:/elsewhere"})
    assert first == tmp_path
    assert more
    assert tmp_path not in places({})


def test_a_worker_that_has_ended(tmp_path):
    names = ["counter_7.db", "gauge_livesum_7.db", "gauge_livesum_77.db", "gauge_mostrecent_7.db"]
    for name in names:
        (tmp_path / name).touch()
    forget(tmp_path, 7)
    assert folders(tmp_path) == sorted(set(names) - {"gauge_livesum_7.db"})
