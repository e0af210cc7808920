"""Prices in each form that Copilot has sent."""

from datetime import UTC, datetime

import pytest

from copilot_bridge.billing.prices import Prices, Tier, read_prices

NOW = datetime(2026, 11, 29, tzinfo=UTC)
OPUS = {"input_price": 500, "cache_price": 50, "cache_write_price": 625, "output_price": 2500}
PROMO = {"id": "one", "discount_percent": 25, "message": "25% off"}


def billed(promo=None, **prices):
    return {"billing": {"token_prices": {"batch_size": 1_000_000, **prices}, "promo": promo}}


CASES = {
    "tiers, one as dear as the other": (
        billed(default=OPUS | {"context_max": 200_000}, long_context=OPUS | {"context_max": 936_000}),
        Prices(Tier(500, 50, 625, 2500, 200_000)),
    ),
    "tiers, the longer one dearer": (
        billed(
            default={"input_price": 250, "cache_price": 25, "output_price": 1500, "context_max": 272_000},
            long_context={"input_price": 500, "cache_price": 50, "output_price": 2250},
        ),
        Prices(Tier(250, 25, None, 1500, 272_000), Tier(500, 50, None, 2250)),
    ),
    "flat, in nano AI units": (
        billed(input_price=175_000_000_000, cache_price=17_500_000_000, output_price=1_400_000_000_000),
        Prices(Tier(175, 17.5, None, 1400)),
    ),
    "tiers in nano AI units, as in spring": (
        billed(default={"input_price": 20_000_000_000, "output_price": 150_000_000_000}),
        Prices(Tier(20, None, None, 150)),
    ),
    "another batch": (
        {"billing": {"token_prices": {"batch_size": 1_000, "default": {"input_price": 0.5}}}},
        Prices(Tier(500, None, None, None)),
    ),
    "a promotion": (
        billed(PROMO | {"ends_at": "2026-12-31T23:59:59Z"}, default=OPUS),
        Prices(Tier(500, 50, 625, 2500), None, 25, "2026-12-31"),
    ),
    "one without an end": (billed(PROMO, default=OPUS), Prices(Tier(500, 50, 625, 2500), None, 25)),
    "one that is over": (
        billed(PROMO | {"ends_at": "2026-11-01T00:00:00"}, default=OPUS),
        Prices(Tier(500, 50, 625, 2500)),
    ),
    "a multiplier": ({"billing": {"multiplier": 1}}, None),
    "no prices": ({}, None),
    "junk": (billed(promo=7, default=OPUS | {"input_price": "much"}), None),
    "no batch": ({"billing": {"token_prices": {"default": OPUS}}}, None),
}


@pytest.mark.parametrize("case", CASES)
def test_prices_of_all_forms_are_read(case):
    row, prices = CASES[case]
    assert read_prices(row, NOW) == prices
