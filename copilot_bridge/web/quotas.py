"""What is left of the plan, as far as it is known, without anybody waiting long for it."""

import time
from dataclasses import dataclass

import gevent
from cachetools import TTLCache

from copilot_bridge.errors import BridgeError, UpstreamTimeout
from copilot_bridge.exchange import Bridge
from copilot_bridge.upstream.quota import Snapshot, Usage, fetch_usage, read_usage
from copilot_bridge.upstream.tokens import Account, plan_of
from copilot_bridge.web.language import tr

FRESH = 60.0  # s, in which GitHub is not asked again for the same account
LONGEST_WAIT = 10.0  # s

_known: TTLCache[str, "Report"] = TTLCache(256, 7 * 86_400.0)


@dataclass(frozen=True)
class Report:
    """:param at: unix seconds, when GitHub said so."""

    usage: Usage
    at: float


def known_report(account: Account) -> Report | None:
    """The last one, of whatever age; nobody is asked."""
    return _known.get(account.fingerprint)


def fetch_report(bridge: Bridge, account: Account) -> Report:
    """Raises BridgeError."""
    known = known_report(account)
    if known and 0 <= time.time() - known.at < FRESH:
        return known
    late = UpstreamTimeout(f"GitHub has not answered within {LONGEST_WAIT:g} s")
    with gevent.Timeout(LONGEST_WAIT, late):
        usage = read_usage(fetch_usage(bridge.client, bridge.headers, account))
    report = _known[account.fingerprint] = Report(usage, time.time())
    return report


def known_plan(bridge: Bridge, account: Account) -> str:
    """By the last Copilot token of the account; "" if there is none."""
    content = bridge.store.shelf.read(f"tokens/{account.fingerprint}") or {}
    sku = content.get("sku")
    return plan_of(sku) if isinstance(sku, str) else ""


def snapshots(bridge: Bridge) -> dict[str, Snapshot]:
    """Of the last replies that this worker has seen.  {} if there are none, or nobody is logged in."""
    try:
        return dict(bridge.quota)
    except BridgeError:
        return {}


def plan_name(usage: Usage) -> str:
    return plan_of(usage.sku) or usage.plan or tr("plan unknown")


def quota_name(name: str) -> str:
    """GitHub's name of an allowance, for people."""
    names = {
        "premium_interactions": tr("Premium requests"),
        "premium_models": tr("Premium requests"),
        "chat": tr("Chat"),
        "completions": tr("Completions"),
        "session": tr("Session limit"),
        "weekly": tr("Weekly limit"),
    }
    return names.get(name, name.replace("_", " ").capitalize())


def unit_name(unit: str) -> str:
    units = {"requests": tr("requests"), "AI units": tr("AI units")}
    return units.get(unit, unit)
