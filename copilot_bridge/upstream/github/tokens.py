"""GitHub login -> Copilot token, fetched when it is needed and by one for all that wait.

No timer and no refresh thread: a token is looked at when it is used.  Memory stands in front of the
file that all workers and the command line share, the file in front of GitHub.  Time is the wall
clock, because a monotonic clock stands still while a laptop sleeps.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any, Protocol

from cachetools import LRUCache, TLRUCache

from copilot_bridge.errors import BridgeError, LoginRequired, StoreError, UpstreamRefused
from copilot_bridge.redaction import Secret
from copilot_bridge.upstream.client_profiles import kind_of
from copilot_bridge.upstream.github.responses import PATIENCE, positive, read_github
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.hosts import Hosts
from copilot_bridge.upstream.single_flight import Flights
from copilot_bridge.upstream.transport.http_client import HttpClient
from copilot_bridge.waits import Wait, retry_after

log = logging.getLogger(__name__)

REFRESH_AHEAD = 240.0  # the official client: valid for refresh_in + 60 s, renewed 300 s before
GRACE = 60.0
DIRECT_LIFE = 3600.0  # how long the host found for a direct token is believed
# Words in a SKU like "copilot_for_business_seat_quota" -> the plan.
PLANS = (
    ("no_access", "no Copilot plan"),
    ("free_limited", "Copilot Free"),
    ("educational", "Copilot Pro (education)"),
    ("subscriber", "Copilot Pro"),
    ("individual", "Copilot Pro"),
    ("business", "Copilot Business"),
    ("enterprise", "Copilot Enterprise"),
)

# What GitHub will say again if it is asked again.
LASTING = ("authentication", "permission", "rate_limited")

MOST_ACCOUNTS = 1024

PAUSE_AFTER_FAILURE = 30.0  # between two tries to get a token
PAUSE_AFTER_STRANGER = 600.0  # the same where GitHub does not know a token that a caller has brought
PAUSE_AFTER_TROUBLE = 2.0  # the same where the network or GitHub has stumbled, and there is no token at all

# GitHub watches for scripted token minting: an account whose tokens are refused again and again gets
# this many new ones in this time, and then the refusal itself.
RENEWALS, RENEWALS_WITHIN = 5, 600.0


@dataclass(frozen=True)
class Account:
    """A GitHub login and the hosts it belongs to.

    :param login: GitHub's user name, "" if nobody asked yet.  :param brought: by a caller, as a key.
    """

    login: str
    github_token: Secret
    hosts: Hosts
    brought: bool = False

    @property
    def direct(self) -> bool:
        return kind_of(self.github_token.reveal()) == "direct"

    @cached_property
    def fingerprint(self) -> str:
        """Names the account in file names and caches, without giving the token away."""
        return hashlib.sha256(f"{self.hosts.api} {self.github_token.reveal()}".encode()).hexdigest()[:24]


@dataclass(frozen=True)
class CopilotToken:
    """What Copilot's API takes as bearer, and where that API is.  Times are unix seconds."""

    value: str
    api: str
    kind: str  # "exchanged" or "direct"
    sku: str
    received_at: float
    refresh_at: float
    expires_at: float

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "CopilotToken":
        """From its `asdict`.  Raises KeyError, TypeError, ValueError: it is something else."""
        expected = {field.name: (int, float) if field.type is float else field.type for field in fields(cls)}
        if not all(isinstance(content[name], kind) for name, kind in expected.items()):  # type: ignore[arg-type]
            raise TypeError("a field has the wrong type")
        return cls(**{name: content[name] for name in expected})

    @property
    def plan(self) -> str:
        """As GitHub sells it; the SKU itself where it is a new one."""
        return plan_of(self.sku)

    def fresh(self, now: float) -> bool:
        """A clock that was set back makes a token look newer than it is, so it is not believed."""
        return self.received_at - GRACE <= now < self.refresh_at

    def valid(self, now: float) -> bool:
        return self.received_at - GRACE <= now < self.expires_at


def plan_of(sku: str) -> str:
    return next((plan for word, plan in PLANS if word in sku), sku.replace("_", " "))


class KeyValueStore(Protocol):
    """Where tokens outlive the process, shared by all workers."""

    def read(self, name: str) -> dict[str, Any] | None: ...
    def write(self, name: str, content: Mapping[str, Any]) -> None: ...
    def lock(self, name: str) -> AbstractContextManager[object]: ...


class CopilotTokens:
    """The Copilot token of each account."""

    def __init__(
        self,
        client: HttpClient,
        headers: Headers,
        key_values: KeyValueStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._headers = headers
        self._key_values = key_values
        self._clock = clock
        self._cache: TLRUCache[str, CopilotToken] = TLRUCache(
            maxsize=256, ttu=lambda _key, token, _now: token.expires_at, timer=clock
        )
        # Callers may bring tokens of their own: nobody can fill the memory with them.
        self._renewals: LRUCache[str, list[float]] = LRUCache(
            MOST_ACCOUNTS
        )  # fingerprint -> when they were asked for
        self._refused: LRUCache[str, str] = LRUCache(
            MOST_ACCOUNTS
        )  # fingerprint -> the token that Copilot refused
        self._pauses: LRUCache[str, Wait] = LRUCache(MOST_ACCOUNTS)
        self._failures: LRUCache[str, BridgeError] = LRUCache(
            MOST_ACCOUNTS
        )  # what GitHub said last, where there is no token at all
        self._flights: Flights[CopilotToken] = Flights()
        self.told: Callable[[str], object] = lambda _outcome: None  # of each fetch: "ok", or an error's kind

    def get(self, account: Account) -> CopilotToken:
        """A token that is good for now.  Raises LoginRequired, UpstreamRefused and network errors."""
        token = self._cache.get(account.fingerprint)
        if token and token.fresh(self._clock()):
            return token
        return self._flights.join(account.fingerprint, lambda: self._renewed(account))

    def is_known(self, account: Account) -> bool:
        """GitHub has said what it thinks of it, or need not be asked."""
        key = account.fingerprint
        return bool(
            self._cache.get(key)
            or (key in self._failures and self._paused(account))
            or self._usable(account, self._stored(account))
        )

    def forget(self, account: Account, token: CopilotToken) -> bool:
        """Call when Copilot refused this token.  False if there have been too many: it is kept."""
        key = account.fingerprint
        if self._refused.get(key) != token.value:  # else another request has said so already
            now = self._clock()
            recent = [then for then in self._renewals.get(key, ()) if 0 <= now - then < RENEWALS_WITHIN]
            if len(recent) >= RENEWALS:
                return False
            self._renewals[key] = [*recent, now]
            self._refused[key] = token.value
        if (held := self._cache.get(key)) and held.value == token.value:
            del self._cache[key]
        return True

    def _renewed(self, account: Account) -> CopilotToken:
        """In the one flight of this account: whoever comes meanwhile waits for what it brings."""
        old = self._usable(account, self._cache.get(account.fingerprint))
        paused = self._paused(account)
        if old and (paused or old.fresh(self._clock())):
            return old
        if paused and (failure := self._failures.get(account.fingerprint)):
            raise failure
        with self._key_values.lock(account.fingerprint):
            stored = self._usable(account, self._stored(account))
            if stored and stored.fresh(self._clock()):
                return self._keep(account, stored)
            try:
                token = self._fetched(account)
                self.told("ok")
                return token
            except BridgeError as error:
                self.told(error.kind)
                return self._carry_on(account, old or stored, error)

    def _paused(self, account: Account) -> bool:
        pause = self._pauses.get(account.fingerprint)
        return pause is not None and pause.remaining(self._clock()) > 0

    def _usable(self, account: Account, token: CopilotToken | None) -> CopilotToken | None:
        if token and token.valid(self._clock()) and token.value != self._refused.get(account.fingerprint):
            return token
        return None

    def _stored(self, account: Account) -> CopilotToken | None:
        content = self._key_values.read(f"tokens/{account.fingerprint}")
        try:
            token = CopilotToken.read(content) if content else None
        except (TypeError, ValueError, KeyError):  # written by another version, or damaged
            return None
        # The hosts may have been configured anew since it was written.
        return token and replace(token, api=account.hosts.choose(token.api))

    def _fetched(self, account: Account) -> CopilotToken:
        token = self._direct(account) if account.direct else self._exchange(account)
        if token.kind == "exchanged":
            self._store(account, token)
        self._refused.pop(account.fingerprint, None)
        return self._keep(account, token)

    def _store(self, account: Account, token: CopilotToken) -> None:
        """A token that can't be written down serves all the same."""
        try:
            self._key_values.write(f"tokens/{account.fingerprint}", asdict(token))
        except StoreError as error:
            log.warning("the Copilot token is kept in memory only: %s", error)

    def _keep(self, account: Account, token: CopilotToken) -> CopilotToken:
        self._cache[account.fingerprint] = token
        self._pauses.pop(account.fingerprint, None)
        self._failures.pop(account.fingerprint, None)
        return token

    def _carry_on(self, account: Account, old: CopilotToken | None, error: BridgeError) -> CopilotToken:
        """While the old token is valid a failed refresh costs nobody an answer.

        After a refusal GitHub is left alone for a while: it watches who asks again and again.
        """
        lasting = old or error.kind in LASTING
        pause = PAUSE_AFTER_FAILURE if lasting else PAUSE_AFTER_TROUBLE
        if account.brought and error.kind == "authentication":
            pause = PAUSE_AFTER_STRANGER
        pause = max(pause, retry_after(error.headers) or 0.0)
        self._pauses[account.fingerprint] = Wait.of(pause, self._clock())
        if not old:
            self._failures[account.fingerprint] = error
            raise error
        self._cache[account.fingerprint] = old
        log.warning("the Copilot token could not be renewed, the old one serves on: %s", error)
        return old

    def _exchange(self, account: Account) -> CopilotToken:
        """GET /copilot_internal/v2/token.  Only token, expires_at and refresh_in are relied upon."""
        content = self._github(account, "/copilot_internal/v2/token")
        value, now = content.get("token"), self._clock()
        if not isinstance(value, str) or not value:
            raise UpstreamRefused("GitHub's answer to the token request holds no token")
        refresh_in = positive(content.get("refresh_in")) or 1500.0
        endpoints = content.get("endpoints")
        api = account.hosts.choose(
            endpoints.get("api") if isinstance(endpoints, dict) else None, proxy_host(value)
        )
        return CopilotToken(
            value=value,
            api=api,
            kind="exchanged",
            sku=str(content.get("sku") or ""),
            received_at=now,
            refresh_at=now + max(refresh_in - REFRESH_AHEAD, 0.8 * refresh_in),
            expires_at=now + refresh_in + GRACE,
        )

    def _direct(self, account: Account) -> CopilotToken:
        """The GitHub token itself; only the plan's host has to be found."""
        try:
            content = self._github(account, "/copilot_internal/user")
        except LoginRequired:
            raise
        except BridgeError as error:  # a PAT may not see this endpoint
            log.debug("no plan host from GitHub: %s", error)
            content = {}
        endpoints, now = content.get("endpoints"), self._clock()
        return CopilotToken(
            value=account.github_token.reveal(),
            api=account.hosts.choose(endpoints.get("api") if isinstance(endpoints, dict) else None),
            kind="direct",
            sku=str(content.get("access_type_sku") or ""),
            received_at=now,
            refresh_at=now + DIRECT_LIFE,
            expires_at=now + 24 * DIRECT_LIFE,
        )

    def _github(self, account: Account, path: str) -> dict[str, Any]:
        token = account.github_token.reveal()
        response = self._client.send(
            "GET", account.hosts.api + path, self._headers.github(token), timeout=PATIENCE
        )
        return read_github(response)


def proxy_host(token: str) -> str | None:
    """`proxy-ep=proxy.business.githubcopilot.com` inside a token names the plan's API host too."""
    pairs = dict(pair.split("=", 1) for pair in token.split(":")[0].split(";") if "=" in pair)
    host = pairs.get("proxy-ep", "")
    return f"https://api.{host.removeprefix('proxy.')}" if host.startswith("proxy.") else None
