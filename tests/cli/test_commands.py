"""The output of commands, and the one line in which they fail."""

import json
import os
import re
import socket
import stat
import time

import pytest
from integration.harness import new_token

from copilot_bridge.cli.start.command import command as start
from copilot_bridge.cli.terminal.console import bar, print_table
from copilot_bridge.config.settings import BY_NAME
from copilot_bridge.errors import UpstreamRefused
from copilot_bridge.store import open_store
from copilot_bridge.store.cooldowns import Cooldown


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


def test_verbose_logs_are_json_lines(run):
    assert "debug" not in run("models", "-g", new_token()).err
    output = run("models", "-v", "-g", new_token("flaky")).err
    assert all(json.loads(line) for line in output.splitlines())
    assert run("debug", "--json", "--verbose", "-g", new_token()).out.count('"debug"') == 2


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


def test_a_terminal_without_blocks_gets_ascii_bars(run_process):
    result = run_process("check-usage", "-g", new_token("free"), PYTHONIOENCODING="ascii")
    assert result.code == 0
    assert "#######################." in result.out


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
        assert f"a server responds at http://127.0.0.1:{port}" in run(COPILOT_BRIDGE_PORT=str(port)).out


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


def test_a_busy_port_is_reported_with_a_way_out(run):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        line = run("start", "--port", port, "-g", new_token()).line
    assert line == f"can't listen on 127.0.0.1:{port}: Address already in use; choose another with --port"


@pytest.mark.parametrize("host", ["203.0.113.9", "no such host", "999.1.1.1"])
def test_a_foreign_listen_address_is_named_with_its_settings(run, host, monkeypatch):
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


def test_a_failure_is_one_line(run_process):
    assert run_process("models", "-g", "ghu_wrong").line
    assert run_process("models", COPILOT_BRIDGE_X="1").line


def test_a_home_that_can_not_be_written(run, tmp_path):
    """The token is kept in memory; whoever only asks for models gets them."""
    (tmp_path / "file").write_text("")
    result = run("models", "-g", new_token(), "--home", tmp_path / "file" / "home")
    assert result.code == 0
    assert "gpt-4o" in result.out
    assert "can't use the store" in result.err


def test_only_the_owner_reads_the_data_directory(run, home):
    run("models", "-g", new_token())
    for path in (home, *home.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


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
