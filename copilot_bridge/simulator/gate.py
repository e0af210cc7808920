"""The front door of the Copilot API: bearer, editor headers, plan host."""

import re
from dataclasses import dataclass
from time import time

from flask import request

from copilot_bridge.simulator.personas import Persona, identify
from copilot_bridge.simulator.refusals.catalogue import refuse
from copilot_bridge.simulator.world import credential, world

EDITOR = re.compile(r"^[A-Za-z.]+/\d+\.\d+")
CLI = "copilot-developer-cli"
INTEGRATIONS = frozenset(
    {
        "vscode-chat",
        "jetbrains-chat",
        "xcode-chat",
        "visualstudio-chat",
        "copilot-language-server",
        "copilot-chat",
        CLI,
    }
)


@dataclass(frozen=True, slots=True)
class Caller:
    """The account behind a call of the Copilot API.

    `direct`: its bearer is a GitHub token that was not exchanged.
    """

    persona: Persona
    github_token: str
    direct: bool


def admit(path: str) -> Caller:
    """Lets a request in at the host `path` ("", "/individual", …).

    :raise Refused: with the true text of the first thing that is wrong.
    """
    caller = identify_caller(credential(request.headers.get("Authorization", "")))
    check_integration(caller)
    if not caller.direct:
        check_editor()
    if path != caller.persona.home:
        refuse("misdirected")
    if caller.persona.capi:
        refuse(caller.persona.capi)
    return caller


def admit_to_completion(_path: str) -> Caller:
    """Lets a request in at the host of code completion, which is the same for all plans.

    :raise Refused: with the true text of the first thing that is wrong.
    """
    caller = identify_caller(credential(request.headers.get("Authorization", "")))
    if caller.direct:
        refuse("authenticate")
    check_editor()
    return caller


def identify_caller(bearer: str) -> Caller:
    """Finds the account of a bearer.

    :raise Refused: expired, unknown or no credential.
    """
    if bearer.startswith("ghp_"):
        refuse("pat-unsupported")
    if token := world().mint.find(bearer):
        if token.dies <= time():
            refuse("expired-token")
        return Caller(token.persona, token.github_token, direct=False)
    persona = identify(bearer)
    if persona and accepts_direct(bearer):
        return Caller(persona, bearer, direct=True)
    return refuse("authenticate" if persona or not bearer else "expired-token")


def accepts_direct(github_token: str) -> bool:
    """Return whether a GitHub token serves as bearer.

    The editor app's `ghu_` serves for the Copilot CLI only, which sends it so.
    """
    return not github_token.startswith("ghu_") or request.headers.get("Copilot-Integration-Id") == CLI


def check_editor() -> None:
    version = request.headers.get("Editor-Version")
    if not version:
        refuse("missing-editor")
    if not EDITOR.match(version):
        refuse("unknown-editor")


def check_integration(caller: Caller) -> None:
    """Checks the integration, which is inferred from a direct token's app where the header is missing."""
    integration = request.headers.get("Copilot-Integration-Id")
    if integration is None:
        if not caller.direct:
            refuse("missing-integration")
    elif integration not in INTEGRATIONS:
        refuse("unknown-integration")


def check_vision(has_image: bool) -> None:
    if has_image and request.headers.get("Copilot-Vision-Request", "").lower() != "true":
        refuse("missing-vision")


def check_session(caller: Caller) -> None:
    """The auto-mode token is bound to its account; it is checked when it is sent."""
    session = request.headers.get("Copilot-Session-Token")
    if session and world().sessions.get(session) != caller.github_token:
        refuse("auto-selector")
