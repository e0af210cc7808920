"""GitHub's report on each account's plan and quotas, asked for once a minute however many want it."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from cachetools import LRUCache, TTLCache

from copilot_bridge.errors import BridgeError, StoreError
from copilot_bridge.redaction import redact
from copilot_bridge.upstream.github.tokens import Account, KeyValueStore
from copilot_bridge.upstream.headers import Headers
from copilot_bridge.upstream.quota import fetch_usage
from copilot_bridge.upstream.single_flight import Flights
from copilot_bridge.upstream.transport.http_client import HttpClient

log = logging.getLogger(__name__)

LIFE = 60.0  # s
PAUSE = 5.0  # s; a failure is told again for so long, and GitHub is left alone
MOST_ACCOUNTS = 256

Report = dict[str, Any]

# What is left of the plan, for callers who do not own the account.
QUOTAS = (
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


class Reports:
    """Memory stands in front of the key_values that all workers share, and the key_values in front of GitHub.

    :param clock: unix seconds.
    """

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
        self._known: LRUCache[str, tuple[float, Report]] = LRUCache(MOST_ACCOUNTS)
        self._failures: TTLCache[str, BridgeError] = TTLCache(MOST_ACCOUNTS, PAUSE, clock)
        self._flights: Flights[Report] = Flights()

    def get(self, account: Account) -> Report:
        """As GitHub gave it, a minute old at the most, and without anything that looks like a secret.

        :raises LoginRequired, UpstreamRefused, UpstreamTimeout, UpstreamUnreachable:
        """
        known = self._known.get(account.fingerprint)
        if known and self._is_fresh(known[0]):
            return known[1]
        return self._flights.join(account.fingerprint, lambda: self._renewed(account))

    def known(self, account: Account) -> tuple[float, Report] | None:
        """(when GitHub gave it, in unix seconds; the last one that this process has seen)"""
        return self._known.get(account.fingerprint)

    def _is_fresh(self, at: float) -> bool:
        return 0 <= self._clock() - at < LIFE

    def _renewed(self, account: Account) -> Report:
        key = account.fingerprint
        if failure := self._failures.get(key):
            raise failure
        with self._key_values.lock(f"report-{key}"):
            at, report = self._stored(key) or self._fetched(account)
        self._known[key] = at, report
        return report

    def _stored(self, key: str) -> tuple[float, Report] | None:
        stored = self._key_values.read(f"reports/{key}") or {}
        at, report = stored.get("at"), stored.get("report")
        fresh = isinstance(at, int | float) and isinstance(report, dict) and self._is_fresh(at)
        return (at, report) if fresh else None  # type: ignore[return-value]

    def _fetched(self, account: Account) -> tuple[float, Report]:
        try:
            report = without_secrets(fetch_usage(self._client, self._headers, account))
        except BridgeError as error:
            self._failures[account.fingerprint] = error
            raise
        at = self._clock()
        try:
            self._key_values.write(f"reports/{account.fingerprint}", {"at": at, "report": report})
        except StoreError as error:
            log.warning("the quota report is kept in memory only: %s", error)
        return at, report


def quotas_of(report: Mapping[str, Any]) -> Report:
    """Nothing of whom the account belongs to."""
    return {name: report[name] for name in QUOTAS if name in report}


def without_secrets(value: Any) -> Any:
    """Strings that look like a secret, or are called a token, are hidden; GitHub sends none today."""
    if isinstance(value, dict):
        return {
            name: without_secrets(member)
            for name, member in value.items()
            if not (isinstance(member, str) and name.lower().endswith("token"))
        }
    if isinstance(value, list):
        return [without_secrets(member) for member in value]
    return redact(value) if isinstance(value, str) else value
