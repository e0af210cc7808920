"""The headers of requests to GitHub and Copilot, by the client profile that fits the token."""

import uuid
from collections.abc import Callable

from copilot_bridge.config import Config
from copilot_bridge.upstream.client_profiles import ClientProfile, configured, is_exchanged
from copilot_bridge.upstream.signals import USER, Signals

GITHUB_API_VERSION = "2025-04-01"


class Headers:
    """Builds headers from tables that are made once.

    :param machine: gives the id by which Copilot knows the bridge's machine; called at its first use.
    """

    def __init__(self, config: Config, machine: Callable[[], str] = lambda: str(uuid.uuid4())) -> None:
        self._profiles = configured(config)
        self._machine = machine
        self._machine_id = ""
        self._process = str(uuid.uuid4())  # the session of calls outside any conversation
        self._common = {exchanged: common(profile) for exchanged, profile in self._profiles.items()}

    def github(self, token: str | None = None) -> dict[str, str]:
        """The headers for github.com and api.github.com, which respond with 403 without a User-Agent."""
        profile = self._profiles[is_exchanged(token or "")]
        headers = editor(profile) | {
            "User-Agent": profile.user_agent(),
            "Accept": "application/json",
            "X-GitHub-Api-Version": GITHUB_API_VERSION,
        }
        return headers | {"Authorization": f"{profile.authorization} {token}"} if token else headers

    def copilot(
        self,
        path: str,
        token: str,
        exchanged: bool,
        request_id: str | None = None,
        signals: Signals | None = None,
    ) -> dict[str, str]:
        """The headers for Copilot's API.

        :param exchanged: False: the token is GitHub's.
        :param signals: of a call in a conversation.
        """
        profile = self._profiles[exchanged]
        request_id = request_id or str(uuid.uuid4())
        intent = profile.intent_of(path)
        return (
            self._common[exchanged]
            | {
                "Authorization": f"Bearer {token}",
                "User-Agent": profile.user_agent(path),
                "X-Request-Id": request_id,
                profile.ids["machine"]: self.machine_id,
            }
            | ({"OpenAI-Intent": intent} if intent else {})
            | (
                conversation_headers(profile, signals)
                if signals
                else self._headers_alone(profile, intent, request_id)
            )
        )

    def of_frame(self, exchanged: bool, signals: Signals) -> dict[str, str]:
        """The headers of a turn over a WebSocket, in addition to those of the handshake.

        As the Copilot CLI has them: the type is given where a turn begins, and where it is no ordinary one.
        """
        profile = self._profiles[exchanged]
        headers = {name: value for name, value in profile.fixed.items() if name != "X-Initiator"}
        if signals.type or signals.initiator == USER:
            headers["X-Interaction-Type"] = signals.type or profile.types[signals.initiator]
        return headers | ids_of(profile, signals)

    @property
    def machine_id(self) -> str:
        self._machine_id = self._machine_id or self._machine()
        return self._machine_id

    def _headers_alone(self, profile: ClientProfile, intent: str | None, request_id: str) -> dict[str, str]:
        """The headers of a call outside any conversation, like that for the list of models."""
        ids = {"process": self._process, "request": request_id}
        headers = {name: ids[which] for name, which in profile.alone.items()}
        return headers | ({"X-Interaction-Type": intent} if intent and profile.typed_alone else {})


def common(profile: ClientProfile) -> dict[str, str]:
    """The headers that all requests to Copilot share."""
    return {
        **editor(profile),
        "Content-Type": "application/json",
        # The bytes that arrive are passed on, so they must not be compressed.
        "Accept-Encoding": "identity",
        "Copilot-Integration-Id": profile.integration,
        "X-GitHub-Api-Version": profile.api_version,
        **profile.fixed,
    }


def editor(profile: ClientProfile) -> dict[str, str]:
    plugin = {"Editor-Plugin-Version": profile.plugin} if profile.plugin else {}
    return {"Editor-Version": profile.editor, **plugin}


def conversation_headers(profile: ClientProfile, signals: Signals) -> dict[str, str]:
    return {
        "X-Initiator": signals.initiator,
        "X-Interaction-Type": signals.type or profile.types[signals.initiator],
        **ids_of(profile, signals),
        **profile.of_turns,
    }


def ids_of(profile: ClientProfile, signals: Signals) -> dict[str, str]:
    return {
        profile.ids["session"]: signals.session,
        profile.ids["interaction"]: signals.interaction,
        profile.ids["task"]: signals.task,
    }
