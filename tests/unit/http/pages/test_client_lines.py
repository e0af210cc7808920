"""The page that sets clients up, on the application itself; tests/pages clicks through it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from copilot_bridge.app import create_app
from copilot_bridge.clients import CLIENTS
from copilot_bridge.config import Config
from copilot_bridge.http.pages.setup import SYSTEMS
from copilot_bridge.pipeline.dialect_probes import DIALECT_PROBES
from copilot_bridge.redaction import Secret
from copilot_bridge.store.keys import KEY, Key

HEADERS = {"Accept": "text/html"}
KEYED = {**HEADERS, "x-api-key": "the-operators-key"}


ROWS_SHARE = {"client"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app = create_app(Config(home=tmp_path, api_key=(Secret("the-operators-key"),)))
    yield app
    app.extensions["copilot_bridge"].store.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", CLIENTS)
def test_each_client_has_lines_on_each_system(client: FlaskClient, name: str, system: str) -> None:
    """Nobody is logged in: then a model can be named, and the usual one stands in the lines."""
    page = client.get(f"/setup?client={name}&system={system}", headers=KEYED)
    assert page.status_code == 200
    assert "http://localhost" in page.text
    assert CLIENTS[name].models[0] in page.text
    assert CLIENTS[name].dialect in DIALECT_PROBES


@pytest.mark.parametrize(
    ("agent", "system"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)", "macos"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "linux"),
        ("", "linux"),
    ],
)
def test_the_operating_system_follows_from_the_browser(client: FlaskClient, agent: str, system: str) -> None:
    page = client.get("/setup", headers={**KEYED, "User-Agent": agent})
    assert f'<option value="{system}" selected>' in page.text


@pytest.mark.parametrize(
    "wish", ["client=none", "system=none", "model=$(reboot)", 'model=a"b', "model=" + "a" * 200, "model=%27;"]
)
def test_invalid_choices_change_no_line(client: FlaskClient, wish: str) -> None:
    page = client.get(f"/setup?{wish}", headers=KEYED)
    usual = client.get("/setup", headers=KEYED)
    assert lines(page.text) == lines(usual.text)


def test_lines_have_the_address_of_the_proxy(tmp_path: Path) -> None:
    config = Config(home=tmp_path, allowed_host=("ai.example",), trusted_proxy=("127.0.0.1",))
    app = create_app(config)
    headers = {"Host": "ai.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/copilot"}
    key = app.extensions["copilot_bridge"].store.keys.add(Key("me", KEY, b"", operator=True))
    page = app.test_client().get("/setup?client=openai-sdk", headers={**HEADERS, "x-api-key": key, **headers})
    assert "OPENAI_BASE_URL=https://ai.example/copilot/v1" in page.text
    app.extensions["copilot_bridge"].store.close()


def test_only_the_operator_may_set_up_clients(client: FlaskClient) -> None:
    assert client.get("/setup", headers=HEADERS).status_code == 303
    for path in ("/setup/key", "/setup/test"):
        assert client.post(path, headers=HEADERS, data={"name": "mine"}).status_code == 401
        assert client.get(path, headers=KEYED).headers["Location"] == "/setup"


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"name": "laptop", "expires": "30d"}, 200),
        ({"name": "laptop", "expires": "1s"}, 400),
        ({"name": ""}, 400),
        ({"name": "a\nb"}, 400),
        ({"name": "a" * 65}, 400),
    ],
)
def test_a_key_is_made_or_refused(app: Flask, client: FlaskClient, form: dict, status: int) -> None:
    page = client.post("/setup/key", headers=KEYED, data=form)
    assert page.status_code == status
    keys = app.extensions["copilot_bridge"].store.keys.all()
    assert [key.name for key in keys] == (["laptop"] if status == 200 else [])
    assert not any(key.operator for key in keys)
    assert bool(re.search("cbk_", page.text)) == (status == 200)


def test_a_bridge_that_needs_no_key_makes_none(tmp_path: Path) -> None:
    """The first one would shut everybody out who comes without."""
    app = create_app(Config(home=tmp_path))
    client = app.test_client()
    page = client.get("/setup", headers=HEADERS).text
    assert "This bridge needs no key" in page
    assert "/setup/key" not in page
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    made = client.post("/setup/key", headers=HEADERS, data={"name": "mine", "csrf_token": token[1]})
    assert made.status_code == 400
    assert app.extensions["copilot_bridge"].store.keys.all() == []
    app.extensions["copilot_bridge"].store.close()


def test_a_test_request_without_a_login_says_that_it_failed(client: FlaskClient) -> None:
    page = client.post("/setup/test", headers=KEYED, data={"client": "codex"})
    assert page.status_code == 200
    assert "It failed" in page.text


def lines(page: str) -> list[str]:
    return re.findall(r"<pre.*?</pre>", page, re.DOTALL)
