"""The real process, once for all modules."""

from collections.abc import Iterator

import pytest
from simulator_calls import Client, finish, start


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    process, url = start("--pace", "0", "--exit-with-stdin")
    yield url
    assert finish(process) == (0, b"")


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    client = Client(url)
    with client.session:
        yield client
