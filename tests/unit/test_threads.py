"""Calls in gevent's threads."""

import pytest

from copilot_bridge.errors import InvalidRequest
from copilot_bridge.threads import run_in_thread


def test_the_error_of_a_thread_is_raised_and_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    class Panic(BaseException):
        """As of a library that is not written in Python."""

    def fail(kind: type[BaseException]) -> None:
        raise kind("no")

    for kind in (InvalidRequest, ValueError, Panic):
        with pytest.raises(kind):
            run_in_thread(fail, kind)
    assert run_in_thread(max, 1, 2) == 2
    assert capfd.readouterr().err == ""
