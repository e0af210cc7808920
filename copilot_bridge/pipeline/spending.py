"""The cost of a request: estimated before it is sent, and settled when its response has ended."""

from collections.abc import Mapping

from copilot_bridge.billing.charge import Charge, TokenCounts, charge
from copilot_bridge.billing.cost import NANO
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.models.catalogue import Model

BYTES_PER_TOKEN = 4  # of a body, roughly
USUAL_OUTPUT = 1000  # tokens
AGENT = "agent"

# Headers with an id of GitHub's for the request, the one that its support asks for first.
UPSTREAM_IDS = ("x-github-request-id", "x-copilot-service-request-id")


def upstream_id(headers: Mapping[str, str]) -> str | None:
    return next((headers[name] for name in UPSTREAM_IDS if headers.get(name)), None)


def estimated_prompt(model: Model, size: int) -> int:
    """The tokens of a body of so many bytes, which may be an image for the most part; rather too many."""
    max_prompt = model.max_prompt_tokens or model.context
    tokens = size // BYTES_PER_TOKEN
    return min(tokens, max_prompt) if max_prompt else tokens


def tokens_of(entry: RequestLogEntry, prompt: int) -> TokenCounts:
    """The tokens of a request.

    :param prompt: an estimate, for a response that has ended before its usage came.
    """
    if entry.tokens_in is None:
        return TokenCounts(prompt, entry.tokens_out or 0)
    return TokenCounts(
        entry.tokens_in, entry.tokens_out or 0, entry.tokens_cached or 0, entry.tokens_written or 0
    )


def charge_of(entry: RequestLogEntry, model: Model, tokens: TokenCounts) -> Charge:
    return charge(
        model.prices,
        model.multiplier,
        tokens,
        stated=entry.nano_aiu,
        by_agent=entry.initiator == AGENT,
        discount=entry.discount,
    )


def estimated_charge(entry: RequestLogEntry, model: Model, prompt: int) -> Charge:
    """The charge of a request that is still to be sent, if its response is of a usual length."""
    return charge_of(entry, model, TokenCounts(prompt, USUAL_OUTPUT))


def note_charge(entry: RequestLogEntry, model: Model, prompt: int) -> Charge:
    """The charge of a request that got its response, noted in its entry."""
    charged = charge_of(entry, model, tokens_of(entry, prompt))
    entry.nano_aiu, entry.estimated = charged.nano_aiu, charged.estimated
    entry.premium = None if charged.nano_premium is None else charged.nano_premium / NANO
    entry.tier = charged.tier or None
    return charged
