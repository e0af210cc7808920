"""The account's usage report for the pages, which wait for GitHub for a limited time only."""

import time
from typing import Any

import gevent
from msgspec import Struct

from copilot_bridge.billing.charge import CENTS_OF_AI_UNIT, CENTS_OF_PREMIUM_REQUEST
from copilot_bridge.billing.cost import NANO
from copilot_bridge.billing.forecast import DAY, WEEK, Forecast, SpendingRate, forecast, metered
from copilot_bridge.billing.quota import AI_UNITS, AccountUsage, Quota, QuotaSnapshot, plan_of, read_usage
from copilot_bridge.errors import StoreError, UpstreamTimeout
from copilot_bridge.http.pages import timezone
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.pipeline import Bridge
from copilot_bridge.upstream.github.accounts import Account

MAX_WAIT = 10.0  # seconds

# Only responses report these limits, the account's report never does.
SESSION_LIMITS = ("session", "weekly")


class Report(Struct, frozen=True):
    """The account's report.  :param at: unix seconds at which GitHub sent it."""

    usage: AccountUsage
    at: float


class Outlook(Struct, frozen=True):
    """Return how long the plan will last.

    :param today: used since the reader's midnight, in the quota's unit, by the log of this bridge.
    :param a_day: what may be used on each day until the renewal, today's use included.
    :param cents: the list price of a unit, in US cents.
    """

    forecast: Forecast
    today: float
    a_day: float
    cents: float

    @property
    def quota(self) -> Quota:
        return self.forecast.quota

    @property
    def pace(self) -> SpendingRate:
        """The pace to go by: of the last seven days if there was any use, else of the period."""
        week, period = self.forecast.week, self.forecast.period
        return week if week.per_day or period is None else period

    def dollars(self, amount: float | None) -> float | None:
        """The list price of so many units."""
        return None if amount is None else amount * self.cents / 100


def known_report(bridge: Bridge, account: Account) -> Report | None:
    """The last report, of any age, without asking GitHub."""
    known = bridge.usage_reports.cached(account)
    return Report(read_usage(known[1]), known[0]) if known else None


def fetch_report(bridge: Bridge, account: Account) -> Report | None:
    """A report that is a minute old at most.  Raises BridgeError."""
    late = UpstreamTimeout(f"GitHub has not responded within {MAX_WAIT:g} s")
    with gevent.Timeout(MAX_WAIT, late):
        bridge.usage_reports.get(account)
    return known_report(bridge, account)


def known_plan(bridge: Bridge, account: Account) -> str:
    """The plan that the account's last Copilot token names; "" if there is none."""
    content = bridge.store.key_values.read(f"tokens/{account.fingerprint}") or {}
    sku = content.get("sku")
    return plan_of(sku) if isinstance(sku, str) else ""


def limits_of(bridge: Bridge, account: Account | None) -> dict[str, QuotaSnapshot]:
    """The limits of the session and of the week, on plans that have them."""
    samples = bridge.quota_snapshots.shared(account) if account else {}
    return {name: samples[name] for name in SESSION_LIMITS if name in samples}


def outlook(bridge: Bridge, account: Account | None, report: Report | None) -> Outlook | None:
    """The outlook for the account; None: its plan has no limit that is known, or the log can't be read."""
    quota = metered(report.usage) if report else None
    if account is None or report is None or quota is None:
        return None
    names = {"account": report.usage.login or account.login or f"token {account.fingerprint[:8]}"}
    now, midnight = time.time(), timezone.midnight()
    try:
        (today,) = bridge.store.usage.spans([midnight, int(now) + 1], ("account",), names)
        (recent,) = bridge.store.usage.spans([int(now - WEEK), int(now) + 1], ("account",), names)
    except StoreError:
        return None
    used_recently = sum(used_of(quota, sums) for sums in recent.values())
    ahead = forecast(quota, now, used_recently)
    used_today = sum(used_of(quota, sums) for sums in today.values())
    days = max(1.0, (ahead.renewed_at - midnight) / DAY)
    left = max(0.0, quota.remaining or 0.0)
    cents = CENTS_OF_AI_UNIT if quota.unit == AI_UNITS else CENTS_OF_PREMIUM_REQUEST
    return Outlook(ahead, used_today, (left + used_today) / days, cents)


def used_of(quota: Quota, sums: dict[str, Any]) -> float:
    """The use of a quota by the sums of the log, in the quota's unit."""
    used: float = (sums["nano_aiu"] or 0) / NANO if quota.unit == AI_UNITS else sums["premium"] or 0.0
    return used


def plan_name(usage: AccountUsage) -> str:
    return usage.plan_name or tr("quota.plan_unknown")


def quota_name(name: str) -> str:
    """The name of a quota in the reader's language.  :param name: GitHub's name."""
    names = {
        "premium_interactions": tr("quota.premium_requests"),
        "premium_models": tr("quota.premium_requests"),
        "chat": tr("quota.chat"),
        "completions": tr("quota.completions"),
        "session": tr("quota.session_limit"),
        "weekly": tr("quota.weekly_limit"),
    }
    return names.get(name, name.replace("_", " ").capitalize())


def unit_name(unit: str) -> str:
    units = {"requests": tr("quota.requests"), "AI units": tr("home.ai_units")}
    return units.get(unit, unit)
