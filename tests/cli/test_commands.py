"""The output of commands, and the one line in which they fail."""

import json
import os
import re
import socket
import stat
import subprocess
import sys
import time

import click
import pytest
from click.testing import CliRunner
from integration.harness import ROOT, environment, new_token

from copilot_bridge import __version__
from copilot_bridge.cli import COMMANDS, SYNONYMS, cli
from copilot_bridge.cli.start.command import command as start
from copilot_bridge.cli.terminal.console import bar, print_table
from copilot_bridge.config.settings import BY_NAME
from copilot_bridge.errors import UpstreamRefused
from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store
from copilot_bridge.store.cooldowns import Cooldown
from copilot_bridge.store.files import JsonFiles

ALL = [
    [],
    *[[name] for name in COMMANDS],
    *[["auth", command] for command in ("login", "list", "remove", "token", "use")],
    *[["keys", command] for command in ("add", "list", "revoke", "rotate")],
    *[["share-token", command] for command in ("new", "list", "revoke")],
]
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def log_in(home, simulator):
    """Stores a login, as `auth` does at its end."""

    def store(persona="demo", user=None):
        token = new_token(persona)
        store = open_store(home)
        store.logins.add(user or f"octo-{persona}", Secret(token), simulator.url)
        store.close()
        return token

    return store


# --- help and versions


@pytest.mark.parametrize("path", ALL, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_each_command_prints_its_help(path, flag):
    result = CliRunner().invoke(cli, [*path, flag])
    assert result.exit_code == 0
    assert result.output.startswith("Usage: ")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_listed_with_its_first_sentence(name):
    help_text = CliRunner().invoke(cli, ["--help"]).output
    about = cli.get_command(click.Context(cli), name).help.split("\n\n")[0]
    assert re.search(rf"^  {name} +{re.escape(about)}$", help_text, re.MULTILINE), help_text
    assert about.endswith(".")


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_breaks_lines_at_blanks_only(path):
    narrow, wide = (
        CliRunner().invoke(cli, [*path, "--help"], terminal_width=width, max_content_width=width).output
        for width in (80, 1000)
    )
    assert max(map(len, narrow.splitlines())) <= 80
    assert narrow.split() == wide.split()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("mdels", "models"),
        ("key", "keys"),
        ("strat", "start"),
        ("login", "auth login"),
        ("costs", "usage"),
        ("version", "--version"),
    ],
)
def test_a_command_that_is_spelt_otherwise(run, typed, meant):
    assert run(typed).err.endswith(
        f"Error: No such command '{typed}'. Did you mean `copilot-bridge {meant}`?\n"
    )


def test_each_command_that_is_meant_exists():
    for meant in SYNONYMS.values():
        assert CliRunner().invoke(cli, [*meant.split(), "--help"]).exit_code == 0


@pytest.mark.parametrize(
    "name",
    ["WSGI", "Windows", "SIGTERM", "GitHub", "HTTPS_PROXY, else ALL_PROXY", "COPILOT_BRIDGE_RATE_LIMIT"],
)
def test_names_keep_their_spelling_in_the_help(name):
    help_text = " ".join(CliRunner().invoke(cli, ["start", "--help"]).output.split())
    assert name in help_text


@pytest.mark.parametrize(
    "help_text",
    [
        "--workers NUMBER Gunicorn workers. [default: 1]",
        "seconds. [default: 300]",
        "otherwise in memory only. [default: true]",
        "-w, --queue-requests Queue requests",
        "Examples: copilot-bridge start",
        "--log-file PATH ",
    ],
)
def test_the_help_tells_types_and_defaults(help_text):
    assert help_text in " ".join(CliRunner().invoke(cli, ["start", "--help"]).output.split())


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_the_version_is_printed(flag):
    result = CliRunner().invoke(cli, [flag], prog_name="copilot-bridge")
    assert result.output == f"copilot-bridge, version {__version__}\n"


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["keys", "list"], ["share-token", "list"]])
def test_quick_commands_load_neither_the_network_nor_the_server(tmp_path, arguments):
    """It loads neither the network nor the server."""
    code = (
        f"import sys; from copilot_bridge.cli import cli\n"
        f"try: cli({arguments!r})\n"
        "except SystemExit:\n"
        "    print(*sorted({'requests', 'flask', 'gevent', 'rich.console'} & sys.modules.keys()))"
    )
    home = {"COPILOT_BRIDGE_HOME": str(tmp_path / "home")}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(tmp_path) | home,
        capture_output=True,
        check=True,
        text=True,
    )
    assert len(result.stdout.splitlines()) > 1
    assert result.stdout.splitlines()[-1] == ""


def test_version_is_quick(run_process):
    began = time.monotonic()
    assert run_process("--version").code == 0
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "arguments",
    [["frob"], ["--frob"], ["models", "--frob"], ["models", "extra"], ["auth", "frob"], ["auth", "remove"]],
)
def test_wrong_usage_exits_with_2_and_says_how_to_use_it(run, arguments):
    result = run(*arguments)
    assert result.code == 2
    assert not result.out
    assert "Usage: " in result.err


def test_auth_takes_the_options_of_its_usual_command(run, home):
    """`copilot-bridge auth --home X` is `copilot-bridge auth login --home X`."""
    result = run("auth", "--home", home, "--proxy", "ftp://x")
    assert result.line.startswith("proxy: ")


# --- settings


ANY = [
    ["models"],
    ["check-usage"],
    ["debug"],
    ["start"],
    ["auth", "list"],
    ["auth", "token"],
    ["auth", "remove", "x"],
]


@pytest.mark.parametrize("arguments", ANY, ids=" ".join)
def test_an_unknown_setting_is_refused(run, arguments):
    assert "COPILOT_BRIDGE_PROT" in run(*arguments, COPILOT_BRIDGE_PROT="1").line


@pytest.mark.parametrize("arguments", ANY, ids=" ".join)
def test_an_env_file_with_an_open_quote_is_refused(run, tmp_path, arguments):
    (tmp_path / ".env").write_text("COPILOT_BRIDGE_GITHUB_TOKEN='ghu_EXAM\n")
    assert run(*arguments).line == ".env, line 1: expected NAME=value"


def test_env_file_names_the_file_of_settings(run, tmp_path):
    (tmp_path / "my.env").write_text(f"COPILOT_BRIDGE_GITHUB_TOKEN={new_token('free')}\n")
    assert run("check-usage", "--env-file", "my.env").out.startswith("octo-free")
    assert "gone.env" in run("check-usage", "--env-file", "gone.env").line


def test_an_option_wins_over_the_environment(run):
    wrong = {"COPILOT_BRIDGE_GITHUB_TOKEN": "ghu_wrong"}
    assert run("check-usage", "-g", new_token("free"), **wrong).code == 0
    assert run("check-usage", **wrong).code == 1


def test_verbose_logs_as_json_lines(run):
    assert "debug" not in run("models", "-g", new_token()).err
    output = run("models", "-v", "-g", new_token("flaky")).err
    assert all(json.loads(line) for line in output.splitlines())
    assert run("debug", "--json", "--verbose", "-g", new_token()).out.count('"debug"') == 2


# --- check-usage


def usage_rows(result):
    assert result.code == 0
    assert result.rows[1][:2] == ["QUOTA", "LEFT"]
    return {row[0]: row[1:] for row in result.rows[2:]}


def test_usage_shows_quotas_of_a_business_seat(run):
    result = run("check-usage", "-g", new_token())
    assert "octo-demo" in result.out.splitlines()[0]
    rows = usage_rows(result)
    assert rows["chat"][1] == "no limit"
    share, of, used, resets = rows["premium interactions"][1:]
    assert (share, of, used) == ("83.4 %", "300 requests", "49.67")
    assert re.fullmatch(r"\d{4}-\d\d-01 00:00", resets)
    assert rows["premium interactions"][0] == "█" * 20 + "░" * 4


@pytest.mark.parametrize(
    ("persona", "headline", "quota", "cells"),
    [
        ("free", "octo-free", "chat", ["96.0 %", "50 requests", "2"]),
        ("legacyfree", "This account", "chat", ["70.0 %", "500 requests", "150"]),
        ("tokenbilled", "AI units", "premium interactions", ["25.9 %", "50,000 AI units", "37,059.6"]),
        (
            "overquota",
            "octo-overquota",
            "premium interactions",
            ["-0.3 %", "300 requests", "301 (+1 beyond)"],
        ),
    ],
)
def test_usage_shows_the_units_of_each_plan(run, persona, headline, quota, cells):
    result = run("check-usage", "-g", new_token(persona))
    assert headline in result.out.splitlines()[0]
    assert usage_rows(result)[quota][1:4] == cells


def test_usage_explains_missing_quotas(run):
    result = run("check-usage", "-g", new_token("noaccess"))
    assert "octo-noaccess" in result.out
    assert "no quotas" in result.out


@pytest.mark.parametrize("persona", ["demo", "free", "legacyfree", "tokenbilled", "overquota", "noaccess"])
def test_usage_is_also_printed_as_json(run, persona):
    result = run("check-usage", "--json", "-g", new_token(persona))
    report = json.loads(result.out)
    assert report.keys() == {"login", "plan", "sku", "quotas", "resets_at", "token_billed"}
    assert report["token_billed"] is (persona == "tokenbilled")
    assert bool(report["quotas"]) is (persona != "noaccess")
    for quota in report["quotas"]:
        assert quota.keys() >= {"name", "entitlement", "remaining", "used", "percent_remaining", "unlimited"}


def test_a_terminal_that_knows_no_blocks(run_process):
    result = run_process("check-usage", "-g", new_token("free"), PYTHONIOENCODING="ascii")
    assert result.code == 0
    assert "#######################." in result.out


# --- models


# persona -> the prices as this plan's catalogue tells them: in tiers, or as multiples of a premium request
PRICES = {
    "demo": {
        "claude-sonnet-4.5": "300/1,500",
        "gpt-4.1": "200/800",
        "gpt-5.4": "250/1,500, long 500/2,250",
        "gpt-5.6-luna": "20/120, long 40/180 (-25 %)",
        "text-embedding-3-small": "-",
    },
    "spring": {"claude-sonnet-4.5": "1x", "gpt-4.1": "0x", "grok-code-fast-1": "0.25x"},
}


@pytest.mark.parametrize("persona", PRICES)
def test_models_lists_prices_limits_and_apis(run, persona, monkeypatch):
    monkeypatch.setenv("COPILOT_BRIDGE_API_VERSION", "2026-08-01")
    result = run("models", "-g", new_token(persona))
    rows = {row[0]: row[1:] for row in result.rows}
    assert result.code == 0
    assert rows["ID"] == ["VENDOR", "CONTEXT", "OUTPUT", "APIS", "PRICE"]
    assert rows["claude-sonnet-4.5"][:4] == ["Anthropic", "200,000", "32,000", "chat, messages"]
    assert rows["gpt-4.1"][:4] == ["Azure OpenAI", "128,000", "16,384", "chat"]
    assert {name: rows[name][4] for name in PRICES[persona]} == PRICES[persona]
    assert rows["o4-mini"][-1] == "not enabled"
    assert rows["text-embedding-3-small"][1:4] == ["-", "-", "embeddings"]
    assert [row[0] for row in result.rows].count("gpt-4") == 1
    assert all(len(line) < 120 for line in result.out.splitlines())


def test_an_older_version_of_the_api_tells_one_price(run, monkeypatch):
    monkeypatch.setenv("COPILOT_BRIDGE_API_VERSION", "2025-05-01")
    result = run("models", "-g", new_token())
    rows = {row[0]: row[1:] for row in result.rows}
    assert rows["gpt-5.4"][4] == "250/1,500"
    assert rows["claude-sonnet-5"][4] == "300/1,500"


def test_models_are_also_printed_as_json(run, monkeypatch):
    monkeypatch.setenv("COPILOT_BRIDGE_API_VERSION", "2026-08-01")
    models = json.loads(run("models", "--json", "-g", new_token()).out)
    (sonnet,) = [model for model in models if model["id"] == "claude-sonnet-4.5"]
    assert sonnet == {
        "id": "claude-sonnet-4.5",
        "name": "Claude Sonnet 4.5",
        "vendor": "Anthropic",
        "context": 200000,
        "max_prompt_tokens": sonnet["max_prompt_tokens"],
        "max_output_tokens": 32000,
        "endpoints": ["chat", "messages"],
        "multiplier": None,
        "prices": {
            "usual": {"given": 300.0, "cached": 30.0, "written": 375.0, "out": 1500.0, "most": None},
            "long": None,
            "discount": 0.0,
            "until": "",
        },
        "auto_discount": None,
        "enabled": True,
    }
    discounts = {model["id"]: model["auto_discount"] for model in models}
    assert (discounts["claude-sonnet-5"], discounts["gpt-5.4"]) == (0.1, None)
    assert {model["discount"] for model in models if model["id"].startswith("auto")} == {0.1}


# One of each way in which commands print: help, tables, JSON, lines, code for a shell, a report.
LISTINGS = [
    ["--help"],
    [],
    ["models"],
    ["keys", "list", "--json"],
    ["setup", "codex"],
    ["completion", "bash"],
    ["doctor"],
]


@pytest.mark.parametrize("arguments", LISTINGS, ids=" ".join)
def test_a_reader_that_stops_early_gets_no_traceback(run_process, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    token = {"COPILOT_BRIDGE_GITHUB_TOKEN": new_token()}
    result = run_process(*arguments, stdout=writing, **token)
    os.close(writing)
    assert "Error" not in result.err
    assert result.code in (1, 141)


@pytest.mark.parametrize(
    "arguments",
    [
        ["keys", "list"],
        ["share-token", "list"],
        ["auth", "list"],
        ["approvals"],
        ["approvals", "list"],
        ["cooldowns"],
        ["setup"],
    ],
    ids=" ".join,
)
def test_each_listing_prints_json(run, arguments):
    assert isinstance(json.loads(run(*arguments, "--json").out), list)


def test_without_a_command_the_next_step_is_shown(run, log_in):
    nobody = run(COPILOT_BRIDGE_PORT="9")
    assert nobody.code == 0
    assert "no GitHub login yet" in nobody.out
    assert "start --simulate" in nobody.out
    log_in()
    assert "logged in to GitHub, not running" in run(COPILOT_BRIDGE_PORT="9").out
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert f"a server answers at http://127.0.0.1:{port}" in run(COPILOT_BRIDGE_PORT=str(port)).out


def test_a_group_without_a_command_prints_its_help(run):
    assert run("keys").err.startswith("Usage: copilot-bridge keys ")


def test_an_option_of_a_group_is_not_lost(run):
    assert run("auth", "--home", "x", "list").err.endswith(
        "--home belongs after `copilot-bridge auth list`\n"
    )


@pytest.mark.parametrize(
    ("command", "variable", "token"),
    [
        ("models", "GH_TOKEN", "ghu_wrong"),
        ("check-usage", "GH_TOKEN", "ghu_wrong"),
        ("start", "COPILOT_BRIDGE_GITHUB_TOKEN", "ghp_EXAMPLE0000"),
    ],
)
def test_a_token_that_hides_a_login_is_named_with_it(run, log_in, command, variable, token):
    log_in()
    line = run(command, **{variable: token, "COPILOT_BRIDGE_PORT": "0"}).line
    assert f"{variable} (from the environment)" in line
    assert "octo-demo" in line


@pytest.mark.parametrize("name", ["models", "check-usage"])
@pytest.mark.parametrize(
    ("persona", "words"),
    [("foreignapp", "copilot-bridge auth"), ("nobody", "copilot-bridge auth")],
)
def test_a_refused_login_leads_to_auth(run, name, persona, words):
    assert words in run(name, "-g", new_token(persona)).line


@pytest.mark.parametrize(
    ("persona", "words"),
    [
        ("noaccess", "no Copilot plan"),
        ("blocked", "contact GitHub support"),
        ("scripted", "wait"),
        ("ratelimited", "rate limit"),
        ("foreignghapp", "Resource not accessible by integration"),
        ("unicorn", "502"),
    ],
)
def test_one_line_explains_why_an_account_has_no_models(run, persona, words):
    line = run("models", "-g", new_token(persona)).line
    assert words in line
    assert "ghu_sim" not in line


@pytest.mark.parametrize(
    "token", ["ghu_abc\N{HORIZONTAL ELLIPSIS}", "ghu_\N{CYRILLIC SMALL LETTER A}bc", "ghp_EXAMPLE0000"]
)
@pytest.mark.parametrize("name", ["models", "check-usage", "start"])
def test_malformed_tokens_are_refused_in_one_line(run, name, token):
    extra = ["--port", "0"] if name == "start" else []
    assert run(name, *extra, "-g", token).line


def test_an_upstream_message_is_printed_as_one_line(run, monkeypatch):
    """GitHub's words, or those of a middlebox, go to a terminal."""

    def refuse(_config):
        raise UpstreamRefused("first\r\nsecond \x1b[31mred \x9b31m\x07")

    monkeypatch.setattr("copilot_bridge.pipeline.Bridge", refuse)
    line = run("models").line
    assert line.isprintable()
    assert "second" in line


# --- auth


def test_no_login(run):
    assert run("auth", "list").out == "No login is stored.  `copilot-bridge auth` logs in.\n"
    for arguments in (["auth", "token"], ["models"], ["check-usage"]):
        assert "copilot-bridge auth" in run(*arguments).line
    assert "'x'" in run("auth", "remove", "x").line


def test_logins_are_listed_and_removed(run, log_in, simulator):
    log_in("free")
    token = log_in("demo")
    rows = run("auth", "list").rows
    assert rows[0] == ["USER", "HOST", "TOKEN", "SINCE"]
    assert [row[-4] for row in rows[1:]] == ["octo-free", "octo-demo"]
    assert rows[2][0] == "*"
    assert rows[2][2] == simulator.url
    assert rows[2][3] == f"ghu_***{token[-4:]}"
    assert token in run("auth", "list", "--show-token").out
    assert run("auth", "token").out == f"{token}\n"
    assert run("check-usage").out.startswith("octo-demo")
    assert "octo-demo" in run("auth", "remove", "octo-demo").out
    assert run("check-usage").out.startswith("octo-free")


def test_logins_of_an_unreadable_date(run, log_in, home):
    row = {"user": "octo-demo", "token": "ghu_x", "host": "https://api.github.com", "added": 10**18}
    JsonFiles(home).write("logins", {"logins": [row]})
    assert "octo-demo" in run("auth", "list").out


def test_the_given_token_wins_over_the_login(run, log_in):
    log_in("demo")
    assert run("auth", "token", "-g", "ghu_given").out == "ghu_given\n"


def test_a_login_in_a_home_that_can_not_be_changed(run, log_in, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("auth", "remove", "x", "--home", tmp_path / "file" / "home")
    assert "can't use the store" in result.line
    assert result.line.endswith("Not a directory")


def test_logins_of_an_older_version(run, home, simulator):
    """They are taken over, and no secret stays in a file that anybody could read."""
    row = {"user": "octo-demo", "token": new_token(), "host": simulator.url, "added": 1_700_000_000}
    JsonFiles(home).write("logins", {"logins": [row]})
    assert run("check-usage").out.startswith("octo-demo")
    assert run("auth", "token").out == f"{row['token']}\n"
    assert not (home / "logins.json").exists()
    assert row["token"].encode() not in b"".join(path.read_bytes() for path in home.glob("bridge.db*"))


def test_a_damaged_store_stops_only_commands_that_need_it(run, log_in, home, simulator):
    """What needs it says so in one line; what has no need of it goes on; `debug` knows."""
    log_in()
    (home / "bridge.db").write_bytes(b"no database" * 1000)
    for path in home.glob("bridge.db-*"):
        path.unlink()
    assert "move it away to begin with a new one" in run("auth", "list").line
    token = new_token()
    assert run("check-usage", "-g", token).out.startswith("octo-demo")
    assert "not a database" in debug(run, "-g", token)["store"]["problem"]
    assert "not a database" in run("debug", "-g", token).out


def test_a_damaged_file_of_logins(run, log_in, home):
    log_in()
    (home / "logins.json").write_text("{")
    result = run("auth", "list")
    assert result.code == 0
    assert str(home / "logins.json") in result.err


# --- debug


def debug(run, *arguments, **environ):
    return json.loads(run("debug", "--json", *arguments, **environ).out)


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


def test_debug_without_a_login_and_without_a_network(run):
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


def test_debug_with_a_login_that_is_refused(run):
    report = debug(run, "-g", "ghu_wrong")
    assert "does not accept this login" in report["login"]["error"]


# --- start, as far as it fails


def test_a_busy_port_is_reported_with_a_way_out(run):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        line = run("start", "--port", port, "-g", new_token()).line
    assert line == f"can't listen on 127.0.0.1:{port}: Address already in use; choose another with --port"


@pytest.mark.parametrize("host", ["203.0.113.9", "no such host", "999.1.1.1"])
def test_an_address_that_is_not_ours(run, host, monkeypatch):
    line = run("start", "--port", "0", "--host", host, "-g", new_token(), "--insecure-no-key").line
    assert line.startswith(f"can't listen on {host}:0: ")
    assert line.endswith("; look at --host and --port")
    assert "('" not in line


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        (["-g", "ghp_EXAMPLE"], {}, "--github-token: Copilot does not accept classic personal access tokens"),
        ([], {"COPILOT_BRIDGE_GITHUB_TOKEN": "ghp_EXAMPLE"}, "COPILOT_BRIDGE_GITHUB_TOKEN (from the environ"),
        (["--workers", "0"], {}, "workers: '0' (option --workers)"),
        (["--server", "uvicorn"], {}, "gunicorn, gevent"),
    ],
)
def test_a_start_that_fails(run, arguments, environ, words):
    assert words in run("start", "--port", "0", *arguments, **environ).line


def test_a_process_that_fails(run_process):
    assert run_process("models", "-g", "ghu_wrong").line
    assert run_process("models", COPILOT_BRIDGE_X="1").line


def test_a_home_that_can_not_be_written(run, tmp_path):
    """The token is kept in memory; whoever only asks for models gets them."""
    (tmp_path / "file").write_text("")
    result = run("models", "-g", new_token(), "--home", tmp_path / "file" / "home")
    assert result.code == 0
    assert "gpt-4o" in result.out
    assert "can't use the store" in result.err


def test_modes_of_the_data_directory(run, home):
    run("models", "-g", new_token())
    for path in (home, *home.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


# --- how it looks


@pytest.mark.parametrize("cell", ["http://[::1]:8080", "[bold]x[/bold]", "[1]", "a\\[b]", "[/]", "\\"])
def test_cells_are_printed_as_they_are(capsys, cell):
    print_table(("A", "B"), [(cell, "b")])
    assert capsys.readouterr().out.splitlines()[1].split("  ")[0].strip() == cell


def test_tables_print_no_control_characters(capsys):
    print_table(("A",), [("\x1b[31mred\x07",)])
    assert capsys.readouterr().out.splitlines()[1].isprintable()


@pytest.mark.parametrize(
    ("percent", "filled"), [(100, 24), (0, 0), (50, 12), (-7, 0), (250, 24), (1, 0), (99, 24), (4.2, 1)]
)
def test_a_bar_fills_as_many_blocks_as_its_share(percent, filled):
    assert bar(percent) == "█" * filled + "░" * (24 - filled)


def test_a_start_with_the_variables_of_other_programs(run):
    done = run("start", "--check", HOST="x86_64-conda-linux-gnu", DEBUG="express:*", API_KEY="sk-EXAMPLE")
    assert done.code == 0
    assert [line.split()[1] for line in done.err.splitlines()] == ["HOST", "API_KEY", "DEBUG"]
    assert "EXAMPLE" not in done.err


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
@pytest.mark.parametrize(("file", "why"), [("/nope.pem", "No such file"), ("empty.pem", "no certificate")])
def test_a_start_with_certificates_that_are_none(run, tmp_path, name, file, why):
    (tmp_path / "empty.pem").write_text("nothing")
    path = str(tmp_path / file) if file == "empty.pem" else file
    others = {"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": ""}
    line = run("start", "--check", **others | {name: path}).line
    assert line.startswith(f"{name} (from the environment): no certificates can be read from {path}: ")
    assert why in line.lower() or why in line


def test_a_start_with_a_proxy_that_is_none(run):
    assert run("start", "--check", HTTPS_PROXY="ftp://x").line.startswith(
        "HTTPS_PROXY (from the environment): "
    )
    assert run("start", "--check", ALL_PROXY="socks://127.0.0.1:1080/").code == 0


# --- rest


def test_cooldowns_are_listed_and_ended(run, home):
    store = open_store(home)
    now = time.time()
    store.cooldowns.put(Cooldown("account", now + 7300, "slowly\x1b[31m", "c", model="opus", since=now))
    store.cooldowns.put(Cooldown("account", now + 60, "no more", path="/embeddings", since=now))
    store.close()
    columns, first, second = run("cooldowns").rows
    assert columns == ["WHAT", "TIME LEFT", "UNTIL", "SINCE", "REASON"]
    assert (first[0], first[-1]) == ("/embeddings", "no more")
    assert second[:2] == ["opus", "2 h 2 min"]
    cooldowns = json.loads(run("cooldowns", "--json").out)
    assert [cooldown["path"] or cooldown["model"] for cooldown in cooldowns] == ["/embeddings", "opus"]
    assert "opus" in run("debug").out
    assert "'gpt' is not paused" in run("cooldowns", "--clear", "gpt").line
    assert run("cooldowns", "--clear", "opus").out == "No longer paused: opus\n"
    assert run("cooldowns", "--clear").out == "No longer paused: /embeddings\n"
    assert run("cooldowns").out == "Nothing is paused.\n"
    assert run("cooldowns", "--clear").out == "No longer paused: -\n"


def test_start_takes_every_setting_that_has_an_option():
    taken = {option for parameter in start.params for option in (*parameter.opts, *parameter.secondary_opts)}
    declared = {
        flag for field in BY_NAME.values() for flags in field.metadata["flags"] for flag in flags.split("/")
    }
    assert declared - taken == set()
