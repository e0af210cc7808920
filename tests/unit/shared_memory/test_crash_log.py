"""A crash log holds the lines that count, and no more memory than they take."""

import errno
import os
import sys
import tracemalloc
from pathlib import Path

import orjson
import pytest

from copilot_bridge.shared_memory import crash_log as module
from copilot_bridge.shared_memory.crash_log import CrashLog, left_behind


def test_a_crash_log_keeps_the_lines_that_count_when_it_is_compacted(tmp_path, monkeypatch):
    """Long after the first half is full: what still counts is there, what is safe elsewhere need not be."""
    monkeypatch.setattr(module, "HALF_SIZE", 65_536)
    crash_log = CrashLog(tmp_path)
    crash_log.put("stays", b'"stays"')
    for number in range(5000):
        crash_log.put(f"{number}", b'"%d"' % number)
        crash_log.put(f"{number}", b'"%d, done"' % number)
        crash_log.forget([f"{number}"])
    crash_log._lock.release()  # as if the process had ended
    ((*lines,),) = left_behind(tmp_path)
    assert b'"stays"' in lines
    assert lines[-1] == b'"4999, done"'
    assert list(tmp_path.iterdir()) == []


def test_a_line_takes_no_more_memory_than_its_length(tmp_path):
    """What orjson makes takes 4 kB, which a stream would hold to its end."""
    crash_log = CrashLog(tmp_path)
    tracemalloc.start()
    for number in range(1000):
        crash_log.put(f"{number}", orjson.dumps([f"{number}", 1000.0, *[None] * 26]))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 1000 * 500
    crash_log.close()


def test_lines_for_which_a_crash_log_has_no_room_do_no_harm(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HALF_SIZE", 4096)
    crash_log = CrashLog(tmp_path)
    for number in range(1000):
        crash_log.put(f"{number}", b"x" * 50)
    crash_log.close()


def test_the_lines_of_a_live_process_are_left_alone(tmp_path):
    crash_log = CrashLog(tmp_path)
    crash_log.put("a", b'"a"')
    assert list(left_behind(tmp_path)) == []
    crash_log.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system can't reserve room")
def test_a_crash_log_takes_room_on_the_disk_but_not_in_memory(tmp_path):
    crash_log = CrashLog(tmp_path)
    crash_log.put("a", b'"a"')
    (path,) = tmp_path.glob("*.spool")
    assert path.stat().st_blocks * 512 >= 2 * module.HALF_SIZE
    if sys.platform == "linux":
        assert resident(path) < 256 * 1024
    crash_log.close()


def resident(path):
    """Bytes of the file that this process has in memory."""
    _, _, mapping = Path("/proc/self/smaps").read_text().partition(str(path))
    return int(mapping.partition("\nRss:")[2].split(maxsplit=1)[0]) * 1024


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EOPNOTSUPP])
def test_where_no_room_can_be_reserved_the_file_is_written(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    crash_log = CrashLog(tmp_path)
    (path,) = tmp_path.glob("*.spool")
    assert path.stat().st_size == 2 * module.HALF_SIZE
    crash_log.close()


def test_a_full_disk_is_noticed_when_the_crash_log_is_made(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        CrashLog(tmp_path)
    assert list(tmp_path.iterdir()) == []
