"""GitHub's report on each account's plan and quotas, fetched once a minute at most."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from cachetools import LRUCache, TTLCache

from copilot_bridge.errors import BridgeError, StoreError
from copilot_bridge.redaction import redact
from copilot_bridge.upstream.github.accounts import Account
from copilot_bridge.upstream.github.api import TIMEOUT, read_response
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.key_value_store import KeyValueStore
from copilot_bridge.upstream.single_flight import SingleFlight
from copilot_bridge.upstream.transport.http_client import HttpClient

log = logging.getLogger(__name__)

REPORT_TTL = 60.0  # seconds
RETRY_DELAY = 5.0  # seconds; until then a failure is repeated, and GitHub is not asked
MAX_ACCOUNTS = 256

Report = dict[str, Any]

# The members that describe the plan's remaining quota, for callers who do not own the account.
QUOTA_FIELDS = (
    "access_type_sku",
    "copilot_plan",
    "chat_enabled",
    "token_based_billing",
    "quota_reset_date",
    "quota_reset_date_utc",
    "quota_snapshots",
    "limited_user_reset_date",
    "limited_user_quotas",
    "monthly_quotas",
)


def fetch_user_info(client: HttpClient, headers: Headers, account: Account) -> Report:
    """GitHub's report as it is: for `read_usage`, and for clients that know its shape.

    :raises LoginRequired, UpstreamRefused, UpstreamTimeout, UpstreamUnreachable:
    """
    sent = headers.github(account.github_token.reveal())
    url = f"{account.hosts.api}/copilot_internal/user"
    return read_response(client.send("GET", url, sent, timeout=TIMEOUT))


class UsageReports:
    """The reports: a cache in memory, in front of the store that all workers share, in front of GitHub.

    :param clock: unix seconds.
    """

    def __init__(
        self,
        client: HttpClient,
        headers: Headers,
        store: KeyValueStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._headers = headers
        self._store = store
        self._clock = clock
        self._cache: LRUCache[str, tuple[float, Report]] = LRUCache(MAX_ACCOUNTS)
        self._failures: TTLCache[str, BridgeError] = TTLCache(MAX_ACCOUNTS, RETRY_DELAY, clock)
        self._flights: SingleFlight[Report] = SingleFlight()

    def get(self, account: Account) -> Report:
        """The report, a minute old at most, without anything that looks like a secret.

        :raises LoginRequired, UpstreamRefused, UpstreamTimeout, UpstreamUnreachable:
        """
        cached = self._cache.get(account.fingerprint)
        if cached and self._is_fresh(cached[0]):
            return cached[1]
        return self._flights.do(account.fingerprint, lambda: self._renew(account))

    def cached(self, account: Account) -> tuple[float, Report] | None:
        """The last report that this process has seen, of any age, and its time in unix seconds."""
        return self._cache.get(account.fingerprint)

    def _is_fresh(self, at: float) -> bool:
        return 0 <= self._clock() - at < REPORT_TTL

    def _renew(self, account: Account) -> Report:
        key = account.fingerprint
        if failure := self._failures.get(key):
            raise failure
        with self._store.lock(f"report-{key}"):
            at, report = self._stored(key) or self._fetch(account)
        self._cache[key] = at, report
        return report

    def _stored(self, key: str) -> tuple[float, Report] | None:
        stored = self._store.read(f"reports/{key}") or {}
        at, report = stored.get("at"), stored.get("report")
        fresh = isinstance(at, int | float) and isinstance(report, dict) and self._is_fresh(at)
        return (at, report) if fresh else None  # type: ignore[return-value]

    def _fetch(self, account: Account) -> tuple[float, Report]:
        try:
            report = without_secrets(fetch_user_info(self._client, self._headers, account))
        except BridgeError as error:
            self._failures[account.fingerprint] = error
            raise
        at = self._clock()
        try:
            self._store.write(f"reports/{account.fingerprint}", {"at": at, "report": report})
        except StoreError as error:
            log.warning("the quota report can't be stored, so it is kept in memory only: %s", error)
        return at, report


def quotas_only(report: Mapping[str, Any]) -> Report:
    """The report without anything about the account's owner."""
    return {name: report[name] for name in QUOTA_FIELDS if name in report}


def without_secrets(value: Any) -> Any:
    """The value without strings that look like a secret, or are called a token; GitHub sends none today."""
    if isinstance(value, dict):
        return {
            name: without_secrets(member)
            for name, member in value.items()
            if not (isinstance(member, str) and name.lower().endswith("token"))
        }
    if isinstance(value, list):
        return [without_secrets(member) for member in value]
    return redact(value) if isinstance(value, str) else value
