"""Who we say we are.  Source: the official client's requests (VS Code Copilot Chat 0.42, 2026-03).

Copilot answers only editors that it knows, so the identity is that of the official client; the
versions are settings (`editor_version`, `plugin_version`, `integration_id`, `api_version`).
"""

import uuid

from copilot_bridge.config import Config

GITHUB_API_VERSION = "2025-04-01"

# A Copilot token was minted for an editor; a GitHub token that goes direct is what the CLI sends.
INTEGRATION = {"exchanged": "vscode-chat", "direct": "copilot-developer-cli"}

INTENT = {"/models": "model-access", "/embeddings": "copilot-panel"}
USUAL_INTENT = "conversation-agent"


class Headers:
    """Builds the headers of each request from tables made once."""

    def __init__(self, config: Config) -> None:
        plugin_version = config.plugin_version.rpartition("/")[2]
        self._editor = {
            "User-Agent": f"GitHubCopilotChat/{plugin_version}",
            "Editor-Version": config.editor_version,
            "Editor-Plugin-Version": config.plugin_version,
        }
        self._copilot = {
            kind: self._editor
            | {
                "Content-Type": "application/json",
                # Nothing to unpack on the way through: what arrives is what is sent on.
                "Accept-Encoding": "identity",
                "Copilot-Integration-Id": config.integration_id or integration,
                "X-GitHub-Api-Version": config.api_version,
            }
            for kind, integration in INTEGRATION.items()
        }

    def github(self, token: str | None = None) -> dict[str, str]:
        """For github.com and api.github.com.  Without a User-Agent they answer 403."""
        common = self._editor | {"Accept": "application/json", "X-GitHub-Api-Version": GITHUB_API_VERSION}
        return common | {"Authorization": f"token {token}"} if token else common

    def copilot(self, path: str, token: str, kind: str, request_id: str | None = None) -> dict[str, str]:
        """For Copilot's API.  `kind`: "exchanged" or "direct"."""
        intent = INTENT.get(path, USUAL_INTENT)
        request_id = request_id or str(uuid.uuid4())
        return self._copilot[kind] | {
            "Authorization": f"Bearer {token}",
            "OpenAI-Intent": intent,
            "X-Interaction-Type": intent,
            "X-Request-Id": request_id,
            "X-Agent-Task-Id": request_id,
        }
