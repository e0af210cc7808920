"""The number of random cases, and their seeds: always the same, or others for a given time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

MANY = 150
TESTS = 18  # that share the time


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known only where this folder is named on the command line: `pytest tests/fuzz --fuzz 600`."""
    parser.addoption(
        "--fuzz", type=float, default=0, metavar="SECONDS", help="go on with others, for so long in all"
    )


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> Iterator[int]:
    return seeds_for(request.config.getoption("--fuzz", default=0) / TESTS, request.node.nodeid)


def seeds_for(seconds: float, test: str) -> Iterator[int]:
    if not seconds:
        yield from range(MANY)
        return
    until, first = time.monotonic() + seconds, time.time_ns()
    seed = first
    while time.monotonic() < until:
        seed += 1
        yield seed
    print(f"{test}: {seed - first:,} in {seconds:.0f} s")


@contextmanager
def noting_seed(seed: int) -> Iterator[None]:
    """An error says how to get it again."""
    try:
        yield
    except Exception as error:
        error.add_note(f"seed {seed}")
        raise
