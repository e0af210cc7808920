"""Calls with a short time limit."""

import threading

import pytest

from copilot_bridge.cli.terminal.timeout import call_with_timeout
from copilot_bridge.errors import ConfigError, UpstreamTimeout


def test_a_result_within_the_timeout_is_returned():
    assert call_with_timeout(lambda: 7, 5) == 7
    assert call_with_timeout(lambda: None, 5) is None


def test_errors_are_raised_where_they_are_waited_for():
    def fail():
        raise ConfigError("no")

    with pytest.raises(ConfigError, match="no"):
        call_with_timeout(fail, 5)


def test_a_call_that_takes_too_long_is_a_timeout():
    never = threading.Event()
    try:
        with pytest.raises(UpstreamTimeout, match=r"within 0\.01 s"):
            call_with_timeout(never.wait, 0.01)
    finally:
        never.set()
