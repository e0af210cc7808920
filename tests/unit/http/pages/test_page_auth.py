"""Cookies, forms and access, on the application itself."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from copilot_bridge.app import create_app
from copilot_bridge.config import Config
from copilot_bridge.http import pages
from copilot_bridge.http.api import models
from copilot_bridge.http.pages import sign_in
from copilot_bridge.http.pages.auth import SESSION, local_path
from copilot_bridge.http.pages.negotiation import json_alternate
from copilot_bridge.http.pages.rendering import HEADERS
from copilot_bridge.redaction import Secret
from copilot_bridge.store.keys import KEY, Key

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
OPERATOR = "the-operators-key"
KEYS = {"operator": OPERATOR, "wrong": "wrong", "none": ""}  # and those that the fixture makes
ROWS_SHARE = {"app", "client"}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    monkeypatch.setattr(sign_in, "PAUSE", 0.0)
    app = create_app(Config(home=tmp_path, api_key=(Secret(OPERATOR),)))
    store = app.extensions["copilot_bridge"].store
    KEYS["friend"] = store.keys.add(Key("friend", KEY, b""))
    KEYS["other"] = store.keys.add(Key("other", KEY, b"", operator=True))
    yield app
    store.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def token_in(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


def try_key(client: FlaskClient, key: str, next_page: str = "/"):
    token = token_in(client.get("/sign-in", headers=BROWSER).text)
    form = {"csrf_token": token, "key": key, "next": next_page}
    return client.post("/sign-in", data=form, headers=BROWSER)


def test_a_browser_is_led_to_the_sign_in_and_back(client: FlaskClient) -> None:
    response = client.get("/?days=7", headers=BROWSER)
    assert (response.status_code, response.headers["Location"]) == (303, "/sign-in?next=/?days%3D7")
    response = try_key(client, OPERATOR, "/?days=7")
    assert (response.status_code, response.headers["Location"]) == (303, "/?days=7")
    cookie = response.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert OPERATOR not in cookie
    assert client.get("/", headers=BROWSER).status_code == 200


@pytest.mark.parametrize(("key", "status"), [("wrong", 401), ("friend", 403), ("none", 401)])
def test_other_keys_open_nothing(client: FlaskClient, key: str, status: int) -> None:
    assert try_key(client, KEYS[key]).status_code == status
    assert client.get_cookie(SESSION) is None
    assert client.get("/", headers=BROWSER).status_code == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": f"Bearer {OPERATOR}"}, 200),
        ({"x-api-key": OPERATOR}, 200),
        ({"x-api-key": "friend"}, 403),
        ({"x-api-key": "wrong"}, 303),
    ],
)
def test_a_key_in_a_header_works_as_well(client: FlaskClient, headers: dict[str, str], status: int) -> None:
    headers = {name: KEYS.get(value, value) for name, value in headers.items()}
    assert client.get("/", headers=BROWSER | headers).status_code == status


def test_a_key_that_is_revoked_ends_its_session(app: Flask, client: FlaskClient) -> None:
    assert try_key(client, KEYS["other"]).status_code == 303
    assert client.get("/", headers=BROWSER).status_code == 200
    store = app.extensions["copilot_bridge"].store
    store.keys.revoke("other", KEY)
    assert client.get("/", headers=BROWSER).status_code == 303


def test_the_sign_out_ends_the_session(client: FlaskClient) -> None:
    try_key(client, OPERATOR)
    token = token_in(client.get("/", headers=BROWSER).text)
    assert client.post("/sign-out", headers=BROWSER).status_code == 403
    assert client.post("/sign-out", data={"csrf_token": token}, headers=BROWSER).status_code == 303
    assert client.get_cookie(SESSION) is None


def test_a_copy_of_the_cookie_is_worth_nothing_after_the_sign_out(app: Flask, client: FlaskClient) -> None:
    try_key(client, OPERATOR)
    copied = client.get_cookie(SESSION)
    assert copied
    other = app.test_client()
    try_key(other, OPERATOR)
    token = token_in(client.get("/", headers=BROWSER).text)
    client.post("/sign-out", data={"csrf_token": token}, headers=BROWSER)
    client.set_cookie(SESSION, copied.value)
    assert client.get("/", headers=BROWSER).status_code == 303
    assert other.get("/", headers=BROWSER).status_code == 200, "that browser has not signed out"


@pytest.mark.parametrize("spoilt", ["", "x", "e30.x.y", "W10.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb"])
def test_a_forged_cookie_signs_nobody_in(client: FlaskClient, spoilt: str) -> None:
    client.set_cookie(SESSION, spoilt)
    assert client.get("/", headers=BROWSER).status_code == 303


def test_a_session_of_last_month_is_over(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    try_key(client, OPERATOR)
    assert client.get("/", headers=BROWSER).status_code == 200
    monkeypatch.setattr("copilot_bridge.http.pages.auth.SESSION_DAYS", -1)
    assert client.get("/", headers=BROWSER).status_code == 303


def test_forms_are_ours_alone(app: Flask, client: FlaskClient) -> None:
    """A token of another browser, or of before the sign-in, is no good."""
    foreign = token_in(app.test_client().get("/sign-in", headers=BROWSER).text)
    before = token_in(client.get("/sign-in", headers=BROWSER).text)
    for given in ("", "x", foreign):
        response = client.post("/sign-in", data={"csrf_token": given, "key": OPERATOR}, headers=BROWSER)
        assert response.status_code == 403
        assert "This form is too old" in response.text
    try_key(client, OPERATOR)
    assert client.post("/sign-out", data={"csrf_token": before}, headers=BROWSER).status_code == 403
    headers = BROWSER | {"X-CSRF-Token": token_in(client.get("/", headers=BROWSER).text)}
    assert client.post("/sign-out", headers=headers).status_code == 303


def test_guessed_keys_wait_longer_and_longer(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    # The room's own clock: other threads of the process sleep as before.
    monkeypatch.setattr(sign_in, "time", SimpleNamespace(sleep=waits.append, monotonic=lambda: 1e6))
    monkeypatch.setattr(sign_in, "PAUSE", 1.0)
    monkeypatch.setattr(sign_in, "_next", {})
    statuses = [try_key(client, "wrong").status_code for _ in range(6)]
    assert waits == [0, 1, 2, 3]
    assert statuses == [401, 401, 401, 401, 429, 429]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/usage?days=7", "/usage?days=7"),
        ("", "/"),
        ("usage", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/a\\..\\b", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
    ],
)
def test_next_is_a_path_of_ours(app: Flask, given: str, expected: str) -> None:
    with app.test_request_context():
        assert local_path(given) == expected


@pytest.mark.parametrize("accept", ["*/*", "", "application/json", "text/event-stream", "text/*;q=0.1"])
def test_programs_get_what_they_always_got(client: FlaskClient, accept: str) -> None:
    headers = {"Accept": accept} if accept else {}
    response = client.get("/", headers=headers)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert response.json["name"] == "copilot-bridge"
    assert "Accept" in response.headers["Vary"]


def test_a_program_that_asks_for_a_page_reads_an_error_of_its_own(client: FlaskClient) -> None:
    response = client.post("/sign-out", headers={"Accept": "*/*"})
    assert response.status_code == 403
    assert "form" in response.json["error"]["message"]


def test_each_page_has_the_security_headers(client: FlaskClient) -> None:
    for path in ("/sign-in", "/sign-in/nothing", "/"):
        response = client.get(path, headers=BROWSER)
        assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
        assert response.headers["Cache-Control"] == "no-store"


def test_choices_are_kept_and_the_page_stays(client: FlaskClient) -> None:
    response = client.get("/sign-in?next=/usage&lang=zh&theme=dark", headers=BROWSER)
    assert response.headers["Location"] == "/sign-in?next=%2Fusage"
    page = client.get(response.headers["Location"], headers=BROWSER).text
    assert '<html lang="zh-CN" data-theme="dark">' in page
    client.get("/sign-in?lang=xx&theme=xx", headers=BROWSER)
    assert '<html lang="zh-CN" data-theme="dark">' in client.get("/sign-in", headers=BROWSER).text


def test_a_page_that_may_use_the_apis_may_not_read_ours(tmp_path: Path) -> None:
    """Not even where no key is asked for, and whatever key it gives."""
    app = create_app(Config(home=tmp_path, cors_origin=("https://chat.example",)))
    client, sent = app.test_client(), {"Origin": "https://chat.example", "x-api-key": "anything"}
    assert client.get("/approvals", headers=BROWSER | sent).status_code == 403
    assert client.post("/approvals", headers=BROWSER | sent, data={"id": "all"}).status_code == 403
    assert client.get("/", headers=sent).json["name"] == "copilot-bridge"
    assert client.post("/approvals", headers={"x-api-key": "anything"}).status_code == 403
    assert client.get("/approvals", headers=BROWSER).status_code == 200
    app.extensions["copilot_bridge"].store.close()


def test_links_and_cookies_have_the_path_of_the_proxy(client: FlaskClient) -> None:
    sent = {
        "X-Forwarded-Prefix": "/copilot",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "bridge.localhost",
    }
    response = client.get("/copilot/", headers=BROWSER | sent)
    assert response.headers["Location"] == "/copilot/sign-in?next=/copilot/"
    page = client.get("/sign-in", headers=BROWSER | sent)
    assert re.search(r'href="/copilot/assets/\w+/bridge.css"', page.text)
    assert "Path=/copilot" in page.headers["Set-Cookie"]
    assert "Secure" in page.headers["Set-Cookie"]
    own = {"Origin": "https://bridge.localhost", "Sec-Fetch-Site": "same-origin"}
    response = client.post("/sign-out", headers=BROWSER | sent | own)
    assert "This form is too old" in response.text, "as far as the form's token"


@pytest.mark.parametrize("prefix", ["//evil.example", "/a/../b", "https://x", "/a b", "/<b>"])
def test_an_invalid_prefix_is_ignored(client: FlaskClient, prefix: str) -> None:
    response = client.get("/", headers=BROWSER | {"X-Forwarded-Prefix": prefix})
    assert response.headers["Location"] == "/sign-in?next=/"


def test_forwarded_addresses_of_untrusted_peers_are_ignored(client: FlaskClient) -> None:
    """A page whose name was pointed at us gets nothing: it may send any headers."""
    sent = BROWSER | {"X-Forwarded-Prefix": "/copilot", "X-Forwarded-Host": "127.0.0.1"}
    far = client.get("/", headers=sent, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert far.headers["Location"] == "/sign-in?next=/"
    assert client.get("/", headers=sent | {"Host": "evil.example"}).status_code == 403


def test_a_page_at_the_path_of_an_api_leaves_programs_their_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs find what was there before, under its own rules; so does whoever goes by its other paths."""
    shelf = Blueprint("shelf", __name__)

    @shelf.get("/models")
    @json_alternate(models.index)
    def show() -> str:
        return "a page"

    others = (page for page in pages.PAGES if page.name != "models")
    monkeypatch.setattr(pages, "PAGES", (shelf, *others))
    monkeypatch.setattr(models, "list_models", lambda call, *_: f'"for {call.caller.id}"')
    app = create_app(Config(home=tmp_path, api_key=(Secret(OPERATOR),)))
    client = app.test_client()
    friend = {"x-api-key": app.extensions["copilot_bridge"].store.keys.add(Key("friend", KEY, b""))}
    assert client.get("/models", headers=BROWSER | {"x-api-key": OPERATOR}).text == "a page"
    assert client.get("/models", headers=BROWSER).headers["Location"] == "/sign-in?next=/models"
    assert client.get("/models", headers=friend).json == "for key:friend"
    assert client.get("/v1/models", headers=BROWSER | friend).json == "for key:friend"
    refused = client.get("/models")
    assert (refused.status_code, refused.json["error"]["type"]) == (401, "authentication_error")
    app.extensions["copilot_bridge"].store.close()


@pytest.mark.parametrize("path", ["/", "/sign-in", "/auth/device", "/approvals"])
def test_an_unusable_store_is_reported(path: str) -> None:
    app = create_app(Config(home=Path("/proc/no-such-place")))
    response = app.test_client().get(path, headers=BROWSER)
    assert response.status_code == 503
    assert "/proc/no-such-place" in response.text
    assert response.headers["Content-Security-Policy"]
