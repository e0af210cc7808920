"""The pages over real sockets: access, protection from hostile pages, and their functions."""

import gzip
import json
import re
from collections.abc import Callable, Iterator

import pytest
import requests
from integration.browser import ACCEPT, Browser
from integration.harness import PATIENCE, Bridge, Json, Simulator, Start, chat_body, new_token

from copilot_bridge.app import create_app
from copilot_bridge.config import Config
from copilot_bridge.http.pages import assets
from copilot_bridge.http.pages.rendering import HEADERS
from copilot_bridge.store import open_store
from copilot_bridge.store.keys import KEY, Key

OPERATOR = "key-of-the-operator"
EVIL = "http://evil.example"


@pytest.fixture(scope="module")
def keyed(_launch: Start) -> Iterator[Bridge]:
    """Two workers: what one gives to a browser the other has to know again."""
    bridge = _launch(api_key=OPERATOR, workers=2, require_approval=1).warm_up(OPERATOR)
    yield bridge
    bridge.stop()


@pytest.fixture
def browse() -> Iterator[Callable[..., Browser]]:
    opened: list[Browser] = []

    def browse(bridge: Bridge, **headers: str) -> Browser:
        opened.append(Browser(bridge, **headers))
        return opened[-1]

    yield browse
    for browser in opened:
        browser.close()


Browse = Callable[..., Browser]


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Of all pages that take no argument."""
    app = create_app(Config(home=tmp_path_factory.mktemp("home")))
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("pages.")]
    return [rule.rule for rule in rules if not rule.arguments and "GET" in (rule.methods or ())]


def test_a_session_holds_on_all_workers_until_its_key_is_revoked(keyed: Bridge, browse: Browse) -> None:
    store = open_store(keyed.home)
    try:
        key = store.keys.add(Key("me", KEY, b"", operator=True))
        friend = store.keys.add(Key("friend", KEY, b""))
        browser = browse(keyed)
        assert browser.get("/").headers["Location"] == "/sign-in?next=/"
        assert browser.post("/sign-in", key="wrong").status_code == 401
        assert browser.post("/sign-in", key=friend).status_code == 403
        browser.sign_in(key)
        assert [browse(keyed).get("/").status_code for _ in range(4)] == [303] * 4
        for _ in range(8):  # each on a connection of its own, so by either worker
            response = requests.get(
                keyed.url, headers={"Accept": ACCEPT}, cookies=browser.session.cookies, timeout=PATIENCE
            )
            assert "Sign out" in response.text
        store.keys.revoke("me", KEY)
        assert browser.get("/").status_code == 303
    finally:
        store.close()


def test_the_workers_of_a_bridge_without_a_store_know_each_others_sessions(
    start_bridge: Start, browse: Browse
) -> None:
    bridge = start_bridge(api_key=OPERATOR, workers=2, persist=0).warm_up(OPERATOR)
    cookies = browse(bridge).sign_in(OPERATOR).session.cookies
    for _ in range(12):
        response = requests.get(bridge.url, headers={"Accept": ACCEPT}, cookies=cookies, timeout=PATIENCE)
        assert "Sign out" in response.text


def test_a_hostile_page_gets_nothing(bridge: Bridge, browse: Browse, paths: list[str]) -> None:
    """On this machine no key is asked for, so all that a browser sends goes for the operator's."""
    browser = browse(bridge)
    fields = {"user": "octo-demo", "id": "all", "answer": "yes"}
    actions = ("/auth/device", "/auth/device/use", "/auth/device/remove", "/auth/device/stop", "/approvals")
    actions += (
        "/keys",
        "/keys/change",
        "/keys/rotate",
        "/keys/revoke",
        "/settings/resting",
        "/settings/learned",
    )
    for path in actions:
        # A form on a foreign page, with the best token that its owner can have: one of their own.
        foreign = browse(bridge).token("/auth/device")
        for headers in ({"Origin": EVIL}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            response = browser.post_bare(path, fields | {"csrf_token": foreign}, **headers)
            assert response.status_code == 403, (path, headers)
            assert "evil" not in response.headers.get("Access-Control-Allow-Origin", "")
        # And from one that hides where it comes from.
        for token in ("", foreign):
            response = browser.post_bare(path, fields | {"csrf_token": token})
            assert response.status_code == 403, path
            assert "This form is too old" in response.text
    for path in paths:
        rebound = browser.get(path, Host="evil.example", **{"X-Forwarded-Host": "127.0.0.1"})
        assert rebound.status_code == 403, path
        assert "csrf_token" not in rebound.text
        image = browser.get(path, **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"})
        assert image.status_code == 403, path
        read = browser.get(path, Origin=EVIL)
        assert read.status_code == 403, path
        framed = browser.get(path, **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
        assert framed.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in framed.headers["Content-Security-Policy"]


def test_every_page_has_the_headers_and_loads_nothing_foreign(
    keyed: Bridge, browse: Browse, paths: list[str]
) -> None:
    browser = browse(keyed).sign_in(OPERATOR)
    for path in [*paths, "/approvals/nothing"]:
        response = browser.get(path)
        assert {name: response.headers.get(name) for name in HEADERS} == HEADERS, path
        if response.headers["Content-Type"].startswith("text/html"):
            assert response.headers["Cache-Control"] == "no-store"
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=\"/assets/)", response.text), path
            loaded = re.findall(r"<(?!a\b)\w+[^>]*\s(?:src|href|data-later|action)=\"([^\"]*)", response.text)
            assert [url for url in loaded if not url.startswith("/")] == [], path
            outgoing = re.findall(r"<a [^>]*target=\"_blank\"[^>]*>", response.text)
            assert all('rel="noopener noreferrer"' in link for link in outgoing)


@pytest.mark.parametrize("name", [name for name in assets.assets() if not name.endswith(".txt")])
def test_pages_load_nothing_from_elsewhere(bridge: Bridge, name: str) -> None:
    served = bridge.request("GET", f"/assets/{assets.version()}/{name}", headers={"Accept-Encoding": "gzip"})
    assert served.status == 200
    assert "immutable" in served.headers["cache-control"]
    body = gzip.decompress(served.body) if "content-encoding" in served.headers else served.body
    assert body == bridge.request("GET", f"/assets/older/{name}").body
    text = body.decode().replace("http://www.w3.org/", "")
    assert not re.search(r"https?:|url\(|@import|\beval\(|new Function|//cdn", text)


def test_nobody_else_gets_a_file(bridge: Bridge) -> None:
    for path in ("/assets/x/../rendering.py", "/assets/x/%2e%2e/rendering.py", "/assets/x/nothing"):
        assert bridge.request("GET", path).status == 404


def test_programs_get_what_they_always_got(keyed: Bridge) -> None:
    about = keyed.request("GET", "/")
    assert (about.status, about.headers["content-type"]) == (200, "application/json")
    assert about.headers["vary"] == "Accept"
    refused = keyed.request("GET", "/approvals")
    assert (refused.status, refused.error["type"]) == (401, "authentication_error")
    missing = keyed.request("GET", "/approvals/nothing")
    assert (missing.status, missing.error["type"]) == (404, "invalid_request_error")
    nothing = keyed.request("GET", "/v1/nothing")
    assert (nothing.status, nothing.error["type"]) == (404, "invalid_request_error")


@pytest.mark.parametrize("path", ["/nothing", "/v1/nothing", "/api/nothing", "/v1beta/nothing", "/Usage"])
def test_a_mistyped_address_is_a_page_in_a_browser(bridge: Bridge, path: str) -> None:
    response = bridge.request("GET", path, headers={"Accept": ACCEPT})
    assert (response.status, response.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert b"<nav" in response.body
    assert bridge.request("GET", path).headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/api/nothing", {"error": "no such endpoint: GET /api/nothing"}),
        (
            "/v1beta/nothing",
            {
                "error": {
                    "code": 404,
                    "message": "no such endpoint: GET /v1beta/nothing",
                    "status": "NOT_FOUND",
                }
            },
        ),
    ],
)
def test_an_unknown_path_is_told_in_the_form_of_its_api(bridge: Bridge, path: str, form: Json) -> None:
    response = bridge.request("GET", path)
    assert (response.status, response.json) == (404, form)


def test_the_polls_do_not_fill_the_log(keyed: Bridge, browse: Browse) -> None:
    browser = browse(keyed).sign_in(OPERATOR)
    browser.part("approvals")
    last = browser.get("/approvals").headers["X-Request-Id"]
    keyed.logged(last)
    assert not [line for line in keyed.log.all() if "/live" in line or "/assets/" in line]


def test_waiting_requests_are_decided_on_the_page(
    keyed: Bridge, browse: Browse, simulator: Simulator, mark: str
) -> None:
    browser = browse(keyed).sign_in(OPERATOR)
    assert "Nothing is waiting" in browser.get("/approvals").text

    def ask(text: str) -> object:
        body = json.dumps(chat_body(text, "claude-sonnet-4.5")).encode()
        return keyed.dial("POST", "/v1/chat/completions", body, {"x-api-key": OPERATOR})

    first = ask(f"<b>one</b> {mark}\nmore")
    page = browser.wait_for_part("approvals", mark)
    assert f"&lt;b&gt;one&lt;/b&gt; {mark}" in page
    assert "claude-sonnet-4.5" in page
    assert 'data-waiting="1"' in page
    (question,) = set(re.findall(r'name="id" value="([\w-]{36})"', page))
    assert "waiting for your approval" in browser.part("running")
    response = browser.post("/approvals", id=question, answer="yes")
    assert response.headers["Location"] == "/approvals?said=yes"
    assert first.status == 200
    assert (
        browser.post("/approvals", "/auth/device", id=question, answer="yes")
        .headers["Location"]
        .endswith("gone")
    )
    others = [ask(f"two {mark}"), ask(f"three {mark}")]
    browser.wait_for_part("approvals", 'data-waiting="2"')
    assert ">2<" in browser.get("/").text, "the navigation says so on each page"
    browser.post("/approvals", id="all", answer="no")
    assert [stream.status for stream in others] == [403, 403]
    assert len(simulator.ledger(mark)) == 1
    assert browser.post("/approvals", "/auth/device", id="all", answer="perhaps").status_code == 400


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Copilot closed the connection"), ("zh-CN", "Copilot 在回答中途关闭了连接")],
)
def test_a_trial_that_breaks_off_says_why_in_the_readers_language(
    bridge: Bridge, browse: Browse, language: str, words: str
) -> None:
    browser = browse(bridge, **{"Accept-Language": language})
    text = "[[sim:cut-between after=3]] hello"
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], "stream": True}
    token = {"X-CSRF-Token": browser.token("/models/try"), "Accept": "text/event-stream"}
    response = browser.session.post(
        bridge.url + "/models/try/stream", json=asked, headers=token, timeout=PATIENCE
    )
    assert (response.status_code, response.headers["content-type"][:17]) == (200, "text/event-stream")
    *events, last = re.findall(r"^data: (.+)$", response.content.decode(), re.MULTILINE)
    assert any("content" in event for event in events)
    assert json.loads(last)["error"]["message"].startswith(words)


def test_a_bridge_without_approvals_says_so(bridge: Bridge, browse: Browse) -> None:
    assert "copilot-bridge start --require-approval" in browse(bridge).get("/approvals").text


def script(simulator: Simulator, **responses: object) -> None:
    response = simulator.session.post(
        f"{simulator.url}/_simulator/device", json={"interval": 1, **responses}, timeout=PATIENCE
    )
    assert response.status_code == 200


STATE = "login"  # the part of the page


def test_several_accounts_are_added_on_the_page(
    start_bridge: Start, simulator: Simulator, browse: Browse
) -> None:
    """Begun on one worker, polled on any, by two tabs that together ask no more often than one may."""
    bridge = start_bridge(github_token="", workers=2)
    tab, other = browse(bridge), browse(bridge)
    assert "Nobody is logged in to GitHub" in tab.get("/").text
    assert bridge.chat("hello").status == 401
    script(simulator, responses=["authorization_pending", "success"], token=new_token())
    assert tab.post("/auth/device").headers["Location"] == "/auth/device"
    page = tab.get("/auth/device").text
    (code,) = re.findall(r'id="user-code"[^>]*>([A-Z]{4}-[A-Z]{4})<', page)
    assert f'href="{simulator.url}/login/device" target="_blank" rel="noopener noreferrer"' in page
    assert code in other.get("/auth/device").text, "another tab, or a reload, shows the same one"
    tab.post("/auth/device")
    assert code in tab.get("/auth/device").text, "a second click is no second wish"
    polls = len(simulator.ledger(path="/login/oauth/access_token"))
    while "Waiting for you" in tab.part(STATE):
        other.part(STATE)
    assert len(simulator.ledger(path="/login/oauth/access_token")) - polls == 2
    page = other.part(STATE)
    assert "Logged in as octo-demo" in page
    assert "Copilot" in page
    assert bridge.chat("hello").status == 200, "requests use it at once"
    # Another one, which is the default from then on, until another one is chosen.
    script(simulator, responses=["success"], token=new_token("free"))
    tab.post("/auth/device")
    page = tab.wait_for_part(STATE, "Logged in as")
    users = re.findall(r"<li>\s*<div class=\"justify-between\"><strong>([\w-]+)</strong>", page)
    assert len(users) == 2
    assert users[1] == "octo-demo"
    tab.post("/auth/device/use", "/auth/device", user="octo-demo")
    store = open_store(bridge.home)
    try:
        assert store.logins.all()[-1].user == "octo-demo"
        tab.post("/auth/device/remove", "/auth/device", user=users[0])
        assert [login.user for login in store.logins.all()] == ["octo-demo"]
    finally:
        store.close()
    assert tab.post("/auth/device/use", "/auth/device", user=users[0]).status_code == 400
    bridge.stop()
    for path in bridge.home.glob("bridge.db*"):
        assert b"ghu_" not in path.read_bytes()


def test_a_failed_login_says_why_on_the_page(
    start_bridge: Start, simulator: Simulator, browse: Browse
) -> None:
    bridge = start_bridge(github_token="", server="gevent")
    tab = browse(bridge)
    ends = (
        ({"responses": ["slow_down"]}, "GitHub asked for fewer checks: now every 6 s"),
        ({"responses": ["access_denied"]}, "The login was refused"),
        ({"responses": ["authorization_pending"], "expires_in": 1}, "The code has expired"),
    )
    for responses, words in ends:
        script(simulator, **responses)
        tab.post("/auth/device")
        tab.wait_for_part(STATE, words)
        tab.post("/auth/device/stop", "/auth/device")
    assert "Get a code" in tab.get("/auth/device").text
    assert "No login is stored" in tab.get("/auth/device").text


def test_the_first_page_does_not_wait_for_github(start_bridge: Start, browse: Browse) -> None:
    """Where nobody answers: what is known is shown, and what is missing is named."""
    nowhere = "http://127.0.0.1:9"
    bridge = start_bridge(github_url=nowhere, github_api_url=nowhere, server="gevent")
    browser = browse(bridge)
    assert bridge.chat("hello").status == 503
    page = browser.get("/")
    assert page.elapsed.total_seconds() < 2
    assert "Asking GitHub for the quota" in page.text
    assert "The quota is unknown" in browser.get("/status/quota").text
    assert "unreachable" in browser.wait_for_part("today", "status=error")
    assert browser.post("/auth/device").status_code == 502
    browser.session.headers["Accept-Language"] = "zh-CN"
    assert "无法连接 GitHub" in browser.get("/").text


def test_the_page_shows_the_quota_of_the_account(bridge: Bridge, browse: Browse) -> None:
    page = browse(bridge).get("/status/quota").text
    assert "octo-demo" in page
    assert "Copilot Business" in page
    assert "of 300 requests left" in page
    assert "US$ 10.01 left" in page
    assert '<time datetime="' in page
