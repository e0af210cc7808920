"""The prices of a model for a plan that is billed by token.

Source: Copilot's catalogues of 2026.  A client of API version 2026-06-01 or newer gets tiers, in AI units; an
older one gets one price each, in nano AI units.  An AI unit is a US cent.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

MILLION = 1_000_000  # tokens to which prices refer
NANO = 1e-9

# AI units for a million tokens; a higher number must be in nano AI units.
MAX_PRICE = 1e6


class Tier(Struct, frozen=True):
    """AI units for a million tokens; None where Copilot names no price.

    :param most: the longest prompt, in tokens, for which these prices hold.
    """

    given: float
    cached: float | None
    written: float | None
    out: float | None
    most: int | None = None


class Prices(Struct, frozen=True):
    """The prices of a model.

    :param long: for longer prompts than those of `usual`, where they cost more.
    :param discount: percent that a promotion takes off until `until` (a date).
    """

    usual: Tier
    long: Tier | None = None
    discount: float = 0.0
    until: str = ""


def read_prices(row: Mapping[str, Any], now: datetime | None = None) -> Prices | None:
    """The prices in a row of the catalogue; None: it names none."""
    billing = mapping(row.get("billing"))
    listed = mapping(billing.get("token_prices"))
    usual = read_tier(mapping(listed.get("default")) or listed, listed)
    if usual is None:
        return None
    long = read_tier(mapping(listed.get("long_context")), listed)
    dearer = long if long and plain(long) != plain(usual) else None
    return Prices(usual, dearer, *read_promo(mapping(billing.get("promo")), now or datetime.now(UTC)))


def read_tier(tier: Mapping[str, Any], listed: Mapping[str, Any]) -> Tier | None:
    names = ("input_price", "cache_price", "cache_write_price", "output_price")
    given, cached, written, out = (amount(tier.get(name)) for name in names)
    batch = amount(listed.get("batch_size")) or 0
    if given is None or batch <= 0:
        return None
    nano = max(price for price in (given, out) if price is not None) * MILLION / batch > MAX_PRICE
    scale = MILLION / batch * (NANO if nano else 1)
    cached, written, out = (None if price is None else price * scale for price in (cached, written, out))
    max_prompt = tier.get("context_max")
    return Tier(given * scale, cached, written, out, max_prompt if isinstance(max_prompt, int) else None)


def plain(tier: Tier) -> tuple[float | None, ...]:
    return tier.given, tier.cached, tier.written, tier.out


def read_promo(promo: Mapping[str, Any], now: datetime) -> tuple[float, str]:
    """The percentage and the last day of a promotion; (0, "") if it is over."""
    percent, ends = amount(promo.get("discount_percent")) or 0.0, str(promo.get("ends_at") or "")
    try:
        end = datetime.fromisoformat(ends) if ends else None
    except ValueError:
        end = None
    if end and (end if end.tzinfo else end.replace(tzinfo=UTC)) < now:
        return 0.0, ""
    return (percent, end.date().isoformat() if end else "") if percent > 0 else (0.0, "")


def amount(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
