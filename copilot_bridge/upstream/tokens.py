"""GitHub login -> Copilot token, fetched when it is needed and by one for all that wait.

No timer and no refresh thread: a token is looked at when it is used.  Memory stands in front of the
file that all workers and the command line share, the file in front of GitHub.  Time is the wall
clock, because a monotonic clock stands still while a laptop sleeps.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import orjson
import requests
from cachetools import TLRUCache, TTLCache

from copilot_bridge.errors import BridgeError, ConfigError, LoginRequired, UpstreamRefused
from copilot_bridge.redaction import Secret
from copilot_bridge.upstream.client import Client, read_error_body
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.hosts import Hosts
from copilot_bridge.upstream.refusals import read_body, retry_after

log = logging.getLogger(__name__)

# GitHub tokens that Copilot's API takes as they are; all others are exchanged.  Source: opencode and
# the Copilot CLI (2026) send gho_ and fine-grained PATs directly.
DIRECT = ("gho_", "github_pat_")

REFRESH_AHEAD = 240.0  # the official client: valid for refresh_in + 60 s, renewed 300 s before
GRACE = 60.0
DIRECT_LIFE = 3600.0  # how long the host found for a direct token is believed
# Words in a SKU like "copilot_for_business_seat_quota" -> the plan.
PLANS = (
    ("free_limited", "Copilot Free"),
    ("educational", "Copilot Pro (education)"),
    ("subscriber", "Copilot Pro"),
    ("individual", "Copilot Pro"),
    ("business", "Copilot Business"),
    ("enterprise", "Copilot Enterprise"),
)

GITHUB_PATIENCE = 30.0  # between two bytes of GitHub's API, which answers at once or not at all
PAUSE_AFTER_FAILURE = 30.0  # between two tries to refresh, while the old token still serves

# GitHub watches for scripted token minting: an account whose tokens are refused again and again gets
# this many new ones in this time, and then the refusal itself.
RENEWALS, RENEWALS_WITHIN = 5, 600.0


@dataclass(frozen=True)
class Account:
    """A GitHub login and the hosts it belongs to.  `login`: GitHub's user name, "" if nobody asked yet."""

    login: str
    github_token: Secret
    hosts: Hosts

    @property
    def direct(self) -> bool:
        return self.github_token.reveal().startswith(DIRECT)

    @property
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

    @property
    def plan(self) -> str:
        """As GitHub sells it; the SKU itself where it is a new one."""
        return next((plan for word, plan in PLANS if word in self.sku), self.sku.replace("_", " "))

    def fresh(self, now: float) -> bool:
        """A clock that was set back makes a token look newer than it is, so it is not believed."""
        return self.received_at - GRACE <= now < self.refresh_at

    def valid(self, now: float) -> bool:
        return self.received_at - GRACE <= now < self.expires_at


class Shelf(Protocol):
    """Where tokens outlive the process, shared by all workers."""

    def read(self, name: str) -> dict[str, Any] | None: ...
    def write(self, name: str, content: Mapping[str, Any]) -> None: ...
    def lock(self, name: str) -> AbstractContextManager[object]: ...


class CopilotTokens:
    """The Copilot token of each account."""

    def __init__(
        self, client: Client, headers: Headers, shelf: Shelf, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._headers = headers
        self._shelf = shelf
        self._clock = clock
        self._cache: TLRUCache[str, CopilotToken] = TLRUCache(
            maxsize=256, ttu=lambda _key, token, _now: token.expires_at, timer=clock
        )
        self._renewals: TTLCache[str, int] = TTLCache(256, RENEWALS_WITHIN, timer=clock)
        self._refused: dict[str, str] = {}  # fingerprint -> the token that Copilot refused
        self._paused_until: dict[str, float] = {}
        self._locks: dict[str, threading.Lock] = {}

    def get(self, account: Account) -> CopilotToken:
        """A token that is good for now.  Raises LoginRequired, UpstreamRefused and network errors."""
        token = self._cache.get(account.fingerprint)
        if token and token.fresh(self._clock()):
            return token
        with self._locks.setdefault(account.fingerprint, threading.Lock()):
            return self._renewed(account)

    def forget(self, account: Account, token: CopilotToken) -> bool:
        """Call when Copilot refused this token.  False if there have been too many: it is kept."""
        key = account.fingerprint
        if self._refused.get(key) != token.value:  # else another request has said so already
            if (count := self._renewals.get(key, 0)) >= RENEWALS:
                return False
            self._renewals[key] = count + 1
            self._refused[key] = token.value
        if (held := self._cache.get(key)) and held.value == token.value:
            del self._cache[key]
        return True

    def _renewed(self, account: Account) -> CopilotToken:
        """Under the account's lock: whoever comes second finds what the first one fetched."""
        old = self._usable(account, self._cache.get(account.fingerprint))
        if old and (
            old.fresh(self._clock()) or self._clock() < self._paused_until.get(account.fingerprint, 0)
        ):
            return old
        with self._shelf.lock(account.fingerprint):
            stored = self._usable(account, self._stored(account))
            if stored and stored.fresh(self._clock()):
                return self._keep(account, stored)
            try:
                return self._fetched(account)
            except BridgeError as error:
                return self._carry_on(account, old or stored, error)

    def _usable(self, account: Account, token: CopilotToken | None) -> CopilotToken | None:
        if token and token.valid(self._clock()) and token.value != self._refused.get(account.fingerprint):
            return token
        return None

    def _stored(self, account: Account) -> CopilotToken | None:
        content = self._shelf.read(f"tokens/{account.fingerprint}")
        try:
            token = CopilotToken(**content) if content else None
        except TypeError:  # written by another version
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
            self._shelf.write(f"tokens/{account.fingerprint}", asdict(token))
        except ConfigError as error:
            log.warning("the Copilot token is kept in memory only: %s", error)

    def _keep(self, account: Account, token: CopilotToken) -> CopilotToken:
        self._cache[account.fingerprint] = token
        self._paused_until.pop(account.fingerprint, None)
        return token

    def _carry_on(self, account: Account, old: CopilotToken | None, error: BridgeError) -> CopilotToken:
        """While the old token is valid a failed refresh costs nobody an answer."""
        if not old or isinstance(error, LoginRequired):
            raise error
        self._paused_until[account.fingerprint] = self._clock() + PAUSE_AFTER_FAILURE
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
            "GET", account.hosts.api + path, self._headers.github(token), timeout=GITHUB_PATIENCE
        )
        return read_github(response)


def read_github(response: requests.Response) -> dict[str, Any]:
    """The JSON object that GitHub answered with.  Raises what its refusals mean."""
    body = read_whole(response) if response.status_code < 300 else read_error_body(response)
    if response.status_code >= 300:
        raise github_refusal(response.status_code, response.headers, body)
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UpstreamRefused("GitHub's answer is no JSON") from error
    if not isinstance(content, dict):
        raise UpstreamRefused("GitHub's answer is no JSON object")
    return content


def read_whole(response: requests.Response) -> bytes:
    try:
        return response.content
    except (requests.RequestException, OSError) as error:
        raise UpstreamRefused(f"the answer broke off: {error}") from error


# error_details.notification_id of a refused token exchange -> what the user can do.
NOTICES = {
    "not_signed_up": "this GitHub account has no Copilot plan",
    "no_copilot_access": "this GitHub account has no Copilot plan",
    "subscription_ended": "the Copilot plan of this account has ended",
    "expired_coupon": "the Copilot plan of this account has ended",
    "revoked_coupon": "the Copilot plan of this account has ended",
    "enterprise_managed_user_account": "your enterprise has to give this account a Copilot seat",
    "feature_flag_blocked": "GitHub has switched Copilot off for this account",
    "spammy_user": "GitHub has blocked Copilot for this account: contact GitHub support",
    "access_revoked": "GitHub has blocked Copilot for this account: contact GitHub support",
    "billing_locked": "there is a problem with this account's payment: see github.com/settings/billing",
    "trade_restricted": "GitHub does not offer Copilot where this account is",
    "trade_restricted_country": "GitHub does not offer Copilot where this account is",
    "snippy_not_configured": "first choose how Copilot treats public code: github.com/settings/copilot",
    "codespaces_demo_inactive": "the Copilot demo of this account is over",
    "go_http_client": "GitHub takes these token requests for a script's: wait a while, then try again",
    "programmatic_token_generation": "GitHub takes these token requests for a script's: wait, then try again",
    "server_error": "GitHub had a problem of its own: try again",
}


def github_refusal(status: int, headers: Mapping[str, str], body: bytes) -> BridgeError:
    """What api.github.com means by an error, in words that tell the user what to do."""
    message, _, _ = read_body(body)
    if status == 401:
        return LoginRequired("GitHub does not accept this login (bad credentials): run `copilot-bridge auth`")
    if status == 429 or (status == 403 and "rate limit" in message.lower()):
        return UpstreamRefused(
            "GitHub's rate limit is used up: wait, the login itself is fine",
            kind="rate_limited",
            headers=rest(headers),
        )
    if notice := read_notice(body):
        return UpstreamRefused(notice, kind="permission", status=status)
    if status == 403:
        return UpstreamRefused(
            f"GitHub does not let this token use Copilot ({message or 'forbidden'}): "
            "log in with `copilot-bridge auth`",
            kind="permission",
        )
    if status == 404:
        return UpstreamRefused(
            "GitHub hides Copilot from this token: it comes from another app, or there is no Copilot plan; "
            "log in with `copilot-bridge auth`",
            kind="permission",
        )
    return UpstreamRefused(f"GitHub answered with status {status}: try again later", status=status)


def read_notice(body: bytes) -> str | None:
    """Words for {"error_details": {"notification_id", "message", "url"}}, or None if it is not that."""
    try:
        details = orjson.loads(body).get("error_details")
    except (orjson.JSONDecodeError, AttributeError):
        return None
    if not isinstance(details, dict):
        return None
    advice = NOTICES.get(str(details.get("notification_id")))
    parts = [advice, details.get("message"), str(details.get("url") or "").replace("{EDITOR}", "vscode")]
    return " - ".join(str(part) for part in parts if part) or None


def rest(headers: Mapping[str, str]) -> dict[str, str]:
    """`retry-after` in seconds, from itself or from `x-ratelimit-reset` (unix seconds)."""
    if wait := retry_after(headers.get("retry-after", "")):
        return {"retry-after": wait}
    reset = headers.get("x-ratelimit-reset", "")
    return {"retry-after": str(max(1, round(int(reset) - time.time())))} if reset.isdecimal() else {}


def proxy_host(token: str) -> str | None:
    """`proxy-ep=proxy.business.githubcopilot.com` inside a token names the plan's API host too."""
    pairs = dict(pair.split("=", 1) for pair in token.split(":")[0].split(";") if "=" in pair)
    host = pairs.get("proxy-ep", "")
    return f"https://api.{host.removeprefix('proxy.')}" if host.startswith("proxy.") else None


def positive(value: object) -> float | None:
    return (
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None
    )
