"""Describes the error responses, from the dialects' own tables."""

from collections.abc import Iterable
from itertools import product
from typing import Any

import orjson
from msgspec import Struct, field

from copilot_bridge.dialects.description.schemas import Schema, any_of, ref
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.errors import KINDS, BridgeError, KindName

Json = dict[str, Any]

RETRY_AFTER = {"Retry-After": {"description": "Seconds, where they are known.", "schema": {"type": "string"}}}
HEADERS = {
    "authentication": {
        "WWW-Authenticate": {"description": "Where a key was missing.", "schema": {"type": "string"}}
    },
    "rate_limited": RETRY_AFTER,
    "unavailable": RETRY_AFTER,
    "method_not_allowed": {"Allow": {"description": "The methods.", "schema": {"type": "string"}}},
}


class Refused(Struct):
    """The description of an error status, with each kind of error that has this status."""

    words: list[str] = field(default_factory=list)
    headers: Json = field(default_factory=dict)
    forms: set[str] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)

    def add(self, kind: KindName, form: str) -> None:
        meaning = KINDS[kind].meaning
        self.words += [meaning] if meaning not in self.words else []
        self.headers |= HEADERS.get(kind, {})
        self.forms.add(form)
        self.examples.append(f"{form}.{kind}")

    def write(self) -> Json:
        """OpenAPI's Response Object."""
        forms = [ref(form) for form in sorted(self.forms)]
        schema: Schema = forms[0] if len(forms) == 1 else any_of(*forms)
        examples = {name: {"$ref": f"#/components/examples/{name}"} for name in self.examples}
        return {
            "description": "\n".join(f"- {meaning}" for meaning in self.words),
            "headers": self.headers,
            "content": {"application/json": {"schema": schema, "examples": examples}},
        }


def refusals(dialects: Iterable[str], kinds: Iterable[KindName]) -> dict[str, Json]:
    """The responses for these kinds of error in these dialects, by status."""
    found: dict[str, Refused] = {}
    for dialect, kind in product(dialects, dict.fromkeys(kinds)):
        for status in KINDS[kind].upstream_statuses or (None,):
            shown = write_error(dialect, kind, status)[0]
            found.setdefault(str(shown), Refused()).add(kind, DIALECTS[dialect].error_schema)
    return {status: refused.write() for status, refused in found.items()}


def examples() -> Json:
    """Each kind of error in each form, named as `Refused` names them."""
    return {
        f"{DIALECTS[dialect].error_schema}.{kind}": {
            "summary": facts.meaning,
            "value": orjson.loads(write_error(dialect, kind)[1]),
        }
        for dialect in DIALECTS
        for kind, facts in KINDS.items()
    }


def write_error(dialect: str, kind: KindName, status: int | None = None) -> tuple[int, bytes]:
    """The error response in a dialect, as (status, body).  :param status: of Copilot's response."""
    error = BridgeError(KINDS[kind].meaning, kind=kind, status=status)
    shown, _, body = DIALECTS[dialect].write_error(error, "the request's id")
    return shown, body
