"""Recorded transcripts that were reviewed once and have to stay as they are."""

import pytest

pytest.register_assert_rewrite("golden.transcripts")  # or nobody sees what differs

from golden.transcripts import Golden  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known only where this folder is named on the command line: `pytest tests/golden --write-golden`."""
    parser.addoption(
        "--write-golden", action="store_true", help="take what comes out as what is expected; review the diff"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(bool(request.config.getoption("--write-golden", default=False)))
