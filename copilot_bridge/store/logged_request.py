"""A row of the request log."""

from dataclasses import dataclass, fields
from operator import attrgetter

from copilot_bridge.billing.charge import in_nano_cents
from copilot_bridge.billing.cost import NANO
from copilot_bridge.billing.hourly_rollups import nano_aiu_of


@dataclass(slots=True)
class RequestLogRow:
    """A request in the store.  None: unknown, or not known yet.

    New columns go to the end: rows that a killed process of an earlier version left behind are read by
    position.
    """

    id: str
    at: float  # unix seconds of its arrival
    caller: str | None = None  # the key, or "local"
    account: str | None = None  # the GitHub login
    dialect: str | None = None
    model: str | None = None
    upstream: str | None = None  # the dialect that was spoken to Copilot
    initiator: str | None = None
    status: int | None = None
    # "ok", "client_disconnected", the kind of an error, or "interrupted": the process ended first.
    outcome: str | None = None
    ms: int | None = None
    first_byte_ms: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int | None = None
    tokens_reasoning: int | None = None
    cost: float | None = None  # AI units
    quota: float | None = None  # per cent of the plan's requests that are left
    queue_ms: int | None = None  # spent waiting for the rate limits and for the operator's approval
    token_ms: int | None = None  # spent waiting for a Copilot token
    error: str | None = None  # its message, shortened
    address: str | None = None  # of the client
    path: str | None = None
    streamed: int | None = None  # 1 or 0
    premium: float | None = None  # premium requests that it cost, where the model's price is known
    session: str | None = None  # a short name of the conversation
    discount: float | None = None  # the part of the price that the model "auto" took off
    adaptations: str | None = None  # what Copilot refused at first, and the bridge changed or left out
    nano_aiu: int | None = None  # the cost in 1e-9 AI units; None in rows of version 0.2
    estimated: int | None = None  # 1: the cost is by the table of prices, 0: by Copilot's own words
    tier: str | None = None  # of the prices: "default" or "long", by the length of the prompt
    tokens_written: int | None = None  # to the prompt cache
    searches: int | None = None  # web searches
    retries: int | None = None  # how often the bridge sent the request again
    requested_model: str | None = None  # the client's name for the model
    response_model: str | None = None  # the model that the response names
    upstream_id: str | None = None  # GitHub's id of the request
    client: str | None = None  # the program, by its User-Agent
    interaction: str | None = None  # a short name of all that follows from one thing that the user said
    kind: str | None = None  # "conversation-subagent" and the like; None: the conversation itself
    catalogue_ms: int | None = None  # spent waiting for the list of models
    connection_ms: int | None = None  # spent waiting for a new connection to Copilot
    verdict: str | None = None  # on the prompt cache: "hit", "model_changed", ...
    verdict_detail: str | None = None  # such as the number of the changed message
    lost_nano_aiu: int | None = None  # what it cost that the cache was missed, in 1e-9 AI units
    instead_of: str | None = None  # the model that was refused, so that another responded
    fallback_reason: str | None = None  # the kind of that refusal
    parent: str | None = None  # the request of a client for which the bridge sent this one
    uploaded: int | None = None  # bytes of the requests to Copilot
    spared: int | None = None  # bytes that were not sent again, since Copilot remembered them


SHORT_ID = 13  # characters of the ids of conversations and interactions that the log keeps
COLUMNS = tuple(field.name for field in fields(RequestLogRow))
values_in_order = attrgetter(*COLUMNS)


def nano_cents_of(row: RequestLogRow) -> int:
    """The list price in 1e-9 US cents; 0: it is not known."""
    premium = None if row.premium is None else round(row.premium * NANO)
    return in_nano_cents(nano_aiu_of(row), premium) or 0
