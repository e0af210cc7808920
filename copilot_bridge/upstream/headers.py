"""The headers of each request to GitHub and Copilot, by the profile that the kind of token calls for."""

import uuid
from collections.abc import Callable

from copilot_bridge.config import Config
from copilot_bridge.upstream.client_profiles import Profile, configured, kind_of
from copilot_bridge.upstream.signals import Signals

GITHUB_API_VERSION = "2025-04-01"


class Headers:
    """Builds them from tables made once.

    :param machine: gives the id that the bridge has for Copilot; asked for when it is needed first.
    """

    def __init__(self, config: Config, machine: Callable[[], str] = lambda: str(uuid.uuid4())) -> None:
        self._profiles = configured(config)
        self._machine = machine
        self._machine_id = ""
        self._process = str(uuid.uuid4())  # the session of what belongs to no conversation
        self._copilot = {kind: usual(profile) for kind, profile in self._profiles.items()}

    def github(self, token: str | None = None) -> dict[str, str]:
        """For github.com and api.github.com.  Without a User-Agent they answer 403."""
        profile = self._profiles[kind_of(token or "")]
        common = editor(profile) | {
            "User-Agent": profile.user_agent(),
            "Accept": "application/json",
            "X-GitHub-Api-Version": GITHUB_API_VERSION,
        }
        return common | {"Authorization": f"{profile.authorization} {token}"} if token else common

    def copilot(
        self, path: str, token: str, kind: str, request_id: str | None = None, signals: Signals | None = None
    ) -> dict[str, str]:
        """For Copilot's API.

        :param kind: of the token: "exchanged" or "direct".
        :param signals: what a conversation's call says of itself.
        """
        profile = self._profiles[kind]
        request_id = request_id or str(uuid.uuid4())
        intent = profile.intent_of(path)
        return (
            self._copilot[kind]
            | {
                "Authorization": f"Bearer {token}",
                "User-Agent": profile.user_agent(path),
                "X-Request-Id": request_id,
                profile.ids["machine"]: self.machine_id,
            }
            | ({"OpenAI-Intent": intent} if intent else {})
            | (said(profile, signals) if signals else self._unsaid(profile, intent, request_id))
        )

    @property
    def machine_id(self) -> str:
        self._machine_id = self._machine_id or self._machine()
        return self._machine_id

    def _unsaid(self, profile: Profile, intent: str | None, request_id: str) -> dict[str, str]:
        """Of a call that belongs to no conversation: the list of models, a session of the model "auto"."""
        ids = {"process": self._process, "request": request_id}
        told = {name: ids[which] for name, which in profile.alone.items()}
        return told | ({"X-Interaction-Type": intent} if intent and profile.typed_alone else {})


def usual(profile: Profile) -> dict[str, str]:
    """What stays the same from request to request."""
    return {
        **editor(profile),
        "Content-Type": "application/json",
        # Nothing to unpack on the way through: what arrives is what is sent on.
        "Accept-Encoding": "identity",
        "Copilot-Integration-Id": profile.integration,
        "X-GitHub-Api-Version": profile.api_version,
        **profile.fixed,
    }


def editor(profile: Profile) -> dict[str, str]:
    plugin = {"Editor-Plugin-Version": profile.plugin} if profile.plugin else {}
    return {"Editor-Version": profile.editor, **plugin}


def said(profile: Profile, signals: Signals) -> dict[str, str]:
    return {
        "X-Initiator": signals.initiator,
        "X-Interaction-Type": signals.type or profile.types[signals.initiator],
        profile.ids["session"]: signals.session,
        profile.ids["interaction"]: signals.interaction,
        profile.ids["task"]: signals.task,
        **profile.of_turns,
    }
