"""Transcripts that were looked at once, and have to stay as they are."""

from dataclasses import dataclass
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known only where this folder is named on the command line: `pytest tests/golden --write-golden`."""
    parser.addoption(
        "--write-golden", action="store_true", help="take what comes out as what is expected; review the diff"
    )


@dataclass(frozen=True)
class Golden:
    write: bool

    def check(self, expected: Path, actual: bytes) -> None:
        """An expectation that is missing fails; an empty file asks for one."""
        if self.write:
            expected.write_bytes(actual)
        assert expected.exists(), f"nobody has said what is expected in {expected}"
        assert actual == expected.read_bytes()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(bool(request.config.getoption("--write-golden", default=False)))
