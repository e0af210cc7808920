"""The login becomes a Copilot token: once, for everybody, and again only when that helps."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from integration.harness import Bridge, Junction, Response, Simulator, Start, new_token

from copilot_bridge.store import open_store
from copilot_bridge.store.key_values import KeyValueStore

HEADERS = {
    "editor-version": "vscode/",
    "editor-plugin-version": "copilot-chat/",
    "user-agent": "GitHubCopilotChat/",
}


def test_the_token_names_the_host(start_bridge: Start, simulator: Simulator, mark: str) -> None:
    bridge = start_bridge(github_token=new_token("business"))
    assert bridge.chat(f"hello {mark}").status == 200
    assert simulator.only(mark)["path"] == "/business/chat/completions"
    assert bridge.request("GET", "/readyz").json["copilot"] == f"{simulator.url}/business"


def test_a_named_host_is_not_overruled_by_the_token(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    bridge = start_bridge(github_token=new_token("business"), copilot_api_url=f"{simulator.url}/individual")
    assert bridge.chat(f"hello {mark}").status == 502
    assert {entry["path"] for entry in simulator.ledger(mark)} <= {"/individual/chat/completions"}


def test_thirty_first_requests_and_four_workers_make_one_exchange(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    bridge = start_bridge(workers=4, server="gunicorn")
    with ThreadPoolExecutor(30) as pool:
        responses = list(pool.map(lambda number: bridge.chat(f"hello {mark} {number}"), range(30)))
    assert {response.status for response in responses} == {200}
    assert len(simulator.exchanges(bridge.github_token)) == 1
    assert len({entry["headers"]["authorization"] for entry in simulator.ledger(mark)}) == 1
    assert len(bridge.workers()) == 4


def test_processes_that_share_a_home_make_one_exchange(
    start_bridge: Start, simulator: Simulator, mark: str, tmp_path: Path
) -> None:
    """All are up, and GitHub is slow, so that each of them wants the token before anybody has it."""
    token = new_token()
    with closing(Junction(simulator.url, delay=0.2)) as slow:
        hosts = {"github_api_url": slow.url, "copilot_api_url": simulator.url}
        bridges = [
            start_bridge(server="gevent", home=tmp_path, github_token=token, **hosts) for _ in range(3)
        ]
        for bridge in bridges:
            assert bridge.request("GET", "/healthz").status == 200
        with ThreadPoolExecutor(30) as pool:
            responses = list(pool.map(lambda bridge: bridge.chat(f"hello {mark}"), bridges * 10))
    assert {response.status for response in responses} == {200}
    assert len(simulator.exchanges(token)) == 1
    assert len({entry["headers"]["authorization"] for entry in simulator.ledger(mark)}) == 1


def test_the_token_outlives_the_process(start_bridge: Start, simulator: Simulator, mark: str) -> None:
    first = start_bridge()
    assert first.chat("hello").status == 200
    first.stop()
    second = start_bridge(home=first.home, github_token=first.github_token, server="gevent")
    assert second.chat(f"hello {mark}").status == 200
    assert len(simulator.exchanges(first.github_token)) == 1
    for path in first.home.rglob("*"):
        mode = path.stat().st_mode & 0o777
        assert mode == (0o700 if path.is_dir() else 0o600), path
        assert path.is_dir() or first.github_token.encode() not in path.read_bytes(), (
            "only what was got for it"
        )


def test_a_token_due_for_renewal_is_renewed_before_its_end(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    """refresh_in is 2 s: the token is renewed by the clock, and no request waits for it or is refused."""
    bridge = start_bridge(github_token=new_token("shortlived"))
    assert bridge.chat(f"hello {mark}").status == 200
    with key_values(bridge.home) as (kept, name):
        due = kept.read(name)["refresh_at"]
    wait_until(due + 0.05)
    assert bridge.chat(f"hello {mark}").status == 200
    await_exchanges(simulator, bridge.github_token, 2)
    assert len(simulator.ledger(mark)) == 2


def await_exchanges(simulator: Simulator, token: str, count: int) -> None:
    """A renewal goes on in the background, and is soon over."""
    deadline = time.monotonic() + 10
    while len(simulator.exchanges(token)) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(simulator.exchanges(token)) == count


@contextmanager
def key_values(home: Path) -> Iterator[tuple[KeyValueStore, str]]:
    """Where the one Copilot token of a bridge is kept, and under what name."""
    store = open_store(home)
    ((name,),) = store.database.run(
        lambda transaction: transaction.rows("SELECT name FROM key_values WHERE name LIKE 'tokens/%'")
    )
    yield store.key_values, name
    store.close()


def wait_until(moment: float) -> None:
    """The real clock is what is tested here; nothing rings when it gets there."""
    time.sleep(max(0.0, moment - time.time()))


def test_a_clock_that_is_wrong_does_no_harm(start_bridge: Start, simulator: Simulator) -> None:
    bridge = start_bridge(github_token=new_token("skewed"))
    assert {bridge.chat("hello").status for _ in range(3)} == {200}
    assert len(simulator.exchanges(bridge.github_token)) == 1


def test_a_failed_renewal_leaves_the_old_token_in_use(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    """GitHub's second answer is a 502 page; the first token is good for a while yet."""
    first = start_bridge(github_token=new_token("flaky"))
    assert first.chat("hello").status == 200
    first.stop()
    with key_values(first.home) as (kept, name):
        stored = kept.read(name)
        kept.write(name, stored | {"refresh_at": 0.0})
    bridge = start_bridge(home=first.home, github_token=first.github_token)
    for _ in range(3):
        assert bridge.chat(f"hello {mark}").status == 200
    await_exchanges(simulator, first.github_token, 2)  # and GitHub is left in peace for a while
    bearers = {entry["headers"]["authorization"] for entry in simulator.ledger(mark)}
    assert bearers == {f"Bearer {stored['value']}"}


@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "whole"])
def test_an_expired_token_is_renewed_and_the_request_replayed_once(
    start_bridge: Start, simulator: Simulator, mark: str, streaming: bool
) -> None:
    bridge = start_bridge()
    assert bridge.chat("hello").status == 200
    assert simulator.expire(bridge.github_token) == 1
    if streaming:
        assert bridge.receive_stream(f"hello {mark}").text
    else:
        assert bridge.chat(f"hello {mark}").status == 200
    assert len(simulator.ledger(mark)) == 2
    assert len(simulator.exchanges(bridge.github_token)) == 2
    assert bridge.chat("hello again").status == 200
    assert len(simulator.exchanges(bridge.github_token)) == 2


def test_many_expired_at_once_are_one_renewal(start_bridge: Start, simulator: Simulator, mark: str) -> None:
    bridge = start_bridge()
    assert bridge.chat("hello").status == 200
    simulator.expire(bridge.github_token)
    with ThreadPoolExecutor(20) as pool:
        responses = list(pool.map(lambda number: bridge.chat(f"hello {mark} {number}"), range(20)))
    assert {response.status for response in responses} == {200}
    assert len(simulator.exchanges(bridge.github_token)) == 2


def test_a_token_that_is_refused_for_good_is_not_renewed_for_ever(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    bridge = start_bridge()
    for number in range(8):
        response = bridge.chat(f"[[sim:refuse name=expired-token]] {mark} {number}")
        assert response.status == 401
        assert response.error["type"] == "authentication_error"
        assert response.error["code"] == "invalid_api_key"
        sent = len(simulator.ledger(f"{mark} {number}"))
        assert sent == (2 if number < 5 else 1)
    assert len(simulator.exchanges(bridge.github_token)) <= 6, "GitHub watches for scripted minting"


def test_a_misdirected_request_finds_the_new_host(
    start_bridge: Start, simulator: Simulator, mark: str
) -> None:
    bridge = start_bridge(github_token=new_token("moved"))
    assert bridge.receive_stream(f"hello {mark}").text
    assert len(simulator.exchanges(bridge.github_token)) == 2
    assert simulator.ledger(mark)[-1]["path"] == "/business/chat/completions"
    asked = simulator.calls("moved", "/models")
    assert [entry["path"] for entry in asked][-1] == "/business/models"


REFUSED = {
    "noaccess": (403, "no Copilot plan"),
    "blocked": (403, "contact"),
    "scripted": (403, "script"),
    "foreignapp": (403, "another app"),
    "foreignghapp": (403, "log in"),
    "unicorn": (503, "try again later"),
    "ratelimited": (429, "rate limit"),
}


@pytest.mark.parametrize("persona", REFUSED)
def test_a_refused_exchange_says_what_to_do(start_bridge: Start, simulator: Simulator, persona: str) -> None:
    status, words = REFUSED[persona]
    bridge = start_bridge(github_token=new_token(persona), server="gevent")
    response = bridge.chat("hello")
    assert response.status == status
    assert words in response.error["message"]
    assert "<" not in response.error["message"], "GitHub's error page is not for reading"
    streamed = bridge.stream("hello").response()
    assert (streamed.status, streamed.error["message"]) == (status, response.error["message"])
    ready = bridge.request("GET", "/readyz")
    assert (ready.status, ready.json["status"]) == (503, "not ready")
    if status == 429:
        assert 0 < int(response.headers["retry-after"]) <= 60


def test_a_revoked_login_says_how_to_log_in(start_bridge: Start) -> None:
    bridge = start_bridge(github_token="ghu_thisOneWasRevoked00000000000")
    response = bridge.chat("hello")
    assert response.status == 401
    assert "copilot-bridge auth" in response.error["message"]


def test_no_login_says_how_to_log_in(start_bridge: Start) -> None:
    response = start_bridge(github_token="", server="gevent").chat("hello")
    assert response.status == 401
    assert "copilot-bridge auth" in response.error["message"]


@pytest.mark.parametrize("prefix", ["gho", "github_pat"])
def test_a_token_that_needs_no_exchange_is_not_exchanged(
    start_bridge: Start, simulator: Simulator, mark: str, prefix: str
) -> None:
    bridge = start_bridge(github_token=new_token("business", prefix), server="gevent")
    assert bridge.chat(f"hello {mark}").status == 200
    entry = simulator.only(mark)
    assert entry["headers"]["authorization"] == f"Bearer {bridge.github_token}"
    assert entry["path"] == "/business/chat/completions"
    assert simulator.exchanges(bridge.github_token) == []


class DeadEnd:
    """A proxy that notes where it is to connect to, and refuses."""

    def __init__(self) -> None:
        self.targets: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                with closing(sock):
                    self.targets.append(sock.recv(4096).decode().split()[1])
                    sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def dead_end() -> Iterator[DeadEnd]:
    proxy = DeadEnd()
    yield proxy
    proxy.close()


def test_an_evil_endpoint_is_not_followed(start_bridge: Start, dead_end: DeadEnd) -> None:
    """Token and prompts would go there with it."""
    bridge = start_bridge(github_token=new_token("evil"), proxy=dead_end.url)
    response = bridge.chat("hello")
    assert response.status == 503
    assert response.error["code"] == "upstream_unreachable"
    assert dead_end.targets, "it went through our proxy or nowhere"
    assert {target.rpartition(":")[0].endswith(".githubcopilot.com") for target in dead_end.targets} == {True}
    assert "attacker.example" not in "".join(bridge.log.all())


def test_every_request_has_the_editors_headers(start_bridge: Start, simulator: Simulator, mark: str) -> None:
    bridge = start_bridge()
    response: Response = bridge.chat(f"hello {mark}")
    bridge.request("POST", "/v1/embeddings", {"model": "text-embedding-3-small", "input": f"{mark} too"})
    assert response.status == 200
    entries = simulator.ledger(mark)
    assert len(entries) == 2
    bearer = entries[0]["headers"]["authorization"]
    entries += [
        entry for entry in simulator.ledger(path="/models") if entry["headers"]["authorization"] == bearer
    ]
    assert len(entries) == 3
    for entry in entries:
        headers = entry["headers"]
        for name, value in HEADERS.items():
            assert headers[name].startswith(value)
        assert headers["copilot-integration-id"] == "vscode-chat"
        assert headers["x-github-api-version"] == "2026-08-01"
        assert headers["vscode-machineid"] == entries[0]["headers"]["vscode-machineid"]
    assert [entry["headers"]["openai-intent"] for entry in entries] == [
        "conversation-agent",
        "copilot-panel",
        "model-access",
    ]
    (exchange,) = simulator.exchanges(bridge.github_token)
    assert exchange["headers"]["user-agent"].startswith("GitHubCopilotChat/")
    assert exchange["headers"]["x-github-api-version"] == "2025-04-01"


def test_the_identity_can_be_set(start_bridge: Start, simulator: Simulator, mark: str) -> None:
    identity = {"editor_version": "vscode/1.200.0", "plugin_version": "copilot-chat/0.99.1"}
    bridge: Bridge = start_bridge(**identity, integration_id="jetbrains-chat", api_version="2026-01-09")
    assert bridge.chat(f"hello {mark}").status == 200
    headers = simulator.only(mark)["headers"]
    assert headers["editor-version"] == "vscode/1.200.0"
    assert headers["editor-plugin-version"] == "copilot-chat/0.99.1"
    assert headers["user-agent"] == "GitHubCopilotChat/0.99.1"
    assert headers["copilot-integration-id"] == "jetbrains-chat"
    assert headers["x-github-api-version"] == "2026-01-09"
