"""Refusals, out of the dialects' own tables: what is told there is what is described here."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import orjson

from copilot_bridge.dialects.registry import CONVERSATIONS, DIALECTS
from copilot_bridge.dialects.validation import or_null
from copilot_bridge.errors import KINDS, BridgeError, KindName
from copilot_bridge.openapi.schemas import Schema, always, any_of, ref, text, thing

Json = dict[str, Any]

# Whoever asks: a foreign page, a wrong host, a fault.
FOR_EVERYBODY: tuple[KindName, ...] = ("permission", "internal")
# On the way to a Copilot token, and with it.
FROM_COPILOT: tuple[KindName, ...] = (
    "authentication",
    "permission",
    "quota",
    "rate_limited",
    "overloaded",
    "unavailable",
    "unreachable",
    "timeout",
    "internal",
)
# All that a request for a model may meet.
ALL = tuple(KINDS)

ERROR_SCHEMAS = {
    "Error": thing(
        {
            "error": thing(
                {
                    "message": text("For people."),
                    "type": text("OpenAI's name for it, like `invalid_request_error`."),
                    "param": or_null(text("The field that is at fault, like `messages.0.content`.")),
                    "code": or_null(
                        text("For programs, like `model_not_found`; what Copilot gave, if it gave one.")
                    ),
                },
                ("message", "type", "param", "code"),
            )
        },
        ("error",),
        "A refusal, as OpenAI tells it.",
    ),
    "MessagesError": thing(
        {
            "type": always("error"),
            "error": thing(
                {
                    "type": text("Anthropic's name for it, like `invalid_request_error`."),
                    "message": text("For people."),
                },
                ("type", "message"),
            ),
            "request_id": text("As in `X-Request-Id`."),
        },
        ("type", "error", "request_id"),
        "A refusal, as Anthropic tells it.",
    ),
}

RETRY_AFTER = {"Retry-After": {"description": "Seconds, where they are known.", "schema": {"type": "string"}}}
HEADERS = {
    "authentication": {
        "WWW-Authenticate": {"description": "Where a key was missing.", "schema": {"type": "string"}}
    },
    "rate_limited": RETRY_AFTER,
    "unavailable": RETRY_AFTER,
    "method_not_allowed": {"Allow": {"description": "The methods.", "schema": {"type": "string"}}},
}


@dataclass
class Refused:
    """What one status means: a row for each kind that is told with it."""

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
        forms = [ref(each) for each in sorted(self.forms)]
        schema: Schema = forms[0] if len(forms) == 1 else any_of(*forms)
        examples = {name: {"$ref": f"#/components/examples/{name}"} for name in self.examples}
        return {
            "description": "\n".join(f"- {each}" for each in self.words),
            "headers": self.headers,
            "content": {"application/json": {"schema": schema, "examples": examples}},
        }


def refusals(dialects: Iterable[str], kinds: Iterable[KindName]) -> dict[str, Json]:
    """By status: what these kinds of error are told as in these dialects."""
    found: dict[str, Refused] = {}
    for dialect, kind in product(dialects, dict.fromkeys(kinds)):
        for status in KINDS[kind].upstream_statuses or (None,):
            told = tell(dialect, kind, status)[0]
            found.setdefault(str(told), Refused()).add(kind, DIALECTS[dialect].error_schema)
    return {status: refused.write() for status, refused in found.items()}


def examples() -> Json:
    """Each kind of error in each form, named as `Refused` names them."""
    return {
        f"{DIALECTS[dialect].error_schema}.{kind}": {
            "summary": facts.meaning,
            "value": orjson.loads(tell(dialect, kind)[1]),
        }
        for dialect in CONVERSATIONS
        for kind, facts in KINDS.items()
    }


def tell(dialect: str, kind: KindName, status: int | None = None) -> tuple[int, bytes]:
    """(status, body); `status`: that of Copilot's answer."""
    error = BridgeError(KINDS[kind].meaning, kind=kind, status=status)
    told, _, body = DIALECTS[dialect].write_error(error, "the request's id")
    return told, body
