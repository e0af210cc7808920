"""The login at a terminal: a code, the wait for it, and what is stored afterwards."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from cli.conftest import PATIENCE, Run, Terminal
from integration.harness import Simulator, new_token

from copilot_bridge.store import open_store

Flow = tuple[int, str, Path]


def logins(home: Path) -> list[str]:
    """Who is stored there; nothing is made by the look."""
    if not (home / "bridge.db").exists():
        return []
    store = open_store(home)
    try:
        return [login.user for login in store.logins.all()]
    finally:
        store.close()


@pytest.fixture(scope="module")
def start_flow(
    simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., tuple[Terminal, Path]]]:
    """A command at a terminal, as far as its code; `script`: how GitHub answers the polls."""
    started: list[Terminal] = []

    def start(script: dict[str, object], *arguments: str, home: Path | None = None) -> tuple[Terminal, Path]:
        folder = tmp_path_factory.mktemp("login")
        home = home or folder / "home"
        body = {"interval": 1, **script}
        assert (
            requests.post(f"{simulator.url}/_simulator/device", json=body, timeout=PATIENCE).status_code
            == 200
        )
        environ = {
            "COPILOT_BRIDGE_HOME": str(home),
            "COPILOT_BRIDGE_GITHUB_URL": simulator.url,
            "COPILOT_BRIDGE_GITHUB_API_URL": simulator.url,
        }
        terminal = Terminal(folder, environ, *arguments)
        started.append(terminal)
        terminal.wait_for(r"Enter +[A-Z]{4}-[A-Z]{4}\n")
        return terminal, home

    yield start
    for terminal in started:
        terminal.close()


@pytest.fixture(scope="module")
def flows(start_flow: Callable[..., tuple[Terminal, Path]]) -> dict[str, tuple[Terminal, Path]]:
    """All at once, since each has to wait some seconds between its polls."""
    return {
        "pending": start_flow(
            {"responses": ["authorization_pending", "success"], "token": new_token()}, "auth"
        ),
        "expired": start_flow({"responses": ["expired_token"]}, "auth"),
        "denied": start_flow({"responses": ["access_denied"]}, "auth", "login"),
        "refused": start_flow({"responses": ["success"], "token": "ghu_wrong"}, "auth"),
        "start": start_flow({"responses": ["success"]}, "start", "--port", "0"),
        "shown": start_flow(
            {"responses": ["success"], "token": new_token()}, "auth", "login", "--show-token"
        ),
    }


def ended(flow: tuple[Terminal, Path]) -> tuple[int, str]:
    code, text = flow[0].end()
    assert "Traceback" not in text
    return code, text


def up(terminal: Terminal) -> None:
    """The server is, which comes a little later than its greeting."""
    url = terminal.wait_for(r"Base URL +(http://127\.0\.0\.1:\d+)/v1")[1]
    terminal.wait_for("Ctrl-C stops")
    assert requests.get(f"{url}/readyz", timeout=PATIENCE).json()["status"] == "ready"


def test_a_login_with_a_code_is_stored(flows, simulator, run: Run):
    code, text = ended(flows["pending"])
    home = str(flows["pending"][1])
    assert code == 0
    assert f"  Open    {simulator.url}/login/device\n" in text
    assert "valid for 15 minutes" in text
    assert text.rstrip().endswith("Logged in as octo-demo.")
    token = run("auth", "token", "--home", home).out.strip()
    assert token.startswith("ghu_sim_demo.")
    assert token not in text
    rows = run("auth", "list", "--home", home).rows
    assert rows[1][:3] == ["*", "octo-demo", simulator.url]
    assert run("models", "--home", home).code == 0
    assert "octo-demo" in run("auth", "remove", "octo-demo", "--home", home).out
    assert "No login" in run("auth", "list", "--home", home).out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("expired", "the code has expired: start again"),
        ("denied", "the login was cancelled on GitHub's page"),
        ("refused", "GitHub does not accept this login"),
    ],
)
def test_a_failed_login_says_why_and_stores_nothing(flows, name, words):
    code, text = ended(flows[name])
    assert code == 1
    last = [line for line in text.splitlines() if line.strip()][-1]
    assert last.strip().startswith("copilot-bridge: ")
    assert words in last
    assert logins(flows[name][1]) == []


def test_show_token_prints_the_token(flows):
    code, text = ended(flows["shown"])
    assert code == 0
    assert re.search(r"^GitHub token: ghu_sim_demo\.\w+$", text, re.MULTILINE)


def test_a_login_at_the_start(flows):
    terminal, _home = flows["start"]
    terminal.wait_for("Logged in as octo-demo")
    up(terminal)
    terminal.type("\x03")
    code, _text = ended(flows["start"])
    assert code in (0, 130)


def test_ctrl_c_gives_up_a_login(start_flow):
    terminal, home = start_flow({"responses": ["authorization_pending"]}, "auth")
    terminal.wait_for("Waiting for you")
    terminal.type("\x03")
    code, text = ended((terminal, home))
    assert code == 130
    assert text.rstrip().endswith("interrupted")
    assert logins(home) == []


@pytest.fixture
def editor(tmp_path: Path, simulator: Simulator) -> Path:
    """A login that an editor has left."""
    folder = tmp_path / ".config" / "github-copilot"
    folder.mkdir(parents=True)
    host = simulator.url.removeprefix("http://").partition(":")[0]
    content = {f"{host}:Iv1.b507a08c87ecfe98": {"user": "octo-demo", "oauth_token": new_token()}}
    (folder / "apps.json").write_text(json.dumps(content))
    return folder / "apps.json"


@pytest.mark.parametrize("response", ["\n", "n\n"])
def test_the_login_of_an_editor_is_offered(editor, simulator, tmp_path, response):
    environ = {
        "COPILOT_BRIDGE_HOME": str(tmp_path / "home"),
        "COPILOT_BRIDGE_GITHUB_URL": simulator.url,
        "COPILOT_BRIDGE_GITHUB_API_URL": simulator.url,
    }
    terminal = Terminal(tmp_path, environ, "start", "--port", "0")
    try:
        terminal.wait_for(rf"Use the login of octo-demo in {editor}\? \[Y/n\]")
        terminal.type(response)
        if response == "\n":
            terminal.wait_for(r"Login +octo-demo")
            up(terminal)
        else:
            terminal.wait_for(r"Enter +[A-Z]{4}-[A-Z]{4}\n")
        terminal.type("\x03")
        code, text = terminal.end()
        assert code in (0, 130)
        assert "Traceback" not in text
    finally:
        terminal.close()
    assert logins(tmp_path / "home") == (["octo-demo"] if response == "\n" else [])


@pytest.mark.parametrize("how", ["no place", "a file", "another program's database", "a key that is none"])
def test_a_login_begins_only_if_it_can_be_stored(run, home, simulator, how):
    """Before anybody enters a code at GitHub."""
    before = len(simulator.ledger(path="/login/device/code"))
    more = {}
    if how == "no place":
        more = {"COPILOT_BRIDGE_HOME": "/proc/no-such-place"}
    elif how == "a file":
        home.write_text("in the way")
    elif how == "another program's database":
        home.mkdir()
        (home / "bridge.db").write_bytes(b"no database" * 500)
    else:
        more = {"COPILOT_BRIDGE_STORE_KEY": "no-key"}
    done = run("auth", **more)
    assert done.code == 1
    assert done.line
    assert len(simulator.ledger(path="/login/device/code")) == before


def test_a_login_without_a_store_is_refused(run, simulator):
    before = len(simulator.ledger(path="/login/device/code"))
    assert "--no-persist" in run("auth", "--no-persist").line
    assert len(simulator.ledger(path="/login/device/code")) == before
