"""The identification of the bridge to each host."""

import re
import sys

import pytest
from msgspec.structs import replace

from copilot_bridge.config import Config
from copilot_bridge.upstream.client_profiles import CLI, LEFT_OUT, PROFILES, VSCODE, is_exchanged
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.signals import Signals

PLUGIN = VSCODE.plugin.removeprefix("copilot-chat/")

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_an_exchanged_token_presents_the_bridge_as_an_editor():
    sent = Headers(Config()).copilot("/chat/completions", "tid=1", True, "an-id")
    ids = [sent.pop(name) for name in ("VScode-MachineId", "VScode-SessionId")]
    assert all(UUID.fullmatch(id_) for id_ in ids)
    assert sent == {
        "Authorization": "Bearer tid=1",
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"GitHubCopilotChat/{PLUGIN}",
        "Editor-Version": VSCODE.editor,
        "Editor-Plugin-Version": VSCODE.plugin,
        "Copilot-Integration-Id": "vscode-chat",
        "X-GitHub-Api-Version": "2026-08-01",
        "OpenAI-Intent": "conversation-agent",
        "X-Interaction-Type": "conversation-agent",
        "X-Request-Id": "an-id",
        "X-Agent-Task-Id": "an-id",
    }


SIGNALS = Signals("user", session="s", interaction="i", task="t")


def test_a_github_token_presents_the_bridge_as_the_cli():
    sent = Headers(Config(), lambda: "m").copilot("/responses", "gho_1", False, "an-id", SIGNALS)
    number = CLI.editor.removeprefix("copilot/")
    assert sent == {
        "Authorization": "Bearer gho_1",
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"copilot/{number} ({sys.platform}) term/unknown client/github/cli",
        "Editor-Version": f"copilot/{number}",
        "Copilot-Integration-Id": "copilot-developer-cli",
        "Copilot-Harness-Id": "copilot-sdk",
        "X-GitHub-Api-Version": "2026-08-01",
        "X-GitHub-Repository-Nwo": "__no_repository__",
        "X-GitHub-Repository-Host": "__no_repository__",
        "OpenAI-Intent": "conversation-agent",
        "X-Request-Id": "an-id",
        "X-Initiator": "user",
        "X-Interaction-Type": "conversation-user",
        "X-Interaction-Id": "i",
        "X-Agent-Task-Id": "t",
        "X-Client-Session-Id": "s",
        "X-Client-Machine-Id": "m",
    }


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_the_cli_has_no_intent_in_messages(path):
    headers = Headers(Config())
    assert "OpenAI-Intent" not in headers.copilot(path, "gho_1", False, signals=SIGNALS)
    assert headers.copilot(path, "t", True, signals=SIGNALS)["OpenAI-Intent"] == "conversation-agent"


def test_the_cli_asks_for_the_models():
    """As its user, and without a word on the model's part of its User-Agent."""
    sent = Headers(Config()).copilot("/models", "gho_1", False)
    assert sent["X-Initiator"] == "user"
    assert sent["User-Agent"].endswith("term/unknown")
    assert sent.keys() & {"X-Interaction-Id", "X-Client-Session-Id", "X-GitHub-Repository-Nwo"} == {
        "X-Interaction-Id"
    }
    assert Headers(Config()).copilot("/auto", "gho_1", False)["User-Agent"].endswith("client/github/cli")


@pytest.mark.parametrize(
    ("exchanged", "signals", "initiator", "interaction_type"),
    [
        (False, SIGNALS, "user", "conversation-user"),
        (False, SIGNALS.for_replay(), "agent", "conversation-agent"),
        (False, replace(SIGNALS, type="conversation-subagent"), "user", "conversation-subagent"),
        (True, SIGNALS, "user", "conversation-agent"),
        (True, SIGNALS.for_replay(), "agent", "conversation-agent"),
        (True, replace(SIGNALS, type="conversation-compaction"), "user", "conversation-compaction"),
    ],
)
def test_the_interaction_type_follows_token_and_initiator(exchanged, signals, initiator, interaction_type):
    sent = Headers(Config()).copilot("/responses", "t", exchanged, signals=signals)
    assert (sent["X-Initiator"], sent["X-Interaction-Type"]) == (initiator, interaction_type)


def test_the_machine_is_asked_for_once():
    ids = iter("abc")
    headers = Headers(Config(), lambda: next(ids))
    sent = [headers.copilot("/models", "t", exchanged) for exchanged in (True, False)]
    assert (sent[0]["VScode-MachineId"], sent[1]["X-Client-Machine-Id"]) == ("a", "a")


@pytest.mark.parametrize(
    ("token", "exchanged"),
    [("gho_1", False), ("github_pat_1", False), ("ghu_1", True), ("", True)],
)
def test_the_prefix_of_a_token_tells_whether_it_is_exchanged(token, exchanged):
    assert is_exchanged(token) is exchanged


def test_headers_that_are_left_out_have_a_reason():
    for profile in PROFILES.values():
        sent = {name.lower() for name in Headers(Config()).copilot("/responses", "t", False, signals=SIGNALS)}
        for name, reason in LEFT_OUT[profile.name].items():
            assert name.lower() not in sent
            assert reason


@pytest.mark.parametrize(
    ("path", "intent"),
    [
        ("/models", "model-access"),
        ("/embeddings", "copilot-panel"),
        ("/chat/completions", "conversation-agent"),
        ("/models/session", "conversation-agent"),
    ],
)
def test_the_intent_follows_the_path(path, intent):
    sent = Headers(Config()).copilot(path, "tid=1", True)
    assert sent["OpenAI-Intent"] == sent["X-Interaction-Type"] == intent


def test_each_request_has_an_id_of_its_own():
    headers = Headers(Config())
    ids = [headers.copilot("/models", "tid=1", True)["X-Request-Id"] for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(UUID.fullmatch(id_) for id_ in ids)


def test_one_request_does_not_change_the_next():
    headers = Headers(Config())
    headers.copilot("/models", "tid=1", True)["Copilot-Integration-Id"] = "changed"
    assert headers.copilot("/models", "tid=2", True)["Copilot-Integration-Id"] == "vscode-chat"
    assert headers.copilot("/models", "tid=2", False)["Copilot-Integration-Id"] == "copilot-developer-cli"


def test_settings_replace_the_profiles_values():
    config = Config(
        editor_version="vscode/1.120.0",
        plugin_version="copilot-chat/0.50.1",
        integration_id="mine",
        api_version="2026-01-09",
    )
    sent = Headers(config).copilot("/models", "t", True)
    assert sent["User-Agent"] == "GitHubCopilotChat/0.50.1"
    assert sent["Editor-Version"] == "vscode/1.120.0"
    assert sent["Editor-Plugin-Version"] == "copilot-chat/0.50.1"
    direct = Headers(config).copilot("/models", "t", False)
    assert direct["Editor-Version"] == CLI.editor, "a version of an editor is none of the CLI"
    assert "Editor-Plugin-Version" not in direct
    for headers in (sent, direct):
        assert headers["Copilot-Integration-Id"] == "mine"
        assert headers["X-GitHub-Api-Version"] == "2026-01-09"


def test_a_version_of_the_cli_is_none_of_the_editor():
    headers = Headers(Config(editor_version="copilot/9.8.7"))
    sent = headers.copilot("/models", "t", False)
    assert sent["Editor-Version"] == "copilot/9.8.7"
    assert sent["User-Agent"].startswith("copilot/9.8.7 (")
    assert headers.copilot("/models", "t", True)["Editor-Version"] == VSCODE.editor


@pytest.mark.parametrize("name", ["vscode/1.200.0", "JetBrains-IC/2026.2", "copilots/1.0"])
def test_other_editors_take_the_place_of_ours(name):
    sent = Headers(Config(editor_version=name)).copilot("/models", "t", True)
    assert sent["Editor-Version"] == name


def test_requests_to_github_have_the_editors_headers():
    headers = Headers(Config())
    assert "Authorization" not in headers.github()
    sent = headers.github("ghu_EXAMPLE")
    assert sent["Authorization"] == "token ghu_EXAMPLE"
    assert sent["User-Agent"]
    assert "Copilot-Integration-Id" not in sent


def test_requests_to_github_with_a_github_token_have_the_clis_headers():
    sent = Headers(Config()).github("gho_EXAMPLE")
    assert sent["Authorization"] == "Bearer gho_EXAMPLE"
    assert sent["User-Agent"].startswith("copilot/")
    assert "Editor-Plugin-Version" not in sent
