"""A short soak: every kind of fault, and at the end nothing grown, nothing lost, everything ended."""

from pathlib import Path

import pytest
from soak.__main__ import soak
from soak.faults import FIRST_HALF, FOR_ALL
from soak.traffic import judge


def test_a_short_soak_finds_no_fault(tmp_path: Path) -> None:
    result = soak(8.0, tmp_path, agents=3, pause=0.3)
    report = "\n".join(result.lines())
    assert not result.wrong, report
    assert set(result.done) == {fault.__name__ for fault in (*FIRST_HALF, *FOR_ALL)}, report
    assert result.tally.sent > 20, report


@pytest.mark.parametrize(
    ("dialect", "status", "streaming", "data", "end"),
    [
        ("chat", 200, True, b'data: {"a":1}\n\ndata: [DONE]\n\n', "streamed"),
        ("chat", 200, True, b'data: {"a":1}\n\n', "no end"),
        ("chat", 200, True, b'data: {"error":{"message":"x"}}\n\n', "told in the stream"),
        ("messages", 200, True, b'event: message_stop\ndata: {"type":"message_stop"}\n\n', "streamed"),
        ("messages", 200, True, b'event: content_block_stop\ndata: {"type":"x"}\n\n', "no end"),
        ("responses", 200, True, b'event: response.failed\ndata: {"type":"x"}\n\n', "told in the stream"),
        ("responses", 200, False, b"", "no end"),
        ("chat", 502, False, b"<html>Bad Gateway</html>", "no error"),
        ("chat", 502, False, b'{"error":{"message":"x"}}', "refused 502"),
    ],
)
def test_endings_of_streams_are_judged(
    dialect: str, status: int, streaming: bool, data: bytes, end: str
) -> None:
    assert judge(dialect, status, streaming, data).startswith(end)
