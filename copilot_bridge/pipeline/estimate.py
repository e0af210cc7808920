"""Estimates what a request would cost, without sending it."""

from collections.abc import Mapping
from typing import ClassVar

from copilot_bridge.billing.budgets import AI_UNITS, DOLLARS, PREMIUM, number
from copilot_bridge.billing.charge import Charge, TokenCounts
from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.attribution import Attribution
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.counting import count_tokens
from copilot_bridge.pipeline.prepare import prepare
from copilot_bridge.pipeline.prepared import PreparedRequest
from copilot_bridge.pipeline.received import ReceivedRequest, read_request
from copilot_bridge.pipeline.sending import with_another_pick
from copilot_bridge.pipeline.spending import USUAL_OUTPUT, charge_of

VERSION_HEADER = "anthropic-version"

# Fields by which a body without a version header is recognized: the first row that it has all fields of.
FIELDS_OF_DIALECT = (
    (("contents",), "gemini"),
    (("input",), "responses"),
    (("prompt", "options"), "ollama_generate"),
    (("prompt", "keep_alive"), "ollama_generate"),
    (("prompt", "system"), "ollama_generate"),
    (("prompt", "think"), "ollama_generate"),
    (("prompt",), "completions"),
    (("options",), "ollama"),
    (("keep_alive",), "ollama"),
    (("think",), "ollama"),
    (("system",), "messages"),
    (("thinking",), "messages"),
    (("stop_sequences",), "messages"),
)

# Fields of all APIs that limit the response, in tokens.
LIMIT_FIELDS = ("max_output_tokens", "max_completion_tokens", "max_tokens")


class Estimate:
    """Counts the tokens of a request, and prices them.

    :ivar model: the name that the client gives.
    :ivar response_headers: none, as Copilot is not asked.
    :raises InvalidRequest, Unsupported: the body is wrong; the message names the field.
    """

    streaming: ClassVar[bool] = False

    def __init__(
        self, context: RequestContext, entry: RequestLogEntry, data: bytes, headers: Mapping[str, str]
    ) -> None:
        dialect = DIALECTS[dialect_of(data, headers)]
        self._received = read_request(context, entry, dialect, data, headers)
        self.dialect, self.framing = dialect.name, dialect.framing
        self.model = self._received.client.model
        self.response_headers: dict[str, str] = {}

    def complete(self) -> bytes:
        """Return the estimate as JSON.  Blocks.

        :raises BridgeError: the request can't be prepared, or not be counted.
        """
        return codec.write(with_another_pick(self._received, estimate))


def dialect_of(data: bytes, headers: Mapping[str, str]) -> str:
    """The API that a body is written for: by the headers of Anthropic's clients, else by its fields."""
    if VERSION_HEADER in headers:
        return "messages"
    body = codec.read_object(data) or {}
    return next((name for fields, name in FIELDS_OF_DIALECT if body.keys() >= {*fields}), "chat")


def estimate(received: ReceivedRequest, attribution: Attribution) -> JsonObject:
    prepared = prepare(received, attribution)
    entry, model = received.entry, prepared.model
    tokens = count_tokens(received, prepared)
    output = output_tokens(prepared)
    fresh = charge_of(entry, model, TokenCounts(tokens, output))
    cached = charge_of(entry, model, TokenCounts(tokens, output, cached=tokens))
    return {
        "object": "estimate",
        "model": model.id,
        "initiator": entry.initiator,
        "input_tokens": tokens,
        "output_tokens": output,
        "tier": fresh.tier or None,
        **prices(fresh),
        "if_cached": prices(cached),
    }


def output_tokens(prepared: PreparedRequest) -> int:
    """The usual length of a response, or the limit that the request sets, if that is smaller."""
    body = codec.read_object(prepared.data) or {}
    limits = (body.get(field) for field in LIMIT_FIELDS)
    return min([USUAL_OUTPUT, *(limit for limit in limits if isinstance(limit, int) and limit > 0)])


def prices(charge: Charge) -> JsonObject:
    """The charge in its units; null where it is not known.  US$ are at list price."""
    amounts = {AI_UNITS: charge.nano_aiu, PREMIUM: charge.nano_premium, DOLLARS: charge.nano_cents}
    names = {AI_UNITS: "ai_units", PREMIUM: "premium_requests", DOLLARS: "usd"}
    return {names[unit]: None if amount is None else number(amount, unit) for unit, amount in amounts.items()}
