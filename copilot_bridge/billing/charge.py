"""The charge of one request, in AI units, premium requests and US cents; all of it in whole 1e-9 parts.

Copilot states the AI units of nearly every response.  Where it does not, as after a stream that was cut off,
the charge is estimated from the tokens and the prices of the catalogue.

Source of the two constants: GitHub's documentation of billing, 2026-11.
"""

from fractions import Fraction
from functools import lru_cache

from msgspec import Struct

from copilot_bridge.billing.cost import NANO
from copilot_bridge.billing.prices import MILLION, Prices, Tier

CENTS_OF_AI_UNIT = 1
CENTS_OF_PREMIUM_REQUEST = 4  # beyond the allowance

DEFAULT_TIER, LONG_TIER = "default", "long"


class TokenCounts(Struct, frozen=True):
    """The tokens of a request.  :param prompt: with those that were read from a cache or written to it."""

    prompt: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0

    @property
    def fresh(self) -> int:
        """Return the tokens of the prompt that were neither read from the cache nor written to it."""
        return max(0, self.prompt - self.cached - self.written)


class Charge(Struct, frozen=True):
    """The charge of a request.  None: not known.

    :param nano_aiu: in 1e-9 AI units.
    :param nano_premium: in 1e-9 premium requests; None on plans that are billed by token.
    :param tier: "default" or "long", the prices that hold for a prompt of this size; "": there are no tiers.
    :param estimated: from the table of prices, because Copilot did not state the cost.
    """

    nano_aiu: int | None = None
    nano_premium: int | None = None
    tier: str = ""
    estimated: bool = False

    @property
    def nano_cents(self) -> int | None:
        """The charge in 1e-9 US cents at the list price."""
        return in_nano_cents(self.nano_aiu, self.nano_premium)


def in_nano_cents(nano_aiu: int | None, nano_premium: int | None) -> int | None:
    """The list price in 1e-9 US cents.  A plan that is billed by request pays for no AI units."""
    if nano_premium is not None:
        return nano_premium * CENTS_OF_PREMIUM_REQUEST
    return None if nano_aiu is None else nano_aiu * CENTS_OF_AI_UNIT


def charge(
    prices: Prices | None,
    multiplier: float | None,
    tokens: TokenCounts | None,
    *,
    stated: int | None = None,
    by_agent: bool = False,
    discount: float | None = None,
) -> Charge:
    """The charge of a response.

    :param tokens: None: not known.
    :param stated: the cost in 1e-9 AI units that Copilot has stated.
    :param by_agent: the request is no person's, so it takes no premium request.
    :param discount: the part of the price that is taken off because Copilot picked the model.
    """
    premium = premium_of(0.0 if by_agent and multiplier is not None else multiplier, discount)
    tier = tier_name(prices, tokens.prompt) if prices and tokens else ""
    if stated is not None:
        return Charge(stated, premium, tier)
    estimate = cost_of_tokens(prices, tokens, discount) if prices and tokens else None
    return Charge(estimate, premium, tier, estimated=estimate is not None)


@lru_cache(256)
def premium_of(multiplier: float | None, discount: float | None = None) -> int | None:
    """The multiplier in 1e-9 premium requests."""
    return None if multiplier is None else round(exact(multiplier) * NANO * (1 - exact(discount or 0)))


def tier_name(prices: Prices, prompt: int) -> str:
    return LONG_TIER if tier_of(prices, prompt) is prices.long else DEFAULT_TIER


def tier_of(prices: Prices, prompt: int) -> Tier:
    """The prices for a prompt of so many tokens."""
    max_prompt = prices.usual.most
    return prices.long if prices.long and max_prompt is not None and prompt > max_prompt else prices.usual


def cost_of_tokens(prices: Prices, tokens: TokenCounts, discount: float | None = None) -> int | None:
    """The cost in 1e-9 AI units, rounded down for each kind of token as Copilot does.

    None: Copilot names no price for the output.
    """
    tier = tier_of(prices, tokens.prompt)
    if tier.out is None and tokens.output:
        return None
    left = part_left(prices.discount, discount)
    parts = (
        (tokens.fresh, tier.given),
        (tokens.cached, tier.given if tier.cached is None else tier.cached),
        (tokens.written, tier.given if tier.written is None else tier.written),
        (tokens.output, tier.out or 0.0),
    )
    return sum(number * nano_price(price, left) // MILLION for number, price in parts)


@lru_cache(256)
def part_left(percent_off: float, discount: float | None) -> Fraction:
    """The part of the price that two discounts leave: one in per cent, one as a part of 1."""
    return (1 - exact(percent_off) / 100) * (1 - exact(discount or 0))


@lru_cache(1024)
def nano_price(price: float, left: Fraction) -> int:
    """The price of a million tokens in 1e-9 AI units, of which a discount leaves a part."""
    return round(round(price * NANO) * left)


def exact(number: float) -> Fraction:
    """The number as it is written: 0.33 is 33/100, and not the nearest binary fraction."""
    return Fraction(repr(number))
