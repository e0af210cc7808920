"""A refused request, and the field or value that an act changes."""

from collections.abc import Callable
from typing import Any

from copilot_bridge.upstream.recovery.paths import Json

Headers = dict[str, str]
Act = Callable[["Case"], bool]

BETA = "anthropic-beta"


class Case:
    """A refused request, and the field or value that an act changes.

    :param subject: what is changed, mostly a path.  :param value: its new value, or a limit of it.
    """

    __slots__ = ("api", "body", "headers", "stops", "subject", "value")

    def __init__(self, api: str, body: Json, headers: Headers, subject: str = "", value: str = "") -> None:
        self.api = api
        self.body = body
        self.headers = headers
        self.subject = subject
        self.value = value
        self.stops: tuple[str, ...] = ()  # that are not sent to upstream


def dicts(given: Any) -> list[Json]:
    return [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []


def drop_betas(headers: Headers, refused: Callable[[str], bool]) -> bool:
    given = [beta.strip() for beta in headers.get(BETA, "").split(",") if beta.strip()]
    kept = [beta for beta in given if not refused(beta)]
    headers.pop(BETA, None)
    headers.update({BETA: ",".join(kept)} if kept else {})
    return len(kept) != len(given)
