"""The quota of each plan, and the two forms in which it is sent: user info and response headers."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

SESSION_REMAINING = 99.6  # per cent of the five-hour window
WEEKLY_REMAINING = 95.9


@dataclass(frozen=True, slots=True)
class Allowance:
    """One quota of an account.  `entitlement` and `remaining` count requests or AI units; -1: no limit."""

    entitlement: int
    remaining: float = 0.0
    overage_permitted: bool = False
    overage: float = 0.0

    @property
    def unlimited(self) -> bool:
        return self.entitlement < 0

    @property
    def percent(self) -> float:
        """Per cent remaining; negative once the account is over its quota."""
        return 100.0 if self.unlimited else round(100 * self.remaining / self.entitlement, 3)

    def header(self, reset: str, total_remaining: bool) -> str:
        """The URL-encoded value of an `x-quota-snapshot-*` header; `rem` is a percentage."""
        fields = {"ent": self.entitlement, "ov": self.overage, "ovPerm": str(self.overage_permitted).lower()}
        fields |= {"rem": self.percent, "rst": reset}
        if total_remaining:
            fields["totRem"] = self.remaining
        return urlencode(fields)


UNLIMITED = Allowance(-1)

Quotas = dict[str, Allowance]

QUOTAS: dict[str, Quotas] = {
    "seat": {
        "chat": UNLIMITED,
        "completions": UNLIMITED,
        "premium_interactions": Allowance(300, 250.33, overage_permitted=True),
    },
    "large-seat": {
        "chat": UNLIMITED,
        "completions": UNLIMITED,
        "premium_interactions": Allowance(1000, 771.0, overage_permitted=True),
    },
    "pro": {"chat": UNLIMITED, "completions": UNLIMITED, "premium_interactions": Allowance(300, 89.1)},
    "pro-plus": {
        "chat": UNLIMITED,
        "completions": UNLIMITED,
        "premium_interactions": Allowance(1500, 1204.0, overage_permitted=True),
    },
    "free": {
        "chat": Allowance(50, 48.0),
        "completions": Allowance(2000, 2000.0),
        "premium_interactions": Allowance(50, 48.0),
    },
    "exhausted": {
        "chat": UNLIMITED,
        "completions": UNLIMITED,
        "premium_interactions": Allowance(300, -1.0, overage=1.0),
    },
    "beyond": {
        "chat": UNLIMITED,
        "completions": UNLIMITED,
        "premium_interactions": Allowance(300, -20.0, overage_permitted=True, overage=20.0),
    },
    "billed": {
        "chat": UNLIMITED,
        "completions": UNLIMITED,
        "premium_interactions": Allowance(50000, 12940.4, overage_permitted=True),
    },
}


def next_month() -> datetime:
    """The time at which monthly quotas start again."""
    now = datetime.now(UTC)
    year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
    return datetime(year, month, 1, tzinfo=UTC)


def headers(kind: str, windows: bool) -> dict[str, str]:
    """The quota headers of a Copilot response; individual plans have `windows` (five hours, a week), too."""
    reset = next_month().strftime("%Y-%m-%dT%H:%M:%SZ")
    found = {
        f"x-quota-snapshot-{name}": row.header(reset, total_remaining=kind == "billed" and not row.unlimited)
        for name, row in QUOTAS[kind].items()
    }
    if windows:
        found["x-usage-ratelimit-session"] = _window(SESSION_REMAINING, reset)
        found["x-usage-ratelimit-weekly"] = _window(WEEKLY_REMAINING, reset)
    return found


def _window(remaining: float, reset: str) -> str:
    return urlencode({"ent": 0, "ov": 0.0, "ovPerm": "false", "rem": remaining, "rst": reset})


def snapshots(kind: str) -> dict[str, dict[str, Any]]:
    """The `quota_snapshots` of user info on request-billed plans.

    `unlimited` says that there is no limit; `entitlement` is 0 then.
    """
    return {name: _snapshot(name, row) for name, row in QUOTAS[kind].items()}


def _snapshot(name: str, row: Allowance) -> dict[str, Any]:
    return {
        "entitlement": 0 if row.unlimited else row.entitlement,
        "overage_count": int(row.overage),
        "overage_permitted": row.overage_permitted,
        "percent_remaining": row.percent,
        "quota_id": name,
        "quota_remaining": row.remaining,
        "remaining": int(row.remaining),
        "unlimited": row.unlimited,
        "timestamp_utc": timestamp(),
    }


def billed_snapshots() -> dict[str, dict[str, Any]]:
    """`quota_snapshots` of a token-billed plan: unlimited is `entitlement` -1, and amounts are AI units."""
    rows = QUOTAS["billed"]
    unlimited = {"unlimited": True, "entitlement": -1, "percent_remaining": 100.0, "has_quota": True}
    premium = rows["premium_interactions"]
    return {
        "chat": dict(unlimited),
        "completions": dict(unlimited),
        "premium_interactions": {
            "quota_id": "premium_interactions",
            "entitlement": premium.entitlement,
            "credits_used": premium.entitlement - int(premium.remaining),
            "remaining": int(premium.remaining),
            "quota_remaining": premium.remaining,
            "percent_remaining": round(premium.percent, 1),
            "unlimited": False,
            "has_quota": True,
            "token_based_billing": True,
            "overage_permitted": premium.overage_permitted,
            "overage_count": 0,
            "overage_entitlement": 0,
            "quota_reset_at": 0,
            "timestamp_utc": timestamp(),
        },
    }


def timestamp() -> str:
    """Now, the way quota snapshots write it: ISO 8601 with milliseconds and Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
