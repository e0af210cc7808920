"""A request log as a busy month leaves it behind: the same rows for the same seed."""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from copilot_bridge.billing.hourly_rollups import hourly_rollups
from copilot_bridge.store import open_store
from copilot_bridge.store.database import Transaction
from copilot_bridge.store.logged_request import COLUMNS, RequestLogRow, values_in_order
from copilot_bridge.store.rollups import UPSERT_HOUR
from copilot_bridge.store.store import Store

DAY = 86_400

# (model, upstream's dialect, weight, premium requests, AI units for a million tokens given, and responded)
MODELS = (
    ("claude-sonnet-4.5", "messages", 30, 1.0, (300, 1500)),
    ("gpt-4.1", "chat", 18, 0.0, (0, 0)),
    ("claude-opus-4.7", "messages", 9, 3.0, (500, 2500)),
    ("gpt-5.3-codex", "responses", 14, 1.0, (175, 1400)),
    ("claude-haiku-4.5", "messages", 12, 0.33, (100, 500)),
    ("gpt-5-mini", "responses", 8, 0.0, (25, 200)),
    ("gemini-3-pro-preview", "chat", 5, 1.0, (200, 1200)),
    ("grok-code-fast-1", "chat", 3, 0.25, (20, 150)),
)
CALLERS = ("local", "key:laptop", "key:build-server", "key:phone", "share:5ad1c0ffee12")
CLIENTS = ("claude-cli", "claude-cli", "codex", "opencode", None)
ACCOUNTS = ("octo-demo", "octo-work")
DIALECTS = ("chat", "messages", "messages", "responses")
# How often each has a conversation, in 25.
CALLERS_IN_TURN = [
    caller for caller, times in zip(CALLERS, (10, 7, 5, 2, 1), strict=True) for _ in range(times)
]
TALK = 12  # requests of a conversation
USUAL = 0.8  # of them go to its usual model
PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}

# (status, outcome, error)
ENDS = (
    (429, "rate_limited", "Copilot asks for a pause: try again in 34 s"),
    (402, "quota", "You have no quota left for this model"),
    (502, "unreachable", "no connection to https://api.business.githubcopilot.com: connection refused"),
    (504, "timeout", "no byte from upstream for 600 s"),
    (404, "model_not_found", "model_not_found"),
    (400, "prompt_too_long", "prompt_too_long"),
    (200, "stream_cut", "upstream ended an answer before it was complete"),
    (499, "client_disconnected", None),
    (None, "interrupted", None),
)


def rows(number: int, *, days: int = 30, seed: int = 1, now: float | None = None) -> Iterator[RequestLogRow]:
    """Rows of the log's table, the oldest first."""
    chance = random.Random(seed)
    end = time.time() if now is None else now
    weights = [model[2] for model in MODELS]
    for index in range(number):
        at = end - days * DAY * (1 - (index + 1) / number) ** 1.3 - chance.random()
        if index % TALK == 0:  # a conversation has one key, account and client, and a model of its own
            caller = CALLERS_IN_TURN[index // TALK * 7 % len(CALLERS_IN_TURN)]
            account = chance.choices(ACCOUNTS, (85, 15))[0]
            client = CLIENTS[index // TALK * 7 // 5 % len(CLIENTS)]
            usual = chance.choices(MODELS, weights)[0]
        other = chance.choices(MODELS, weights)[0]
        model, upstream, _, premium, price = usual if chance.random() < USUAL else other
        dialect = chance.choice(DIALECTS)
        status, outcome, error = (
            (200, "ok", None) if chance.random() < 0.94 else chance.choice(ENDS)  # type: ignore[assignment]
        )
        row: dict[str, Any] = {
            "id": f"{seed:08x}-0000-4000-8000-{index:012x}",
            "at": round(at, 3),
            "caller": caller,
            "account": account,
            "dialect": dialect,
            "model": model,
            "upstream": upstream,
            "initiator": chance.choice(("user", "agent", "agent")),
            "status": status,
            "outcome": outcome,
            "error": error,
            "address": "127.0.0.1",
            "path": PATHS[dialect],
            "streamed": int(chance.random() < 0.8),
            "client": client,
            "session": f"talk-{index // TALK:07x}",
        }
        if outcome == "model_not_found":
            row |= {"model": "gpt-7-turbo", "upstream": None, "ms": chance.randrange(2, 9)}
        if outcome in ("ok", "client_disconnected"):
            row |= tokens(chance, *price) | {"premium": premium, "quota": 83.4}
        if outcome not in ("model_not_found", "interrupted"):
            row |= timings(chance, row.get("tokens_out", 100))
        yield RequestLogRow(**row)


def timings(chance: random.Random, tokens_out: int) -> dict[str, int]:
    queue, token = chance.choice((0, 0, 0, 140, 2_600)), chance.choice((0, 0, 0, 0, 180))
    first = queue + token + int(chance.lognormvariate(6.6, 0.6))
    return {
        "queue_ms": queue,
        "token_ms": token,
        "first_byte_ms": first,
        "ms": first + int(tokens_out * chance.lognormvariate(2.3, 0.3)),
    }


def tokens(chance: random.Random, price_in: float, price_out: float) -> dict[str, float]:
    given, responded = int(chance.lognormvariate(8.6, 1.2)), int(chance.lognormvariate(5.8, 1.0))
    cached = int(given * chance.choice((0, 0.5, 0.9)))
    return {
        "tokens_in": given,
        "tokens_out": responded,
        "tokens_cached": cached,
        "tokens_reasoning": responded // 3,
        "cost": round(((given - 0.9 * cached) * price_in + responded * price_out) / 1e6, 6),
    }


def fill(home: Path, number: int, **options: float) -> Store:
    """A store with so many rows, written at once; the caller closes it."""
    store = open_store(home)
    written = list(rows(number, **options))  # type: ignore[arg-type]
    hours = hourly_rollups(written)

    def put(transaction: Transaction) -> None:
        transaction.insert(
            "requests", (*COLUMNS, "written"), [(*values_in_order(row), row.at) for row in written]
        )
        transaction.change_many(UPSERT_HOUR, hours)

    store.database.run(put)
    while store.request_log.roll_up():
        pass
    return store
