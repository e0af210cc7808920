"""The charge of a request: as Copilot states it, and else by the catalogue's prices, to the nano-unit."""

import pytest

from copilot_bridge.billing.charge import Charge, TokenCounts, charge, in_nano_cents
from copilot_bridge.billing.cost import NANO
from copilot_bridge.billing.prices import Prices, Tier, read_prices

SONNET = Prices(Tier(300, 30, 375, 1500, 200_000), Tier(600, 60, 750, 2250, 1_000_000))
PROMOTED = Prices(Tier(500, 50, 625, 2500), None, 25, "2026-12-31")
TOKENS = TokenCounts(prompt=9_304, output=7, cached=9_000, written=300)

# What Copilot has stated for these tokens, by its own example: 4 fresh ones, 9,000 read, 300 written, 7 said.
EXAMPLE = Prices(Tier(200, 10, 250, 1000))
STATED = 172_800_000


def test_the_estimate_for_copilots_own_example_is_what_it_stated():
    estimated = charge(EXAMPLE, None, TOKENS)
    stated = charge(EXAMPLE, None, TOKENS, stated=STATED)
    # 800,000 + 90,000,000 + 75,000,000 + 7,000,000
    assert estimated == Charge(STATED, None, "default", estimated=True)
    assert stated == Charge(STATED, None, "default")
    assert stated.nano_cents == STATED


CASES = {
    "a long prompt has the dearer prices": (
        (SONNET, None, TokenCounts(200_001, 1)),
        Charge(200_001 * 600_000 + 2_250_000, None, "long", estimated=True),
    ),
    "the longest prompt of the default tier": (
        (SONNET, None, TokenCounts(200_000, 1)),
        Charge(200_000 * 300_000 + 1_500_000, None, "default", estimated=True),
    ),
    "a promotion": ((PROMOTED, None, TokenCounts(4)), Charge(4 * 375_000, None, "default", estimated=True)),
    "a cache without prices of its own costs as much as any input": (
        (Prices(Tier(20, None, None, 150)), None, TokenCounts(10, 0, 4, 3)),
        Charge(10 * 20_000, None, "default", estimated=True),
    ),
    "more from the cache than was sent": (
        (EXAMPLE, None, TokenCounts(5, 0, 9)),
        Charge(9 * 10_000, None, "default", estimated=True),
    ),
    "a premium request": ((None, 0.33, None), Charge(None, 330_000_000)),
    "an included model": ((None, 0.0, TOKENS), Charge(None, 0)),
    "nothing known": ((None, None, TOKENS), Charge()),
    "no tokens known": ((EXAMPLE, None, None), Charge()),
    "no price of the output": ((Prices(Tier(5, None, None, None)), None, TOKENS), Charge(tier="default")),
}


@pytest.mark.parametrize("case", CASES)
def test_a_charge_follows_from_prices_and_tokens(case):
    given, expected = CASES[case]
    assert charge(*given) == expected


def test_an_agents_request_takes_no_premium_request_but_costs_its_tokens():
    assert charge(None, 3.0, None, by_agent=True).nano_premium == 0
    assert charge(EXAMPLE, None, TOKENS, by_agent=True) == charge(EXAMPLE, None, TOKENS)


def test_a_discount_for_the_automatic_choice_is_taken_off():
    assert charge(None, 1.0, None, discount=0.1).nano_premium == 900_000_000
    assert charge(EXAMPLE, None, TokenCounts(10), discount=0.1).nano_aiu == 10 * 180_000
    assert charge(EXAMPLE, None, TOKENS, stated=STATED, discount=0.1).nano_aiu == STATED


def test_the_price_in_cents_is_that_of_the_plans_own_unit():
    assert in_nano_cents(5 * NANO, None) == 5 * NANO
    assert in_nano_cents(5 * NANO, NANO) == 4 * NANO  # billed by request: the tokens cost nothing
    assert in_nano_cents(None, None) is None


# Rows of catalogues in each form that Copilot has used -> the cost of 1,000,000 fresh tokens and 1,000 said.
FORMS = {
    "autumn 2026": (
        {"token_prices": {"batch_size": 1_000_000, "default": {"input_price": 17.5, "output_price": 140}}},
        17_640_000_000,
    ),
    "summer 2026": (
        {
            "token_prices": {
                "batch_size": 1_000_000,
                "input_price": 17_500_000_000,
                "output_price": 14 * 10**10,
            }
        },
        17_640_000_000,
    ),
    "another batch": (
        {"token_prices": {"batch_size": 1_000, "default": {"input_price": 0.0175, "output_price": 0.14}}},
        17_640_000_000,
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_prices_comes_to_the_same(form):
    billing, cost = FORMS[form]
    assert charge(read_prices({"billing": billing}), None, TokenCounts(1_000_000, 1_000)).nano_aiu == cost
