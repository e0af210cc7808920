"""`copilot-bridge setup`: its output, the files that it writes, and their restoration."""

import json
import os
import re
import stat
import tomllib
from pathlib import Path

import pytest
from cli.conftest import Terminal
from integration.harness import NOWHERE, new_token

from copilot_bridge.clients import CLIENTS
from copilot_bridge.redaction import Secret
from copilot_bridge.store import open_store
from copilot_bridge.store.keys import KEY, Key

SECRET = "cbk_0123456789abcdefghijklmnopqr"
OLD = '# mine\nmodel = "o3"\n\n[model_providers.other]\nexperimental_bearer_token = "sk-another-secret"\n'


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A home for the clients."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    return folder


@pytest.fixture
def config(own):
    """Codex's settings."""
    path = own / ".codex" / "config.toml"
    path.parent.mkdir()
    path.write_text(OLD)
    path.chmod(0o640)
    return path


@pytest.fixture
def setup(run, own):
    """With a login, so that the plan's models are known."""
    return lambda *given, **environ: run("setup", *given, COPILOT_BRIDGE_GITHUB_TOKEN=new_token(), **environ)


def tree(folder):
    return {
        str(path.relative_to(folder)): (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


# --- printing


def test_without_a_client_setup_lists_all(run, own):
    result = run("setup")
    assert [row[0] for row in result.rows[1:]] == list(CLIENTS)
    assert str(own / ".codex/config.toml") in result.out


@pytest.mark.parametrize("client", CLIENTS)
def test_each_client_has_lines_to_paste_and_a_check(setup, client):
    result = setup(client)
    assert result.code == 0
    variable = re.search(r"^export \w+=http://127\.0\.0\.1:4141$", result.err, re.MULTILINE)
    assert "127.0.0.1:4141" in result.out or variable, "its file or a variable has the address"
    assert CLIENTS[client].title in result.err
    assert "Check it:" in result.err


def test_only_what_is_to_be_pasted_goes_to_stdout(setup):
    assert tomllib.loads(setup("codex").out)["model"] == "gpt-5.3-codex"
    assert setup("codex").out == setup("codex", "--key", SECRET).out.replace("$BRIDGE_KEY", "anything")
    lines = setup("openai-sdk", "--shell", "fish").out.splitlines()
    assert lines == ["set -gx OPENAI_BASE_URL http://127.0.0.1:4141/v1", "set -gx OPENAI_API_KEY anything"]
    assert setup("claude-code", "--shell", "bash").out.startswith("export ANTHROPIC_BASE_URL=")
    assert json.loads(setup("claude-code").out)["env"]["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:4141"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (["--port", "5000"], "http://127.0.0.1:5000/v1"),
        (["--host", "0.0.0.0"], "http://127.0.0.1:4141/v1"),
        (["--host", "::"], "http://[::1]:4141/v1"),
        (["--host", "10.0.0.7"], "http://10.0.0.7:4141/v1"),
    ],
)
def test_the_address_follows_the_settings(setup, given, url):
    assert f"OPENAI_BASE_URL={url}" in setup("openai-sdk", *given).out.replace("'", "")


def test_setup_asks_the_bridge_at_the_given_address(run, own, bridge):
    result = run("setup", "codex", "--url", f"{bridge.url}/v1", "--model", "GPT-5.2")
    assert tomllib.loads(result.out)["model"] == "gpt-5.2"
    assert tomllib.loads(result.out)["model_providers"]["bridge"]["base_url"] == f"{bridge.url}/v1"
    assert "not exist" in run("setup", "codex", "--url", bridge.url, "--model", "gtp-5.2").err


def test_setup_needs_the_key_of_another_bridge(run, own, start_bridge):
    url = start_bridge(api_key=SECRET).warm_up(SECRET).url
    assert "--key" not in run("setup", "codex", "--url", url, "--key", SECRET).err
    refused = run("setup", "codex", "--url", url)
    assert refused.code == 1
    assert "an API key is required" in refused.err


def test_a_model_is_one_of_the_plan(setup):
    result = setup("codex", "--model", "claude-sonnet-4-6")
    assert tomllib.loads(result.out)["model"] == "claude-sonnet-4.6"
    wrong = setup("codex", "--model", "gpt-5.3-kodex")
    assert wrong.code == 1
    assert "did you mean gpt-5.3-codex" in wrong.err
    assert not wrong.out


def test_without_a_terminal_the_prompt_is_an_error(run, own):
    """No login, and no bridge at the address."""
    result = run("setup", "codex", "--port", "9")
    assert tomllib.loads(result.out)["model"] == "gpt-5.3-codex"
    assert "could not be looked up (there is no GitHub login" in result.err
    prompted = run("setup", "codex", "--model", "mine", "--url", NOWHERE)
    assert tomllib.loads(prompted.out)["model"] == "mine"


def test_the_key_is_taken_from_options_settings_or_a_placeholder(setup, home):
    assert SECRET in setup("openai-sdk", "--key", SECRET).out
    assert SECRET in setup("openai-sdk", COPILOT_BRIDGE_API_KEY=f"{SECRET},another").out
    assert "--key" not in setup("openai-sdk").err
    store = open_store(home)
    key = store.keys.add(Key("alice", KEY, b""))
    store.close()
    result = setup("openai-sdk")
    assert "OPENAI_API_KEY=YOUR_KEY" in result.out
    assert "copilot-bridge keys add openai-sdk" in result.err
    assert key not in result.out + result.err
    refused = setup("codex", "--write", "--yes")
    assert (refused.code, "copilot-bridge keys add codex" in refused.err) == (1, True)


@pytest.mark.parametrize(
    "given",
    [
        ["emacs"],
        ["codex", "--shell", "csh"],
        ["codex", "--write", "--undo"],
    ],
)
def test_wrong_usage_of_setup_exits_with_2(setup, given):
    assert setup(*given).code == 2


@pytest.mark.parametrize(
    "given",
    [
        ["codex", "--key", "a b"],
        ["codex", "--url", "file:///etc"],
        ["codex", "--model", "a\nb"],
        *[[name, "--write", "--yes"] for name, row in CLIENTS.items() if not row.writable],
    ],
    ids=" ".join,
)
def test_invalid_arguments_change_nothing(setup, own, given):
    assert setup(*given).line
    assert tree(own) == {}


# --- writing


@pytest.mark.parametrize("client", [name for name, row in CLIENTS.items() if row.writable])
@pytest.mark.parametrize("key", ["", SECRET])
def test_new_files_are_for_their_owner_and_go_again(setup, own, client, key):
    given = ["--key", key] if key else []
    assert setup(client, "--write", "--yes", *given).code == 0
    written = tree(own)
    assert written
    assert {mode for mode, _ in written.values()} == {0o600}
    again = setup(client, "--write", "--yes", *given)
    assert "Nothing to change" in again.err
    assert tree(own) == written
    assert setup(client, "--undo").code == 0
    assert list(own.iterdir()) == [], "the folders that were made are gone as well"


def test_existing_settings_are_kept_and_restored_by_undo(setup, own, config):
    before = tree(own)
    result = setup("codex", "--write", "--yes")
    assert "# mine" in config.read_text()
    assert tomllib.loads(config.read_text())["model_providers"].keys() == {"other", "bridge"}
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    backup = config.with_name("config.toml.before-copilot-bridge")
    assert backup.read_text() == OLD
    assert str(backup) in result.err
    assert setup("codex", "--undo").code == 0
    assert tree(own) == before
    assert "nothing to undo" in setup("codex", "--undo").err


def test_the_difference_is_shown_without_secrets(setup, config):
    result = setup("codex", "--write", "--yes")
    assert '-model = "o3"' in result.out
    assert '+model = "gpt-5.3-codex"' in result.out
    written = setup("claude-code", "--write", "--yes", "--key", SECRET)
    assert "sk-another-secret" not in result.out
    assert SECRET not in written.out + written.err
    assert f'+    "ANTHROPIC_AUTH_TOKEN": "{Secret(SECRET).masked()}"' in written.out
    assert Secret(SECRET).masked().endswith(SECRET[-4:])
    assert '"ANTHROPIC_AUTH_TOKEN": "anything"' in setup("claude-code", "--write", "--yes").out


def test_the_second_setup_goes_back_to_the_first_state(setup, own, config):
    before = tree(own)
    setup("codex", "--write", "--yes")
    setup("codex", "--write", "--yes", "--model", "gpt-5.2")
    assert tomllib.loads(config.read_text())["model"] == "gpt-5.2"
    setup("codex", "--undo")
    assert tree(own) == before


def test_somebody_has_changed_it_since(setup, own, config):
    setup("codex", "--write", "--yes")
    config.write_text(config.read_text() + "\n[tools]\n")
    written = tree(own)
    refused = setup("codex", "--undo")
    assert "changed since" in refused.line
    assert tree(own) == written
    assert setup("codex", "--undo", "--yes").code == 0
    assert config.read_text() == OLD


def test_each_change_is_taken_back_by_itself(setup, own, config):
    setup("codex", "--write", "--yes")
    config.write_text(config.read_text() + "\n[tools]\n")
    between = config.read_bytes()
    setup("codex", "--write", "--yes", "--model", "gpt-5.2")
    setup("codex", "--undo")
    assert config.read_bytes() == between
    setup("codex", "--undo", "--yes")
    assert config.read_text() == OLD


def test_undo_without_a_backup_is_refused(setup, config):
    setup("codex", "--write", "--yes")
    config.with_name("config.toml.before-copilot-bridge").unlink()
    assert "is gone" in setup("codex", "--undo").line


def test_setup_edits_the_file_behind_a_link(setup, own, config, tmp_path):
    real = tmp_path / "dotfiles.toml"
    config.rename(real)
    config.symlink_to(real)
    setup("codex", "--write", "--yes")
    assert config.is_symlink()
    assert "bridge" in real.read_text()
    setup("codex", "--undo")
    assert config.is_symlink()
    assert real.read_text() == OLD


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'model = "o3', "is invalid"),
        (b"model = 1\nmodel = 2\n", "is invalid"),
        (b'model_providers = "x"\n', "by hand"),
        (b"\xff\xfe", "not UTF-8"),
        (b"#" * (8 * 1024 * 1024 + 1), "too large"),
    ],
)
def test_settings_that_can_not_be_changed(setup, own, config, content, message):
    config.write_bytes(content)
    before = tree(own)
    result = setup("codex", "--write", "--yes")
    assert result.code == 1
    assert message in result.err.splitlines()[-1]
    assert "nothing was changed" in result.err.splitlines()[-1]
    assert tree(own) == before


def test_comments_in_json_stay(setup, own):
    path = own / ".config/opencode/opencode.jsonc"
    path.parent.mkdir(parents=True)
    path.write_text('{\n  // mine\n  "theme": "dark",\n}\n')
    assert setup("opencode", "--write", "--yes").code == 0
    assert path.read_text().startswith('{\n  // mine\n  "theme": "dark",\n  "$schema": ')
    assert '"baseURL"' in path.read_text()


def test_an_older_key_is_reported(setup, own, monkeypatch):
    path = own / ".claude/settings.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"env": {"ANTHROPIC_API_KEY": "sk-ant-old"}}')
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-old")
    for arguments in ((), ("--write", "--yes")):
        message = " ".join(setup("claude-code", *arguments).err.split())
        assert f"env.ANTHROPIC_API_KEY is set in {path}" in message
        assert "ANTHROPIC_API_KEY is set in the environment" in message
        assert "sk-ant-old" not in message


@pytest.mark.parametrize("client", ["opencode", "zed", "continue", "llm"])
def test_clients_with_a_list_get_all_models_of_the_plan(setup, client):
    output = setup(client).out
    assert all(name in output for name in ("claude-opus-5", "gpt-5.5", "gemini-2.5-pro", "grok-4.5"))
    assert "embedding" not in output


def test_claude_code_gets_the_newest_of_each_tier(setup):
    variables = json.loads(setup("claude-code").out)["env"]
    assert variables["ANTHROPIC_DEFAULT_OPUS_MODEL"] == "claude-opus-5"
    assert variables["ANTHROPIC_DEFAULT_SONNET_MODEL"] == "claude-sonnet-5"
    assert variables["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == "claude-haiku-4.5"


@pytest.mark.parametrize("client", CLIENTS)
def test_the_page_of_each_client_comes_with_the_package(setup, client):
    (line,) = [line for line in setup(client).err.splitlines() if line.startswith("More about it:")]
    assert Path(line.partition(":")[2].strip()).read_text().startswith("# ")


@pytest.mark.parametrize(
    ("typed", "meant"), [("claude", "claude-code"), ("copilot", "copilot-cli"), ("langchan", "langchain")]
)
def test_other_names_of_clients_are_suggested(setup, typed, meant):
    assert f"did you mean {meant}?" in setup(typed).err


def test_a_folder_in_the_place_of_settings_is_refused(setup, own):
    (own / ".codex/config.toml").mkdir(parents=True)
    assert "can't read" in setup("codex", "--write", "--yes").line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_can_not_be_written_to(setup, config):
    config.parent.chmod(0o500)
    assert "can't write" in setup("codex", "--write", "--yes").err
    config.parent.chmod(0o700)
    assert config.read_text() == OLD


def test_without_a_terminal_nothing_is_asked(setup, own):
    result = setup("codex", "--write")
    assert "--yes" in result.err
    assert result.code == 1
    assert tree(own) == {}


def test_setup_asks_before_it_writes_at_a_terminal(settings, own, config):
    environ = {**settings, "COPILOT_BRIDGE_GITHUB_TOKEN": new_token(), "HOME": str(own)}
    for response, changed in (("n", False), ("y", True)):
        terminal = Terminal(own, environ, "setup", "codex", "--write")
        try:
            terminal.wait_for(re.escape(f"Write {config}?"))
            terminal.type(f"{response}\n")
            code, text = terminal.end()
        finally:
            terminal.close()
        assert (code == 0) is changed
        assert ("bridge" in config.read_text()) is changed
        assert '+model_provider = "bridge"' in text
