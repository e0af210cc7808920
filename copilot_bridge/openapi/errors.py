"""Refusals, out of the dialects' own tables: what is told there is what is described here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import orjson

from copilot_bridge.dialects.chat import errors as chat
from copilot_bridge.dialects.messages import errors as messages
from copilot_bridge.dialects.responses import errors as responses
from copilot_bridge.errors import BridgeError
from copilot_bridge.openapi.schemas import Schema, always, any_of, or_null, ref, text, thing

Json = dict[str, Any]

# kind -> when it is told
WORDS = {
    "invalid_request": "the request can't be read, or says something impossible; the message names the field",
    "unsupported": "it is well formed, but Copilot can't do it",
    "prompt_too_long": "the prompt is longer than the model's context",
    "content_filter": "Copilot's filter has refused it",
    "model_not_found": "there is no such model; the message names near ones",
    "not_found": "there is nothing here",
    "method_not_allowed": "the path takes other methods, which `Allow` names",
    "too_large": "the body is larger than 64 MiB, or than Copilot takes",
    "media_type": "the body is packed (`Content-Encoding`)",
    "authentication": "the key is missing or not known; or the bridge itself has no valid GitHub login",
    "permission": "not with this key, from this web page, under this host's name, or by Copilot's rules",
    "quota": "the plan's quota is used up",
    "rate_limited": "too early: `Retry-After` says in how many seconds",
    "overloaded": "Copilot has too much to do",
    "unavailable": "Copilot has answered with an error of its own",
    "unreachable": "there is no connection to Copilot",
    "timeout": "Copilot has been silent for too long",
    "stream_cut": "Copilot broke off in the middle of the answer",
    "internal": "a fault of the bridge; the log has more, under the request's id",
}

# Whoever asks: a foreign page, a wrong host, a fault.
FOR_EVERYBODY = ("permission", "internal")
# On the way to a Copilot token, and with it.
FROM_COPILOT = (
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
ALL = tuple(WORDS)

Teller = Callable[[BridgeError, str], tuple[int, dict[str, str], bytes]]

TELLERS: dict[str, Teller] = {
    "chat": chat.write_error,
    "messages": messages.write_error,
    "responses": responses.write_error,
}

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
SCHEMA_OF = {"chat": "Error", "messages": "MessagesError", "responses": "Error"}

RETRY_AFTER = {"Retry-After": {"description": "Seconds, where they are known.", "schema": {"type": "string"}}}
HEADERS = {
    "authentication": {
        "WWW-Authenticate": {"description": "Where a key was missing.", "schema": {"type": "string"}}
    },
    "rate_limited": RETRY_AFTER,
    "unavailable": RETRY_AFTER,
    "method_not_allowed": {"Allow": {"description": "The methods.", "schema": {"type": "string"}}},
}

# What Copilot has answered with, of which the dialects pass these on.
PASSED_ON = {"unavailable": (500, 502, 503)}


@dataclass
class Refused:
    """What one status means: a row for each kind that is told with it."""

    words: list[str] = field(default_factory=list)
    headers: Json = field(default_factory=dict)
    forms: set[str] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)

    def add(self, kind: str, form: str) -> None:
        self.words += [WORDS[kind]] if WORDS[kind] not in self.words else []
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


def refusals(dialects: Iterable[str], kinds: Iterable[str]) -> dict[str, Json]:
    """By status: what these kinds of error are told as in these dialects."""
    found: dict[str, Refused] = {}
    for dialect, kind in product(dialects, dict.fromkeys(kinds)):
        for status in PASSED_ON.get(kind, (0,)):
            told = tell(dialect, kind, status)[0]
            found.setdefault(str(told), Refused()).add(kind, SCHEMA_OF[dialect])
    return {status: refused.write() for status, refused in found.items()}


def examples() -> Json:
    """Each kind of error in each form, named as `Refused` names them."""
    return {
        f"{SCHEMA_OF[dialect]}.{kind}": {"summary": words, "value": orjson.loads(tell(dialect, kind)[1])}
        for dialect in TELLERS
        for kind, words in WORDS.items()
    }


def tell(dialect: str, kind: str, status: int = 0) -> tuple[int, bytes]:
    """(status, body); `status`: that of Copilot's answer."""
    error = BridgeError(WORDS[kind], kind=kind, status=status or None)
    told, _, body = TELLERS[dialect](error, "the request's id")
    return told, body
