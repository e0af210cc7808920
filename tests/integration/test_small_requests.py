"""Small requests that real clients send besides those to a model, and the largest bodies."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import pytest
from integration.dialects import CELLS, DIALECTS, RESPONSES
from integration.harness import PATIENCE, Bridge, Json, Junction, Simulator, Start

MB = 1 << 20
LARGEST = 64 * MB
BOTH = pytest.mark.parametrize("server", ["gunicorn", "gevent"])
EVENTS: Json = {
    "events": [{"event_type": "ClaudeCodeInternalEvent", "event_data": {"name": "x" * 2000}}] * 30
}


@pytest.fixture
def junction(simulator: Simulator) -> Iterator[Junction]:
    junction = Junction(simulator.url)
    yield junction
    junction.close()


@BOTH
def test_a_health_probe_sends_nothing_upstream(start_bridge: Start, junction: Junction, server: str) -> None:
    """At once, and without a login: Claude Code waits for it at its start, and it is no request of a plan."""
    hosts = {"github_url": junction.url, "github_api_url": junction.url, "copilot_api_url": junction.url}
    bridge = start_bridge(server=server, github_token="", **hosts)
    assert bridge.request("HEAD", "/healthz").status == 200
    for method, path, body in (
        ("HEAD", "/api/hello", None),
        ("GET", "/api/hello", None),
        ("POST", "/api/event_logging/batch", EVENTS),
        ("POST", "/api/event_logging/batch", b"not json"),
        ("HEAD", "/", None),
    ):
        began = time.monotonic()
        response = bridge.request(method, path, body, {"user-agent": "Bun/1.3"})
        assert 200 <= response.status < 300, (method, path)
        assert time.monotonic() - began < 10
        assert method != "HEAD" or response.body == b""
    assert junction.count == 0


@BOTH
def test_telemetry_is_not_even_read(start_bridge: Start, server: str) -> None:
    """Nothing of it is in the log, and none of it is taken for the connection's next request."""
    bridge = start_bridge(server=server, github_token="", log_level="debug")
    telemetry = json.dumps({"events": [{"event_data": {"name": "a-secret-of-the-client" * 5000}}]})
    with closing(HTTPConnection(*bridge.address, timeout=PATIENCE)) as connection:
        for method, path, body in (
            *[("POST", "/api/event_logging/batch", telemetry)] * 2,
            ("GET", "/healthz", None),
        ):
            connection.request(method, path, body)
            response = connection.getresponse()
            assert 200 <= response.status < 300
            content = json.loads(response.read())
    assert content == {"status": "alive"}
    assert "a-secret-of-the-client" not in "".join(bridge.log.all())


@pytest.mark.parametrize(("client", "model"), [cell[:2] for cell in CELLS])
def test_a_query_does_not_matter(bridge: Bridge, mark: str, client: str, model: str) -> None:
    """Anthropic's clients say `?beta=true`."""
    dialect = DIALECTS[client]
    response = bridge.request("POST", f"{dialect.path}?beta=true", dialect.body(mark, model))
    assert response.status == 200
    assert mark in dialect.text(response.json)


@pytest.fixture
def without_websockets(_share: Start) -> Bridge:
    return _share(server="gevent", client_websocket=0)


@pytest.mark.parametrize("path", ["/v1/responses", "/responses", "/v1/v1/responses"])
def test_an_upgrade_can_be_refused_with_426(without_websockets: Bridge, path: str) -> None:
    """At this status, and no other, Codex goes on with POST at once."""
    bridge = without_websockets
    asked = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "OpenAI-Beta": "responses_websockets=2026-02-06",
        "Authorization": "Bearer anything",
    }
    response = bridge.dial("GET", path, headers=asked).response()
    assert response.status == 426
    assert RESPONSES.error(response)["type"] == "invalid_request_error"
    plain = RESPONSES.body("hello", "gpt-5.3-codex")
    assert bridge.request("POST", path, plain).status == 200


@pytest.mark.parametrize(
    ("any_bridge", "client", "model"),
    [
        ("gunicorn", "chat", "gpt-4.1"),
        ("gunicorn", "messages", "claude-sonnet-4.5"),
        ("gunicorn", "messages", "gpt-5.3-codex"),
        ("gevent", "responses", "gpt-5.3-codex"),
    ],
    indirect=["any_bridge"],
)
def test_a_body_of_32_mb_is_answered(
    any_bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str
) -> None:
    dialect = DIALECTS[client]
    response = dialect.post(any_bridge, dialect.body(mark + " word" * (32 * MB // 5), model))
    assert response.status == 200, response.body
    assert mark in dialect.text(response.json)
    assert int(simulator.only(mark)["headers"]["content-length"]) > 32 * MB


@pytest.mark.parametrize("client", DIALECTS)
def test_a_body_beyond_the_limit_is_a_413(any_bridge: Bridge, client: str) -> None:
    """Before it is sent, so it need not be; in words that say how much it may be."""
    dialect = DIALECTS[client]
    stream = any_bridge.dial("POST", dialect.path, headers={"Content-Length": str(LARGEST + 1)})
    response = stream.response()
    assert response.status == 413
    error = dialect.error(response)
    assert f"{LARGEST:,} bytes" in error["message"]
    assert error["type"] == ("request_too_large" if client == "messages" else "invalid_request_error")


def test_a_client_that_sends_too_large_a_body_reads_the_refusal(any_bridge: Bridge) -> None:
    """As every HTTP client does, which looks for a response when it has sent everything."""
    response = any_bridge.request("POST", "/v1/messages", b"{" + b" " * LARGEST + b"}")
    assert response.status == 413
    assert DIALECTS["messages"].error(response)["type"] == "request_too_large"
