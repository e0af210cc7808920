"""What is to be pasted: the right address, key, place and words for each client and system."""

import json
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from copilot_bridge.clients import (
    CLIENTS,
    SHELLS,
    ModelInfo,
    System,
    clean_url,
    pick_model,
    setup_instructions,
)
from copilot_bridge.errors import ConfigError

ROOT = Path(__file__).parents[3]
URL = "http://127.0.0.1:4141"
KEY = "cbk_0123456789abcdefghijklmnop"
READ = {"json": json.loads, "toml": tomllib.loads, "yaml": YAML(typ="safe", pure=True).load}


def text_of(steps):
    """All that a person or a client gets to read."""
    pieces = [steps.lines, steps.environment, steps.command, steps.check, *steps.by_hand]
    return "\n".join([*pieces, *(file.content for file in steps.files), *map(" ".join, steps.values)])


@pytest.mark.parametrize("name", CLIENTS)
def test_each_client_gets_the_address_the_model_and_the_key(name):
    steps = setup_instructions(name, URL, KEY)
    assert steps.base_url == (f"{URL}/v1" if CLIENTS[name].v1 else URL)
    assert steps.base_url in text_of(steps)
    assert f"{URL}/v1/v1" not in text_of(steps)
    assert steps.model.id in text_of(steps)
    assert KEY in text_of(steps)
    assert "anything" not in text_of(steps)
    assert (ROOT / steps.client.page).is_file()


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize("model", ["claude-sonnet-4.6", "gpt-5.2", "gemini-3.1-pro-preview"])
def test_settings_parse_and_name_the_model(name, model):
    for file in setup_instructions(
        name, URL, "", ModelInfo(model, "A model", 200_000, 100_000, 1000), model
    ).files:
        assert READ[file.format](file.content)
        assert model in file.content


@pytest.mark.parametrize("name", CLIENTS)
def test_the_pages_say_the_same(name):
    """Each variable and each name in a settings file stands on the client's page, tried with the real one."""
    steps = setup_instructions(name, URL, KEY)
    page = (ROOT / steps.client.page).read_text()
    for value in steps.variables:
        assert value in page or value in NOT_SHOWN, value
    for file in steps.files[:1]:
        for key in keys_in(READ[file.format](file.content)):
            assert key in page or key in NOT_SHOWN, key


# Of older versions; of aider, which makes a variable of each option.
NOT_SHOWN = {"ANTHROPIC_SMALL_FAST_MODEL", "AIDER_MODEL", "AIDER_WEAK_MODEL", "AIDER_EDIT_FORMAT"}


def keys_in(value):
    if isinstance(value, dict):
        return {*value, *(key for entry in value.values() for key in keys_in(entry))}
    return {key for entry in value for key in keys_in(entry)} if isinstance(value, list) else set()


@pytest.mark.parametrize(
    ("name", "system", "path"),
    [
        ("codex", System(), "~/.codex/config.toml"),
        ("codex", System(home="/home/me"), "/home/me/.codex/config.toml"),
        ("codex", System(environ={"CODEX_HOME": "/c/"}), "/c/config.toml"),
        ("codex", System("windows"), r"%USERPROFILE%\.codex\config.toml"),
        ("claude-code", System("macos"), "~/.claude/settings.json"),
        ("claude-code", System(environ={"CLAUDE_CONFIG_DIR": "/c"}), "/c/settings.json"),
        ("opencode", System(), "~/.config/opencode/opencode.json"),
        ("opencode", System(environ={"XDG_CONFIG_HOME": "/x"}), "/x/opencode/opencode.json"),
        ("aider", System("windows", home=r"C:\Users\me"), r"C:\Users\me\.aider.conf.yml"),
        ("zed", System("windows", environ={"APPDATA": r"C:\A"}), r"C:\A\Zed\settings.json"),
        ("zed", System("windows"), r"%APPDATA%\Zed\settings.json"),
        ("continue", System(environ={"CONTINUE_GLOBAL_DIR": "/g"}), "/g/config.yaml"),
        (
            "llm",
            System("macos"),
            "~/Library/Application Support/io.datasette.llm/extra-openai-models.yaml",
        ),
        (
            "llm",
            System(environ={"LLM_USER_PATH": "/l", "XDG_CONFIG_HOME": "/x"}),
            "/l/extra-openai-models.yaml",
        ),
    ],
)
def test_settings_files_have_the_systems_path(name, system, path):
    assert setup_instructions(name, URL, system=system).files[0].paths[0] == path


@pytest.mark.parametrize("kind", SHELLS)
def test_each_shell_gets_lines_of_its_own(kind):
    steps = setup_instructions("openai-sdk", URL, KEY, system=System(shell=kind))
    assert steps.lines == steps.environment
    assert [KEY in line for line in steps.lines.splitlines()] == [False, True]


def test_only_clients_that_need_a_key_get_one_made_up():
    """The llm tool would not start without the key."""
    assert setup_instructions("codex", URL).lines == ""
    assert len(setup_instructions("llm", URL).files) == 1
    assert setup_instructions("codex", URL, KEY).lines == f"export BRIDGE_KEY={KEY}"
    assert KEY not in setup_instructions("codex", URL, KEY).files[0].content
    assert setup_instructions("anthropic-sdk", URL).key == "anything"


@pytest.mark.parametrize(("os", "command"), [("linux", "sh"), ("macos", "sh"), ("windows", "cmd")])
def test_codex_runs_a_command_that_prints_the_key(os, command):
    content = setup_instructions("codex", URL, KEY, system=System(os=os)).files[0].content
    provider = tomllib.loads(content)["model_providers"]["bridge"]
    assert provider["auth"]["command"] == command
    assert "BRIDGE_KEY" in provider["auth"]["args"][1]
    assert "env_key" not in provider


def test_opencode_asks_each_model_in_its_own_api():
    content = json.loads(
        setup_instructions("opencode", URL, "", "claude-sonnet-4.6", "gpt-4.1").files[0].content
    )
    assert content["model"] == "bridge-claude/claude-sonnet-4.6"
    assert content["small_model"] == "bridge/gpt-4.1"
    assert {name: provider["npm"] for name, provider in content["provider"].items()} == {
        "bridge-claude": "@ai-sdk/anthropic",
        "bridge": "@ai-sdk/openai-compatible",
    }


@pytest.mark.parametrize(
    "url",
    [URL, f"{URL}/", f"{URL}/v1", f"{URL}/v1/", f" {URL} ", "https://b.example/copilot/v1", "http://[::1]:1"],
)
def test_an_address_is_cleaned(url):
    assert clean_url(url) == url.strip().rstrip("/").removesuffix("/v1")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "4141",
        "ftp://x",
        "http://",
        "http://a b",
        "http://u:p@h",
        'http://x/"',
        "http://x/?a",
        "http://x/$(y)",
    ],
)
def test_a_text_that_is_no_address_is_refused(url):
    with pytest.raises(ConfigError, match="address"):
        clean_url(url)


def test_an_unknown_client_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="claude-code, codex"):
        setup_instructions("emacs", URL)


def test_the_newest_of_the_usual_models_is_picked():
    models = ["gpt-4.1", "claude-sonnet-4", "claude-sonnet-4.5", "claude-haiku-4.5"]
    assert pick_model(models, CLIENTS["claude-code"].models) == "claude-sonnet-4.5"
    assert (
        pick_model([*models, "claude-sonnet-4.6", "claude-sonnet-4.7"], ("claude-sonnet-4.6",))
        == "claude-sonnet-4.6"
    )
    assert pick_model(models, ("o9",)) == "gpt-4.1"
    assert pick_model([], ("gpt",)) == ""
