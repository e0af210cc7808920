"""The kinds of calls that clients mark, and their session and agent ids."""

import pytest

from copilot_bridge.dialects.call_kinds import (
    BACKGROUND,
    COMPACTION,
    SUBAGENT,
    agent_id,
    call_kind,
    session_id,
    without_billing_header,
)
from copilot_bridge.dialects.conversation import Conversation

CLAUDE = {"user-agent": "claude-cli/2.1.329 (external, cli)"}
CODEX = {"user-agent": "codex_exec/0.171.0 (Debian)"}
OPENCODE = {"user-agent": "opencode/1.18.33 ai-sdk/provider-utils/4.0"}
GEMINI = {"user-agent": "GeminiCLI-tui/0.61.0/gemini-3.8-flash (linux; x64; terminal)"}
SDK = {"user-agent": "OpenAI/Python 3.57.0"}


def conversation(latest: str = "hi", *system: str, session: str = "") -> Conversation:
    return Conversation("user", 1, latest, latest, latest, system, session)


HEADERS = [
    ({"x-claude-code-request-class": "main"}, None),
    ({"x-claude-code-request-class": "subagent"}, SUBAGENT),
    ({"x-claude-code-request-class": "workflow"}, SUBAGENT),
    ({"x-claude-code-request-class": "compaction"}, COMPACTION),
    ({"x-claude-code-request-class": "auxiliary"}, BACKGROUND),
    ({"x-claude-code-request-class": "compaction", "x-claude-code-agent-id": "a1"}, COMPACTION),
    ({"x-claude-code-request-class": "new", "x-claude-code-agent-id": "a1"}, SUBAGENT),
    ({"x-claude-code-agent-id": "a1"}, SUBAGENT),
    ({"x-claude-code-agent-id": " "}, None),
    ({"x-claude-code-session-id": "s"}, None),
    ({"x-openai-subagent": "review"}, SUBAGENT),
    ({"x-openai-subagent": "collab_spawn", "x-codex-parent-thread-id": "t"}, SUBAGENT),
    ({"x-openai-subagent": "compact"}, COMPACTION),
    ({"x-openai-subagent": "memory_consolidation"}, BACKGROUND),
    ({"x-openai-subagent": "something new"}, SUBAGENT),
    ({"x-openai-subagent": "false"}, None),
    ({"x-openai-memgen-request": "true"}, BACKGROUND),
    ({"x-openai-memgen-request": "false"}, None),
    ({"x-codex-parent-thread-id": "t"}, SUBAGENT),
    ({"session-id": "s", "thread-id": "s"}, None),
    ({"x-session-affinity": "ses_1", "x-parent-session-id": "ses_0"}, SUBAGENT),
    ({"x-session-affinity": "ses_1"}, None),
    ({"x-interaction-type": "conversation-subagent"}, SUBAGENT),
    ({"x-interaction-type": "conversation-compaction"}, COMPACTION),
    ({"x-interaction-type": "conversation-background"}, BACKGROUND),
    ({"x-interaction-type": "conversation-user"}, None),
    ({"x-interaction-type": "conversation-agent"}, None),
    ({"x-initiator": "agent"}, None),
]


@pytest.mark.parametrize(("headers", "kind"), HEADERS, ids=str)
def test_headers_give_the_kind_of_a_call(headers, kind):
    assert call_kind(conversation(), headers) == kind


TITLE = "Generate a concise, sentence-case title (3-7 words) that captures the main topic"
SUMMARISE = "CRITICAL: Respond with TEXT ONLY. Do NOT call any tools.\n\n- Do NOT use Read, Bash"
SUMMARY = "Your task is to create a detailed summary of the conversation so far, paying close attention"
CHECKPOINT = "You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary"
THREAD = "You are a title generator. You output ONLY a thread title. Nothing else."
ANCHORED = "You are an anchored context summarization assistant for coding sessions."
HELPFUL = "You are a helpful AI assistant tasked with summarizing conversations."
ROUTER = "\nYou are a specialized Task Routing AI. Your sole function is to analyze the user's request"
NEXT_SPEAKER = "Analyze *only* the content and structure of your immediately preceding response"
SNAPSHOT = "You are a specialized system component responsible for distilling chat history into XML"
BILLING = "x-anthropic-billing-header: cc_version=2.1.329.669; cc_entrypoint=cli;"

WORDS = [
    (CLAUDE, conversation("hi", BILLING, "You are Claude Code", TITLE), BACKGROUND),
    (
        CLAUDE,
        conversation("hi", "Analyze if this message indicates a new conversation topic. If"),
        BACKGROUND,
    ),
    (CLAUDE, conversation("[SUGGESTION MODE: Suggest what the user might naturally type next]"), BACKGROUND),
    (CLAUDE, conversation("Please write a 5-10 word title for the following conversation: ..."), BACKGROUND),
    (CLAUDE, conversation(SUMMARISE), COMPACTION),
    (CLAUDE, conversation(SUMMARY), COMPACTION),
    (CLAUDE, conversation("hi", HELPFUL), COMPACTION),
    (CLAUDE, conversation("hi", f"{BILLING} cc_is_subagent=true;", "You are Claude Code"), SUBAGENT),
    (CLAUDE, conversation("hi", BILLING, "You are Claude Code"), None),
    (CLAUDE, conversation(f"what does this do: {SUMMARY}"), None),
    (CLAUDE, conversation(THREAD), None),
    (CODEX, conversation(CHECKPOINT), COMPACTION),
    (CODEX, conversation("hi", CHECKPOINT), None),
    (OPENCODE, conversation("hi", THREAD), BACKGROUND),
    (OPENCODE, conversation("hi", ANCHORED), COMPACTION),
    (OPENCODE, conversation("hi", HELPFUL), COMPACTION),
    (OPENCODE, conversation(THREAD, "You are opencode"), None),
    (GEMINI, conversation("hi", ROUTER), BACKGROUND),
    (GEMINI, conversation(NEXT_SPEAKER), BACKGROUND),
    (GEMINI, conversation("hi", SNAPSHOT), COMPACTION),
    (GEMINI, conversation("hi", "You are Gemini CLI, an interactive CLI agent"), None),
    (SDK, conversation("hi", ROUTER), None),
    (SDK, conversation("hi", TITLE), None),
    (SDK, conversation(SUMMARISE), None),
    ({}, conversation(CHECKPOINT), None),
    ({}, conversation("hi", THREAD), None),
]


@pytest.mark.parametrize(("headers", "given", "kind"), WORDS)
def test_texts_of_clients_give_the_kind_of_a_call(headers, given, kind):
    """A client's own words count where the client itself has sent them: anybody else may have typed them."""
    assert call_kind(given, headers) == kind


@pytest.mark.parametrize(
    ("headers", "own", "session"),
    [
        ({}, "", ""),
        ({}, "from the body", "from the body"),
        ({"x-claude-code-session-id": "c"}, "from the body", "c"),
        ({"session-id": "s", "thread-id": "t"}, "key", "s"),
        ({"session_id": "s", "conversation_id": "c"}, "", "s"),
        ({"conversation_id": "c"}, "", "c"),
        ({"x-session-affinity": "ses_1"}, "", "ses_1"),
        ({"x-session-affinity": "ses_1", "x-parent-session-id": "ses_0"}, "", "ses_0"),
        ({"x-client-session-id": "cli"}, "", "cli"),
        ({"session-id": "  "}, "key", "key"),
        ({"session-id": "x" * 9000}, "", "x" * 500),
    ],
)
def test_the_session_id_is_found_in_headers_or_body(headers, own, session):
    assert session_id(conversation(session=own), headers) == session


@pytest.mark.parametrize(
    ("headers", "agent"),
    [
        ({"x-claude-code-session-id": "c", "x-claude-code-agent-id": "a"}, "a"),
        ({"session-id": "s", "thread-id": "t", "x-codex-parent-thread-id": "s"}, "t"),
        ({"x-session-affinity": "ses_1", "x-parent-session-id": "ses_0"}, "ses_1"),
        ({"x-interaction-type": "conversation-subagent"}, ""),
    ],
)
def test_the_agent_id_is_found_in_headers(headers, agent):
    assert agent_id(headers) == agent


def test_billing_data_is_not_part_of_the_system_prompt():
    assert without_billing_header((BILLING, "You are Claude Code")) == ["You are Claude Code"]
