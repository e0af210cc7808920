"""The tool calls of a Chat Completions stream: their numbers, and the white space in their arguments."""

from copilot_bridge.dialects import members
from copilot_bridge.dialects.chat.copilot_fields import COPILOT_ONLY_FIELDS
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.errors import UpstreamRefused

# A degenerate model writes white space into a tool's arguments for ever.  Line ends and tabs are counted
# within one run of white space; no JSON needs so many between two tokens.
MAX_LINE_ENDS = 20

MAX_SPACES = 1000
WHITESPACE = " \t\r\n"


class WhitespaceLimit:
    """Stops a response in which a tool call's arguments end in too much white space."""

    def __init__(self) -> None:
        self._line_ends = 0
        self._spaces = 0

    def feed(self, fragment: str) -> None:
        """Count the white space at the end of the arguments.

        :raises UpstreamRefused: there is too much.
        """
        if not fragment:
            return
        run = fragment[len(fragment.rstrip(WHITESPACE)) :]
        if len(run) < len(fragment):
            self._line_ends = self._spaces = 0
        self._spaces += len(run)
        self._line_ends += len(run) - run.count(" ")
        if self._line_ends > MAX_LINE_ENDS or self._spaces > MAX_SPACES:
            raise UpstreamRefused(
                "the model wrote endless white space into a tool call, so the bridge stopped the response",
                code="degenerate_output",
            )


# The types of tool calls, and the field of the arguments in each.
ARGUMENTS_FIELD = {"function": "arguments", "custom": "input"}

FRAGMENT_FIELDS = ("index", "id", "type", *ARGUMENTS_FIELD)


def kind_of(fragment: JsonObject) -> str:
    custom = fragment.get("type") == "custom" or fragment.get("custom") is not None
    return "custom" if custom and fragment.get("function") is None else "function"


class ToolCallNumbering:
    """Numbers the tool calls of a response from 0, whatever index upstream gave them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # upstream's id -> number of the last call with it
        self._open: dict[object, int] = {}  # upstream's (choice, index) -> number of the last call with it
        self._with_name: set[int] = set()
        self._kinds: list[str] = []
        self._whitespace: list[WhitespaceLimit] = []

    def __len__(self) -> int:
        return len(self._kinds)

    def number(self, choice: object, fragment: JsonObject, response_id: str) -> JsonObject:
        """Return a fragment of a tool call as OpenAI would have sent it."""
        key = (choice, members.index(fragment.get("index")) or 0)
        id_, kind = members.id_text(fragment, "id"), kind_of(fragment)
        received = members.object_in(fragment, kind)
        name = members.text(received, "name")
        number = self._find_call(key, id_, name)
        opening: JsonObject = {}
        if number is None:
            number = len(self)
            opening = {"id": self._begin(id_, kind, response_id), "type": kind}
        self._open[key] = number
        if id_:
            self._numbers[id_] = number
        kind = self._kinds[number]
        content = self._content(number, name, received, ARGUMENTS_FIELD[kind])
        other_fields = {
            key: value
            for key, value in fragment.items()
            if key not in FRAGMENT_FIELDS and not COPILOT_ONLY_FIELDS.match(key)
        }
        return {"index": number, **opening, **other_fields, kind: content}

    def _find_call(self, key: object, id_: str, name: str) -> int | None:
        """Return the number of the call that a fragment continues, or None for a new call.

        A new id begins a new call, and so does a name if the call has one already, unless both id and index
        are its own.  A fragment without an id belongs to the last call with its index.
        """
        known = self._numbers.get(id_) if id_ else self._open.get(key)
        if known is None and not id_ and self._open and not name:
            return len(self) - 1  # it continues the last call under another index
        has_second_name = known in self._with_name and name
        return None if has_second_name and not (id_ and self._open.get(key) == known) else known

    def _begin(self, id_: str, kind: str, response_id: str) -> str:
        """Begin a call, and return its id: upstream's, if no other call has it."""
        self._kinds.append(kind)
        self._whitespace.append(WhitespaceLimit())
        return id_ if id_ and id_ not in self._numbers else f"call_{response_id}_{len(self) - 1}"

    def _content(self, number: int, name: str, received: JsonObject, field: str) -> JsonObject:
        piece = members.json_text(received, field)
        if field == "arguments":
            self._whitespace[number].feed(piece)
        new_name = name if number not in self._with_name else ""
        if new_name:
            self._with_name.add(number)
        others = {
            key: value
            for key, value in received.items()
            if key != "name" and not COPILOT_ONLY_FIELDS.match(key)
        }
        return ({"name": new_name} if new_name else {}) | others | {field: piece}
