"""The digests of conversations' prompts, and the verdict on how the cache served each prompt.

Verdicts are made when the request log is written, in one transaction for all workers: a conversation's
requests may come to any of them.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from copilot_bridge.billing.charge import TokenCounts
from copilot_bridge.billing.prices import Prices
from copilot_bridge.billing.prompt_cache import (
    CachedPrompt,
    Match,
    PromptDigests,
    Verdict,
    cost_of_miss,
    judge,
    nearest,
)
from copilot_bridge.store.database import Transaction

BRANCHES = 4  # prompts kept for each thread: a conversation may have subagents
KEPT = 86_400.0  # seconds
MAX_VALUES = 500  # in a statement

COLUMNS = ("thread", "branch", "model", "tools", "system", "messages", "marked", "at", "tokens")
UPSERT = (
    f"INSERT INTO prompts ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
    " ON CONFLICT (thread, branch) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[2:])
)


class PromptUse(Struct, frozen=True):
    """The prompt of an accepted request, and how the cache served it.

    :param thread: the name of the prompts that most likely begin alike.  :param prompt: its `at` is that of
        the row.
    :param needs_breakpoints: the model caches nothing without breakpoints.
    :param discount: the part of the price that is taken off because Copilot picked the model.
    """

    thread: str
    prompt: CachedPrompt
    counts: TokenCounts
    needs_breakpoints: bool
    prices: Prices | None
    discount: float | None


Judged = tuple[Verdict, int | None]
"""A verdict, and what the miss has cost, in 1e-9 AI units."""


def judge_prompts(transaction: Transaction, uses: Mapping[str, PromptUse]) -> dict[str, Judged]:
    """Judge prompts in the order of their arrival, and keep the newest of each conversation.

    :param uses: by the ids of the requests.
    """
    known = earlier_prompts(transaction, list({use.thread for use in uses.values()}))
    judged, kept = {}, {}
    for id_, use in sorted(uses.items(), key=lambda item: item[1].prompt.at):
        branches = known.setdefault(use.thread, [])
        match = nearest(branches, use.prompt)
        judged[id_] = judgement(use, match)
        branch = branch_for(branches, match)
        branches[branch : branch + 1] = [use.prompt]
        kept[use.thread, branch] = use.prompt
    transaction.change_many(UPSERT, [as_row(*key, prompt) for key, prompt in kept.items()])
    return judged


def judgement(use: PromptUse, match: Match | None) -> Judged:
    verdict = judge(match, use.prompt, use.counts.cached, needs_breakpoints=use.needs_breakpoints)
    if not verdict.missed:
        return verdict, None
    return verdict, cost_of_miss(use.prices, use.counts, verdict.missed, use.discount)


def branch_for(branches: Sequence[CachedPrompt], match: Match | None) -> int:
    """The branch that a prompt continues, or a new one in place of the oldest."""
    if match is not None and match.shared:
        return next(index for index, branch in enumerate(branches) if branch is match.before)
    if len(branches) < BRANCHES:
        return len(branches)
    return min(range(BRANCHES), key=lambda index: branches[index].at)


def earlier_prompts(transaction: Transaction, threads: Sequence[str]) -> dict[str, list[CachedPrompt]]:
    found: dict[str, list[CachedPrompt]] = {}
    for start in range(0, len(threads), MAX_VALUES):
        some = threads[start : start + MAX_VALUES]
        marks = ", ".join("?" * len(some))
        rows = transaction.rows(
            f"SELECT {', '.join(COLUMNS)} FROM prompts WHERE thread IN ({marks}) ORDER BY thread, branch",  # noqa: S608
            *some,
        )
        for thread, _branch, model, tools, system, messages, has_breakpoint, at, tokens in rows:
            first, second, third = map(bytes.fromhex, (tools, system, messages))
            digests = PromptDigests(first, second, third, bool(has_breakpoint))
            found.setdefault(thread, []).append(CachedPrompt(model, digests, at, tokens))
    return found


def as_row(thread: str, branch: int, prompt: CachedPrompt) -> tuple[object, ...]:
    digests = prompt.digests
    parts = (digests.tools.hex(), digests.system.hex(), digests.messages.hex())
    return (thread, branch, prompt.model, *parts, int(digests.has_breakpoint), prompt.at, prompt.tokens)


def prune_prompts(transaction: Transaction, now: float) -> None:
    transaction.change("DELETE FROM prompts WHERE at < ?", now - KEPT)
