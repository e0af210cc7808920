"""The signals that Copilot gets beside a call's body: initiator, conversation, task."""

from msgspec import Struct
from msgspec.structs import replace

USER, AGENT = "user", "agent"


class Signals(Struct, frozen=True):
    """The ids and the initiator of a call.  All ids are UUIDs.

    :param initiator: "user" or "agent": GitHub bills a user's calls by request.
    :param session: the conversation.  :param interaction: all that follows from one question of the user.
    :param task: of the agent that works on it.
    :param type: "conversation-subagent" and the like; None: the default.
    :param thread: of the messages as they begin, which a compaction ends; not sent.
    :param named: the client has a name for the conversation; not sent.
    """

    initiator: str
    session: str
    interaction: str
    task: str
    type: str | None = None
    thread: str = ""
    named: bool = False

    def for_background(self, type_: str) -> "Signals":
        """Return the signals of a call that the bridge makes on its own in this conversation."""
        return replace(self, initiator=AGENT, type=type_)

    def for_replay(self) -> "Signals":
        """Return the signals of a second attempt, after upstream may have counted the user's turn."""
        return replace(self, initiator=AGENT)
