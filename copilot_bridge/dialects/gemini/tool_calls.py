"""The ids of tool calls and of their results, which Gemini's clients may leave out."""

from collections import defaultdict

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.errors import InvalidRequest


class ToolCallPairing:
    """Gives each call an id, and each result that of its call, in the order of the conversation."""

    def __init__(self) -> None:
        self._count = 0
        self._pending = defaultdict[str, list[str]](list)  # ids of calls without a result, by the tool's name
        self._names: dict[str, str] = {}  # id of a call -> name of its tool

    def of_call(self, call: JsonObject) -> str:
        """Return the id of a call."""
        id_ = call.get("id") or f"call_{self._count}"
        self._count += 1
        self._pending[call["name"]].append(id_)
        self._names[id_] = call["name"]
        return id_

    def of_result(self, where: str, result: JsonObject) -> str:
        """Return the id of the call that a result belongs to.

        A result without an id belongs to the first call of its tool that has none yet.

        :raises InvalidRequest: there is no such call.
        """
        id_: str | None = result.get("id")
        name = self._names.get(id_, "") if id_ else result.get("name") or ""
        pending = self._pending[name]
        if id_:
            if id_ in pending:
                pending.remove(id_)
            return id_
        if not pending:
            raise InvalidRequest(f"{where}: no call of {name!r} comes before this result", param=where)
        return pending.pop(0)
