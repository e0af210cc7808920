"""The quotas of a plan, read from the account's report and the headers of responses.

Source: the official client (chatQuotaServiceImpl.ts) and recorded responses, 2025 to 2026.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from msgspec import Struct

REQUESTS, AI_UNITS = "requests", "AI units"  # an AI unit is a credit: US$ 0.01

# The account's next reset, the most exact first: two timestamps, then two dates.
RESET_FIELDS = ("quota_reset_date_utc", "quota_reset_date", "limited_user_reset_date")


# Words in a SKU like "copilot_for_business_seat_quota" -> the plan.
PLANS = (
    ("no_access", "no Copilot plan"),
    ("free_limited", "Copilot Free"),
    ("educational", "Copilot Pro (education)"),
    ("plus_", "Copilot Pro+"),
    ("max_", "Copilot Max"),
    ("subscriber", "Copilot Pro"),
    ("individual", "Copilot Pro"),
    ("business", "Copilot Business"),
    ("enterprise", "Copilot Enterprise"),
)


def plan_of(sku: str) -> str:
    return next((plan for word, plan in PLANS if word in sku), sku.replace("_", " "))


class Quota(Struct, frozen=True):
    """One allowance, like "premium_interactions".

    :param entitlement: per month; None if there is no limit, or it is not known.  0: no allowance at all.
    :param used: entitlement - remaining; None where one of them is.
    :param percent_remaining: below 0 if more was used than allowed.
    :param overage_count: use beyond the entitlement, at extra cost if `overage_permitted`.
    :param resets_at: ISO 8601, a timestamp or a date.
    :param unit: of entitlement, remaining, used: "requests" or "AI units".
    """

    name: str
    entitlement: float | None
    remaining: float | None
    used: float | None
    percent_remaining: float | None
    unlimited: bool
    overage_count: float
    overage_permitted: bool
    resets_at: str | None
    unit: str


class AccountUsage(Struct, frozen=True):
    """The account's report.

    :param sku: "no_access": there is no Copilot plan.
    :param token_billed: the account pays by AI unit.
    """

    login: str
    plan: str
    sku: str
    quotas: tuple[Quota, ...]
    resets_at: str | None
    token_billed: bool

    @property
    def plan_name(self) -> str:
        """The plan's name for people; "" if it is not known."""
        return plan_of(self.sku) or self.plan


def read_usage(content: Mapping[str, Any]) -> AccountUsage:
    """The report in any of its forms; missing and malformed members are left out."""
    snapshots = objects(content.get("quota_snapshots"))
    token_billed = any(part.get("token_based_billing") is True for part in (content, *snapshots.values()))
    resets_at = next((str(content[name]) for name in RESET_FIELDS if content.get(name)), None)
    quotas = tuple(
        read_quota(name, snapshot, resets_at, token_billed) for name, snapshot in snapshots.items()
    )
    return AccountUsage(
        login=str(content.get("login") or ""),
        plan=str(content.get("copilot_plan") or ""),
        sku=str(content.get("access_type_sku") or ""),
        quotas=quotas or tuple(read_legacy(content, resets_at)),
        resets_at=resets_at,
        token_billed=token_billed,
    )


def read_quota(name: str, snapshot: Mapping[str, Any], resets_at: str | None, token_billed: bool) -> Quota:
    """A member of `quota_snapshots`.  `resets_at`, `token_billed`: the account's, as defaults."""
    entitlement = number(snapshot.get("entitlement"))
    unlimited = snapshot.get("unlimited") is True or entitlement == -1
    if unlimited:
        entitlement = remaining = None  # the numbers are placeholders then: 0 or -1
    else:
        remaining = remainder(snapshot, entitlement)
    percent = number(snapshot.get("percent_remaining"))
    return Quota(
        name=name,
        entitlement=entitlement,
        remaining=remaining,
        used=difference(entitlement, remaining),
        percent_remaining=share(entitlement, remaining) if percent is None else percent,
        unlimited=unlimited,
        overage_count=number(snapshot.get("overage_count")) or 0.0,
        overage_permitted=snapshot.get("overage_permitted") is True,
        resets_at=timestamp(number(snapshot.get("quota_reset_at"))) or resets_at,
        unit=AI_UNITS if snapshot.get("token_based_billing", token_billed) is True else REQUESTS,
    )


def read_legacy(content: Mapping[str, Any], resets_at: str | None) -> Iterator[Quota]:
    """The free plan until 2025: {"monthly_quotas": {"chat": 500}, "limited_user_quotas": {"chat": 350}}."""
    allowed, left = content.get("monthly_quotas"), content.get("limited_user_quotas")
    if not isinstance(allowed, dict) or not isinstance(left, dict):
        return
    for name in allowed | left:
        snapshot = {"entitlement": allowed.get(name), "remaining": left.get(name)}
        yield read_quota(str(name), snapshot, resets_at, token_billed=False)


def remainder(snapshot: Mapping[str, Any], entitlement: float | None) -> float | None:
    """The rest of a quota: `quota_remaining` has the fractions that `remaining` cuts off."""
    given = (number(snapshot.get(name)) for name in ("quota_remaining", "remaining"))
    if (remaining := next((value for value in given if value is not None), None)) is not None:
        return remaining
    percent = number(snapshot.get("percent_remaining"))
    return None if percent is None or entitlement is None else round(entitlement * percent / 100, 4)


def difference(entitlement: float | None, remaining: float | None) -> float | None:
    """The difference, rounded: 300 - 250.33 would be 49.66999999999999."""
    return None if entitlement is None or remaining is None else round(entitlement - remaining, 4)


def share(entitlement: float | None, remaining: float | None) -> float | None:
    """The remaining percentage; 0 of no allowance."""
    if entitlement is None or remaining is None:
        return None
    return round(100 * remaining / entitlement, 4) if entitlement else 0.0


class QuotaSnapshot(Struct, frozen=True):
    """A quota from a response's header; it lags behind by some requests.

    :param entitlement: -1: no limit; 0 in the rate limits "session" and "weekly", which are percentages.
    :param percent_remaining: 0 to 100, and below 0.
    :param overage: use beyond the entitlement.
    :param resets_at: ISO 8601.
    :param total_remaining: in AI units; token-billed plans only.
    """

    entitlement: float
    percent_remaining: float
    overage: float
    overage_permitted: bool
    resets_at: str | None
    total_remaining: float | None

    @property
    def unlimited(self) -> bool:
        return self.entitlement == -1

    @property
    def exhausted(self) -> bool:
        """Return whether nothing is left, by the official client's rule."""
        return self.percent_remaining <= 0 and not self.overage_permitted and not self.unlimited


SNAPSHOT_PREFIXES = ("x-quota-snapshot-", "x-usage-ratelimit-")


def read_snapshots(headers: Mapping[str, str]) -> dict[str, QuotaSnapshot]:
    """The quotas ("chat", "premium_models") and rate limits ("session", "weekly") on a response, by name."""
    named = {
        name.lower().removeprefix(prefix): read_snapshot(value)
        for name, value in headers.items()
        for prefix in SNAPSHOT_PREFIXES
        if name.lower().startswith(prefix)
    }
    return {name: snapshot for name, snapshot in named.items() if name and snapshot}


def read_snapshot_objects(content: object) -> dict[str, QuotaSnapshot]:
    """The same out of an event: {"chat": {"entitlement": "300", "percent_remaining": 29.7, ...}}."""
    found = {}
    for name, snapshot in objects(content).items():
        entitlement, percent = number(snapshot.get("entitlement")), number(snapshot.get("percent_remaining"))
        if entitlement is not None and percent is not None:
            resets_at = snapshot.get("reset_date")
            found[name] = QuotaSnapshot(
                entitlement=-1.0 if snapshot.get("unlimited") is True else entitlement,
                percent_remaining=percent,
                overage=number(snapshot.get("overage_count")) or 0.0,
                overage_permitted=snapshot.get("overage_permitted") is True,
                resets_at=str(resets_at) if resets_at else None,
                total_remaining=None,
            )
    return found


def read_snapshot(value: str) -> QuotaSnapshot | None:
    """Read `ent=300&ov=0.0&ovPerm=false&rem=29.7&rst=2026-05-01T00%3A00Z`; None without `ent` or `rem`."""
    # Not parse_qs: it would read the plus of an offset like +02:00 as a space.
    pairs = (pair.partition("=") for pair in value.split("&"))
    given = {key.strip(): unquote(text).strip() for key, _, text in pairs}
    entitlement, percent = number(given.get("ent")), number(given.get("rem"))
    if entitlement is None or percent is None:
        return None
    return QuotaSnapshot(
        entitlement=entitlement,
        percent_remaining=percent,
        overage=number(given.get("ov")) or 0.0,
        overage_permitted=given.get("ovPerm", "").lower() == "true",
        resets_at=given.get("rst") or None,
        total_remaining=number(given.get("totRem")),
    )


def number(value: object) -> float | None:
    """The value of a JSON number or a numeric string (both occur); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def amount(value: float | None) -> str:
    """A number for people, with separators and without needless digits; "?" for None."""
    return "?" if value is None else f"{round(value, 2):,.10g}"


def percentage(value: float) -> str:
    """A percentage for people, without the sign."""
    return f"{value:.1f}"


def timestamp(unix_seconds: float | None) -> str | None:
    """A time in ISO 8601, UTC; None for 0, by which upstream means "not known"."""
    if not unix_seconds or unix_seconds < 0:
        return None
    try:
        return datetime.fromtimestamp(unix_seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        return None


def objects(value: object) -> dict[str, dict[str, Any]]:
    """The members of an object that are objects, too; {} for null and anything else."""
    if not isinstance(value, dict):
        return {}
    return {str(name): member for name, member in value.items() if isinstance(member, dict)}
