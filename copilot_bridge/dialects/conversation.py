"""The turns of a conversation: whose turn it is and how it began, by one rule for all dialects.

GitHub bills by the initiator of a turn, so the rule is strict.  Text that a person typed counts as the
user's.  Text that a client wrote into a user message by itself does not.  In doubt it is the user's turn.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

# The authors of a step.
MODEL, TOOL, USER = "model", "tool", "user"
Step = tuple[str, str]  # (author, text)

# A tool result that is a message of its own: the model has called the tool, even if the call is not shown.
RESULT: tuple[Step, ...] = ((MODEL, ""), (TOOL, ""))

SOMETHING = "\N{OBJECT REPLACEMENT CHARACTER}"  # stands for an image or a document
REFERENCE = "tool_reference"  # marks a tool result that announces other tools

REMINDER, REMINDER_END = "<system-reminder>", "</system-reminder>"
# Some clients put what the user typed while the model worked into a reminder.  Source: Claude Code 2.1,
# opencode 1.
QUEUED = ("The user sent a new message while you were working:", "The user sent the following message:")
TOOL_LOADED = "Tool loaded."  # Claude Code adds this text after a result that refers to deferred tools

# Codex and the Gemini CLI add these texts to what the user typed.
CONTEXT = ("<environment_context>", "<turn_aborted>", "<session_context>", "<hook_context>")

# A client continues by itself with these texts, as it does with a tool's result: a background task has ended,
# or the conversation continues after its compaction.  Source: Claude Code, Codex, opencode (2026).
NOTICES = (
    "<task-notification>",
    "<subagent_notification>",
    "Continue if you have next steps, or stop and ask for clarification",
    "The previous request exceeded the provider's size limit due to large media attachments.",
)
# (beginning, another phrase) of a summary that replaces earlier messages in the middle of a turn.
SUMMARIES = (
    # Claude Code adds the phrase when it compacts by itself.
    (
        "This session is being continued from a previous conversation",
        "without asking the user any further questions",
    ),
    ("Another language model started to solve this problem and produced a summary", ""),
)
BEGINNINGS = tuple(begins for begins, _ in SUMMARIES)


class Conversation(Struct, frozen=True):
    """A request's conversation, as far as signals to GitHub need it.

    :param initiator: whose turn it is, "user" or "agent".
    :param turns: the number of the user's turns so far.
    :param first: the first text that the user typed, or else the first text in a user message.
    :param last: the last text that the user typed.
    :param latest: the last text in a user message, by a person or a program.
    :param system: the texts of the system prompt.
    :param session: the client's name for the conversation, or "".
    """

    initiator: str
    turns: int
    first: str
    last: str
    latest: str
    system: tuple[str, ...] = ()
    session: str = ""


class ConversationReader:
    """Reads steps one by one into a `Conversation`.

    The steps between two steps of the model are one turn.
    """

    def __init__(self) -> None:
        self._turns = 0
        self._first = self._first_text = self._last = self._latest = ""
        self._after_model = False  # whether the model took the previous step
        self._begin_turn()

    def _begin_turn(self) -> None:
        self._has_text = self._has_typed = self._continues = self._announces_tools = False
        self._typed_text = ""

    def feed(self, author: str, text: str) -> None:
        if author == MODEL:
            self._end_turn()
            self._begin_turn()
        elif author == TOOL:
            self._continues = True
            self._announces_tools = self._announces_tools or text == REFERENCE
        else:
            self._read_user_text(text)
        self._after_model = author == MODEL

    def _read_user_text(self, text: str) -> None:
        self._has_text = True
        self._latest = text
        self._first_text = self._first_text or text
        start = text[:200].lstrip()
        if start.startswith(BEGINNINGS) and is_summary(text):
            self._continues, self._has_typed = True, False
        elif start.startswith(NOTICES):
            self._continues = True
        elif is_typed(start, text) and not (self._announces_tools and start.rstrip() == TOOL_LOADED):
            self._has_typed = True
            self._typed_text = text
            self._first = self._first or text

    @property
    def _is_users_turn(self) -> bool:
        return self._has_text and (self._has_typed or not self._continues)

    def _end_turn(self) -> None:
        if self._is_users_turn:
            self._turns += 1
            self._last = self._typed_text or self._last

    def result(self, system: Iterable[str] = (), session: str = "") -> Conversation:
        self._end_turn()
        initiator = "user" if self._is_users_turn or not (self._continues or self._after_model) else "agent"
        first = self._first or self._first_text
        return Conversation(initiator, self._turns, first, self._last, self._latest, tuple(system), session)


def is_summary(text: str) -> bool:
    """Return whether a text is a summary that a client wrote in place of earlier messages."""
    start = text.lstrip()
    return any(start.startswith(beginning) and phrase in text for beginning, phrase in SUMMARIES)


def is_typed(start: str, text: str) -> bool:
    """Return whether the user typed a text, or something after or inside the reminder that it begins with.

    :param start: the beginning of the text.
    """
    if not start or start.startswith(CONTEXT):
        return False
    if not start.startswith(REMINDER):
        return True
    if start.removeprefix(REMINDER).lstrip().startswith(QUEUED):
        return True
    return REMINDER_END in text and bool(text.rpartition(REMINDER_END)[2].strip())


def read_steps(steps: Iterable[Step], system: Iterable[str] = (), session: str = "") -> Conversation:
    """Read a whole conversation."""
    reader = ConversationReader()
    for author, text in steps:
        reader.feed(author, text)
    return reader.result(system, session)


def texts(content: Any, kinds: tuple[str, ...]) -> Iterator[str]:
    """Yield the texts of a message's content, and a placeholder for each part that is not text.

    :param kinds: the types of text parts.
    """
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict):
            text = part.get("text")
            yield text if part.get("type") in kinds and isinstance(text, str) else SOMETHING
