"""Pages of which the application alone shows enough: accounts, keys, settings, approvals."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from copilot_bridge.app import create_app
from copilot_bridge.config import Config
from copilot_bridge.errors import BridgeError
from copilot_bridge.pipeline import Bridge
from copilot_bridge.redaction import Secret
from copilot_bridge.store.approvals import PendingRequest
from copilot_bridge.store.keys import KEY, Key
from copilot_bridge.store.logged_request import RequestLogRow

OPERATOR = "the-operators-key"
BROWSER = {"Accept": "text/html", "Accept-Language": "en", "x-api-key": OPERATOR}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    config = Config(home=tmp_path, api_key=(Secret(OPERATOR),), require_approval=True, approval_timeout=5.0)
    app = create_app(config)
    yield app
    app.extensions["copilot_bridge"].store.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def bridge(app: Flask) -> Bridge:
    found: Bridge = app.extensions["copilot_bridge"]
    return found


def test_accounts_tell_what_uses_them(client: FlaskClient, bridge: Bridge) -> None:
    bridge.logins.add("octo-work", Secret("ghu_1"), bridge.hosts.api)
    bridge.store.keys.add(Key("laptop", KEY, b"", account="octo-work"))
    row = RequestLogRow("a", time.time() - 7200, account="octo-work", model="gpt-4o", upstream="chat")
    bridge.store.request_log.write([row])
    page = client.get("/auth/device", headers=BROWSER).text
    assert "octo-work" in page
    assert 'Used by the keys <span class="badge ">laptop</span>' in page
    assert "last used" in page


def test_keys_are_searched_and_their_spend_is_told(client: FlaskClient, bridge: Bridge) -> None:
    for name in ("laptop", "phone"):
        bridge.store.keys.add(Key(name, KEY, b"", models=("claude-*",)))
    bridge.store.request_log.write(
        [RequestLogRow("a", time.time(), caller="key:phone", model="m", upstream="chat", premium=30.0)]
    )
    page = client.get("/keys?q=PHO", headers=BROWSER).text
    assert re.findall(r'<strong class="any">([^<]+)</strong>', page) == ["phone"]
    assert "US$ 1.20" in page
    assert "1 request in 30 days" in page
    assert "1 more key comes from the settings" in page


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": ""}, "1 to 64 printable characters"),
        ({"name": "a", "rate": "often"}, "rate"),
        ({"name": "a", "budget": "some"}, "expected a budget like"),
        ({"name": "a", "account": "nobody"}, "no login"),
    ],
)
def test_a_key_that_can_not_be_made(client: FlaskClient, form: dict[str, str], words: str) -> None:
    response = client.post("/keys", headers=BROWSER, data=form)
    assert response.status_code == 400
    assert words in response.text
    assert 'aria-invalid="true"' in response.text


def test_settings_tell_their_sources_and_no_secrets(tmp_path: Path) -> None:
    config = Config(
        home=tmp_path, api_key=(Secret(OPERATOR),), log_days=7, origins={"log_days": "option --log-days"}
    )
    app = create_app(config)
    page = app.test_client().get("/settings", headers=BROWSER).text
    in_force = page[page.index("In force") : page.index("have their defaults")]
    assert "--log-days" in in_force
    assert "option --log-days" in in_force
    assert OPERATOR not in page
    assert "set, not shown" in page
    app.extensions["copilot_bridge"].store.close()


def test_pauses_are_seen_and_ended(client: FlaskClient, bridge: Bridge) -> None:
    error = BridgeError("wait", kind="rate_limited", headers={"retry-after": "600"})
    bridge.rate_limiter.cooldowns.note("account", error, "claude-opus-4.6", "/chat/completions")
    assert "claude-opus-4.6" in client.get("/settings", headers=BROWSER).text
    client.post("/settings/resting", headers=BROWSER, data={"name": "claude-opus-4.6"})
    assert "Copilot has asked for no pause" in client.get("/settings", headers=BROWSER).text


def test_an_allowed_caller_does_not_wait(client: FlaskClient, bridge: Bridge) -> None:
    table = bridge.store.approvals
    for number in "12":
        table.add(PendingRequest(number, "key:laptop", "gpt-4o", "may I", 100))
    client.post("/approvals", headers=BROWSER, data={"id": "1", "answer": "allow"})
    assert table.waiting() == [], "all requests of the key"
    bridge.approval.wait(PendingRequest("3", "key:laptop", "gpt-4o", "and I", 100))
    assert "laptop" in client.get("/approvals", headers=BROWSER).text
    client.post("/approvals/allowed", headers=BROWSER, data={"caller": "key:laptop"})
    assert bridge.approval.allowed() == {}
    bridge.approval.stop()
    with pytest.raises(BridgeError, match="shutting down"):
        bridge.approval.wait(PendingRequest("4", "key:laptop", "gpt-4o", "and I", 100))


@pytest.mark.parametrize("path", ["/", "/usage", "/requests", "/approvals", "/keys", "/models", "/settings"])
def test_pages_need_no_script(client: FlaskClient, path: str) -> None:
    """Each form has a button, and what only a script can do is hidden."""
    page = client.get(path, headers=BROWSER).text
    assert page.count("<form") == sum(
        "<button" in form for form in re.findall(r"<form.*?</form>", page, re.DOTALL)
    )
    for button in re.findall(r'<button type="button"[^>]*>', page):
        assert " hidden" in button


def test_failures_are_pages_for_browsers_alone(
    app: Flask, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(bridge.store.keys, "all", fail)
    response = app.test_client().get("/keys", headers=BROWSER)
    assert response.status_code == 500
    assert "Something went wrong in the bridge itself" in response.text
    assert response.headers["X-Request-Id"] in response.text
    for path in ("/v1/nothing", "/nothing"):
        assert app.test_client().get(path, headers=BROWSER).mimetype == "text/html"
        assert app.test_client().get(path).mimetype == "application/json"


CHINESE = BROWSER | {"Accept-Language": "zh-CN"}


def test_a_refused_form_says_why_in_the_readers_language(client: FlaskClient) -> None:
    page = client.post("/keys", data={"name": "phone", "rate": "often"}, headers=CHINESE)
    assert page.status_code == 400
    assert "速率应如 30/minute" in page.text


def test_a_refused_trial_says_why_in_the_readers_language(client: FlaskClient) -> None:
    """Its script asks as a program does, but people read the response."""
    sent = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    headers = CHINESE | {"Accept": "text/event-stream"}
    response = client.post("/models/try/stream", json=sent, headers=headers)
    assert response.status_code == 401
    assert response.json["error"]["message"].startswith("尚未登录 GitHub")
    program = client.post("/v1/chat/completions", json=sent, headers=headers)
    assert program.json["error"]["message"].startswith("there is no GitHub login")


def test_failures_in_the_log_are_told_in_the_readers_language(client: FlaskClient, bridge: Bridge) -> None:
    message = "no byte from Copilot for 600 s"
    bridge.store.request_log.write([RequestLogRow("a", time.time(), outcome="timeout", error=message)])
    assert "Copilot 在 600 秒内没有发来任何数据" in client.get("/requests/a", headers=CHINESE).text
    assert message in client.get("/requests/a", headers=BROWSER).text


def test_settings_are_told_in_the_readers_language(client: FlaskClient) -> None:
    assert "每个请求发送之前询问管理员" in client.get("/settings", headers=CHINESE).text


@pytest.mark.parametrize(
    ("method", "path", "form", "status", "title"),
    [
        ("GET", "/nothing", {}, 404, "Not found"),
        ("DELETE", "/keys", {}, 405, "Method not allowed"),
        ("POST", "/keys", {"name": "x" * 1_000_001}, 413, "Too large"),
        ("GET", "/settings", {}, 500, "Something went wrong"),
    ],
)
def test_an_error_is_a_page_with_a_way_on(
    app: Flask,
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    *,
    method: str,
    path: str,
    form: dict[str, str],
    status: int,
    title: str,
) -> None:
    if status == 500:
        monkeypatch.setitem(app.view_functions, "pages.settings.show", lambda: 1 / 0)
    page = client.open(path, method=method, data=form or None, headers=BROWSER)
    assert page.status_code == status
    assert f"<h1>{title}</h1>" in page.text
    assert 'href="/">Go to the home page' in page.text


def test_the_page_sets_each_limit_that_a_key_can_have(client: FlaskClient, bridge: Bridge) -> None:
    bridge.logins.add("octo-work", Secret("ghu_1"), bridge.hosts.api)
    limits = {
        "account": "octo-work",
        "models": "claude-*,gpt-4.1",
        "rate": "30/minute",
        "budget": "500/month, 20 usd/week",
        "span": "12h",
        "expires": "",
        "operator": "1",
    }
    assert client.post("/keys", data={"name": "phone", **limits}, headers=BROWSER).status_code == 303
    (key,) = bridge.store.keys.all()
    assert (key.account, key.models, key.rate, key.web, key.operator) == (
        "octo-work",
        ("claude-*", "gpt-4.1"),
        "30/minute",
        False,
        True,
    )
    assert 0 < key.expires - time.time() < 12 * 3600 + 1
    assert {str(budget.limit) for budget in bridge.store.budgets.all()} == {
        "500 AI units a month",
        "US$ 20 a week",
    }
    page = client.get("/keys", headers=BROWSER).text
    shown = (
        "octo-work",
        "claude-*, gpt-4.1",
        "30/minute",
        "no web search",
        "US$ 20 a week",
        "expires",
        "operator",
    )
    assert [words for words in shown if words not in page] == []


def test_a_change_of_a_key_keeps_the_budgets_that_it_names(client: FlaskClient, bridge: Bridge) -> None:
    client.post(
        "/keys", data={"name": "phone", "budget": "500/month, 20 usd/week", "web": "1"}, headers=BROWSER
    )
    form = re.findall(r'name="budget" value="([^"]+)"', client.get("/keys", headers=BROWSER).text)
    assert len(form) == 1
    change = {"name": "phone", "budget": form[0].replace("500", "600"), "expires": "keep"}
    assert client.post("/keys/change", data=change, headers=BROWSER).status_code == 303
    assert {str(budget.limit) for budget in bridge.store.budgets.all()} == {
        "600 AI units a month",
        "US$ 20 a week",
    }
    assert not bridge.store.keys.all()[0].web
    client.post("/keys/change", data={"name": "phone", "web": "1", "expires": "keep"}, headers=BROWSER)
    assert bridge.store.budgets.all() == ()
    assert bridge.store.keys.all()[0].web


def test_two_budgets_of_the_same_time_are_refused(client: FlaskClient) -> None:
    page = client.post("/keys", data={"name": "phone", "budget": "500/month, 600/month"}, headers=BROWSER)
    assert page.status_code == 400
    assert "two budgets of the same unit and time" in page.text
    assert 'value="500/month, 600/month"' in page.text
