"""A refusal, and the exception that ends a request with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import time
from typing import Any

import orjson

TYPES = {
    "json": "application/json",
    "json-text": "text/plain; charset=utf-8",
    "text": "text/plain; charset=utf-8",
    "html": "text/html; charset=utf-8",
}

Condition = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One way to say no.  `body` is JSON for the kinds `json` and `json-text`, else text."""

    status: int
    body: Any
    kind: str = "json"
    about: str
    headers: Mapping[str, str] = field(default_factory=dict)
    edge: bool = False  # spoken by the load balancer: lacks x-copilot-service-request-id
    only_if: Condition | None = None  # acts only on such request bodies

    def content(self) -> bytes:
        if self.kind == "json":
            return orjson.dumps(self.body)
        if self.kind == "json-text":
            return orjson.dumps(self.body) + b"\n"
        return str(self.body).encode()

    def all_headers(self) -> dict[str, str]:
        """The refusal's own headers; values that name a moment are computed now."""
        given = {
            name: MOMENTS[value]() if value in MOMENTS else value for name, value in self.headers.items()
        }
        return {"content-type": TYPES[self.kind], **given}


class Refused(Exception):
    """Ends the handling of a request with a refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.about)
        self.refusal = refusal


def http_date(seconds: float) -> str:
    """The HTTP date `seconds` from now."""
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


MOMENTS: dict[str, Callable[[], str]] = {
    "<in an hour, date>": lambda: http_date(3600),
    "<in a minute, unix>": lambda: str(int(time()) + 60),
}
