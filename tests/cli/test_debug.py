"""`debug` prints what a bug report needs, without secrets."""

import re

import pytest
from integration.harness import new_token

from copilot_bridge import __version__
from tests.cli.command_lines import debug

NOWHERE = "http://127.0.0.1:9"


def test_debug_prints_a_report_without_secrets(run, home, simulator):
    token = new_token()
    output = run("debug", "-g", token, "--port", "1234").out
    assert output.startswith(f"copilot-bridge {__version__}, Python 3.")
    assert str(home) in output
    assert re.search(r"^port +1234 +option --port *$", output, re.MULTILINE)
    assert re.search(r"^host +127\.0\.0\.1 +default *$", output, re.MULTILINE)
    assert re.search(rf"^Login: octo-demo ghu_\*\*\*{token[-4:]}$", output, re.MULTILINE)
    assert re.search(rf"^GitHub +{simulator.url} +\d+ ms *$", output, re.MULTILINE)
    assert token not in output


def test_the_report_of_debug_is_also_printed_as_json(run, home, simulator):
    token = new_token("business")
    report = debug(run, "-g", token)
    assert report["version"] == __version__
    assert report["paths"] == {"home": str(home), "store": str(home / "bridge.db")}
    assert report["store"] == {
        "place": str(home / "bridge.db"),
        "key": str(home / "store.key"),
        "problem": None,
    }
    found = {setting["name"]: setting for setting in report["settings"]}
    assert found["github_token"]["value"] == f"ghu_***{token[-4:]}"
    assert found["github_token"]["origin"] == "option --github-token"
    assert found["port"] == {"name": "port", "value": 4141, "origin": "default"}
    assert report["login"] == {"user": "octo-business", "token": f"ghu_***{token[-4:]}", "error": None}
    assert [host["url"] for host in report["hosts"]] == [
        simulator.url,
        simulator.url,
        f"{simulator.url}/business",
    ]
    assert all(host["reached"] for host in report["hosts"])
    assert report["packages"]["flask"]


def test_debug_shows_secrets_on_demand(run):
    token = new_token()
    report = debug(run, "-g", token, "--show-token")
    assert report["login"]["token"] == token
    assert {"name": "github_token", "value": token, "origin": "option --github-token"} in report["settings"]


@pytest.mark.parametrize("password", ["hunter2", "hunt@er2", "hunt%2Fer2"])
def test_debug_hides_the_password_of_a_proxy(run, password):
    for show in ([], ["--show-token"]):
        output = run("debug", "-g", new_token(), "--proxy", f"http://me:{password}@127.0.0.1:9", *show).out
        assert "er2" not in output
        assert "http://me:***@127.0.0.1:9" in output


def test_debug_works_without_a_login_and_without_a_network(run):
    report = debug(run, COPILOT_BRIDGE_GITHUB_API_URL=NOWHERE, COPILOT_BRIDGE_COPILOT_API_URL=NOWHERE)
    assert report["login"]["user"] is None
    assert "there is no GitHub login" in report["login"]["error"]
    github, api, copilot = report["hosts"]
    assert github["reached"]
    assert (api["reached"], copilot["reached"]) == (False, False)
    assert "refused" in api["error"]
    text = run("debug", COPILOT_BRIDGE_GITHUB_API_URL=NOWHERE, COPILOT_BRIDGE_COPILOT_API_URL=NOWHERE).out
    assert "Login: nobody" in text
    assert "Connection refused" in text


def test_debug_names_a_login_that_is_refused(run):
    report = debug(run, "-g", "ghu_wrong")
    assert "does not accept this login" in report["login"]["error"]
