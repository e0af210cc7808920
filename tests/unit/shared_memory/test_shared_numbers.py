"""Numbers and times in shared memory: known to every process, and private without a file."""

import stat

from copilot_bridge.shared_memory.change_counter import ChangeCounter
from copilot_bridge.shared_memory.shared_times import SharedTimes


def test_another_process_sees_a_change(tmp_path):
    one, other = (ChangeCounter(tmp_path / "home" / "changes") for _ in range(2))
    before = other.read()
    one.bump()
    assert other.read() == one.read() != before
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "home" / "changes").stat().st_mode) == 0o600


def test_without_a_file_a_counter_is_the_processs_own(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (None, tmp_path / "file" / "changes"):
        one, other = ChangeCounter(path), ChangeCounter(path)
        one.bump()
        assert one.read() != other.read() == 0


def test_another_process_reads_a_names_time(tmp_path):
    one, other = (SharedTimes(tmp_path / "times") for _ in range(2))
    one.write("a", 5.0)
    one.write("a", 7.0)
    assert (other.read("a"), other.read("b")) == (7.0, 0.0)
