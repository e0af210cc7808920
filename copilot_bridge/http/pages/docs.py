"""The page that describes all endpoints, made from `/openapi.json`, with examples for curl."""

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from flask import Blueprint, Response, request
from markupsafe import Markup, escape

from copilot_bridge.http.pages.auth import login_exempt, shared
from copilot_bridge.http.pages.i18n import FOLDER, spoken, tr
from copilot_bridge.http.pages.rendering import TEMPLATES, disk_cache, page, render
from copilot_bridge.http.pages.sentences import prose

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

bp = Blueprint("docs", __name__)

Json = dict[str, Any]

METHODS = {"get": "info", "post": "success", "put": "warning", "patch": "warning", "delete": "danger"}

SCHEMAS = "#/components/schemas/"
BASE = "http://127.0.0.1:4141"  # stands in the texts for the address of the bridge

# A paragraph without any markup, as most are: it is its own HTML.
PLAIN = re.compile(r"[^\W\d_][^\n`*_\[\]<>&\\]*(?<=\S)")


class Field(NamedTuple):
    """A field of an object.  :param depth: of nesting.  :param kinds: (type, anchor of its schema or "")."""

    name: str
    depth: int
    kinds: list[tuple[str, str]]
    required: bool
    about: Markup


@bp.get("/docs")
@login_exempt
def show() -> Response:
    return page("docs.html", content=Markup(content().replace(BASE, escape(base_url()))))  # noqa: S704 - ours


def content() -> str:
    """The page below its head, with BASE as the address of the bridge: from the disk, if it is there."""
    from copilot_bridge.openapi.document import document

    described, keyed = document(), shared().authenticator.requires_key
    name = f"docs-{spoken()}-{'with' if keyed else 'without'}-keys"
    version, files = version_of(described), disk_cache()
    kept = files.read(name, version)
    if kept is not None:
        return kept.decode()
    made = render("_docs.html", **values_of(described))
    files.write(name, version, made.encode())
    return made


def version_of(described: Json) -> str:
    """A digest of all that the page is made of."""
    digest = sha256(orjson.dumps(described))
    for path in (
        TEMPLATES / "_docs.html",
        TEMPLATES / "macros.html",
        *sorted(FOLDER.glob("*.toml")),
        Path(__file__),
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def values_of(described: Json) -> Json:
    """The values for the template."""
    schemas = described["components"]["schemas"]
    return {
        "about": written(described["info"]["description"]),
        "groups": [(tag, list(endpoints(described, tag["name"]))) for tag in described["tags"]],
        "methods": METHODS,
        "schemas": {name: list(fields(schema)) for name, schema in schemas.items()},
        "schema_about": {name: written(schema.get("description", "")) for name, schema in schemas.items()},
    }


def endpoints(content: Json, tag: str) -> Iterator[Json]:
    for path, item in content["paths"].items():
        prefixes = [server["url"].rstrip("/") for server in item.get("servers", content["servers"])]
        for method in filter(METHODS.get, item):
            if tag in item[method]["tags"]:
                yield described(method, path, prefixes, item[method])


def described(method: str, path: str, prefixes: list[str], operation: Json) -> Json:
    """The values of an endpoint for the template."""
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
        "parameters": [parameter(given) for given in operation.get("parameters", ())],
        "body": kinds(body["schema"]) if body else [],
        "examples": list(examples(method, prefixes[0] + path, operation, body, keyless=open_to_all)),
        "responses": [response(status, given) for status, given in operation["responses"].items()],
    }


def parameter(given: Json) -> Json:
    return {
        "name": given["name"],
        "in": given["in"],
        "kinds": kinds(given["schema"]),
        "required": given.get("required", False),
        "about": written(given["description"]),
    }


def response(status: str, given: Json) -> Json:
    contents = [(kind, kinds(content["schema"])) for kind, content in given.get("content", {}).items()]
    return {"status": status, "about": written(given["description"]), "contents": contents}


def examples(
    method: str, path: str, operation: Json, body: Json, *, keyless: bool
) -> Iterator[tuple[str, str]]:
    """Curl commands that call the endpoint, as (title, command)."""
    for given in operation.get("parameters", ()):
        if given["in"] == "path":
            path = path.replace("{" + given["name"] + "}", given["example"])
    key = (
        [] if keyless or not shared().authenticator.requires_key else ['-H "Authorization: Bearer $API_KEY"']
    )
    if method == "get":
        yield "", " \\\n  ".join([f"curl {BASE}{path}", *key])
    for example in body.get("examples", {}).values():
        sent = shlex.quote(json.dumps(example["value"], indent=2, ensure_ascii=False))
        curl = "curl -N" if example["value"].get("stream") else "curl"
        kind = "-H 'Content-Type: application/json'"
        yield example["summary"], " \\\n  ".join([f"{curl} {BASE}{path}", *key, kind, f"-d {sent}"])


def base_url() -> str:
    """The address under which this browser has reached the bridge."""
    return request.url_root.rstrip("/")


def fields(schema: Json, depth: int = 0) -> Iterator[Field]:
    """The fields of an object, each followed by those of the objects within it."""
    schema = schema.get("items", schema)
    for name, value in schema.get("properties", {}).items():
        required = name in schema.get("required", ())
        yield Field(name, depth, kinds(value), required, written(value.get("description", "")))
        yield from fields(value, depth + 1)


def kinds(schema: Json) -> list[tuple[str, str]]:
    """The types that a schema allows, each as (name, anchor of its schema or "")."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(SCHEMAS)
        return [(name, f"schema-{name}")]
    if "anyOf" in schema:
        return [kind for choice in schema["anyOf"] for kind in kinds(choice)]
    if "const" in schema:
        return [(json.dumps(schema["const"]), "")]
    if "enum" in schema:
        return [(json.dumps(value), "") for value in schema["enum"]]
    types = schema.get("type", "any")
    limits = [text % f"{schema[key]:,}" for key, text in limit_texts().items() if schema.get(key)]
    names = [types] if isinstance(types, str) else types
    return [shown for name in names for shown in kind(name, schema, limits)]


def limit_texts() -> dict[str, str]:
    """Return the words for the limits of a schema."""
    texts = {"minimum": "≥ %s", "maximum": "≤ %s"}
    return texts | {"maxLength": tr("docs.at_most_characters"), "minItems": tr("docs.at_least_items")}


def kind(name: str, schema: Json, limits: list[str]) -> list[tuple[str, str]]:
    if name == "null":
        return [("null", "")]
    limited = " ".join([name, *limits])
    items = schema.get("items", {})
    if name == "array" and ("$ref" in items or "type" in items or "anyOf" in items):
        return [(tr("docs.array_of", array=limited, items=inner), anchor) for inner, anchor in kinds(items)]
    return [(limited, "")]


def written(markdown: str) -> Markup:
    """Markdown in the reader's language, as HTML; what is English all the same is marked so."""
    return Markup().join(
        as_html(text) if known else Markup('<div lang="en">{}</div>').format(as_html(text))
        for text, known in prose(markdown)
    )


@cache
def as_html(markdown: str) -> Markup:
    """Markdown as HTML.  HTML in the Markdown is escaped."""
    if PLAIN.fullmatch(markdown):
        return Markup("<p>{}</p>\n").format(markdown)
    html: str = parser().render(markdown)
    return Markup(html)  # noqa: S704 - rendered from our own tables; HTML in them is escaped


@cache
def parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt  # only this page needs it, so the start does not load it

    return MarkdownIt("commonmark", {"html": False})
