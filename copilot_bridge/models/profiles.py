"""What models take and refuse beside what the catalogue says of them.  One table, a row for each fact.

The catalogue's own word wins wherever it has one (`merged`).  A fact that upstream has changed shows as a
400; what the bridge then learns is kept elsewhere, this table is brought up to date by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

THINKING = frozenset({"enabled", "adaptive", "disabled"})
BUDGET = frozenset({"enabled", "disabled"})
ADAPTIVE = frozenset({"adaptive", "disabled"})

GPT_EFFORTS = ("none", "low", "medium", "high", "xhigh")
LONG_CONTEXT = 1_000_000  # tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Of one model.  What no row speaks of is as the defaults here.

    :param thinking: forms that the Messages API takes.
    :param thought_first: with a budget, a turn that goes on with tools' results has to have begun with a
        thought, and none comes before words that are given.
    :param efforts: in the order of EFFORTS; None: nobody has said.  `more_efforts`: beside those that the
        catalogue lists.  `not_when_disabled`: those that go with no `thinking: disabled`.
    :param unlisted_efforts: an effort is passed on where the catalogue lists none.
    :param system_messages: between the turns of a Messages conversation.
    :param prefill: the model goes on with an assistant's turn at the end.
    :param images: the most in a request.  `image_side`: the longer one, in pixels, of what the model sees of
        an image; `longest_image_side`: of what it takes.
    :param cache_marks: nothing is cached that is not marked.  `long_cache`: a mark may ask for an hour.
    :param context_management: in Responses.  `context_editing`, `tool_search`: in Messages.
    :param custom_tools: free-form tools in Responses.  `reserved_namespaces`: of tools, taken by upstream.
    :param output_limit: what Chat Completions call it.
    :param sampling: the only values that the model works well with.
    :param tool_call_id: the form that the ids of its calls have to have.
    """

    thinking: frozenset[str] = THINKING
    thought_first: bool = False
    efforts: tuple[str, ...] | None = None
    more_efforts: tuple[str, ...] = ()
    not_when_disabled: tuple[str, ...] = ()
    unlisted_efforts: bool = False
    system_messages: bool = False
    prefill: bool = True
    images: int | None = None
    image_side: int | None = None
    longest_image_side: int | None = None
    cache_marks: bool = False
    long_cache: bool = False
    context_management: bool = True
    context_editing: bool = False
    tool_search: bool = False
    custom_tools: bool = True
    reserved_namespaces: tuple[str, ...] = ()
    developer_role: bool = False
    documents_in_chat: bool = False
    replays_reasoning: bool = False
    most_temperature: float | None = None
    output_limit: str = "max_tokens"
    sampling: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One fact.

    :param models: patterns of ids and families, or of vendors after "vendor:"; a later row goes before an
        earlier one.
    :param date: when it was seen, or found in a source of that day.
    """

    models: tuple[str, ...]
    fact: str
    value: Any
    date: str
    evidence: str


CLAUDE, OPENAI, GOOGLE = ("vendor:Anthropic",), ("vendor:OpenAI", "vendor:Azure OpenAI"), ("vendor:Google",)
PROBED = "probes of Copilot's /v1/messages, an enterprise seat: hooyao/copilot-bridge"
PROBED_RESPONSES = "probes of Copilot's /responses, an enterprise seat: hooyao/copilot-bridge"
ANTHROPIC = "Anthropic's documentation of the model"
VSCODE = "microsoft/vscode, extensions/copilot: "
OLD_CLAUDE = (
    "claude-haiku-4.5",
    "claude-sonnet-4.5",
    "claude-sonnet-4",
    "claude-opus-4.5",
    "claude-opus-4*1",
    "claude-3*",
)

ROWS = (
    # Thinking and efforts.
    Row(CLAUDE, "thinking", ADAPTIVE, "2026-11-29", "each model since 4.7; so probably those to come"),
    Row(OLD_CLAUDE, "thinking", BUDGET, "2026-06-05", PROBED),
    Row(("claude-opus-4.6*", "claude-sonnet-4.6*"), "thinking", THINKING, "2026-06-05", PROBED),
    Row(("claude-opus-5.5*",), "thinking", frozenset({"adaptive"}), "2026-10-01", PROBED),
    Row(
        CLAUDE,
        "thought_first",
        True,
        "2026-03-01",
        "Anthropic: Expected `thinking`; openai-agents-python 1704",
    ),
    Row(
        ("claude-opus-4.[78]*", "claude-opus-5*", "claude-sonnet-5*"),
        "efforts",
        ("low", "medium", "high", "xhigh", "max"),
        "2026-08-01",
        PROBED,
    ),
    Row(OLD_CLAUDE, "efforts", (), "2026-06-05", PROBED),
    Row(
        ("claude-opus-4.6*", "claude-sonnet-4.6*"),
        "efforts",
        ("low", "medium", "high", "max"),
        "2026-06-05",
        PROBED,
    ),
    Row(("claude-opus-5",), "not_when_disabled", ("xhigh", "max"), "2026-08-01", PROBED),
    Row(OPENAI, "unlisted_efforts", True, "2026-03-01", "rows of gpt-5.2 list no efforts, it takes them"),
    Row(("gpt-5.3-codex",), "more_efforts", ("none",), "2026-09-07", PROBED_RESPONSES),
    Row(("gpt-5-mini", "mai-code-1-flash*"), "more_efforts", ("minimal",), "2026-09-07", PROBED_RESPONSES),
    # What may stand where in a conversation.
    Row(
        ("claude-opus-4.8*", "claude-opus-5*", "claude-sonnet-5*"),
        "system_messages",
        True,
        "2026-08-01",
        f"{PROBED}; no beta is needed.  All others: Unexpected role",
    ),
    Row(CLAUDE, "prefill", False, "2026-03-01", f"{ANTHROPIC}: not since 4.6; ericc-ch/copilot-api 261"),
    Row(OLD_CLAUDE, "prefill", True, "2026-03-01", ANTHROPIC),
    Row(OPENAI, "developer_role", True, "2026-03-01", "others refuse it or take it for a user's"),
    Row(OPENAI, "documents_in_chat", True, "2026-03-01", "others ignore or refuse the part"),
    Row((*CLAUDE, *GOOGLE), "replays_reasoning", True, "2026-03-01", f"{VSCODE}thinking data"),
    Row(CLAUDE, "images", 20, "2026-08-01", f"{VSCODE}chatEndpoint.ts, whatever the catalogue says"),
    Row(GOOGLE, "images", 10, "2026-08-01", f"{VSCODE}chatEndpoint.ts, whatever the catalogue says"),
    Row(CLAUDE, "image_side", 2576, "2026-04-16", f"{ANTHROPIC}: since opus-4.7"),
    Row(
        (*OLD_CLAUDE, "claude-*-4.6*"),
        "image_side",
        1568,
        "2026-04-16",
        f"{ANTHROPIC}: what is larger it scales",
    ),
    Row(CLAUDE, "longest_image_side", 8000, "2026-04-16", f"{ANTHROPIC}: what is larger it refuses"),
    # The prompt's cache.
    Row(CLAUDE, "cache_marks", True, "2026-08-01", f"{VSCODE}messagesApi.ts"),
    Row(
        ("claude-opus-*",),
        "long_cache",
        True,
        "2026-08-01",
        f"{VSCODE}anthropic.ts: the opus with a context of a million tokens, its main agent",
    ),
    Row(
        ("gpt-5.6*",), "context_management", False, "2026-09-01", "caozhiyuan/copilot-api: it ends the cache"
    ),
    # Betas, where the catalogue does not say (`supports.tool_search`, `supports.context_editing`).
    Row(CLAUDE, "tool_search", True, "2026-08-01", f"{VSCODE}chatModelCapabilities.ts"),
    Row(
        ("claude-haiku*", "claude-sonnet-4", "claude-opus-4", "claude-opus-4*1", "claude-3*"),
        "tool_search",
        False,
        "2026-08-01",
        f"{VSCODE}chatModelCapabilities.ts",
    ),
    Row(CLAUDE, "context_editing", True, "2026-07-16", "a probe of Copilot's sonnet-4.6: copilot2api"),
    # Tools.
    Row(("mai-code-1-flash*",), "custom_tools", False, "2026-07-15", f"{PROBED_RESPONSES}: a 500"),
    Row(
        (*OPENAI, "vendor:Microsoft"),
        "reserved_namespaces",
        ("collaboration",),
        "2026-08-01",
        "caozhiyuan/copilot-api: Codex's own namespace is refused",
    ),
    Row(("kimi-*",), "tool_call_id", "functions.{name}:{number}", "2026-08-01", f"{VSCODE}chatEndpoint.ts"),
    Row(("kimi-k3*",), "tool_call_id", "{name}:{number}", "2026-08-01", f"{VSCODE}chatEndpoint.ts"),
    # Numbers.
    Row(("kimi-*",), "sampling", {"temperature": 1, "top_p": 0.95}, "2026-08-01", f"{VSCODE}chatEndpoint.ts"),
    Row(CLAUDE, "most_temperature", 1, "2026-03-01", ANTHROPIC),
    Row(
        ("gpt-[5-9]*", "o[1-9]*"),
        "output_limit",
        "max_completion_tokens",
        "2026-03-01",
        "gpt-5.4: Unsupported parameter: 'max_tokens'",
    ),
)


def facts_of(id_: str, family: str, vendor: str) -> Facts:
    """As the table has them."""
    names = (id_.lower(), family.lower(), f"vendor:{vendor}")
    found = {row.fact: row.value for row in ROWS if fits(row, names)}
    return replace(Facts(), **found)


def fits(row: Row, names: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in row.models)


def merged(
    facts: Facts, supports: Mapping[str, Any], vision: Mapping[str, Any], context: int | None
) -> Facts:
    """With what the catalogue says of the model."""
    return replace(
        facts,
        thinking=thinking_of(facts, supports),
        efforts=efforts_of(facts, supports.get("reasoning_effort")),
        tool_search=told(supports.get("tool_search"), facts.tool_search),
        context_editing=told(supports.get("context_editing"), facts.context_editing),
        images=images_of(facts, vision.get("max_prompt_images")),
        long_cache=facts.long_cache and (context or 0) >= LONG_CONTEXT,
    )


def told(word: object, otherwise: bool) -> bool:
    return word if isinstance(word, bool) else otherwise


def thinking_of(facts: Facts, supports: Mapping[str, Any]) -> frozenset[str]:
    """A model that thinks adaptively has no budget's worth to be enabled, unless that is all it has."""
    never = {"adaptive"} if not supports.get("adaptive_thinking") else set()
    if not supports.get("max_thinking_budget"):
        never |= {"enabled"}
    left = facts.thinking - never
    return left | {"enabled"} if never == {"adaptive"} else left


def efforts_of(facts: Facts, listed: object) -> tuple[str, ...] | None:
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        return facts.efforts
    return (*facts.more_efforts, *listed)


def images_of(facts: Facts, listed: object) -> int | None:
    """The catalogue says 1 of nearly every model, and upstream takes more."""
    most = listed if isinstance(listed, int) and listed > 1 else None
    return max(filter(None, (facts.images, most)), default=None)
