"""The log entry of a request: one line of the log."""

import logging
import os
import time
from functools import lru_cache
from typing import Any

from msgspec import Struct, field

from copilot_bridge.errors import BridgeError
from copilot_bridge.redaction import redact

log = logging.getLogger("copilot_bridge.request")

FIELDS = (
    "id",
    "caller",
    "caller_id",
    "method",
    "path",
    "dialect",
    "model",
    "status",
    "first_byte_ms",
    "ms",
    "tokens_in",
    "tokens_out",
    "session",
    "discount",
    "outcome",
    "error",
    "adaptations",
    "instead_of",
    "fallback_reason",
)

# The fields whose text comes from a client or from upstream.
UNTRUSTED_FIELDS = ("method", "path", "model", "error", "instead_of")

# The same few short texts come again and again, and searching one for secrets is slow.
MAX_CACHED_LENGTH = 200  # characters

redact_cached = lru_cache(1024)(redact)


def new_id() -> str:
    """Return a random UUID (RFC 9562, version 4), in a third of the time of `uuid.uuid4`."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


class RequestLogEntry(Struct):
    """The facts about one request that the log, the store and the metrics keep.

    :param caller: the client's address.  :param caller_id: the name of its key.
    :param account: the GitHub login that paid.  :param upstream: the dialect spoken to Copilot.
    :param session: a short name of the conversation.  :param discount: the part taken off the price.
    :param nano_aiu: the cost in 1e-9 AI units.  :param estimated: by the table of prices, not by Copilot.
    :param tier: of the prices, by the length of the prompt.
    :param quota: per cent left.  :param premium: requests taken from the plan.
    :param accepted: Copilot accepted the request.  :param retries: how often it was sent again.
    :param requested_model: the client's name for the model.  :param response_model: the model that the
        response names.
    :param upstream_id: GitHub's id of the request.  :param client: the program that sent it.
    :param interaction: a short name of all that follows from one thing that the user said.
    :param kind: of call, such as "conversation-subagent"; None: one of the conversation itself.
    :param parent: the id of the client's request for which the bridge sent this one.
    :param queue: seconds in the queue.  :param token: seconds until there was a Copilot token.
    :param catalogue: seconds until there was a list of models.
    :param connection: seconds until there was a connection to Copilot.
    :param uploaded: bytes sent to Copilot.  :param spared: bytes that it remembered from before.
    :param adaptations: what Copilot refused, and what the bridge changed or left out in a second request.
    :param instead_of: the model that was refused, so that another responded by the operator's rule.
    :param fallback_reason: the kind of that refusal.
    :param verdict: on the prompt cache, if the store need not be asked for it.
    :param traceparent: the client's span, by W3C's Trace Context; noted if spans are exported.
    :param outcome: "ok", "client_disconnected", or the kind of the error; `error` is its message.
    """

    caller: str
    method: str
    path: str
    id: str = field(default_factory=new_id)
    caller_id: str | None = None
    dialect: str | None = None
    model: str | None = None
    status: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    outcome: str = "ok"
    error: str | None = None
    adaptations: str | None = None
    level: int = logging.INFO
    account: str | None = None
    upstream: str | None = None
    initiator: str | None = None
    session: str | None = None
    discount: float | None = None
    tokens_cached: int | None = None
    tokens_reasoning: int | None = None
    nano_aiu: int | None = None
    estimated: bool = False
    tier: str | None = None
    tokens_written: int | None = None
    searches: int | None = None
    accepted: bool = False
    retries: int = 0
    requested_model: str | None = None
    response_model: str | None = None
    upstream_id: str | None = None
    client: str | None = None
    interaction: str | None = None
    kind: str | None = None
    parent: str | None = None
    quota: float | None = None
    premium: float | None = None
    queue: float | None = None
    token: float | None = None
    catalogue: float | None = None
    connection: float | None = None
    uploaded: int | None = None
    spared: int | None = None
    streamed: bool = False
    instead_of: str | None = None
    fallback_reason: str | None = None
    traceparent: str | None = None
    verdict: str | None = None
    at: float = field(default_factory=time.time)
    started: float = field(default_factory=time.perf_counter)
    first_byte_at: float | None = None
    received: int = 0  # bytes of a streamed response, so far

    def note_first_byte(self) -> None:
        if self.first_byte_at is None:
            self.first_byte_at = time.perf_counter()

    @property
    def first_byte_ms(self) -> int | None:
        return None if self.first_byte_at is None else round((self.first_byte_at - self.started) * 1000)

    @property
    def cost(self) -> float | None:
        """In AI units."""
        return None if self.nano_aiu is None else self.nano_aiu / 1e9

    def elapsed(self) -> float:
        """Return the seconds since the request came."""
        return time.perf_counter() - self.started

    @property
    def ms(self) -> int:
        return round(self.elapsed() * 1000)

    def note_usage(self, usage: dict[str, Any] | None) -> None:
        """Note the tokens of a usage in the form of OpenAI's chat API."""
        if usage:
            self.tokens_in = usage.get("prompt_tokens")
            self.tokens_out = usage.get("completion_tokens")
            prompt = usage.get("prompt_tokens_details") or {}
            self.tokens_cached = prompt.get("cached_tokens")
            self.tokens_written = prompt.get("cache_creation_input_tokens") or prompt.get(
                "cache_write_tokens"
            )
            self.searches = usage.get("web_searches")
            self.tokens_reasoning = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens")

    def note_error(self, error: BridgeError) -> None:
        self.outcome, self.error = (
            error.kind,
            error.code or error.kind if error.quotes_request else str(error),
        )

    def write(self) -> None:
        """Write the log line."""
        if log.isEnabledFor(self.level):
            # Without looking for the line of code that logs, which takes as long as the formatting.
            record = logging.LogRecord(log.name, self.level, "", 0, "request", (), None)
            record.request = self
            log.handle(record)

    def as_fields(self) -> dict[str, Any]:
        """Return the fields of the JSON line that are known."""
        fields = {name: value for name in FIELDS if (value := getattr(self, name)) is not None}
        return fields | {name: redact_field(fields[name]) for name in UNTRUSTED_FIELDS if name in fields}

    def as_sentence(self) -> str:
        """Return the entry as one line for people.

        `POST /v1/chat/completions claude-sonnet-4.5 200 ok (910>61 tokens, first byte 812 ms, 2310 ms)`
        """
        tokens = f"{self.tokens_in}>{self.tokens_out or 0} tokens, " if self.tokens_in is not None else ""
        first_byte = f"first byte {self.first_byte_ms} ms, " if self.first_byte_at is not None else ""
        words = (self.method, self.path, self.model, str(self.status), self.outcome)
        line = " ".join(word for word in words if word)
        refused = f", refused first: {self.adaptations}" if self.adaptations else ""
        instead = f", instead of {self.instead_of} ({self.fallback_reason})" if self.instead_of else ""
        error = f": {self.error}" if self.error else ""
        return (
            f"{line} ({tokens}{first_byte}{self.ms} ms) {self.caller} {self.id[:8]}{refused}{instead}{error}"
        )


def redact_field(text: str) -> str:
    return redact_cached(text) if len(text) <= MAX_CACHED_LENGTH else redact(text)
