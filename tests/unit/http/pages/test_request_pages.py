"""The page of one request: its phases, and how it ended."""

import pytest

from copilot_bridge.errors import KINDS
from copilot_bridge.http.pages.outcomes import outcome_badge, outcome_name
from copilot_bridge.http.pages.request_page import phases
from copilot_bridge.store.logged_request import RequestLogRow


def row(**values):
    return RequestLogRow("a", 0.0, **values)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"ms": 1000, "queue_ms": 100, "token_ms": 50, "first_byte_ms": 400}, [100, 50, 0, 0, 250, 600]),
        (
            {"ms": 1000, "token_ms": 50, "catalogue_ms": 40, "connection_ms": 30, "first_byte_ms": 400},
            [0, 50, 40, 30, 280, 600],
        ),
        ({"ms": 1000, "first_byte_ms": 400}, [0, 0, 0, 0, 400, 600]),
        ({"ms": 1000, "queue_ms": 100}, [100, 0, 0, 0, 900, 0]),
        ({"ms": 1000, "queue_ms": 2000, "token_ms": 10, "first_byte_ms": 5}, [1000, 0, 0, 0, 0, 0]),
        ({"ms": 1000, "queue_ms": 300, "token_ms": 300, "first_byte_ms": 400}, [300, 300, 0, 0, 0, 400]),
    ],
)
def test_the_phases_add_up_to_the_whole_time(given, expected):
    found = phases(row(**given))
    assert [phase.ms for phase in found] == expected
    assert sum(phase.length for phase in found) == pytest.approx(100, abs=0.1)
    starts = [sum(expected[:index]) / 10 for index in range(6)]
    assert [phase.start for phase in found] == pytest.approx(starts)


@pytest.mark.parametrize("ms", [None, 0])
def test_a_request_without_a_time_has_no_phases(ms):
    assert phases(row(ms=ms, queue_ms=5)) == []


def test_each_outcome_has_a_kind_of_badge():
    assert outcome_badge(row(outcome="ok"))[0] == "success"
    assert outcome_badge(row(outcome="client_disconnected"))[0] == ""
    assert outcome_badge(row(outcome="rate_limited"))[0] == "warning"
    assert outcome_badge(row(outcome="timeout"))[0] == "danger"
    assert outcome_badge(row(outcome="something_new")) == ("danger", "something new")


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"not_found", "method_not_allowed", "media_type"}))
def test_each_kind_has_words(kind):
    assert "_" not in outcome_name(kind)
