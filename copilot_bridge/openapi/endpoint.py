"""One method of one path, as its table says it, and as OpenAPI does."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from copilot_bridge.errors import KindName
from copilot_bridge.openapi.errors import FOR_EVERYBODY, refusals
from copilot_bridge.openapi.schemas import Schema

Json = dict[str, Any]

JSON = "application/json"
EVENTS = "text/event-stream"
LINES = "application/x-ndjson"
HTML = "text/html"
CSV = "text/csv"
TEXT = "text/plain"
CSV = "text/csv"
PAGE: Json = {"schema": {"type": "string"}}
REQUEST_ID = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}

NO_STORE: Json = {"Cache-Control": {"description": "`no-store`.", "schema": {"type": "string"}}}

SIGN_IN: Json = {"description": "A browser without a key: to where it gives one.", "headers": REQUEST_ID}

STORE_GONE: Json = {"description": "To a browser: the store can't be used just now.", "headers": REQUEST_ID}

# The security of an endpoint: a key (none from this machine, as long as no key is set), or open to anybody.
BY_KEY = None
ANYBODY: tuple[Json, ...] = ()


class Success(Struct, frozen=True):
    """A successful response.

    :param schema: of a response that is not streamed.  :param kind: its media type.
    :param event: the schema of each event, if the response can be streamed.
    :param lines: the response can be streamed as lines of JSON with the same schema.
    """

    about: str
    schema: Schema
    kind: str = JSON
    event: Schema | None = None
    lines: bool = False
    headers: Mapping[str, Json] = field(default_factory=dict)

    def write(self) -> Json:
        content: Json = {self.kind: {"schema": self.schema}}
        if self.event:
            content[EVENTS] = {"schema": self.event}
        if self.lines:
            content[LINES] = {"schema": self.schema}
        return {"description": self.about, "headers": REQUEST_ID | dict(self.headers), "content": content}


class Endpoint(Struct, frozen=True, kw_only=True):
    """The description of an endpoint.

    :param route: a method and a path, ``"GET /models/{id}"``; without its prefix, if it has one.
    :param id: OpenAPI's `operationId`.
    :param about: Markdown; the summary is its heading.
    :param prefixed: it is served under each of `document.PREFIXES`.
    :param other_prefixes: the others under which it is served, and whose clients ask there.
    :param body: the schema of a request.
    :param examples: request bodies, by title.  Each is answered with the first of `answers`.
    :param dialects: the dialects of its errors: ``chat``, ``messages``, ``responses``, ``gemini``.
    :param kinds: the kinds of error that are possible besides `FOR_EVERYBODY`.
    :param security: `BY_KEY` or `ANYBODY`.
    :param page: a browser gets a page instead, or a redirect to sign in.
    """

    route: str
    id: str
    summary: str
    answers: Mapping[int, Success]
    about: str = ""
    prefixed: bool = False
    other_prefixes: Mapping[str, str] = field(default_factory=dict)
    parameters: tuple[Json, ...] = ()
    body: Schema | None = None
    examples: Mapping[str, Json] = field(default_factory=dict)
    dialects: tuple[str, ...] = ("chat",)
    kinds: tuple[KindName, ...] = ()
    security: tuple[Json, ...] | None = BY_KEY
    page: bool = False

    @property
    def method(self) -> str:
        return self.route.split(" ")[0].lower()

    @property
    def path(self) -> str:
        return self.route.split(" ")[1]

    def write(self, tag: str) -> Json:
        """OpenAPI's Operation Object."""
        kinds = (*FOR_EVERYBODY, *self.kinds, *(("authentication",) if self.security is BY_KEY else ()))
        answers = {str(status): answer.write() for status, answer in self.answers.items()}
        refused = {
            status: refusal
            for status, refusal in refusals(self.dialects, kinds).items()
            if status not in answers
        }
        operation: Json = {"tags": [tag], "operationId": self.id, "summary": self.summary}
        if self.about:
            operation["description"] = self.about
        if self.parameters:
            operation["parameters"] = list(self.parameters)
        if self.body is not None:
            operation["requestBody"] = self._write_body()
        if self.page and self.security is BY_KEY:
            answers |= {"303": dict(SIGN_IN), "503": dict(STORE_GONE)}
        operation["responses"] = answers | {
            status: {**refusal, "headers": REQUEST_ID | refusal["headers"]}
            for status, refusal in sorted(refused.items())
        }
        if self.page:
            for response in operation["responses"].values():
                response["content"] = response.get("content", {}) | {HTML: PAGE}
        if self.security is not BY_KEY:
            operation["security"] = list(self.security)
        return operation

    def _write_body(self) -> Json:
        examples = {name: {"summary": name, "value": value} for name, value in self.examples.items()}
        content = {"schema": self.body} | ({"examples": examples} if examples else {})
        return {"required": True, "content": {JSON: content}}


def query(name: str, schema: Schema, about: str) -> Json:
    return {"name": name, "in": "query", "description": about, "schema": schema}


def header(name: str, schema: Schema, about: str, example: str) -> Json:
    return {"name": name, "in": "header", "description": about, "schema": schema, "example": example}


def in_path(name: str, schema: Schema, about: str, example: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": about,
        "schema": schema,
        "example": example,
    }
