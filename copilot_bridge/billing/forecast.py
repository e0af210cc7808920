"""The time when a plan's allowance will be used up, at the pace of its period and of the last seven days."""

from msgspec import Struct

from copilot_bridge.billing.charge import TokenCounts, cost_of_tokens, premium_of, tier_of
from copilot_bridge.billing.periods import BILLING, period_at, unix_time
from copilot_bridge.billing.prices import Prices
from copilot_bridge.billing.quota import AccountUsage, Quota

DAY = 86_400
WEEK = 7 * DAY

# The quotas that requests to models are taken from; the first one with a limit counts.
METERS = ("premium_interactions", "premium_models", "chat")


class SpendingRate(Struct, frozen=True):
    """A pace, and what follows from it.

    :param per_day: in the quota's unit.
    :param empty_at: when the allowance is used up, unix seconds; None: not before it is renewed.
    """

    per_day: float
    empty_at: float | None


class Forecast(Struct, frozen=True):
    """The outlook of an allowance.

    :param renewed_at: unix seconds.
    :param period: by what was used since it was renewed.  :param week: by the last seven days of the bridge.
    """

    quota: Quota
    renewed_at: float
    period: SpendingRate | None
    week: SpendingRate

    @property
    def then(self) -> str:
        """The consequence when the allowance is used up, for people."""
        if self.quota.overage_permitted:
            return "requests then continue at extra cost"
        return "requests are then refused"


def metered(usage: AccountUsage) -> Quota | None:
    """The quota that requests to models are taken from; None: the plan has no limit that is known."""
    limited = {quota.name: quota for quota in usage.quotas if quota.entitlement and not quota.unlimited}
    return next((limited[name] for name in METERS if name in limited), None)


def forecast(quota: Quota, now: float, used_in_week: float) -> Forecast:
    """Forecast an allowance.  :param used_in_week: in its unit, within the last seven days."""
    reset = unix_time(quota.resets_at)
    period = period_at(BILLING, now, reset)
    elapsed = (now - period.start) / DAY
    left = max(0.0, quota.remaining or 0.0)
    used = quota.used
    of_period = None if used is None or elapsed <= 0 else pace(used / elapsed, left, now, period.end)
    return Forecast(quota, period.end, of_period, pace(used_in_week / (WEEK / DAY), left, now, period.end))


def pace(per_day: float, left: float, now: float, renewed_at: float) -> SpendingRate:
    if left <= 0:
        return SpendingRate(per_day, now)
    empty_at = now + left / per_day * DAY if per_day > 0 else renewed_at
    return SpendingRate(per_day, empty_at if empty_at < renewed_at else None)


class Traffic(Struct, frozen=True):
    """The requests of a time.  :param by_users: how many of them a person's words have caused."""

    requests: int
    by_users: int
    tokens: TokenCounts


def what_if(prices: Prices | None, multiplier: float | None, parts: tuple[Traffic, ...]) -> int | None:
    """The cost of the same requests with a model of these prices: 1e-9 AI units, or premium requests.

    :param parts: requests of which all prompts have the same tier, as `longest_prompt` splits them.
    """
    if multiplier is not None:
        return (premium_of(multiplier) or 0) * sum(part.by_users for part in parts)
    if prices is None:
        return None
    costs = [part_cost(prices, part, long=bool(index)) for index, part in enumerate(parts)]
    return None if None in costs else sum(cost or 0 for cost in costs)


def part_cost(prices: Prices, part: Traffic, *, long: bool) -> int | None:
    """The cost of summed up tokens.  The sum is no prompt, so it must not choose the tier itself."""
    tier = prices.long if long and prices.long else prices.usual
    return cost_of_tokens(Prices(tier, None, prices.discount), part.tokens)


def longest_prompt(prices: Prices | None) -> int | None:
    """The longest prompt of the default tier, where longer ones cost more."""
    max_prompt = prices.usual.most if prices and prices.long else None
    return max_prompt if prices and max_prompt and tier_of(prices, max_prompt + 1) is prices.long else None
