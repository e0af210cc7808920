"""Prices of models, in the forms of the catalogue's versions, and the cost of a response.

Source: the catalogue of 2026-07 and 2026-09, as three programs have recorded it.  From API version 2026-06-01
on prices have tiers, in AI units; older ones get the same without tiers, in nano AI units.  A
catalogue of spring 2026 has multipliers of premium requests instead.
"""

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]
Prices = Mapping[str, float]  # AI units for a batch of tokens

NANO = 1_000_000_000  # in an AI unit
BATCH = 1_000_000  # tokens
TIERED_SINCE = "2026-06-01"
FLAT = ("input_price", "cache_price", "output_price")

# A premium request of spring 2026 as AI units for a million tokens of input; output costs five times as much.
MULTIPLIED = 200


def priced_row(row: Row, api_version: str) -> Row:
    """The row as that version of the API sends it."""
    billing = row["billing"]
    if "multiplier" in billing or "token_prices" not in billing or api_version >= TIERED_SINCE:
        return row
    prices = billing["token_prices"]
    plain = {name: round(prices["default"][name] * NANO) for name in FLAT}
    return {**row, "billing": {**billing, "token_prices": {"batch_size": BATCH, **plain}}}


def prices_of(row: Row, tokens: int) -> Prices:
    """The prices for a prompt of this size: the dearer ones count above the default tier's context."""
    tiers = row["billing"].get("token_prices")
    if "multiplier" in row["billing"] or not tiers:
        return multiplied(row["billing"].get("multiplier", 0) * MULTIPLIED)
    tier: Prices = tiers["default"]
    if tokens > tier.get("context_max", tokens):
        tier = tiers["long_context"]
    return tier


def multiplied(unit: float) -> Prices:
    shares = {"input_price": 1.0, "cache_price": 0.1, "cache_write_price": 1.25, "output_price": 5.0}
    return {name: unit * share for name, share in shares.items()}


def discount_of(row: Row) -> float:
    """The part of a price that is left while a promotion lasts."""
    percent: float = row["billing"].get("promo", {}).get("discount_percent", 0)
    return 1 - percent / 100
