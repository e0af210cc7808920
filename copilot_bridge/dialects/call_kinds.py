"""What tells which conversation a call belongs to, and that it is not the person's: tables by client.

Only what a client itself marks, or what surely nobody has typed, is taken for another's than the person's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from copilot_bridge.dialects.conversation import Conversation

# What the official client says of the calls that no person waits for, or not for these very words.
SUBAGENT = "conversation-subagent"
COMPACTION = "conversation-compaction"
BACKGROUND = "conversation-background"


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """A header by which a client says what kind of call it is.

    :param values: value -> kind; None: of none.  :param usual: the kind for any other value.
    """

    header: str
    values: Mapping[str, str | None] = field(default_factory=dict)
    usual: str | None = None


# The first that says something counts.  Sources: Claude Code's documentation of its gateway headers (2.1.273;
# CLAUDE_CODE_GATEWAY_HINT_HEADERS=1 has it send the first), requests of Claude Code 2.1.329, Codex 0.171,
# opencode 1.18 and the Copilot CLI 1.0.102 (2026-11), and Codex's and opencode's sources.
HEADER_RULES = (
    HeaderRule(
        "x-claude-code-request-class",
        {"subagent": SUBAGENT, "workflow": SUBAGENT, "compaction": COMPACTION, "auxiliary": BACKGROUND},
    ),
    HeaderRule("x-claude-code-agent-id", usual=SUBAGENT),
    HeaderRule(
        "x-openai-subagent",
        {"compact": COMPACTION, "memory_consolidation": BACKGROUND, "false": None, "0": None},
        usual=SUBAGENT,
    ),
    HeaderRule("x-openai-memgen-request", {"true": BACKGROUND}),
    HeaderRule("x-codex-parent-thread-id", usual=SUBAGENT),
    HeaderRule("x-parent-session-id", usual=SUBAGENT),
    HeaderRule("x-interaction-type", {each: each for each in (SUBAGENT, COMPACTION, BACKGROUND)}),
)


@dataclass(frozen=True, slots=True)
class TextRule:
    """Words of a client's own that tell what kind of call it is.

    :param client: how its User-Agent begins: anybody else may have typed them.
    :param begins: a text of the system prompt, or the :param latest: message.
    """

    client: str
    begins: str
    kind: str
    latest: bool = False


CLAUDE, CODEX, OPENCODE = "claude-cli/", "codex", "opencode/"

# Sources: the clients' requests (2026-11), and what others saw them send (2025 and 2026).
TEXT_RULES = (
    TextRule(CLAUDE, "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.", COMPACTION, latest=True),
    TextRule(
        CLAUDE,
        "Your task is to create a detailed summary of the conversation so far",
        COMPACTION,
        latest=True,
    ),
    TextRule(CLAUDE, "You are a helpful AI assistant tasked with summarizing conversations", COMPACTION),
    TextRule(CLAUDE, "Generate a concise, sentence-case title", BACKGROUND),
    TextRule(CLAUDE, "Analyze if this message indicates a new conversation topic", BACKGROUND),
    TextRule(CLAUDE, "A user kicked off a Claude Code agent to do a coding task and walked away", BACKGROUND),
    TextRule(
        CLAUDE, "Please write a 5-10 word title for the following conversation:", BACKGROUND, latest=True
    ),
    TextRule(CLAUDE, "[SUGGESTION MODE:", BACKGROUND, latest=True),
    TextRule(CODEX, "You are performing a CONTEXT CHECKPOINT COMPACTION", COMPACTION, latest=True),
    TextRule(OPENCODE, "You are an anchored context summarization assistant", COMPACTION),
    TextRule(OPENCODE, "You are a helpful AI assistant tasked with summarizing conversations", COMPACTION),
    TextRule(OPENCODE, "You are a title generator. You output ONLY a thread title", BACKGROUND),
)

# Claude Code's first text of the system prompt changes from call to call, and is about the call itself.
BILLING = "x-anthropic-billing-header:"
SUBAGENT_MARK = "cc_is_subagent=true"

# What clients call a conversation, and an agent that works on it; the first that is there counts.
# A subagent's call belongs to the conversation that it was called from.
SESSIONS = (
    "x-claude-code-session-id",
    "x-parent-session-id",  # opencode
    "session-id",  # Codex
    "session_id",
    "conversation_id",
    "x-session-affinity",  # opencode
    "x-client-session-id",  # the Copilot CLI
)
AGENTS = ("x-claude-code-agent-id", "thread-id", "x-session-affinity")

MAX_NAME_LENGTH = 500


def call_kind(conversation: Conversation, headers: Mapping[str, str]) -> str | None:
    """None: a call like any other, of the person or of the tool loop that follows."""
    for header_rule in HEADER_RULES:
        value = headers.get(header_rule.header, "").strip().lower()
        if value and (kind := header_rule.values.get(value, header_rule.usual)):
            return kind
    if any(text.startswith(BILLING) and SUBAGENT_MARK in text for text in conversation.system):
        return SUBAGENT
    client = headers.get("user-agent", "").lower()
    for text_rule in TEXT_RULES:
        said = (conversation.latest,) if text_rule.latest else conversation.system
        if client.startswith(text_rule.client) and any(each.startswith(text_rule.begins) for each in said):
            return text_rule.kind
    return None


def first_header(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    given = (headers.get(name, "").strip()[:MAX_NAME_LENGTH] for name in names)
    return next(filter(None, given), "")


def session_id(conversation: Conversation, headers: Mapping[str, str]) -> str:
    """The client's name of the conversation, "" if it has none."""
    return first_header(headers, SESSIONS) or conversation.session[:MAX_NAME_LENGTH]


def agent_id(headers: Mapping[str, str]) -> str:
    """Its name of the subagent, "" if it has none."""
    return first_header(headers, AGENTS)


def without_billing_header(system: tuple[str, ...]) -> list[str]:
    """The system prompt without what is about the call itself."""
    return [text for text in system if not text.startswith(BILLING)]
