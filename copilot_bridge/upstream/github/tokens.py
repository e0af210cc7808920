"""The exchange of GitHub logins for Copilot tokens, on demand; concurrent callers share one exchange.

There is no timer: a token is checked when it is used.  A token that is due for renewal is used as long as it
is valid, while one exchange goes on in the background, so only an expired token is waited for; and where
nobody asks, nothing is exchanged.  A cache in memory is in front of the store that all workers and the
command line share, and the store in front of GitHub.  Time is the wall clock, because a monotonic clock
stands still while a laptop sleeps.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from cachetools import LRUCache, TLRUCache

from copilot_bridge.errors import BridgeError, KindName, LoginRequired, StoreError, UpstreamRefused
from copilot_bridge.upstream.github.accounts import CLOCK_TOLERANCE, Account, CopilotToken
from copilot_bridge.upstream.github.api import TIMEOUT, positive, read_response
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.key_value_store import KeyValueStore
from copilot_bridge.upstream.single_flight import SingleFlight
from copilot_bridge.upstream.transport.http_client import HttpClient
from copilot_bridge.waits import Wait, retry_after

log = logging.getLogger(__name__)

REFRESH_AHEAD = 240.0  # the official client: valid for refresh_in + 60 s, renewed 300 s before
DEFAULT_REFRESH_IN = 1500.0  # seconds
HOST_TTL = 3600.0  # seconds; of the API's address, where the GitHub token is used as it is

# Kinds of errors that GitHub will repeat if it is asked again.
LASTING: tuple[KindName, ...] = ("authentication", "permission", "rate_limited")

CACHE_SIZE = 256
MAX_ACCOUNTS = 1024  # callers may bring tokens of their own: nobody can fill the memory with them

RETRY_DELAY = 30.0  # seconds between two attempts to get a token
RETRY_DELAY_UNKNOWN = 600.0  # seconds, where GitHub does not know a token that a caller has brought
RETRY_DELAY_NETWORK = 2.0  # seconds, where the network or GitHub failed, and there is no token at all

# GitHub watches for scripted token requests: an account whose tokens are refused again and again gets this
# many new ones in this time, and then the refusal itself.
MAX_RENEWALS, RENEWAL_WINDOW = 5, 600.0


class CopilotTokens:
    """The Copilot token of each account."""

    def __init__(
        self,
        client: HttpClient,
        headers: Headers,
        store: KeyValueStore,
        clock: Callable[[], float] = time.time,
        flights: SingleFlight[CopilotToken] | None = None,
    ) -> None:
        self._client = client
        self._headers = headers
        self._store = store
        self._clock = clock
        self._cache: TLRUCache[str, CopilotToken] = TLRUCache(
            maxsize=CACHE_SIZE, ttu=lambda _key, token, _now: token.expires_at, timer=clock
        )
        # By the account's fingerprint: the times of renewals, the token that Copilot refused, the time until
        # the next attempt, and GitHub's last error where there is no token at all.
        self._renewals: LRUCache[str, list[float]] = LRUCache(MAX_ACCOUNTS)
        self._refused: LRUCache[str, str] = LRUCache(MAX_ACCOUNTS)
        self._delays: LRUCache[str, Wait] = LRUCache(MAX_ACCOUNTS)
        self._failures: LRUCache[str, BridgeError] = LRUCache(MAX_ACCOUNTS)
        self._apis: LRUCache[str, str] = LRUCache(MAX_ACCOUNTS)  # of the last token, valid or not
        self._flights = flights or SingleFlight()
        self.on_fetch: Callable[[str], object] = lambda _outcome: None  # "ok", or the kind of an error

    def get(self, account: Account) -> CopilotToken:
        """A valid token.

        :raises LoginRequired, UpstreamRefused: GitHub gives none.
        :raises UpstreamTimeout, UpstreamUnreachable:
        """
        return self.available(account) or self._flights.do(account.fingerprint, lambda: self._renew(account))

    def available(self, account: Account) -> CopilotToken | None:
        """Return a valid token without waiting, or None; begin a renewal if one is due."""
        token = self._cache.get(account.fingerprint)
        if token and token.is_fresh(self._clock()):
            return token
        token = self._usable(account, token) or self._load(account)
        if token and not token.is_fresh(self._clock()) and not self._is_delayed(account):
            self._flights.begin(account.fingerprint, lambda: self._renew_in_background(account))
        return token

    def api(self, account: Account) -> str:
        """The address of Copilot's API for the account as far as it is known without a request, else ""."""
        known = self._apis.get(account.fingerprint)
        if known is None:
            stored = self._stored(account)
            known = self._apis[account.fingerprint] = stored.api if stored else account.hosts.expected
        return known

    def _load(self, account: Account) -> CopilotToken | None:
        """The valid token of the store, which another process may have renewed."""
        if self._is_delayed(account):  # this process has just read it
            return None
        token = self._usable(account, self._stored(account))
        return self._remember(account, token) if token else None

    def _renew_in_background(self, account: Account) -> CopilotToken:
        try:
            return self._renew(account)
        except BridgeError as error:
            self._delays[account.fingerprint] = Wait.of(RETRY_DELAY, self._clock())
            log.warning("the Copilot token can't be renewed; the old one is used meanwhile: %s", error)
            raise

    def is_known(self, account: Account) -> bool:
        """Return whether the token is known to be valid or refused, so that no exchange is needed."""
        key = account.fingerprint
        return bool(
            self._cache.get(key)
            or (key in self._failures and self._is_delayed(account))
            or self._usable(account, self._stored(account))
        )

    def forget(self, account: Account, token: CopilotToken) -> bool:
        """Drop a token that Copilot has refused.  False: there were too many renewals, so it is kept."""
        key = account.fingerprint
        if self._refused.get(key) != token.value:  # another request may have reported it already
            now = self._clock()
            recent = [then for then in self._renewals.get(key, ()) if 0 <= now - then < RENEWAL_WINDOW]
            if len(recent) >= MAX_RENEWALS:
                return False
            self._renewals[key] = [*recent, now]
            self._refused[key] = token.value
        if (cached := self._cache.get(key)) and cached.value == token.value:
            del self._cache[key]
        return True

    def _renew(self, account: Account) -> CopilotToken:
        """Renew the token; concurrent callers wait for the result."""
        old = self._usable(account, self._cache.get(account.fingerprint))
        delayed = self._is_delayed(account)
        if old and (delayed or old.is_fresh(self._clock())):
            return old
        if delayed and (failure := self._failures.get(account.fingerprint)):
            raise failure
        with self._store.lock(account.fingerprint):
            stored = self._usable(account, self._stored(account))
            if stored and stored.is_fresh(self._clock()):
                return self._keep(account, stored)
            try:
                token = self._fetch(account)
                self.on_fetch("ok")
                return token
            except BridgeError as error:
                self.on_fetch(error.kind)
                return self._fallback_token(account, old or stored, error)

    def _is_delayed(self, account: Account) -> bool:
        delay = self._delays.get(account.fingerprint)
        return delay is not None and delay.remaining(self._clock()) > 0

    def _usable(self, account: Account, token: CopilotToken | None) -> CopilotToken | None:
        refused = self._refused.get(account.fingerprint)
        return token if token and token.is_valid(self._clock()) and token.value != refused else None

    def _stored(self, account: Account) -> CopilotToken | None:
        content = self._store.read(f"tokens/{account.fingerprint}")
        try:
            token = CopilotToken.read(content) if content else None
        except (TypeError, ValueError, KeyError):  # written by another version, or damaged
            return None
        # The hosts may have been configured anew since it was written.
        return token and replace(token, api=account.hosts.choose(token.api))

    def _fetch(self, account: Account) -> CopilotToken:
        token = self._exchange(account) if account.exchanged else self._as_it_is(account)
        if token.exchanged:
            self._write(account, token)
        # The refused token is remembered further: another request may be reading it from the store just now.
        if self._refused.get(account.fingerprint) == token.value:
            del self._refused[account.fingerprint]
        return self._keep(account, token)

    def _write(self, account: Account, token: CopilotToken) -> None:
        """Store the token.  A token that can't be stored is used all the same."""
        try:
            self._store.write(f"tokens/{account.fingerprint}", asdict(token))
        except StoreError as error:
            log.warning("the Copilot token can't be stored, so it is kept in memory only: %s", error)

    def _keep(self, account: Account, token: CopilotToken) -> CopilotToken:
        self._delays.pop(account.fingerprint, None)
        self._failures.pop(account.fingerprint, None)
        return self._remember(account, token)

    def _remember(self, account: Account, token: CopilotToken) -> CopilotToken:
        self._cache[account.fingerprint] = token
        self._apis[account.fingerprint] = token.api
        return token

    def _fallback_token(self, account: Account, old: CopilotToken | None, error: BridgeError) -> CopilotToken:
        """Return the old token: while it is valid, a failed renewal affects no request.

        After a refusal GitHub is not asked for a while, because it watches for repeated requests.
        """
        lasting = old or error.kind in LASTING
        delay = RETRY_DELAY if lasting else RETRY_DELAY_NETWORK
        if account.brought and error.kind == "authentication":
            delay = RETRY_DELAY_UNKNOWN
        delay = max(delay, retry_after(error.headers) or 0.0)
        self._delays[account.fingerprint] = Wait.of(delay, self._clock())
        if not old:
            self._failures[account.fingerprint] = error
            raise error
        self._cache[account.fingerprint] = old
        log.warning("the Copilot token could not be renewed; the old one is used meanwhile: %s", error)
        return old

    def _exchange(self, account: Account) -> CopilotToken:
        """Exchange the token at GitHub.

        Of the response only token, expires_at and refresh_in are required.
        """
        content = self._get(account, "/copilot_internal/v2/token")
        value, now = content.get("token"), self._clock()
        if not isinstance(value, str) or not value:
            raise UpstreamRefused("GitHub's response to the token request has no token")
        refresh_in = positive(content.get("refresh_in")) or DEFAULT_REFRESH_IN
        endpoints = content.get("endpoints")
        api = account.hosts.choose(
            endpoints.get("api") if isinstance(endpoints, dict) else None, proxy_host(value)
        )
        return CopilotToken(
            value=value,
            api=api,
            completions=account.hosts.choose_completions(
                endpoints.get("proxy") if isinstance(endpoints, dict) else None
            ),
            exchanged=True,
            sku=str(content.get("sku") or ""),
            received_at=now,
            refresh_at=now + max(refresh_in - REFRESH_AHEAD, 0.8 * refresh_in),
            expires_at=now + refresh_in + CLOCK_TOLERANCE,
        )

    def _as_it_is(self, account: Account) -> CopilotToken:
        """The GitHub token itself; only the address of the plan's API has to be found."""
        try:
            content = self._get(account, "/copilot_internal/user")
        except LoginRequired:
            raise
        except BridgeError as error:  # a PAT may have no access to this endpoint
            log.debug("GitHub's report does not name the plan's host: %s", error)
            content = {}
        endpoints, now = content.get("endpoints"), self._clock()
        return CopilotToken(
            value=account.github_token.reveal(),
            api=account.hosts.choose(endpoints.get("api") if isinstance(endpoints, dict) else None),
            completions="",
            exchanged=False,
            sku=str(content.get("access_type_sku") or ""),
            received_at=now,
            refresh_at=now + HOST_TTL,
            expires_at=now + 24 * HOST_TTL,
        )

    def _get(self, account: Account, path: str) -> dict[str, Any]:
        headers = self._headers.github(account.github_token.reveal())
        return read_response(self._client.send("GET", account.hosts.api + path, headers, timeout=TIMEOUT))


def proxy_host(token: str) -> str | None:
    """The plan's API host, from `proxy-ep=proxy.business.githubcopilot.com` inside a token."""
    pairs = dict(pair.split("=", 1) for pair in token.split(":")[0].split(";") if "=" in pair)
    host = pairs.get("proxy-ep", "")
    return f"https://api.{host.removeprefix('proxy.')}" if host.startswith("proxy.") else None
