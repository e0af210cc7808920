"""What Copilot is told of a call besides its body: whose it is, and what it belongs to."""

from dataclasses import dataclass, replace

USER, AGENT = "user", "agent"


@dataclass(frozen=True, slots=True)
class Signals:
    """All ids are UUIDs.

    :param initiator: "user" or "agent", whose call it is: GitHub bills a person's by request.
    :param session: of the conversation.  :param interaction: of all that follows from what a person asked.
    :param task: of the agent that works on it.
    :param type: "conversation-subagent" and the like, where it is nothing usual.
    :param thread: of the messages as they begin, which a compaction ends; not told.
    """

    initiator: str
    session: str
    interaction: str
    task: str
    type: str | None = None
    thread: str = ""

    def again(self) -> "Signals":
        """For the replay of a call that may have been read: the person's turn has been told of."""
        return replace(self, initiator=AGENT)
