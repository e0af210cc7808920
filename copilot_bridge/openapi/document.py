"""Puts the whole description together."""

import re
from functools import cache
from importlib import import_module
from typing import Any

import orjson

from copilot_bridge import __version__
from copilot_bridge.dialects.description.endpoint import Description, Endpoint
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.openapi import models, own, pages
from copilot_bridge.openapi.errors import examples
from copilot_bridge.openapi.operations import write_operation

Json = dict[str, Any]

# The prefixes of each endpoint of an API: the base URLs of OpenAI's clients, of Anthropic's, of Anthropic's
# clients with OpenAI's base URL, of Azure's, Google's and OpenRouter's.
PREFIXES = {
    "/v1": "OpenAI's clients: the base URL ends with `/v1`",
    "/": "the same, without a prefix",
    "/v1/v1": "Anthropic's clients, which put a `/v1` behind a base URL that ends with one",
    "/openai/v1": "Azure's clients",
    "/openai/deployments/{deployment}": "the same with an `api-version`; the body names the model",
    "/openai": "the same for what needs no deployment",
    "/v1beta/openai": "clients of OpenAI that were pointed at Google's host",
    "/api/v1": "OpenRouter's clients",
}

# Routes that are not described, and why.
FORM = "a form of a page, with a token that only the page gives"
PART = "a part of a page, fetched by its script"
REFUSED = "always refused: the models are GitHub Copilot's"
LEFT_OUT = {
    "POST /api/create": REFUSED,
    "POST /api/copy": REFUSED,
    "POST /api/push": REFUSED,
    "DELETE /api/delete": REFUSED,
    "GET /assets/<wanted>/<path:filename>": PART,
    "GET /live": PART,
    "POST /models/try": FORM,
    "POST /models/try/stream": FORM,
    "POST /approvals/allowed": FORM,
    "POST /status/check": FORM,
    "GET /status/quota": PART,
    "GET /status/models": PART,
    "GET /usage/quota": PART,
    "POST /approvals": FORM,
    "POST /auth/device": FORM,
    "POST /auth/device/stop": FORM,
    "POST /auth/device/use": FORM,
    "POST /auth/device/remove": FORM,
    "POST /keys": FORM,
    "POST /keys/change": FORM,
    "POST /keys/rotate": FORM,
    "POST /keys/revoke": FORM,
    "POST /keys/seen": FORM,
    "POST /settings/resting": FORM,
    "POST /settings/learned": FORM,
    "GET /setup/key": FORM,
    "POST /setup/key": FORM,
    "GET /setup/test": FORM,
    "POST /setup/test": FORM,
    "GET /sign-in": FORM,
    "POST /sign-in": FORM,
    "POST /sign-out": FORM,
}

ABOUT = """\
Your own GitHub Copilot subscription, as the APIs that your tools already speak. Unofficial: not made,
endorsed or supported by GitHub.

**Base URL.** `http://127.0.0.1:4141/v1` for what speaks OpenAI's APIs, `http://127.0.0.1:4141` for what
speaks Anthropic's or Google's. Each endpoint of OpenAI's and Anthropic's APIs stands with and without `/v1`
(and under `/v1/v1`, and where the clients of Azure, Google and OpenRouter look for it: `/openai/v1`,
`/openai/deployments/NAME`, `/v1beta/openai`, `/api/v1`), those of Google's under `/v1beta`, `/v1alpha` and
`/v1`; a slash at the end does no harm. Every `GET` is a `HEAD`, too.

**Keys.** While the bridge has none, whoever is on its machine may ask, with any key or none. From the first
key on nobody gets in without one.

**Models.** Any model responds in any of the four APIs, by any spelling of its name.

**Fields** that are not named here are passed on as they are, and Copilot judges them. null is as good as
absent.

**Streams.** With `stream: true` a response comes as `text/event-stream`. What goes wrong before the first
event is an HTTP status; a later error is the API's own error event, and the stream ends
without its usual end. In silence a comment (a `ping` in Messages) is sent every 15 seconds.

**Errors** have the form of the API that was called.
"""

KEYS: dict[str, Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "As OpenAI's clients send it."},
    "x-api-key": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "As Anthropic's clients send it.",
    },
    "api-key": {
        "type": "apiKey",
        "in": "header",
        "name": "api-key",
        "description": "As Azure's clients send it.",
    },
    "x-goog-api-key": {
        "type": "apiKey",
        "in": "header",
        "name": "x-goog-api-key",
        "description": "As Google's clients send it.",
    },
    "key": {
        "type": "apiKey",
        "in": "query",
        "name": "key",
        "description": "The same in the query, where Google's API is spoken.",
    },
}

REQUEST_ID = {"description": "The request's id in the log.", "schema": {"type": "string"}}


@cache
def groups() -> tuple[Description, ...]:
    """Return the groups in the order of the page: the dialects', then the bridge's own."""
    names = (name for dialect in DIALECTS.values() for name in dialect.descriptions)
    described = (import_module(f"copilot_bridge.dialects.{name}").DESCRIPTION for name in names)
    return (*described, *(module.DESCRIPTION for module in (models, own, pages)))


@cache
def document() -> Json:
    """The description, which callers must not change."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Copilot Bridge",
            "version": __version__,
            "summary": "GitHub Copilot, as OpenAI's, Anthropic's and Google's APIs.",
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "this bridge"}],
        "security": [{}, *({name: []} for name in KEYS)],
        "tags": [{"name": group.name, "description": group.about} for group in groups()],
        "paths": paths(),
        "components": {
            "schemas": schemas(),
            "examples": examples(),
            "headers": {"X-Request-Id": REQUEST_ID},
            "securitySchemes": KEYS,
        },
    }


def paths() -> Json:
    """The paths, each once; its `servers` are the prefixes under which it is served."""
    found: Json = {}
    for group in groups():
        for endpoint in group.endpoints:
            path = found.setdefault(endpoint.path, servers_of(endpoint))
            path[endpoint.method] = write_operation(endpoint, group.name)
    return found


def servers_of(endpoint: Endpoint) -> Json:
    prefixes = {**(PREFIXES if endpoint.prefixed else {}), **endpoint.other_prefixes}
    if not prefixes:
        return {}
    return {"servers": [server(prefix, about) for prefix, about in prefixes.items()]}


def server(prefix: str, about: str) -> Json:
    names = re.findall(r"{(\w+)}", prefix)
    variables = {"variables": {name: {"default": "any"} for name in names}} if names else {}
    return {"url": prefix, "description": about} | variables


def schemas() -> Json:
    found: Json = {}
    for group in groups():
        found |= group.schemas
    return found


@cache
def as_json() -> bytes:
    return orjson.dumps(document())
