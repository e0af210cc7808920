"""Verdicts on the prompt cache: how much of a prompt was read from it, or why nothing was.

A model reads the beginning of a prompt from its cache as far as that equals an earlier prompt, in the order
of tools, system prompt and messages.  An entry ends some minutes after its last use.
"""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from copilot_bridge.billing.charge import TokenCounts, cost_of_tokens
from copilot_bridge.billing.prices import Prices

DIGEST_SIZE = 6  # bytes of each tool, message and system prompt

HIT, FIRST = "hit", "first"
MODEL, TOOLS, SYSTEM, MESSAGE = "model_changed", "tools_changed", "system_changed", "message_changed"
EXPIRED, NO_BREAKPOINTS, SHORT, UNEXPLAINED = "expired", "no_breakpoints", "too_short", "unexplained"

# Verdict -> its words, with a place for the detail.
WORDS = {
    HIT: "hit {} %",
    FIRST: "first",
    MODEL: "model changed",
    TOOLS: "tools changed ({})",
    SYSTEM: "system changed",
    MESSAGE: "message {} changed",
    EXPIRED: "expired after {} min",
    NO_BREAKPOINTS: "no breakpoints",
    SHORT: "too short",
    UNEXPLAINED: "not cached",
}

# Verdict -> its words for the sum of many requests.
REASONS = {
    HIT: "hit",
    FIRST: "first request",
    MODEL: "model changed",
    TOOLS: "tools changed",
    SYSTEM: "system prompt changed",
    MESSAGE: "message changed",
    EXPIRED: "expired",
    NO_BREAKPOINTS: "no breakpoints",
    SHORT: "too short",
    UNEXPLAINED: "not cached",
}

# OpenAI and Anthropic keep an entry for five minutes at least, and cache no shorter prompts.
# Source: their documentation of prompt caching, 2026-11.
TTL = 300.0  # seconds
MIN_TOKENS = 1024  # tokens
ENOUGH = 80  # per cent of what could be read: then nothing that matters has changed


class PromptDigests(Struct, frozen=True):
    """The keyed digests of the parts of a prompt, which reveal nothing of its content.

    :param tools: DIGEST_SIZE bytes for each tool; `messages`: the same for each message.
    :param has_breakpoint: whether any part has a cache breakpoint.
    """

    tools: bytes
    system: bytes
    messages: bytes
    has_breakpoint: bool = False


class CachedPrompt(Struct, frozen=True):
    """A prompt that was sent.  :param at: unix seconds.  :param tokens: of the whole prompt."""

    model: str
    digests: PromptDigests
    at: float
    tokens: int


class Verdict(Struct, frozen=True):
    """The verdict on a request.

    :param kind: one of WORDS.  :param detail: for its words, such as the number of a message.
    :param missed: tokens that could have been read from the cache.
    """

    kind: str
    detail: str = ""
    missed: int = 0

    def __str__(self) -> str:
        return words(self.kind, self.detail)


def words(kind: str, detail: str | None = "") -> str:
    """The verdict for people: "hit 93 %", "message 14 changed"."""
    return WORDS.get(kind, kind).format(detail)


class Match(NamedTuple):
    """An earlier prompt of a conversation.  :param shared: the number of messages that both begin with."""

    before: CachedPrompt
    shared: int


def nearest(earlier: Sequence[CachedPrompt], prompt: CachedPrompt) -> Match | None:
    """The earlier prompt of the conversation that shares the most with this one; None: it is the first."""

    def closeness(match: Match) -> tuple[int, bool, float]:
        return match.shared, match.before.model == prompt.model, match.before.at

    matches = [
        Match(other, shared_messages(other.digests.messages, prompt.digests.messages)) for other in earlier
    ]
    found = max(matches, key=closeness) if len(matches) > 1 else next(iter(matches), None)
    begins = len(prompt.digests.messages) <= DIGEST_SIZE
    return None if found and begins and not found.shared else found


def shared_messages(first: bytes, second: bytes) -> int:
    """The number of messages that two prompts begin with alike, by their digests."""
    shorter = min(len(first), len(second))
    if first[:shorter] == second[:shorter]:
        return shorter // DIGEST_SIZE
    return next(
        start // DIGEST_SIZE
        for start in range(0, shorter, DIGEST_SIZE)
        if first[start : start + DIGEST_SIZE] != second[start : start + DIGEST_SIZE]
    )


def judge(match: Match | None, prompt: CachedPrompt, cached: int, *, needs_breakpoints: bool) -> Verdict:
    """The verdict on a request.

    :param match: the earlier prompt that is nearest to it.
    :param cached: tokens that were read from the cache.
    :param needs_breakpoints: the model caches nothing without breakpoints.
    """
    hit = HIT, str(100 * cached // prompt.tokens if prompt.tokens else 0)
    if match is None:
        return Verdict(*hit) if cached else Verdict(FIRST)
    expected = min(match.before.tokens, prompt.tokens)
    if cached and expected * ENOUGH <= cached * 100:
        return Verdict(*hit)
    if not cached and expected < MIN_TOKENS:
        return Verdict(SHORT)
    found = reason(match, prompt, cached, expected, needs_breakpoints=needs_breakpoints)
    return Verdict(*found, missed=max(0, expected - cached)) if found else Verdict(*hit)


Reason = tuple[str, str]
"""The kind of a verdict, and its detail."""


def reason(
    match: Match, prompt: CachedPrompt, cached: int, expected: int, *, needs_breakpoints: bool
) -> Reason | None:
    """Why little was read from the cache; None: a part of it was, and nothing else has changed."""
    pause = prompt.at - match.before.at
    if change := change_between(match, prompt):
        return change
    if not cached and needs_breakpoints and not prompt.digests.has_breakpoint:
        return NO_BREAKPOINTS, ""
    if pause > TTL and cached * 2 < expected:
        return EXPIRED, str(round(pause / 60))
    return None if cached else (UNEXPLAINED, "")


def change_between(match: Match, prompt: CachedPrompt) -> Reason | None:
    """The first part that has changed, in the order in which a prompt is cached."""
    old, new = match.before.digests, prompt.digests
    if match.before.model != prompt.model:
        return MODEL, ""
    if old.tools != new.tools:
        return TOOLS, changed_tools(old.tools, new.tools)
    if old.system != new.system:
        return SYSTEM, ""
    end = min(len(old.messages), len(new.messages)) // DIGEST_SIZE
    return (MESSAGE, str(match.shared + 1)) if match.shared < end else None


def changed_tools(old: bytes, new: bytes) -> str:
    """How many tools are new or gone, of how many: "2 of 19"."""
    before, now = parts_of(old), parts_of(new)
    changed = max(len(now - before), len(before - now))
    return f"{changed} of {max(len(now), len(before))}" if changed else "their order"


def parts_of(digests: bytes) -> set[bytes]:
    return {digests[start : start + DIGEST_SIZE] for start in range(0, len(digests), DIGEST_SIZE)}


def cost_of_miss(
    prices: Prices | None, tokens: TokenCounts, missed: int, discount: float | None = None
) -> int | None:
    """The extra cost of a miss, in 1e-9 AI units; None: no price is known."""
    if prices is None:
        return None
    unwritten = min(missed, tokens.written)
    read = TokenCounts(tokens.prompt, tokens.output, tokens.cached + missed, tokens.written - unwritten)
    paid, possible = (cost_of_tokens(prices, counts, discount) for counts in (tokens, read))
    return None if paid is None or possible is None else max(0, paid - possible)
