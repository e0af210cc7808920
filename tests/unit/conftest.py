"""A clock that stands still until a test sets it."""

import pytest


class Clock:
    now = 1000.0  # seconds

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()
