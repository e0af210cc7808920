"""Budgets: how much a key, a login, a conversation or everybody may use within a period."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from msgspec import Struct

from copilot_bridge.billing.charge import Charge
from copilot_bridge.billing.cost import NANO
from copilot_bridge.billing.periods import NAMES, Period

ALL, KEY, LOGIN, CONVERSATION = "all", "key", "login", "conversation"
SCOPES = (ALL, KEY, LOGIN, CONVERSATION)
EACH = "*"  # as a subject: each key, login or conversation has a budget of this size of its own

AI_UNITS, PREMIUM, REQUESTS, DOLLARS = "ai-units", "premium", "requests", "usd"

# Percentages of a budget at which the operator gets a notice.
THRESHOLDS = (50, 75, 90, 95, 100)


class Unit(Struct, frozen=True):
    """The unit in which a budget is counted.

    :param words: its name for people.  :param scale: how many of the counted parts it has.
    """

    words: str
    scale: int


# Dollars are counted in 1e-9 cents, everything else in 1e-9 of itself.
UNITS = {
    AI_UNITS: Unit("AI units", NANO),
    PREMIUM: Unit("premium requests", NANO),
    REQUESTS: Unit("requests", NANO),
    DOLLARS: Unit("US$", 100 * NANO),
}

# Names of the units that people may type.
UNIT_NAMES = {
    "": AI_UNITS,
    **dict.fromkeys(("ai-units", "ai units", "aiu", "credits"), AI_UNITS),
    **dict.fromkeys(("premium", "premium-requests", "premium requests"), PREMIUM),
    **dict.fromkeys(("requests", "request"), REQUESTS),
    **dict.fromkeys(("usd", "$", "us$", "dollars"), DOLLARS),
}

LIMIT = re.compile(r"(\$?)\s*(\d{1,9}(?:\.\d{1,6})?)\s*([a-z$ -]*?)\s*(?:/|\bper\b)\s*([a-z]+)")
EXAMPLES = "500/month, 20 usd/week, 300 premium/period or 1000 requests/day"


class BudgetLimit(Struct, frozen=True):
    """The size of a budget.  :param amount: in the parts in which its unit is counted."""

    amount: int
    unit: str
    period: str

    @classmethod
    def parse(cls, text: str) -> "BudgetLimit":
        """Parse `500/month`: AI units, where no unit is named.  Raises ValueError."""
        match = LIMIT.fullmatch(text.strip().lower())
        unit = match and UNIT_NAMES.get(match[3] or match[1])
        if not match or unit is None or match[4] not in NAMES or (match[1] and match[3]):
            raise ValueError(f"expected a budget like {EXAMPLES}")
        amount = int(Decimal(match[2]) * UNITS[unit].scale)
        if not amount:
            raise ValueError("a budget of 0 lets nothing through: revoke the key instead")
        return cls(amount, unit, match[4])

    def __str__(self) -> str:
        return f"{quantity(self.amount, self.unit)} a {period_words(self.period)}"


class Budget(Struct, frozen=True):
    """A budget of the operator's.

    :param subject: the id of a key as in the log ("key:NAME"), a login, a conversation as in the log; EACH;
        "" for the scope "all".
    :param created: unix seconds.
    """

    scope: str
    subject: str
    limit: BudgetLimit
    created: float = 0.0

    @property
    def kind(self) -> tuple[str, str, str]:
        """The scope, unit and period: of budgets that share them, only one applies to a request."""
        return self.scope, self.limit.unit, self.limit.period

    def counts(self, identity: Mapping[str, str]) -> str | None:
        """The subject whose counter a request belongs to; None: the budget does not concern the request."""
        actual = identity.get(self.scope, "")
        concerned = self.scope == ALL or (actual and self.subject in (actual, EACH))
        return actual if concerned else None


def applicable(budgets: tuple[Budget, ...], identity: Mapping[str, str]) -> list[tuple[Budget, str]]:
    """The budgets of a request, each with the subject of its counter.

    A budget of a subject's own replaces the one that each subject has.

    :param identity: scope -> the request's key, login and conversation.
    """
    found: dict[tuple[str, str, str], tuple[Budget, str]] = {}
    for budget in sorted(budgets, key=lambda budget: budget.subject != EACH):
        if (subject := budget.counts(identity)) is not None:
            found[budget.kind] = budget, subject
    return list(found.values())


def counted(unit: str, charge: Charge) -> int | None:
    """How much of a budget in this unit a request uses up, in counted parts; None: not known."""
    amounts = {
        AI_UNITS: charge.nano_aiu,
        PREMIUM: charge.nano_premium,
        REQUESTS: NANO,
        DOLLARS: charge.nano_cents,
    }
    return amounts[unit]


class Standing(Struct, frozen=True):
    """How far a budget is used up.  :param reserved: for requests that are under way."""

    budget: Budget
    subject: str
    period: Period
    spent: int
    reserved: int = 0

    @property
    def percent(self) -> int:
        return 100 * self.spent // self.budget.limit.amount

    @property
    def threshold(self) -> int:
        """The highest threshold that is reached; 0: none."""
        return max((mark for mark in THRESHOLDS if self.percent >= mark), default=0)

    @property
    def exhausted(self) -> bool:
        return self.spent >= self.budget.limit.amount

    @property
    def at_capacity(self) -> bool:
        """Return whether all that is left is reserved for requests under way."""
        return self.spent + self.reserved >= self.budget.limit.amount

    def header(self) -> str:
        """The standing as a response header.  Only keys are named: the others are the operator's business."""
        fields = {
            "scope": self.budget.scope,
            "used": plain(self.spent, self.budget.limit.unit),
            "limit": plain(self.budget.limit.amount, self.budget.limit.unit),
            "unit": self.budget.limit.unit,
            "percent": str(self.percent),
            "ends": timestamp(self.period.end),
        }
        return "; ".join(f"{name}={value}" for name, value in fields.items())

    def as_fields(self) -> dict[str, object]:
        """The standing as JSON; amounts are in the budget's unit, times in ISO 8601."""
        unit = self.budget.limit.unit
        return {
            "scope": self.budget.scope,
            "subject": self.subject or None,
            "unit": unit,
            "period": self.budget.limit.period,
            "limit": number(self.budget.limit.amount, unit),
            "used": number(self.spent, unit),
            "reserved": number(self.reserved, unit),
            "percent": self.percent,
            "starts": timestamp(self.period.start),
            "ends": timestamp(self.period.end),
        }

    def sentence(self) -> str:
        """Name the budget and its state, for the operator."""
        return (
            f"{self.percent} % of the budget of {whose(self.budget.scope, self.subject)} is used up: "
            f"{quantity(self.spent, self.budget.limit.unit)} of {self.budget.limit}"
        )

    def refusal(self) -> str:
        """Say that the budget is used up, and until when, for the sender of the request."""
        return (
            f"the budget of {whose_request(self.budget.scope, self.subject)} is used up: "
            f"{quantity(self.spent, self.budget.limit.unit)} of {self.budget.limit}; "
            f"it begins anew on {moment(self.period.end)}"
        )

    def waiting(self) -> str:
        return (
            f"what is left of the budget of {whose_request(self.budget.scope, self.subject)} "
            f"({self.budget.limit}) is reserved for requests that are under way: try again when one has ended"
        )


def whose(scope: str, subject: str) -> str:
    return "this bridge" if scope == ALL else f"the {scope} {subject.removeprefix('key:')!r}"


def whose_request(scope: str, subject: str) -> str:
    return {ALL: "this bridge", LOGIN: "its GitHub login", CONVERSATION: "this conversation"}.get(
        scope, f"the key {subject.removeprefix('key:')!r}"
    )


def period_words(period: str) -> str:
    return "billing period" if period == "period" else period


def exactly(parts: int, unit: str) -> Decimal:
    return Decimal(parts) / UNITS[unit].scale


def plain(parts: int, unit: str) -> str:
    """The amount without needless digits: 500, 0.1728."""
    text = f"{exactly(parts, unit):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def number(parts: int, unit: str) -> float | int:
    amount = exactly(parts, unit)
    return int(amount) if amount == int(amount) else float(amount)


def quantity(parts: int, unit: str) -> str:
    """The amount with its unit, for people: "1,234.57 AI units", "US$ 20"."""
    amount = f"{round(exactly(parts, unit), 2):,f}"
    amount = amount.rstrip("0").rstrip(".") if "." in amount else amount
    return f"US$ {amount}" if unit == DOLLARS else f"{amount} {UNITS[unit].words}"


def timestamp(unix_seconds: int) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(unix_seconds: int) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
