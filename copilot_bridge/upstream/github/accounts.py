"""GitHub accounts, and their Copilot tokens."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from copilot_bridge.billing.quota import plan_of
from copilot_bridge.redaction import Secret
from copilot_bridge.upstream.client_profiles import is_exchanged
from copilot_bridge.upstream.hosts import Hosts

CLOCK_TOLERANCE = 60.0  # seconds


@dataclass(frozen=True)
class Account:
    """A GitHub login and the hosts that it belongs to.

    :param login: GitHub's user name, "" if it is not known.
    :param brought: a caller gave the token, as a key.
    """

    login: str
    github_token: Secret
    hosts: Hosts
    brought: bool = False

    @property
    def exchanged(self) -> bool:
        """Return whether the GitHub token is exchanged for a Copilot token, or used as it is."""
        return is_exchanged(self.github_token.reveal())

    @cached_property
    def fingerprint(self) -> str:
        """The account's name in file names and caches, which does not reveal the token."""
        return hashlib.sha256(f"{self.hosts.api} {self.github_token.reveal()}".encode()).hexdigest()[:24]


@dataclass(frozen=True)
class CopilotToken:
    """The bearer token of Copilot's API, and the address of that API.  Times are unix seconds.

    :param completions: the address of code completion; "": there is none for this token.
    :param exchanged: False: it is the GitHub token itself.
    """

    value: str
    api: str
    completions: str
    exchanged: bool
    sku: str
    received_at: float
    refresh_at: float
    expires_at: float

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "CopilotToken":
        """Read back what `asdict` gave.

        :raises KeyError, TypeError, ValueError: it is something else.
        """
        expected = {field.name: (int, float) if field.type is float else field.type for field in fields(cls)}
        if not all(isinstance(content[name], kind) for name, kind in expected.items()):  # type: ignore[arg-type]
            raise TypeError("a field has the wrong type")
        return cls(**{name: content[name] for name in expected})

    @property
    def plan(self) -> str:
        """The plan as GitHub sells it; an unknown SKU itself."""
        return plan_of(self.sku)

    def is_fresh(self, now: float) -> bool:
        """Return whether the token need not be renewed.

        After a clock was set back a token looks newer than it is, so it counts as old.
        """
        return self.received_at - CLOCK_TOLERANCE <= now < self.refresh_at

    def is_valid(self, now: float) -> bool:
        return self.received_at - CLOCK_TOLERANCE <= now < self.expires_at
