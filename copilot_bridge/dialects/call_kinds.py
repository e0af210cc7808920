"""The kind of a call, and the conversation it belongs to, in tables by client.

A call counts as the user's own unless the client marks it, or its text is one that a client writes itself.
"""

from collections.abc import Mapping

from msgspec import Struct, field

from copilot_bridge.dialects.conversation import Conversation

# The official client's names for the calls that no person waits for.
SUBAGENT = "conversation-subagent"
COMPACTION = "conversation-compaction"
BACKGROUND = "conversation-background"


class HeaderRule(Struct, frozen=True):
    """A header in which a client gives the kind of its call.

    :param values: value -> kind; None: an ordinary call.
    :param usual: the kind for all other values.
    """

    header: str
    values: Mapping[str, str | None] = field(default_factory=dict)
    usual: str | None = None


# The first rule that gives a kind wins.  Sources: Claude Code's documentation of its gateway headers
# (2.1.273;
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
    HeaderRule("x-interaction-type", {kind: kind for kind in (SUBAGENT, COMPACTION, BACKGROUND)}),
)


RULED_HEADERS = frozenset(rule.header for rule in HEADER_RULES)


class TextRule(Struct, frozen=True):
    """A text by which a client's own calls can be recognized.

    :param client: the beginning of its User-Agent.  Users of other clients may have typed the text.
    :param begins: the beginning of a text in the system prompt, or in the latest message.
    :param latest: whether the text is in the latest message.
    """

    client: str
    begins: str
    kind: str
    latest: bool = False


CLAUDE, CODEX, OPENCODE, GEMINI = "claude-cli/", "codex", "opencode/", "geminicli"

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
    TextRule(GEMINI, "You are a specialized Task Routing AI.", BACKGROUND),
    TextRule(GEMINI, "You are a diagnostic agent that determines whether", BACKGROUND),
    TextRule(GEMINI, "You are an expert code-editing assistant", BACKGROUND),
    TextRule(
        GEMINI,
        "Analyze *only* the content and structure of your immediately preceding",
        BACKGROUND,
        latest=True,
    ),
    TextRule(GEMINI, "You are a specialized system component responsible for distilling", COMPACTION),
    TextRule(GEMINI, "You are an expert context compressor.", COMPACTION),
)

RULED_CLIENTS = (CLAUDE, CODEX, OPENCODE, GEMINI)

# Claude Code puts data about the call itself into the first text of the system prompt, and it differs between
# calls.
BILLING = "x-anthropic-billing-header:"
SUBAGENT_MARK = "cc_is_subagent=true"

# The headers in which clients name a conversation, and the agent that works on it; the first one present
# wins.
# A subagent's call belongs to the conversation that started the subagent.
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
    """Return the kind of a call, or None for an ordinary one.

    Ordinary calls are the user's and those of the tool loop that follows.
    """
    for header_rule in () if RULED_HEADERS.isdisjoint(headers) else HEADER_RULES:
        value = headers.get(header_rule.header, "").strip().lower()
        if value and (kind := header_rule.values.get(value, header_rule.usual)):
            return kind
    if any(text.startswith(BILLING) and SUBAGENT_MARK in text for text in conversation.system):
        return SUBAGENT
    client = headers.get("user-agent", "").lower()
    for text_rule in TEXT_RULES if client.startswith(RULED_CLIENTS) else ():
        texts = (conversation.latest,) if text_rule.latest else conversation.system
        found = any(text.lstrip("\n").startswith(text_rule.begins) for text in texts)
        if found and client.startswith(text_rule.client):
            return text_rule.kind
    return None


def first_header(headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    """Return the value of the first of these headers that is present, or ""."""
    values = (headers[name].strip()[:MAX_NAME_LENGTH] for name in names if name in headers)
    return next(filter(None, values), "")


def session_id(conversation: Conversation, headers: Mapping[str, str]) -> str:
    """Return the client's name for the conversation, or ""."""
    return first_header(headers, SESSIONS) or conversation.session[:MAX_NAME_LENGTH]


def agent_id(headers: Mapping[str, str]) -> str:
    """Return the client's name for the subagent, or ""."""
    return first_header(headers, AGENTS)


def without_billing_header(system: tuple[str, ...]) -> list[str]:
    """Return the texts of the system prompt without those about the call itself."""
    return [text for text in system if not text.startswith(BILLING)]
