"""The account's usage report for the pages, which wait for GitHub for a limited time only."""

from dataclasses import dataclass

import gevent

from copilot_bridge.billing.quota import AccountUsage, plan_of, read_usage
from copilot_bridge.errors import UpstreamTimeout
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.pipeline import Bridge
from copilot_bridge.upstream.github.accounts import Account

MAX_WAIT = 10.0  # s


@dataclass(frozen=True)
class Report:
    """The account's report.  :param at: unix seconds at which GitHub sent it."""

    usage: AccountUsage
    at: float


def known_report(bridge: Bridge, account: Account) -> Report | None:
    """The last report, of any age, without asking GitHub."""
    known = bridge.usage_reports.cached(account)
    return Report(read_usage(known[1]), known[0]) if known else None


def fetch_report(bridge: Bridge, account: Account) -> Report | None:
    """A report that is a minute old at most.  Raises BridgeError."""
    late = UpstreamTimeout(f"GitHub has not answered within {MAX_WAIT:g} s")
    with gevent.Timeout(MAX_WAIT, late):
        bridge.usage_reports.get(account)
    return known_report(bridge, account)


def known_plan(bridge: Bridge, account: Account) -> str:
    """The plan that the account's last Copilot token names; "" if there is none."""
    content = bridge.store.key_values.read(f"tokens/{account.fingerprint}") or {}
    sku = content.get("sku")
    return plan_of(sku) if isinstance(sku, str) else ""


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
