"""The initiator of a conversation, by the same rule in every dialect."""

from typing import Any

import pytest

from copilot_bridge.dialects.chat import request as chat
from copilot_bridge.dialects.conversation import Conversation
from copilot_bridge.dialects.gemini import request as gemini
from copilot_bridge.dialects.messages import request as messages
from copilot_bridge.dialects.ollama import request as ollama
from copilot_bridge.dialects.responses import request as responses

Json = dict[str, Any]

# A conversation, however it is written: "model" answers or calls a tool, "result" is the tool's; all else is
# in a user's message of its own.
CALL, RESULT = "model", "result"


def as_chat(steps: tuple[str, ...]) -> Json:
    rows = {
        CALL: {"role": "assistant", "content": None, "tool_calls": []},
        RESULT: {"role": "tool", "tool_call_id": "call_1", "content": "done"},
    }
    messages = [
        rows.get(step, {"role": "user", "content": [{"type": "text", "text": step}]}) for step in steps
    ]
    return {"messages": [{"role": "system", "content": "Be brief."}, *messages]}


def as_messages(steps: tuple[str, ...]) -> Json:
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "done"}
    rows: dict[str, Json] = {
        CALL: {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}],
        },
        RESULT: {"role": "user", "content": [result]},
    }
    messages = [rows.get(step, {"role": "user", "content": step}) for step in steps]
    return {"system": [{"type": "text", "text": "Be brief."}], "messages": messages}


def as_one_message(steps: tuple[str, ...]) -> Json:
    """The same, with all that is said between two responses in one message, as Anthropic takes it."""
    body = as_messages(steps)
    merged: list[Json] = []
    for message in body["messages"]:
        given = message["content"]
        content = [{"type": "text", "text": given}] if isinstance(given, str) else given
        if merged and merged[-1]["role"] == message["role"] == "user":
            merged[-1]["content"] = merged[-1]["content"] + content
        else:
            merged.append({"role": message["role"], "content": content})
    return body | {"messages": merged}


def as_responses(steps: tuple[str, ...]) -> Json:
    rows: dict[str, Json] = {
        CALL: {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
        RESULT: {"type": "function_call_output", "call_id": "call_1", "output": "done"},
    }
    messages = [
        rows.get(step, {"type": "message", "role": "user", "content": [{"type": "input_text", "text": step}]})
        for step in steps
    ]
    return {"instructions": "Be brief.", "input": [{"role": "developer", "content": "And kind."}, *messages]}


def as_gemini(steps: tuple[str, ...]) -> Json:
    result = {"functionResponse": {"name": "f", "response": {"output": "done"}}}
    rows: dict[str, Json] = {
        CALL: {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
        RESULT: {"role": "user", "parts": [result]},
    }
    contents = [rows.get(step, {"role": "user", "parts": [{"text": step}]}) for step in steps]
    return {"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": contents}


def as_ollama(steps: tuple[str, ...]) -> Json:
    calls = [{"function": {"name": "f", "arguments": {}}}]
    rows: dict[str, Json] = {
        CALL: {"role": "assistant", "content": "", "tool_calls": calls},
        RESULT: {"role": "tool", "content": "done"},
    }
    spoken = [rows.get(step, {"role": "user", "content": step}) for step in steps]
    return {"messages": [{"role": "system", "content": "Be brief."}, *spoken]}


READ_CONVERSATION = {
    "chat": lambda steps: chat.read_conversation(as_chat(steps)),
    "messages": lambda steps: messages.read_conversation(as_messages(steps)),
    "messages, merged": lambda steps: messages.read_conversation(as_one_message(steps)),
    "responses": lambda steps: responses.read_conversation(as_responses(steps)),
    "gemini": lambda steps: gemini.read_conversation(as_gemini(steps)),
    "ollama": lambda steps: ollama.read_conversation(as_ollama(steps)),
}
every = pytest.mark.parametrize("dialect", READ_CONVERSATION)

REMINDER = "<system-reminder>\nThe file has changed.\n</system-reminder>"
CONTEXT = "<environment_context>\n  <cwd>/home</cwd>\n</environment_context>"
STEERED = (
    "<system-reminder>\nThe user sent a new message while you were working:\nnot that one\n\n"
    "IMPORTANT: After completing your current task, you MUST address it.\n</system-reminder>"
)
QUEUED = (
    "<system-reminder>\nThe user sent the following message:\nnot that one\n\n"
    "Please address this message and continue with your tasks.\n</system-reminder>"
)
ENDED = "<task-notification>\n<task-id>b1</task-id>\n<status>completed</status>\n</task-notification>"
NOTIFIED = '<subagent_notification>\n{"agent_id": "1", "status": {}}\n</subagent_notification>'
CARRIED_ON = (
    "This session is being continued from a previous conversation that ran out of context. The summary below "
    "covers the earlier portion.\n\nSummary: ...\n\nContinue the conversation from where it left off without "
    "asking the user any further questions."
)
SUMMED_UP = (
    "This session is being continued from a previous conversation that ran out of context. The summary below "
    "covers the earlier portion.\n\nSummary: ..."
)
HANDED_OVER = (
    "Another language model started to solve this problem and produced a summary of its thinking process. "
    "Here is the summary: ..."
)
CONTINUE = (
    "Continue if you have next steps, or stop and ask for clarification if you are unsure how to proceed."
)

# (name, whose turn it is, how many the person has had, the steps)
ROWS: list[tuple[str, str, int, tuple[str, ...]]] = [
    ("a first word", "user", 1, ("hi",)),
    ("a call's result", "agent", 1, ("hi", CALL, RESULT)),
    ("a second one's", "agent", 1, ("hi", CALL, RESULT, CALL, RESULT)),
    ("a second word", "user", 2, ("hi", CALL, RESULT, CALL, "go on")),
    ("its tool loop", "agent", 2, ("hi", CALL, RESULT, CALL, "go on", CALL, RESULT)),
    ("two messages at once", "user", 1, ("hi", "and")),
    ("an answer to go on with", "agent", 1, ("hi", CALL)),
    ("a reminder after a result", "agent", 1, ("hi", CALL, RESULT, REMINDER)),
    ("two of them", "agent", 1, ("hi", CALL, RESULT, REMINDER, REMINDER)),
    ("a reminder after white space", "agent", 1, ("hi", CALL, RESULT, f"\n  {REMINDER}")),
    ("a reminder without an end", "agent", 1, ("hi", CALL, RESULT, "<system-reminder> The file")),
    ("a reminder, and the next call", "agent", 1, ("hi", CALL, RESULT, REMINDER, CALL, RESULT)),
    ("typed after a result", "user", 2, ("hi", CALL, RESULT, "stop")),
    ("typed after a reminder", "user", 2, ("hi", CALL, RESULT, REMINDER, "stop")),
    ("typed before a reminder", "user", 2, ("hi", CALL, RESULT, "stop", REMINDER)),
    ("typed behind a reminder's end", "user", 2, ("hi", CALL, RESULT, f"{REMINDER}\nstop")),
    ("about a reminder", "user", 2, ("hi", CALL, RESULT, "what is a <system-reminder>?")),
    ("typed while Claude Code worked", "user", 2, ("hi", CALL, RESULT, STEERED)),
    ("typed while opencode worked", "user", 2, ("hi", CALL, RESULT, QUEUED)),
    ("reminders before a first word", "user", 1, (REMINDER, REMINDER, "hi")),
    ("nothing but a reminder", "user", 1, (REMINDER,)),
    ("Codex's context before a word", "user", 1, (CONTEXT, "hi")),
    ("Codex's context after a result", "agent", 1, ("hi", CALL, RESULT, CONTEXT)),
    ("a task has ended meanwhile", "agent", 1, ("hi", CALL, ENDED)),
    ("one that has, and a word", "user", 2, ("hi", CALL, ENDED, "and?")),
    ("a word, and one that has", "user", 2, ("hi", CALL, "and?", ENDED)),
    ("a subagent of Codex's is done", "agent", 1, ("hi", CALL, NOTIFIED)),
    ("carried on by Claude Code itself", "agent", 0, (CARRIED_ON,)),
    ("the same with its reminders", "agent", 0, (CARRIED_ON, REMINDER)),
    ("the same further on", "agent", 0, (CARRIED_ON, CALL, RESULT)),
    ("the same, and a word", "user", 1, (CARRIED_ON, CALL, "next")),
    ("compacted for a person", "user", 1, (SUMMED_UP, "next")),
    ("carried on by Codex itself", "agent", 0, ("hi", "and", HANDED_OVER)),
    ("the same, and a word", "user", 1, ("hi", HANDED_OVER, "next")),
    ("carried on by opencode itself", "agent", 1, ("What did we do so far?", CALL, CONTINUE)),
    ("an empty text after a result", "agent", 1, ("hi", CALL, RESULT, " ")),
]


@every
@pytest.mark.parametrize(
    ("initiator", "turns", "steps"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_the_initiator_and_the_number_of_turns(
    dialect: str, initiator: str, turns: int, steps: tuple[str, ...]
) -> None:
    conversation = READ_CONVERSATION[dialect](steps)
    assert (conversation.initiator, conversation.turns) == (initiator, turns)


@every
def test_the_texts_of_a_conversation_are_found(dialect: str) -> None:
    conversation = READ_CONVERSATION[dialect](
        (REMINDER, "hi", CALL, RESULT, CALL, "go on", CALL, RESULT, REMINDER)
    )
    system = ("Be brief.", "And kind.") if dialect == "responses" else ("Be brief.",)
    assert conversation == Conversation("agent", 2, "hi", "go on", REMINDER, system)


PICTURE: Json = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}


def test_an_image_counts_as_the_users() -> None:
    body = as_messages(("hi", CALL, RESULT))
    body["messages"].append({"role": "user", "content": [PICTURE]})
    assert messages.read_conversation(body).initiator == "user"
    chat_body = as_chat(("hi", CALL, RESULT))
    chat_body["messages"].append(
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}
    )
    assert chat.read_conversation(chat_body).initiator == "user"
    items = as_responses(("hi", CALL, RESULT))
    items["input"].append({"role": "user", "content": [{"type": "input_image", "image_url": "x"}]})
    assert responses.read_conversation(items).initiator == "user"
    contents = as_gemini(("hi", CALL, RESULT))
    shown = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    contents["contents"].append({"role": "user", "parts": [shown]})
    assert gemini.read_conversation(contents).initiator == "user"
    spoken = as_ollama(("hi", CALL, RESULT))
    image = {"type": "image", "media_type": "image/png", "data": "aGk="}
    spoken["messages"].append({"role": "user", "content": "", "images": [image]})
    assert ollama.read_conversation(spoken).initiator == "user"


SESSION = "5f1c2a34-0b1d-4c55-9e70-1234567890ab"


@pytest.mark.parametrize(
    ("user_id", "session"),
    [
        (f"user_0a1b_account__session_{SESSION}", SESSION),
        (f"user_0a1b_account_{SESSION[::-1]}_session_{SESSION}", SESSION),
        (f'{{"device_id":"d","account_uuid":"","session_id":"{SESSION}"}}', SESSION),
        ('{"device_id":"d"}', ""),
        ('{"session_id":null}', ""),
        ("{", ""),
        ("[1]", ""),
        ("somebody", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_claude_codes_session_id_is_in_its_metadata(user_id: Any, session: str) -> None:
    assert messages.session({"metadata": {"user_id": user_id}}) == session


@pytest.mark.parametrize("metadata", [None, [], "x", {}])
def test_other_metadata_has_no_session_id(metadata: Any) -> None:
    assert messages.session({"metadata": metadata}) == ""
    assert messages.session({}) == ""


@pytest.mark.parametrize(
    ("key", "session"),
    [(SESSION, SESSION), (SESSION.upper(), SESSION.upper()), ("my-app", ""), (7, ""), (None, "")],
)
def test_codexs_session_id_is_its_cache_key(key: Any, session: str) -> None:
    """An application has one key for all that it sends."""
    assert responses.session({"prompt_cache_key": key}) == session
