"""GitHub and Copilot as mocked answers, and a clock that the tests set."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import responses

from copilot_bridge.config import Config
from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store
from copilot_bridge.upstream.copilot import Copilot
from copilot_bridge.upstream.github.accounts import Account, CopilotToken
from copilot_bridge.upstream.github.tokens import CopilotTokens
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.hosts import Hosts
from copilot_bridge.upstream.single_flight import SingleFlight
from copilot_bridge.upstream.transport.http_client import HttpClient

START = 1_773_236_325.0
GITHUB_TOKEN = "ghu_EXAMPLE0000000000000000000000000000"
EXCHANGE = "https://api.github.com/copilot_internal/v2/token"
USER = "https://api.github.com/copilot_internal/user"
COPILOT = "https://api.githubcopilot.com"


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


class World:
    """One process of the bridge: its own memory; the key_values is shared by those of one `home`."""

    def __init__(self, home: Path, clock: Clock, github_token: str, **settings: Any) -> None:
        self.config = Config(home=home, proxy_env=False, **settings)
        self.clock = clock
        self.client = HttpClient(self.config)
        self.headers = Headers(self.config)
        self.store = open_store(home)
        flights: SingleFlight[CopilotToken] = SingleFlight(start=lambda run: run())
        self.tokens = CopilotTokens(self.client, self.headers, self.store.key_values, clock, flights)
        self.account = Account("octocat", Secret(github_token), Hosts.of(self.config))
        self.copilot = Copilot(self.client, self.tokens, self.headers, self.account)

    def get(self) -> str:
        return self.tokens.get(self.account).value

    def forget(self) -> bool:
        return self.tokens.forget(self.account, self.tokens.get(self.account))


class GitHub:
    """Scripted responses; `asked`: method and address of each request, in order."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.mock = mock
        self.minted = 0

    def gives_tokens(self, **fields: Any) -> None:
        """tid=1, tid=2, ... ; a field of None is left out."""

        def mint(_request: Any) -> tuple[int, dict[str, str], str]:
            self.minted += 1
            content = {"token": f"tid={self.minted};exp=1", "expires_at": 1, "refresh_in": 1500, **fields}
            return 200, {}, json.dumps({name: value for name, value in content.items() if value is not None})

        self.mock.remove("GET", EXCHANGE)
        self.mock.add_callback("GET", EXCHANGE, mint)

    def responses(self, status: int = 200, body: Any = "", url: str = EXCHANGE, **headers: str) -> None:
        """From now on; an exception is raised instead."""
        self.mock.remove("GET", url)
        sent = json.dumps(body) if isinstance(body, dict | list) else body
        self.mock.add("GET", url, status=status, body=sent, headers=headers)

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(call.request.method or "", call.request.url or "") for call in self.mock.calls]

    @property
    def exchanges(self) -> int:
        return self.asked.count(("GET", EXCHANGE))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def hub(web: responses.RequestsMock) -> GitHub:
    return GitHub(web)


@pytest.fixture
def new_world(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(github_token: str = GITHUB_TOKEN, **settings: Any) -> World:
        made.append(World(tmp_path, clock, github_token, **settings))
        return made[-1]

    yield make
    for world in made:
        world.client.close()
        world.store.close()


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    return new_world()
