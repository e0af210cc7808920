"""The description of all endpoints, for people: what `/openapi.json` says, and lines to paste."""

import json
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from flask import Blueprint, Response, request
from markupsafe import Markup

from copilot_bridge.http.pages.auth import login_exempt, shared
from copilot_bridge.http.pages.rendering import page

bp = Blueprint("docs", __name__)

Json = dict[str, Any]

METHODS = {"get": "info", "post": "good", "put": "low", "patch": "low", "delete": "out"}

# A schema's own limits, in words of mathematics that need no translation.
LIMITS = {"minimum": "≥ {}", "maximum": "≤ {}", "maxLength": "≤ {} chars", "minItems": "≥ {} items"}

SCHEMAS = "#/components/schemas/"


class Field(NamedTuple):
    """:param depth: how many objects it stands in.  :param kinds: (what it is, the anchor of that or "")."""

    name: str
    depth: int
    kinds: list[tuple[str, str]]
    required: bool
    about: Markup


@bp.get("/docs")
@login_exempt
def show() -> Response:
    from copilot_bridge.openapi.document import document

    told = document()
    groups = [(tag, list(endpoints(told, tag["name"]))) for tag in told["tags"]]
    schemas = {name: list(fields(schema)) for name, schema in told["components"]["schemas"].items()}
    return page(
        "docs.html",
        about=written(told["info"]["description"].replace("http://127.0.0.1:4141", base_url())),
        groups=groups,
        methods=METHODS,
        schemas=schemas,
        schema_about={
            name: written(schema.get("description", ""))
            for name, schema in told["components"]["schemas"].items()
        },
    )


def endpoints(told: Json, tag: str) -> Iterator[Json]:
    for path, item in told["paths"].items():
        prefixes = [server["url"].rstrip("/") for server in item.get("servers", told["servers"])]
        for method in filter(METHODS.get, item):
            if tag in item[method]["tags"]:
                yield described(method, path, prefixes, item[method])


def described(method: str, path: str, prefixes: list[str], operation: Json) -> Json:
    """What the template shows of an endpoint."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    open_to_all = operation.get("security") == []
    return {
        "id": operation["operationId"],
        "method": method,
        "path": prefixes[0] + path,
        "also": [prefix + path for prefix in prefixes[1:]],
        "summary": operation["summary"],
        "about": written(operation.get("description", "")),
        "open": open_to_all,
        "parameters": [parameter(each) for each in operation.get("parameters", ())],
        "body": kinds(body["schema"]) if body else [],
        "examples": list(examples(method, prefixes[0] + path, operation, body, keyless=open_to_all)),
        "answers": [answer(status, each) for status, each in operation["responses"].items()],
    }


def parameter(given: Json) -> Json:
    return {
        "name": given["name"],
        "in": given["in"],
        "kinds": kinds(given["schema"]),
        "required": given.get("required", False),
        "about": written(given["description"]),
    }


def answer(status: str, given: Json) -> Json:
    contents = [(kind, kinds(content["schema"])) for kind, content in given.get("content", {}).items()]
    return {"status": status, "about": written(given["description"]), "contents": contents}


def examples(
    method: str, path: str, operation: Json, body: Json, *, keyless: bool
) -> Iterator[tuple[str, str]]:
    """(title, line to paste)."""
    for given in operation.get("parameters", ()):
        if given["in"] == "path":
            path = path.replace("{" + given["name"] + "}", given["example"])
    key = (
        [] if keyless or not shared().authenticator.requires_key else ['-H "Authorization: Bearer $API_KEY"']
    )
    if method == "get":
        yield "", " \\\n  ".join([f"curl {base_url()}{path}", *key])
    for example in body.get("examples", {}).values():
        sent = shlex.quote(json.dumps(example["value"], indent=2, ensure_ascii=False))
        curl = "curl -N" if example["value"].get("stream") else "curl"
        kind = "-H 'Content-Type: application/json'"
        yield example["summary"], " \\\n  ".join([f"{curl} {base_url()}{path}", *key, kind, f"-d {sent}"])


def base_url() -> str:
    """As this browser has reached the bridge."""
    return request.url_root.rstrip("/")


def fields(schema: Json, depth: int = 0) -> Iterator[Field]:
    """What is in an object, and in the objects within it, as deep as they are written out."""
    schema = schema.get("items", schema)
    for name, each in schema.get("properties", {}).items():
        required = name in schema.get("required", ())
        yield Field(name, depth, kinds(each), required, written(each.get("description", "")))
        yield from fields(each, depth + 1)


def kinds(schema: Json) -> list[tuple[str, str]]:
    """(what it is, its anchor or "") of each of the things that it may be."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(SCHEMAS)
        return [(name, f"schema-{name}")]
    if "anyOf" in schema:
        return [kind for each in schema["anyOf"] for kind in kinds(each)]
    if "const" in schema:
        return [(json.dumps(schema["const"]), "")]
    if "enum" in schema:
        return [(json.dumps(each), "") for each in schema["enum"]]
    names = schema.get("type", "any")
    limits = [text.format(f"{schema[key]:,}") for key, text in LIMITS.items() if schema.get(key)]
    return [
        each for name in ([names] if isinstance(names, str) else names) for each in kind(name, schema, limits)
    ]


def kind(name: str, schema: Json, limits: list[str]) -> list[tuple[str, str]]:
    if name == "null":
        return [("null", "")]
    said = " ".join([name, *limits])
    items = schema.get("items", {})
    if name == "array" and ("$ref" in items or "type" in items or "anyOf" in items):
        return [(f"{said} of {inner}", anchor) for inner, anchor in kinds(items)]
    return [(said, "")]


@cache
def written(markdown: str) -> Markup:
    """Markdown as HTML.  HTML in it is shown, and not taken for what it is."""
    from markdown_it import MarkdownIt  # for this page alone: a start need not wait for it

    html: str = MarkdownIt("commonmark", {"html": False}).render(markdown)
    return Markup(html)  # noqa: S704 - rendered from our own tables, HTML in them escaped
