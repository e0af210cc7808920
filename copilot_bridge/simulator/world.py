"""The memory of the simulator: one `World` for each process, in `app.extensions`."""

import secrets
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from time import time
from typing import cast

from flask import current_app

from copilot_bridge.simulator.ledger import Ledger
from copilot_bridge.simulator.outages import Outages
from copilot_bridge.simulator.personas import Persona, identify

KEPT_TOKENS = 50_000  # the oldest ones go; a test run mints a few hundred


@dataclass(slots=True)
class CopilotToken:
    """A minted Copilot token and its owner."""

    text: str
    github_token: str
    persona: Persona
    dies: float  # unix seconds, on the real clock


class Mint:
    """The Copilot tokens in circulation, by their text."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[str, CopilotToken] = OrderedDict()

    def issue(self, github_token: str, persona: Persona, expires_at: int) -> CopilotToken:
        """Issues a Copilot token.

        :param expires_at: unix seconds as sent to the client; the clock may be skewed.
        """
        token = CopilotToken(
            write_token(persona, expires_at), github_token, persona, time() + persona.lifetime
        )
        self._tokens[token.text] = token
        if len(self._tokens) > KEPT_TOKENS:
            self._tokens.popitem(last=False)
        return token

    def find(self, text: str) -> CopilotToken | None:
        """The token, also an expired one."""
        return self._tokens.get(text)

    def expire(self, github_token: str) -> int:
        """Ends all tokens minted for `github_token`; gives their number."""
        mine = [token for token in self._tokens.values() if token.github_token == github_token]
        for token in mine:
            token.dies = 0.0
        return len(mine)


@dataclass(frozen=True, slots=True)
class Keepsake:
    """Something opaque that a response gave away: for whom, and what it encrypts or signs."""

    owner: str  # GitHub token
    content: str


class Keepsakes:
    """Item ids, encrypted reasoning and signatures in circulation, by their text."""

    def __init__(self) -> None:
        self._given: OrderedDict[str, Keepsake] = OrderedDict()

    def give(self, text: str, owner: str, content: str = "") -> None:
        self._given[text] = Keepsake(owner, content)
        if len(self._given) > KEPT_TOKENS:
            self._given.popitem(last=False)

    def is_genuine(self, text: object, owner: str, content: str = "") -> bool:
        """Return whether a text was given to `owner`, with just that content."""
        return isinstance(text, str) and self._given.get(text) == Keepsake(owner, content)


def write_token(persona: Persona, expires_at: int) -> str:
    """`key=value` pairs joined by `;`, then `:` and a MAC in hex.  `tid` differs for each account."""
    plan = persona.plan
    pairs = {
        "tid": secrets.token_hex(16),
        "ol": "0123456789abcdef",
        "exp": expires_at,
        "sku": plan.sku,
        "proxy-ep": f"proxy.{plan.host}.githubcopilot.com",
        "st": "dotcom",
        "ssc": 1,
        "chat": 1,
        "cit": 1,
        "malfil": 1,
        "editor_preview_features": 1,
        "agent_mode": 1,
        "agent_mode_auto_approval": 1,
        "mcp": 1,
        "ccr": 1,
        "8kp": 1,
        "ip": "203.0.113.7",
        "asn": "AS64500",
    }
    return ";".join(f"{key}={value}" for key, value in pairs.items()) + ":" + secrets.token_hex(32)


@dataclass(frozen=True, slots=True)
class Limits:
    """The life of a WebSocket, in seconds, and its answer to an offer to compress (permessage-deflate).

    `compression`: "accept" what the client compresses; compress "both" ways; or "refuse".
    """

    age: float = 3600.0
    idle: float = 300.0
    compression: str = "accept"
    window: int = 15  # bits that a client may use
    memory: bool = True  # a client may refer to its earlier messages
    extensions: str = ""  # what the response says instead, right or wrong


@dataclass(slots=True)
class World:
    """All state.  Nothing survives the process."""

    origin: str  # http://127.0.0.1:PORT
    pace: float  # seconds between the text events of an ordinary stream
    ledger: Ledger = field(default_factory=Ledger)
    mint: Mint = field(default_factory=Mint)
    exchanges: Counter[str] = field(default_factory=Counter)  # by GitHub token
    directives: Counter[str] = field(default_factory=Counter)  # by "name key", for once= and times=
    counting: Counter[str] = field(default_factory=Counter)  # the same, where tokens are but counted
    keepsakes: Keepsakes = field(default_factory=Keepsakes)
    sessions: dict[str, str] = field(default_factory=dict)  # auto-mode session token -> GitHub token
    limits: dict[str, Limits] = field(default_factory=dict)  # of WebSockets, by GitHub token
    outages: Outages = field(default_factory=Outages)

    def owner(self, authorization: str) -> Persona | None:
        """The account whose credential is in an Authorization header, GitHub's or Copilot's."""
        text = credential(authorization)
        token = self.mint.find(text)
        return token.persona if token else identify(text)

    def url(self, path: str) -> str:
        """`path` on our origin; a foreign URL stays what it is."""
        return path if "://" in path else self.origin + path


def world() -> World:
    """The world of the request under way."""
    return cast(World, current_app.extensions["simulator"])


def credential(authorization: str) -> str:
    """The credential of an Authorization header, without its scheme."""
    return authorization.partition(" ")[2].strip()
