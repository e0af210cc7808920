"""The records of an API's description: its endpoints, and what they return."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from copilot_bridge.dialects.description.schemas import Schema
from copilot_bridge.errors import KINDS, KindName

Json = dict[str, Any]

JSON = "application/json"
HTML = "text/html"
CSV = "text/csv"
TEXT = "text/plain"

NO_STORE: Json = {"Cache-Control": {"description": "`no-store`.", "schema": {"type": "string"}}}

# The security of an endpoint: a key (none from this machine, as long as no key is set), or open to anybody.
BY_KEY = None
ANYBODY: tuple[Json, ...] = ()

# Errors of every endpoint: another site's page, a wrong host, a fault of the bridge.
FOR_EVERYBODY: tuple[KindName, ...] = ("permission", "internal")
# Errors of requests to Copilot, and for a token.
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
# Errors of requests to a model.
ALL = tuple(KINDS)


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


class Endpoint(Struct, frozen=True, kw_only=True):
    """The description of an endpoint.

    :param route: a method and a path, ``"GET /models/{id}"``; without its prefix, if it has one.
    :param id: OpenAPI's `operationId`.
    :param about: Markdown; the summary is its heading.
    :param prefixed: it is served under each prefix of the bridge (`openapi/document.py`).
    :param other_prefixes: the others under which it is served, and whose clients ask there.
    :param body: the schema of a request.
    :param examples: request bodies, by title.  Each gets the first of `responses`.
    :param dialects: the dialects of its errors: ``chat``, ``messages``, ``responses``, ``gemini``.
    :param kinds: the kinds of error that are possible besides `FOR_EVERYBODY`.
    :param security: `BY_KEY` or `ANYBODY`.
    :param page: a browser gets a page instead, or a redirect to sign in.
    """

    route: str
    id: str
    summary: str
    responses: Mapping[int, Success]
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


class Description(Struct, frozen=True):
    """A group of endpoints on the page that describes the API.

    :param about: a sentence on the group.  :param schemas: those that its endpoints name, by their names.
    """

    name: str
    about: str
    endpoints: tuple[Endpoint, ...]
    schemas: Mapping[str, Schema]


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
