"""The limit of open files."""

import resource
from collections.abc import Iterator

import pytest

from copilot_bridge.serving import limits

SMALL = 512  # open files, where 1,024 are the usual limit


@pytest.fixture
def few_open_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (SMALL, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_open_files")
@pytest.mark.parametrize(("wanted", "limit"), [(SMALL // 2, SMALL), (SMALL, SMALL), (SMALL + 1, SMALL + 1)])
def test_the_limit_of_open_files_is_raised_as_far_as_needed_and_never_lowered(
    monkeypatch: pytest.MonkeyPatch, wanted: int, limit: int
) -> None:
    monkeypatch.setattr(limits, "MAX_OPEN_FILES", wanted)
    limits.raise_open_files()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == limit


@pytest.mark.usefixtures("few_open_files")
@pytest.mark.parametrize("error", [ValueError("not this one"), OSError("not permitted")])
def test_a_limit_that_can_not_be_raised_is_no_error(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(resource, "setrlimit", fail)
        limits.raise_open_files()
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == SMALL
