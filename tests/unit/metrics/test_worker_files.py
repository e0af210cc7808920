"""The files of workers that have ended: their counts are kept, in few files."""

import os
import subprocess
import sys

import pytest
from prometheus_client.mmap_dict import MmapedDict

from copilot_bridge.metrics.worker_files import (
    MERGE_THRESHOLD,
    ended_processes,
    merge_ended,
    pid_of,
    preallocate,
)

# A worker that counts something, prints its metrics, and ends.
WORKER = """
import os, sys, time
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.metrics import Metrics
class Left:
    percent_remaining = float(sys.argv[1])
counted = Metrics()
record = RequestLogEntry("x", "POST", "/", dialect="chat", model="gpt-4o")
record.upstream, record.status, record.tokens_in = "chat", 200, 10
record.account = "octocat"
for _ in range(3):
    counted.count_request(record, ["timeout"], {"chat": Left})
counted.stream_opened()
print(counted.text().decode())
os._exit(0)
"""


def work(folder, remaining):
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(remaining)],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.rsplit(" ", 1) for line in done.stdout.splitlines() if line and line[0] != "#")


def values(folder, kind):
    return {
        key: value
        for path in folder.glob(f"{kind}_*.db")
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path))
    }


def test_the_files_of_ended_workers_are_merged(tmp_path):
    for number in range(MERGE_THRESHOLD):
        work(tmp_path, number)
    assert len(ended_processes(tmp_path)) == MERGE_THRESHOLD
    metrics = work(tmp_path, 99)  # merges them when it starts
    assert {pid_of(path) for path in tmp_path.glob("counter_*.db")} > {0}
    assert len([*tmp_path.glob("*.db")]) == 3 + 4
    expected = 3 * (MERGE_THRESHOLD + 1)
    labels = '{dialect="chat",model="gpt-4o",outcome="ok",status="200",upstream="chat"}'
    assert float(metrics[f"copilot_bridge_requests_total{labels}"]) == expected
    assert float(metrics['copilot_bridge_tokens_total{kind="in",model="gpt-4o"}']) == 10 * expected
    assert float(metrics['copilot_bridge_upstream_errors_total{kind="timeout"}']) == expected
    assert float(metrics['copilot_bridge_request_seconds_bucket{le="+Inf",model="gpt-4o"}']) == expected
    assert float(metrics['copilot_bridge_quota_left_percent{account="octocat",quota="chat"}']) == 99
    assert float(metrics["copilot_bridge_streams_open"]) == 1


def test_the_newest_quota_is_kept(tmp_path):
    for remaining in (50, 40):
        work(tmp_path, remaining)
    merge_ended(tmp_path, threshold=1)
    assert list(values(tmp_path, "gauge_mostrecent").values()) == [40.0]
    assert values(tmp_path, "gauge_livesum") == {}
    before = values(tmp_path, "counter")
    merge_ended(tmp_path, threshold=0)
    assert values(tmp_path, "counter") == before
    assert 6.0 in before.values()


def test_a_few_files_are_not_merged(tmp_path):
    work(tmp_path, 1)
    names = sorted(path.name for path in tmp_path.iterdir())
    merge_ended(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_reused_process_id_keeps_counters_and_clears_gauges(tmp_path):
    """Counters go on; gauges of open things begin at zero."""
    (tmp_path / f"counter_{os.getpid()}.db").write_bytes(b"before")
    (tmp_path / f"gauge_livesum_{os.getpid()}.db").write_bytes(b"before")
    preallocate(tmp_path)
    assert (tmp_path / f"counter_{os.getpid()}.db").read_bytes() == b"before"
    assert not any((tmp_path / f"gauge_livesum_{os.getpid()}.db").read_bytes())


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        preallocate(tmp_path / "nowhere")
