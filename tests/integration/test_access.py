"""Access control over real sockets: keys in every header, and hostile web pages, which get nothing."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from integration.harness import Bridge, Response, Simulator, Start, chat_body, new_mark, new_token

from copilot_bridge.redaction import Secret
from copilot_bridge.store import Store, open_store
from copilot_bridge.store.keys import KEY, SHARE, Key

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
BODIES = {
    CHAT: chat_body("hello", "gpt-4o"),
    MESSAGES: {
        "model": "claude-sonnet-4.5",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "hello"}],
    },
    RESPONSES: {"model": "gpt-5.1", "input": "hello"},
}
ORIGIN = "https://evil.example"
ALLOWED = "https://chat.example"


@contextmanager
def store_of(home: Path) -> Iterator[Store]:
    store = open_store(home)
    yield store
    store.close()


def ask(
    bridge: Bridge, key: str | None, text: str = "hello", model: str = "gpt-4o", **headers: str
) -> Response:
    given = {"Authorization": f"Bearer {key}"} if key else {}
    return bridge.request("POST", CHAT, chat_body(text, model), {**given, **headers})


@pytest.fixture(scope="module")
def keyed(_launch: Start) -> Iterator[Bridge]:
    """A bridge with the operator's key and one allowed page."""
    bridge = _launch(api_key="operators-key", cors_origin=ALLOWED, show_token=1).warm_up("operators-key")
    yield bridge
    bridge.stop()


# --- keys


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer operators-key"},
        {"authorization": "bearer operators-key"},
        {"x-api-key": "operators-key"},
        {"api-key": "operators-key"},
        {"x-goog-api-key": "operators-key"},
        {"Authorization": "Bearer other", "x-api-key": "operators-key"},
    ],
    ids=str,
)
def test_a_key_is_accepted_in_each_header(keyed: Bridge, headers: Mapping[str, str]) -> None:
    assert keyed.request("POST", CHAT, BODIES[CHAT], headers).status == 200


@pytest.mark.parametrize("key", ["wrong", "operators-ke", "operators-key2", "", "Bearer"])
@pytest.mark.parametrize("path", BODIES)
def test_a_wrong_key_is_rejected_in_the_clients_dialect(
    keyed: Bridge, simulator: Simulator, path: str, key: str
) -> None:
    response = keyed.request("POST", path, BODIES[path], {"x-api-key": key})
    assert response.status == 401
    assert response.headers["www-authenticate"] == "Bearer"
    error = response.json["error"]
    assert error["type"] == "authentication_error"
    assert "API key" in error["message"]
    assert (response.json.get("type") == "error") is (path == MESSAGES)
    assert key not in ("", "Bearer") or "required" in error["message"] or key == "Bearer"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("GET", "/models/gpt-4o"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/messages/count_tokens"),
        ("GET", "/v1/responses"),
        ("GET", "/token"),
    ],
)
def test_no_endpoint_works_without_a_key(keyed: Bridge, method: str, path: str) -> None:
    assert keyed.request(method, path, {} if method == "POST" else None).status == 401


def test_open_endpoints_reveal_nothing_without_a_key(keyed: Bridge) -> None:
    assert keyed.request("GET", "/healthz").json == {"status": "alive"}
    assert keyed.request("GET", "/readyz").json == {"status": "ready", "state": "ready"}
    state = keyed.request("GET", "/readyz", headers={"x-api-key": "operators-key"}).json
    assert state.keys() == {"status", "state", "since", "cooldowns", "copilot", "percent_left"}
    assert keyed.request("GET", "/nothing").status == 404


def test_a_rejected_request_does_not_reach_copilot(keyed: Bridge, simulator: Simulator, mark: str) -> None:
    assert ask(keyed, "wrong", f"hello {mark}").status == 401
    assert simulator.ledger(mark) == []


def test_stored_keys_choose_accounts_and_models(
    start_bridge: Start, simulator: Simulator, tmp_path: Path
) -> None:
    """Keys are created, restricted and revoked while four workers run; each has an account of its own."""
    with store_of(tmp_path) as store:
        for persona in ("business", "demo"):
            store.logins.add(f"octo-{persona}", Secret(new_token(persona)), simulator.url)
        first = store.keys.add(Key("a", KEY, b"", account="octo-business"))
        bridge = start_bridge(home=tmp_path, github_token="", workers=4)
        shared = store.keys.add(Key("b", SHARE, b"", account="octo-demo", models=("claude-*",)))
        default = store.keys.add(Key("c", KEY, b""))
        nobody = store.keys.add(Key("d", KEY, b"", account="octo-nobody"))
        marks = [new_mark() for _ in range(3)]
        assert ask(bridge, first, marks[0]).status == 200
        assert simulator.only(marks[0])["persona"] == "business"
        assert ask(bridge, shared, marks[1], "claude-sonnet-4.5").status == 200
        assert simulator.only(marks[1])["persona"] == "demo"
        assert ask(bridge, default, marks[2]).status == 200
        assert simulator.only(marks[2])["persona"] == "demo", "the newest login is the default"
        assert "octo-nobody" in ask(bridge, nobody).error["message"]

        refused = ask(bridge, shared, "hello", "gpt-4o")
        assert refused.status == 403
        assert refused.error["param"] == "model"
        assert "claude-*" in refused.error["message"]
        listed = bridge.request("GET", "/v1/models", headers={"x-api-key": shared}).json["data"]
        assert {model["id"].partition("-")[0] for model in listed} == {"claude"}

        assert bridge.request("GET", "/token", headers={"x-api-key": first}).status == 403
        assert store.keys.revoke("a", KEY)
        with ThreadPoolExecutor(8) as pool:
            responses = list(pool.map(lambda _: ask(bridge, first).status, range(16)))
        assert set(responses) == {401}, "in all workers at once"


def test_a_share_token_uses_its_github_login(start_bridge: Start, simulator: Simulator, mark: str) -> None:
    friend = new_token("business")
    bridge = start_bridge(share_token=f"share-a:{friend},share-b:{new_token()}", server="gevent")
    assert ask(bridge, "share-a", f"hello {mark}").status == 200
    assert simulator.only(mark)["persona"] == "business"
    assert ask(bridge, "share-c").status == 401
    assert ask(bridge, friend).status == 401, "the GitHub token itself is no key"


def test_a_callers_github_token_pays_for_the_request(start_bridge: Start, simulator: Simulator) -> None:
    bridge = start_bridge(allow_github_tokens=1, server="gevent", github_token="")
    for persona in ("business", "demo"):
        text = new_mark()
        assert ask(bridge, new_token(persona), text).status == 200
        assert simulator.only(text)["persona"] == persona
    refused = ask(bridge, "ghu_nobodys.token")
    assert refused.status == 401
    assert ask(bridge, None).status == 401
    assert "ghu_nobodys" not in "".join(bridge.log.all())


def test_the_log_names_the_key(keyed: Bridge) -> None:
    response = ask(keyed, "operators-key")
    line = keyed.logged(response.headers["x-request-id"])
    assert line["caller_id"].startswith("key:")
    assert "operators" not in json.dumps(line)


# --- other machines


def test_a_request_through_a_proxy_requires_a_key(bridge: Bridge) -> None:
    """Requests of a proxy on this machine come from a local address; its headers have the client's."""
    headers = {"X-Forwarded-For": "198.51.100.7"}
    refused = bridge.request("POST", CHAT, BODIES[CHAT], headers)
    assert refused.status == 401
    assert "require an API key" in refused.error["message"]
    assert bridge.logged(refused.headers["x-request-id"])["caller"] == "198.51.100.7"
    assert bridge.request("POST", CHAT, BODIES[CHAT], {"X-Real-IP": "198.51.100.7"}).status == 401
    assert bridge.request("POST", CHAT, BODIES[CHAT], {"X-Forwarded-For": "127.0.0.1"}).status == 200


def test_a_request_through_a_proxy_works_with_a_key(keyed: Bridge) -> None:
    headers = {"X-Forwarded-For": "6.6.6.6, 198.51.100.7", "x-api-key": "operators-key"}
    response = keyed.request("POST", CHAT, BODIES[CHAT], headers)
    assert response.status == 200
    assert keyed.logged(response.headers["x-request-id"])["caller"] == "198.51.100.7"


# --- the hostile web page


def page(host: str, **headers: str) -> dict[str, str]:
    """The headers that a browser sends for a page of https://evil.example."""
    return {
        "Host": host,
        "Origin": ORIGIN,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "cors",
        **headers,
    }


ATTACKS = {
    "a simple POST": ("POST", CHAT, {"Content-Type": "text/plain"}),
    "a POST from a sandboxed frame": ("POST", CHAT, {"Origin": "null", "Content-Type": "text/plain"}),
    "a POST to a rebound host": (
        "POST",
        CHAT,
        {"Host": "evil.example:4141", "Origin": "http://evil.example:4141", "Sec-Fetch-Site": "same-origin"},
    ),
    "a GET to a rebound host": ("GET", "/v1/models", {"Host": "evil.example:4141", "Origin": ""}),
    "a POST from another port of this machine": (
        "POST",
        CHAT,
        {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-site"},
    ),
    "a preflight": (
        "OPTIONS",
        CHAT,
        {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
            "Access-Control-Request-Private-Network": "true",
        },
    ),
    "an image tag": ("GET", "/v1/models", {"Origin": "", "Sec-Fetch-Mode": "no-cors"}),
    "an image tag at the token": ("GET", "/token", {"Origin": "", "Sec-Fetch-Mode": "no-cors"}),
    "a fetch of the token": ("GET", "/token", {}),
    "a link to the token": ("GET", "/token", {"Origin": "", "Sec-Fetch-Mode": "navigate"}),
    "a form that is sent": (
        "POST",
        CHAT,
        {"Sec-Fetch-Mode": "navigate", "Content-Type": "application/x-www-form-urlencoded"},
    ),
}


@pytest.fixture(scope="module")
def tempting(_launch: Start) -> Iterator[Bridge]:
    """A bridge without a key that shows its token."""
    bridge = _launch(show_token=1, server="gevent").warm()
    yield bridge
    bridge.stop()


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_page_gets_nothing(tempting: Bridge, simulator: Simulator, mark: str, attack: str) -> None:
    method, path, headers = ATTACKS[attack]
    host = f"127.0.0.1:{tempting.address[1]}"
    given = {name: value for name, value in page(host, **headers).items() if value}
    body = json.dumps(chat_body(f"hello {mark}", "gpt-4o")).encode() if method == "POST" else None
    response = tempting.request(method, path, body, given)
    assert response.status == 403
    assert not [name for name in response.headers if name.startswith("access-control-")]
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert b"tid=" not in response.body
    assert b"gpt-4" not in response.body
    assert simulator.ledger(mark) == []


def test_no_response_may_be_embedded(tempting: Bridge) -> None:
    """A browser without Sec-Fetch headers at least keeps the response from the page."""
    for path in ("/", "/healthz", "/v1/models", "/nothing"):
        headers = tempting.request("GET", path).headers
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:{port}", "[::1]:{port}", "bridge"])
def test_own_hosts_are_allowed(tempting: Bridge, host: str) -> None:
    assert (
        tempting.request("GET", "/v1/models", headers={"Host": host.format(port=tempting.address[1])}).status
        == 200
    )


def test_cors_lets_an_allowed_page_use_the_apis(keyed: Bridge) -> None:
    preflight = keyed.request(
        "OPTIONS",
        CHAT,
        headers={
            "Origin": ALLOWED,
            "Sec-Fetch-Site": "cross-site",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == ALLOWED
    assert preflight.headers["access-control-allow-headers"] == "authorization,content-type"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    response = ask(keyed, "operators-key", Origin=ALLOWED, **{"Sec-Fetch-Site": "cross-site"})
    assert response.status == 200
    assert response.headers["access-control-allow-origin"] == ALLOWED
    assert "Origin" in response.headers["vary"]
    refused = ask(keyed, None, Origin=ALLOWED)
    assert refused.status == 401
    assert refused.headers["access-control-allow-origin"] == ALLOWED, (
        "otherwise the page could not read the reason"
    )
    assert ask(keyed, "operators-key", Origin=f"{ALLOWED}.evil.example").status == 403


# --- the token


def test_only_the_operator_gets_the_token(keyed: Bridge, bridge: Bridge) -> None:
    response = keyed.request("GET", "/token", headers={"x-api-key": "operators-key"})
    assert response.json["token"].startswith("tid=")
    assert response.headers["cache-control"] == "no-store"
    page = keyed.request("GET", "/token", headers={"x-api-key": "operators-key", "Origin": ALLOWED})
    assert page.status == 403, "not even to an allowed page"
    assert "--show-token" in bridge.request("GET", "/token").error["message"]
    assert "tid=" not in "".join(keyed.log.all())
