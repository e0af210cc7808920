"""What a user wants to know when the bridge comes up."""

import json
import shlex
from dataclasses import dataclass, field

from copilot_bridge import __version__
from copilot_bridge.cli.login import masked_token, who
from copilot_bridge.cli.terminal.console import spinner, wrapped
from copilot_bridge.config import Config
from copilot_bridge.config.parsers import is_loopback
from copilot_bridge.errors import BridgeError
from copilot_bridge.exchange import Bridge
from copilot_bridge.exchange.health_monitor import LOGIN_ERROR_KINDS
from copilot_bridge.exchange.models import can_talk
from copilot_bridge.redaction import Secret

DEMO_PROMPT = {"model": "gpt-4.1", "stream": True, "messages": [{"role": "user", "content": "Hello!"}]}


@dataclass(frozen=True)
class Greeting:
    """:param keyed: callers have to give a key.  :param trouble: why nobody can be served yet."""

    config: Config
    keyed: bool
    user: str = ""
    plan: str = ""
    models: list[str] = field(default_factory=list)
    simulated: bool = False
    token: Secret = field(default_factory=Secret)
    trouble: BridgeError | None = None

    def text(self, url: str) -> str:
        title = f"Copilot Bridge {__version__}" + (
            " - simulated: no login, no network" if self.simulated else ""
        )
        lines = [
            title,
            f"  Base URL  {url}/v1   ({'with an API key' if self.keyed else 'any key'})",
            f"  Pages     {url}/   (for your browser)",
            *(self._trouble(url) if self.trouble else self._account()),
        ]
        if self.config.insecure_no_key and not self.keyed:
            lines.append("  WARNING   --insecure-no-key: whoever reaches this bridge uses your plan")
        elif not is_loopback(self.config.host):
            lines.append(f"  Open to   other machines, on {self.config.host}: they need an API key")
        lines += ["", f"  Try it:   {demo_line(url, self.keyed)}", "", "Ctrl-C stops."]
        return "\n".join(lines)

    def _account(self) -> list[str]:
        token = [f"  Token     {masked_token(self.token, True)}"] if self.config.show_token else []
        return [
            f"  Login     {self.user}, {self.plan or 'plan unknown'}",
            wrapped(", ".join(self.models), "  Models    "),
            *token,
        ]

    def _trouble(self, url: str) -> list[str]:
        if self.trouble and self.trouble.kind in LOGIN_ERROR_KINDS:
            return [f"  Login     needed: open {url}/auth/device, or run `copilot-bridge auth`"]
        return ["  GitHub    can't be used just now; looked again until it can: see /readyz"]


def known_key(config: Config, keyed: bool) -> str:
    return config.api_key[0].reveal() if config.api_key else "YOUR_KEY" if keyed else "anything"


def demo_line(url: str, keyed: bool) -> str:
    body = shlex.quote(json.dumps(DEMO_PROMPT))
    key = " -H 'Authorization: Bearer YOUR_KEY'" if keyed else ""
    return f"curl -N {url}/v1/chat/completions -H 'Content-Type: application/json'{key} -d {body}"


def look(bridge: Bridge, simulated: bool) -> Greeting:
    """Whatever would fail at the first request fails here, in one line.  Raises BridgeError."""
    user = who(bridge)
    copilot = bridge.copilot()
    with spinner("Asking Copilot for a token and its models"):
        token = copilot.token()
        catalogue = bridge.models.catalogue(copilot)
    return Greeting(
        bridge.config,
        bridge.authenticator.requires_key,
        user,
        token.plan,
        [model.id for model in catalogue.models.values() if can_talk(model)],
        simulated,
        copilot.account.github_token,
    )
