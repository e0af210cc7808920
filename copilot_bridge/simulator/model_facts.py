"""Refusals of single models beside what their rows in the catalogue say, each with its date and its evidence.

A simulator that took everything would agree with every mistake, so it refuses where Copilot was seen to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

SPOKEN = frozenset({"enabled", "adaptive", "disabled"})


@dataclass(frozen=True, slots=True)
class Fact:
    """`models`: patterns of ids; of several that fit, the last one counts."""

    models: tuple[str, ...]
    name: str
    value: Any
    date: str
    evidence: str


BUDGETED = ("claude-haiku-4.5", "claude-sonnet-4.5", "claude-opus-4.5", "claude-sonnet-4")
ANY = ("*",)
PROBES = "hooyao/copilot-bridge: probes of an enterprise seat"

FACTS = (
    # Messages: which forms of `thinking` a Claude takes.
    Fact(ANY, "thinking", SPOKEN, "2026-03-01", "nothing else was seen"),
    Fact(
        ("claude-opus-4.[78]*", "claude-opus-5*", "claude-sonnet-5*"),
        "thinking",
        frozenset({"adaptive", "disabled"}),
        "2026-08-01",
        f"{PROBES}: thinking.type.enabled is not supported for this model",
    ),
    Fact(
        BUDGETED,
        "thinking",
        frozenset({"enabled", "disabled"}),
        "2026-06-05",
        f"{PROBES}: adaptive thinking is not supported on this model",
    ),
    # Efforts that go with no `thinking: disabled`.
    Fact(ANY, "not_when_disabled", (), "2026-03-01", "nothing else was seen"),
    Fact(("claude-opus-5",), "not_when_disabled", ("xhigh", "max"), "2026-08-01", PROBES),
    # Efforts that a model takes although its row does not list them.
    Fact(ANY, "more_efforts", (), "2026-03-01", "nothing else was seen"),
    Fact(("gpt-5.3-codex",), "more_efforts", ("none",), "2026-09-07", PROBES),
    Fact(("gpt-5-mini", "mai-code-1-flash"), "more_efforts", ("minimal",), "2026-09-07", PROBES),
    # `system` messages between the turns of Messages.
    Fact(ANY, "system_messages", False, "2026-06-05", f"{PROBES}: Unexpected role"),
    Fact(
        ("claude-opus-4.8", "claude-opus-5*", "claude-sonnet-5*"),
        "system_messages",
        True,
        "2026-08-01",
        f"{PROBES}: after a user's turn, before an assistant's or at the end",
    ),
    # An assistant's turn at the end.
    Fact(ANY, "prefill", True, "2026-03-01", "OpenAI's and Google's models go on with it"),
    Fact(("claude-*",), "prefill", False, "2026-03-01", "Anthropic: not since 4.6; ericc-ch/copilot-api 261"),
    Fact(BUDGETED, "prefill", True, "2026-03-01", "Anthropic's documentation"),
    # A budget's thoughts in a turn that goes on with results and has begun without any.
    Fact(ANY, "thought_first", False, "2026-03-01", "only Claude's are signed"),
    Fact(("claude-*",), "thought_first", True, "2026-03-01", "openai-agents-python 1704, n8n 22550"),
    # Images.
    Fact(ANY, "images", 100, "2026-08-01", "no number was seen"),
    Fact(("claude-*",), "images", 20, "2026-08-01", "VS Code's chatEndpoint.ts: Anthropic's limit"),
    Fact(("gemini-*",), "images", 10, "2026-08-01", "VS Code's chatEndpoint.ts: Google's limit"),
    # A mark of the prompt cache that asks for an hour, beside its beta.
    Fact(ANY, "long_cache", False, "2026-08-01", "VS Code's anthropic.ts leaves it out for all others"),
    Fact(
        ("claude-opus-4.[678]", "claude-opus-5*"),
        "long_cache",
        True,
        "2026-08-01",
        "VS Code's anthropic.ts: the opus with a million tokens of context",
    ),
    # Responses: tools, and what ends a prompt cache.
    Fact(ANY, "custom_tools", True, "2026-03-01", "nothing else was seen"),
    Fact(("mai-code-1-flash",), "custom_tools", False, "2026-07-15", f"{PROBES}: a 500"),
    Fact(ANY, "reserved_namespaces", ("collaboration",), "2026-08-01", "caozhiyuan/copilot-api renames it"),
    Fact(ANY, "managed_context_is_cached", True, "2026-03-01", "nothing else was seen"),
    Fact(("gpt-5.6*",), "managed_context_is_cached", False, "2026-09-01", "caozhiyuan/copilot-api"),
    # Chat Completions: how Kimi names its calls, and the sampling that it was made for.
    Fact(ANY, "tool_call_id", "", "2026-03-01", "nothing else was seen"),
    Fact(("kimi-*",), "tool_call_id", r"functions\.[\w.-]+:\d+", "2026-08-01", "VS Code's chatEndpoint.ts"),
    Fact(("kimi-k3*",), "tool_call_id", r"[\w.-]+:\d+", "2026-08-01", "VS Code's chatEndpoint.ts"),
    Fact(ANY, "sampling", {}, "2026-03-01", "nothing else was seen"),
    Fact(
        ("kimi-*",),
        "sampling",
        {"temperature": 1, "top_p": 0.95},
        "2026-08-01",
        "VS Code's chatEndpoint.ts; Moonshot: invalid temperature: only 1 is allowed for this model",
    ),
)


@cache
def facts_of(model: str) -> Mapping[str, Any]:
    return {fact.name: fact.value for fact in FACTS if any(fnmatchcase(model, one) for one in fact.models)}
