"""Profiles of GitHub's own clients; the bridge identifies itself to Copilot as one of them.

Copilot serves only clients that it knows, and offers less to old ones.  The bridge sends what such a client
sends in each request, except for what would be untrue of the bridge, or of no use to anybody: `LEFT_OUT`.
"""

import sys
from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from copilot_bridge.config import Config

# GitHub tokens that Copilot's API accepts as they are; all others are exchanged.  Source: opencode and
# the Copilot CLI (2026) send gho_ tokens and fine-grained PATs as they are.
UNEXCHANGED = ("gho_", "github_pat_")

NO_REPOSITORY = "__no_repository__"

MODELS, EMBEDDINGS = "/models", "/embeddings"
CHAT, RESPONSES, MESSAGES = "/chat/completions", "/responses", "/v1/messages"
COUNT = f"{MESSAGES}/count_tokens"


class ClientProfile(Struct, frozen=True, kw_only=True):
    """The headers by which one client identifies itself.

    :param seen: the day, and `evidence` the source; both help to bring the versions up to date.
    :param editor: the `Editor-Version`.  :param plugin: the `Editor-Plugin-Version`; None: it sends none.
    :param agent: the `User-Agent`; `agent_of_calls`: its addition for all of Copilot's API but the list of
        models.
    :param fixed: further headers of each request.  :param of_turns: further headers of a conversation's.
    :param intents: the `OpenAI-Intent` by path; None: it is not sent there.  `intent`: everywhere else.
    :param ids: its headers for the ids of machine, session, interaction and task.
    :param alone: the ids of a call outside any conversation: "process" stays the same, "request" is the
        call's own.  `typed_alone`: such a call has a type, too: the intent.
    :param types: the `X-Interaction-Type` of a person's and of an agent's call.
    :param authorization: the scheme of its `Authorization` at GitHub's own API.
    """

    name: str
    seen: str
    evidence: str
    editor: str
    plugin: str | None
    agent: str
    agent_of_calls: str = ""
    integration: str
    api_version: str
    fixed: Mapping[str, str]
    of_turns: Mapping[str, str]
    intents: Mapping[str, str | None]
    intent: str = "conversation-agent"
    ids: Mapping[str, str]
    alone: Mapping[str, str]
    typed_alone: bool
    types: Mapping[str, str]
    authorization: str

    def user_agent(self, path: str = "") -> str:
        """The `User-Agent`.  `path`: of Copilot's API."""
        number = (self.plugin or self.editor).rpartition("/")[2]
        more = "" if path in ("", MODELS) else self.agent_of_calls
        return self.agent.format(number=number, platform=sys.platform) + more

    def intent_of(self, path: str) -> str | None:
        return self.intents.get(path, self.intent)


VSCODE = ClientProfile(
    name="vscode",
    seen="2026-10-02",
    evidence=(
        "update.code.visualstudio.com gives 1.140.0 as the newest; extensions/copilot/package.json of that "
        "tag of microsoft/vscode says 0.68.0 (as a new one comes each week, four sources agree on this one, "
        "none knows a newer release).  API version: networking.ts there writes 2026-01-09, which the SDK "
        "below it (@vscode/copilot-api 0.5) replaces by 2026-08-01 since 1.134; POST /auto takes no other"
    ),
    editor="vscode/1.140.0",
    plugin="copilot-chat/0.68.0",
    agent="GitHubCopilotChat/{number}",
    integration="vscode-chat",
    api_version="2026-08-01",
    fixed={},
    of_turns={},
    intents={MODELS: "model-access", EMBEDDINGS: "copilot-panel"},
    ids={
        "machine": "VScode-MachineId",
        "session": "VScode-SessionId",
        "interaction": "X-Interaction-Id",
        "task": "X-Agent-Task-Id",
    },
    alone={"VScode-SessionId": "process", "X-Agent-Task-Id": "request"},
    typed_alone=True,
    types={"user": "conversation-agent", "agent": "conversation-agent"},
    authorization="token",
)

CLI = ClientProfile(
    name="cli",
    seen="2026-11-29",
    evidence="requests of @github/copilot 1.0.102, run unmodified against a stand-in for Copilot",
    editor="copilot/1.0.102",
    plugin=None,
    agent="copilot/{number} ({platform}) term/unknown",
    agent_of_calls=" client/github/cli",
    integration="copilot-developer-cli",
    api_version="2026-08-01",
    fixed={
        "Copilot-Harness-Id": "copilot-sdk",
        "X-Initiator": "user",  # also where no conversation says otherwise
    },
    of_turns={"X-GitHub-Repository-Nwo": NO_REPOSITORY, "X-GitHub-Repository-Host": NO_REPOSITORY},
    intents={MESSAGES: None, COUNT: None},
    ids={
        "machine": "X-Client-Machine-Id",
        "session": "X-Client-Session-Id",
        "interaction": "X-Interaction-Id",
        "task": "X-Agent-Task-Id",
    },
    alone={"X-Interaction-Id": "process"},
    typed_alone=False,
    types={"user": "conversation-user", "agent": "conversation-agent"},
    authorization="Bearer",
)

# By whether the token is exchanged: a Copilot token was minted for an editor; the CLI sends GitHub tokens.
PROFILES = {True: VSCODE, False: CLI}

# {profile: {header that the client sends and the bridge does not: why}}
LEFT_OUT: dict[str, dict[str, str]] = {
    "vscode": {
        "Editor-Device-Id": "a second id of the machine, which has one already",
        "X-VSCode-User-Agent-Library-Version": "untrue: VS Code does not send these requests",
    },
    "cli": {
        "X-Stainless-Helper-Method": "untrue: the bridge uses no SDK",
        "User-Agent: v24.20.0": "untrue: the bridge does not run on Node.js",
    },
}


def is_exchanged(github_token: str) -> bool:
    """Return whether a GitHub token is exchanged for a Copilot token, or used as it is."""
    return not github_token.startswith(UNEXCHANGED)


def configured(config: Config) -> dict[bool, ClientProfile]:
    """The profiles with the operator's settings, by whether the token is exchanged.

    A version belongs to the client that it names: `copilot/...` to the CLI, all others to the editor.
    """
    cli = (config.editor_version or "").startswith("copilot/")
    editors = {True: None if cli else config.editor_version, False: cli and config.editor_version}
    return {
        exchanged: replace(
            profile,
            editor=editors[exchanged] or profile.editor,
            plugin=profile.plugin and (config.plugin_version or profile.plugin),
            integration=config.integration_id or profile.integration,
            api_version=config.api_version or profile.api_version,
        )
        for exchanged, profile in PROFILES.items()
    }
