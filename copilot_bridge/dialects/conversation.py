"""Whose turn a conversation is at, and how it began: one rule, whatever dialect it is written in.

GitHub bills by whose turn it is, so it is never bent: what somebody typed is a person's, and what a client
writes into a user's message by itself is not.  Only what is surely no person's is taken for a program's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

# Who takes a step.
MODEL, TOOL, USER = "model", "tool", "user"
Step = tuple[str, str]  # (who, what they say)

# Where a result is a message of its own: the model has called for it, whether or not that is shown.
RESULT: tuple[Step, ...] = ((MODEL, ""), (TOOL, ""))

SOMETHING = "\N{OBJECT REPLACEMENT CHARACTER}"  # for what is no text: a picture, a document
REFERENCE = "tool_reference"  # for a tool's result that is about other tools

REMINDER, REMINDER_END = "<system-reminder>", "</system-reminder>"
# What was typed while the model worked is brought to it in a reminder.  Source: Claude Code 2.1, opencode 1.
QUEUED = ("The user sent a new message while you were working:", "The user sent the following message:")
TOOL_LOADED = "Tool loaded."  # Claude Code, behind a result that refers to deferred tools

# What Codex tells beside what was typed.
CONTEXT = ("<environment_context>", "<turn_aborted>")

# With these a client goes on by itself, as with a tool's result: a task in the background has ended, or
# the conversation is carried on after its compaction.  Source: Claude Code, Codex, opencode (2026).
NOTICES = (
    "<task-notification>",
    "<subagent_notification>",
    "Continue if you have next steps, or stop and ask for clarification",
    "The previous request exceeded the provider's size limit due to large media attachments.",
)
# (how it begins, what else it says): a summary in place of what was said before, in the middle of a turn.
SUMMARIES = (
    # Claude Code says the second where nobody has asked for the compaction.
    (
        "This session is being continued from a previous conversation",
        "without asking the user any further questions",
    ),
    ("Another language model started to solve this problem and produced a summary", ""),
)
BEGINNINGS = tuple(begins for begins, _ in SUMMARIES)


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a request tells of its conversation.

    :param initiator: whose turn it is, "user" or "agent".
    :param turns: of the person's, up to here.
    :param first: what the person said first, or else was said for them.
    :param last: what they have said last.
    :param latest: the last text in a user's message, whoever wrote it.
    :param system: the texts of the system prompt.
    :param session: what the client calls it, "" if nothing.
    """

    initiator: str
    turns: int
    first: str
    last: str
    latest: str
    system: tuple[str, ...] = ()
    session: str = ""


class ConversationReader:
    """Steps in, a talk out.  What is said between two steps of the model is one turn."""

    def __init__(self) -> None:
        self._turns = 0
        self._first = self._opening = self._last = self._latest = ""
        self._by_model = False  # the step before
        self._begin()

    def _begin(self) -> None:
        self._heard = self._typed = self._goes_on = self._refers = False
        self._words = ""

    def feed(self, who: str, text: str) -> None:
        if who == MODEL:
            self._end()
            self._begin()
        elif who == TOOL:
            self._goes_on = True
            self._refers = self._refers or text == REFERENCE
        else:
            self._hear(text)
        self._by_model = who == MODEL

    def _hear(self, text: str) -> None:
        self._heard = True
        self._latest = text
        self._opening = self._opening or text
        start = text[:200].lstrip()
        if start.startswith(BEGINNINGS) and is_summary(text):
            self._goes_on, self._typed = True, False
        elif start.startswith(NOTICES):
            self._goes_on = True
        elif is_typed(start, text) and not (self._refers and start.rstrip() == TOOL_LOADED):
            self._typed = True
            self._words = text
            self._first = self._first or text

    @property
    def _is_persons(self) -> bool:
        return self._heard and (self._typed or not self._goes_on)

    def _end(self) -> None:
        if self._is_persons:
            self._turns += 1
            self._last = self._words or self._last

    def read_conversation(self, system: Iterable[str] = (), session: str = "") -> Conversation:
        self._end()
        whose = "user" if self._is_persons or not (self._goes_on or self._by_model) else "agent"
        first = self._first or self._opening
        return Conversation(whose, self._turns, first, self._last, self._latest, tuple(system), session)


def is_summary(text: str) -> bool:
    start = text.lstrip()
    return any(start.startswith(begins) and says in text for begins, says in SUMMARIES)


def is_typed(start: str, text: str) -> bool:
    """`start`: how the text begins.  Behind a reminder something may have been typed, or in it."""
    if not start or start.startswith(CONTEXT):
        return False
    if not start.startswith(REMINDER):
        return True
    if start.removeprefix(REMINDER).lstrip().startswith(QUEUED):
        return True
    return REMINDER_END in text and bool(text.rpartition(REMINDER_END)[2].strip())


def read_steps(steps: Iterable[Step], system: Iterable[str] = (), session: str = "") -> Conversation:
    listener = ConversationReader()
    for who, text in steps:
        listener.feed(who, text)
    return listener.read_conversation(system, session)


def texts(content: Any, kinds: tuple[str, ...]) -> Iterator[str]:
    """Of a message's content: a text, or a list of parts, of which `kinds` are texts."""
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict):
            text = part.get("text")
            yield text if part.get("type") in kinds and isinstance(text, str) else SOMETHING
