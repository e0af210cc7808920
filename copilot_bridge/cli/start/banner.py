"""The banner that `start` prints: addresses, account, models, and commands to try."""

import json
import os
import shlex
from dataclasses import dataclass, field

from copilot_bridge import __version__
from copilot_bridge.cli.login import ensure_login
from copilot_bridge.cli.terminal.console import masked_token, spinner, wrapped
from copilot_bridge.cli.terminal.program import program
from copilot_bridge.config import Config
from copilot_bridge.config.parsers import is_loopback
from copilot_bridge.errors import LOGIN_ERROR_KINDS, BridgeError
from copilot_bridge.pipeline import CopilotServices
from copilot_bridge.redaction import Secret

EXAMPLE_MODEL = "gpt-4.1"
PYTHON = "python" if os.name == "nt" else "python3"
MODELS_NAMED = 3


@dataclass(frozen=True)
class StartupBanner:
    """The values in the banner.

    :param keyed: callers need a key.  :param trouble: the reason why no request can be served yet.
    """

    config: Config
    keyed: bool
    user: str = ""
    plan: str = ""
    models: list[str] = field(default_factory=list)
    simulated: bool = False
    token: Secret = field(default_factory=Secret)
    trouble: BridgeError | None = None

    def text(self, url: str) -> str:
        lines = [
            f"Copilot Bridge {__version__}{' - simulated: no login, no network' if self.simulated else ''}",
            f"  Base URL  {url}/v1   ({'with an API key' if self.keyed else 'any key'})",
            f"  Pages     {url}/   (for your browser)",
            *([f"  Ollama    port {self.config.ollama_port}"] if self.config.ollama_port else []),
            *(self._trouble(url) if self.trouble else self._account()),
            *self._exposure(),
            "",
            *self._what_to_try(url),
            "",
            "Ctrl-C stops.",
        ]
        return "\n".join(lines)

    def _account(self) -> list[str]:
        token = [f"  Token     {masked_token(self.token, True)}"] if self.config.show_token else []
        return [
            f"  Login     {self.user}, {self.plan or 'plan unknown'}",
            wrapped(models_in_short(self.models), "  Models    "),
            *token,
        ]

    def _trouble(self, url: str) -> list[str]:
        if self.trouble and self.trouble.kind in LOGIN_ERROR_KINDS:
            return [f"  Login     needed: open {url}/auth/device, or run `copilot-bridge auth`"]
        return ["  GitHub    can't be used yet; the bridge keeps trying: see /readyz"]

    def _exposure(self) -> list[str]:
        if self.config.insecure_no_key and not self.keyed:
            return ["  WARNING   --insecure-no-key: anybody who reaches this bridge can use your plan"]
        if not is_loopback(self.config.host):
            return [f"  Open to   other machines, on {self.config.host}: they need an API key"]
        return []

    def _what_to_try(self, url: str) -> list[str]:
        key = " --key YOUR_KEY" if self.keyed else ""
        address = "" if url.endswith(f":{type(self.config)().port}") else f" --url {url}"
        lines = [
            "Try it in a second terminal:",
            f"  {program()} ask{address}{key} 'Hello!'",
            f"  {curl_line(url, self.keyed)}",
        ]
        if self.simulated:
            lines += [
                "Other commands work on this demo with --simulate:",
                f"  {program()} keys list --simulate",
            ]
        return lines


def models_in_short(models: list[str]) -> str:
    more = len(models) - MODELS_NAMED
    return ", ".join(models[:MODELS_NAMED]) + (f" and {more} more" if more > 0 else "")


def api_key_hint(config: Config, keyed: bool) -> str:
    return config.api_key[0].reveal() if config.api_key else "YOUR_KEY" if keyed else "anything"


def curl_line(url: str, keyed: bool) -> str:
    """The command that sends a prompt to the API and prints the JSON of the response with indentation."""
    body = shlex.quote(json.dumps({"model": EXAMPLE_MODEL, "input": "Hello!"}))
    key = " -H 'Authorization: Bearer YOUR_KEY'" if keyed else ""
    return f"curl -s {url}/v1/responses{key} -d {body} | {PYTHON} -m json.tool"


def preflight(bridge: CopilotServices, simulated: bool) -> StartupBanner:
    """Log in, fetch a token and the models, so that what would fail a request fails here.

    :raises BridgeError:
    """
    user = ensure_login(bridge)
    copilot = bridge.copilot()
    with spinner("Asking Copilot for a token and its models"):
        token = copilot.token()
        catalogue = bridge.models.renewed(copilot)
    return StartupBanner(
        bridge.config,
        bridge.authenticator.requires_key,
        user,
        token.plan,
        [model.id for model in catalogue.models.values() if model.holds_conversations],
        simulated,
        copilot.account.github_token,
    )
