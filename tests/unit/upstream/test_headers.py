"""Who we say we are, to whom."""

import re

import pytest

from copilot_bridge.config import Config
from copilot_bridge.upstream.headers import Headers

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_for_copilot():
    sent = Headers(Config()).copilot("/chat/completions", "tid=1", "exchanged", "an-id")
    assert sent == {
        "Authorization": "Bearer tid=1",
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "GitHubCopilotChat/0.42.0",
        "Editor-Version": "vscode/1.110.0",
        "Editor-Plugin-Version": "copilot-chat/0.42.0",
        "Copilot-Integration-Id": "vscode-chat",
        "X-GitHub-Api-Version": "2025-05-01",
        "OpenAI-Intent": "conversation-agent",
        "X-Interaction-Type": "conversation-agent",
        "X-Request-Id": "an-id",
        "X-Agent-Task-Id": "an-id",
    }


@pytest.mark.parametrize(
    ("path", "intent"),
    [
        ("/models", "model-access"),
        ("/embeddings", "copilot-panel"),
        ("/chat/completions", "conversation-agent"),
        ("/models/session", "conversation-agent"),
    ],
)
def test_intents(path, intent):
    sent = Headers(Config()).copilot(path, "tid=1", "exchanged")
    assert sent["OpenAI-Intent"] == sent["X-Interaction-Type"] == intent


def test_each_request_has_its_id():
    headers = Headers(Config())
    ids = [headers.copilot("/models", "tid=1", "exchanged")["X-Request-Id"] for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(UUID.fullmatch(each) for each in ids)


def test_one_request_does_not_change_the_next():
    headers = Headers(Config())
    headers.copilot("/models", "tid=1", "exchanged")["Copilot-Integration-Id"] = "changed"
    assert headers.copilot("/models", "tid=2", "exchanged")["Copilot-Integration-Id"] == "vscode-chat"
    assert headers.copilot("/models", "tid=2", "direct")["Copilot-Integration-Id"] == "copilot-developer-cli"


def test_settings():
    config = Config(
        editor_version="vscode/1.120.0",
        plugin_version="copilot-chat/0.50.1",
        integration_id="mine",
        api_version="2026-01-09",
    )
    for kind in ("exchanged", "direct"):
        sent = Headers(config).copilot("/models", "t", kind)
        assert sent["User-Agent"] == "GitHubCopilotChat/0.50.1"
        assert sent["Editor-Version"] == "vscode/1.120.0"
        assert sent["Editor-Plugin-Version"] == "copilot-chat/0.50.1"
        assert sent["Copilot-Integration-Id"] == "mine"
        assert sent["X-GitHub-Api-Version"] == "2026-01-09"


def test_for_github():
    headers = Headers(Config())
    assert "Authorization" not in headers.github()
    sent = headers.github("ghu_EXAMPLE")
    assert sent["Authorization"] == "token ghu_EXAMPLE"
    assert sent["User-Agent"]
    assert "Copilot-Integration-Id" not in sent
