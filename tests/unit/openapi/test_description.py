"""The description of the API is complete, has nothing superfluous, and is valid OpenAPI."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask

from copilot_bridge.app import PREFIXES, create_app
from copilot_bridge.config import Config
from copilot_bridge.dialects import embeddings
from copilot_bridge.dialects.chat import errors as chat
from copilot_bridge.dialects.chat import request as chat_request
from copilot_bridge.dialects.messages import errors as messages
from copilot_bridge.dialects.messages import request as messages_request
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.dialects.responses import errors as responses
from copilot_bridge.dialects.responses import request as responses_request
from copilot_bridge.errors import KINDS, BridgeError
from copilot_bridge.http.path_prefixes import ALIASES
from copilot_bridge.openapi import document as described
from copilot_bridge.openapi.document import LEFT_OUT, as_json, document, groups

Json = dict[str, Any]

DIALECTS_ROOM = Path(embeddings.__file__).parent

IMPLIED = {"HEAD", "OPTIONS"}  # Flask answers them by itself
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(Config(home=tmp_path_factory.mktemp("home"), persist=False))


def nameless(path: str) -> str:
    """What a parameter is called does not matter."""
    return re.sub(r"<[^>]+>|\{[^}]+\}", "{}", path)


def operations() -> Iterator[tuple[str, str, Json]]:
    """(method, path, operation)."""
    for path, item in document()["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def described_paths() -> set[tuple[str, str]]:
    """(method, path) of all that is described, under each prefix that it is said to have."""
    found = set()
    for method, path, _ in operations():
        for server in document()["paths"][path].get("servers", document()["servers"]):
            found.add((method.upper(), nameless(server["url"].rstrip("/") + path)))
    return found


def aliases_of(path: str, served: set[str]) -> list[str]:
    """The aliases of a path that is served with and without /v1; nobody asks for Gemini's by them."""
    rest = path.removeprefix("/v1")
    is_geminis = re.search(r">:\w+$", path)
    return [alias + rest for alias in ALIASES if rest != path and rest in served and not is_geminis]


def test_exactly_the_served_paths_are_described(app: Flask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if not rule.websocket]
    routes = {
        f"{method} {path}"
        for rule in rules
        for path in (rule.rule, *aliases_of(rule.rule, {other.rule for other in rules}))
        for method in (rule.methods or set()) - IMPLIED
    }
    served = {tuple(nameless(route).split(" ")) for route in routes - LEFT_OUT.keys()}
    assert described_paths() == served
    assert LEFT_OUT.keys() - routes == set()


def test_the_prefixes_are_those_of_the_application() -> None:
    prefixes = {nameless(prefix.rstrip("/")) for prefix in described.PREFIXES}
    assert prefixes == set(map(nameless, (*PREFIXES, *ALIASES)))


def test_the_document_is_openapi_3_1() -> None:
    assert document()["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(json.loads(as_json())).validate()


@pytest.mark.parametrize("name", document()["components"]["schemas"])
def test_each_schema_is_json_schema(name: str) -> None:
    jsonschema_rs.meta.validate(document()["components"]["schemas"][name])


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for entry in value.values():
            yield from references(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from references(entry)


def test_references_are_resolved_and_no_schema_is_unused() -> None:
    parts = document()["components"]
    there = {f"#/components/{kind}/{name}" for kind in parts for name in parts[kind]}
    named = {*references(document())}
    assert named <= there
    assert {reference for reference in there - named if "/schemas/" in reference} == set()


def test_ids_and_summaries_are_unique() -> None:
    rows = [operation for _, _, operation in operations()]
    assert len({row["operationId"] for row in rows}) == len(rows)
    assert len({row["summary"] for row in rows}) == len(rows)
    assert {tag for row in rows for tag in row["tags"]} == {tag["name"] for tag in document()["tags"]}


ERRORS = [BridgeError("", kind=kind) for kind in KINDS]
CHAT = {chat.write_error(error, "")[0] for error in ERRORS}
RESPONSES = {responses.write_error(error, "")[0] for error in ERRORS}
MESSAGES = {messages.write_error(error, "")[0] for error in ERRORS}


@pytest.mark.parametrize(
    ("path", "statuses", "form"),
    [
        ("/chat/completions", CHAT, "Error"),
        ("/embeddings", CHAT, "Error"),
        ("/responses", RESPONSES, "Error"),
        ("/messages", MESSAGES, "MessagesError"),
        ("/messages/count_tokens", MESSAGES, "MessagesError"),
    ],
)
def test_a_request_for_a_model_may_be_refused_as_its_dialect_says(
    path: str, statuses: set[int], form: str
) -> None:
    described_responses = document()["paths"][path]["post"]["responses"]
    passed_on = {500, 502, 503}  # Copilot's own
    assert {int(status) for status in described_responses} == {200} | statuses | passed_on
    for status in statuses:
        content = described_responses[str(status)]["content"]
        assert content == {"application/json": content["application/json"]}
        assert content["application/json"]["schema"] == {"$ref": f"#/components/schemas/{form}"}
    assert "Retry-After" in described_responses["429"]["headers"]
    assert "WWW-Authenticate" in described_responses["401"]["headers"]


@pytest.mark.parametrize("name", document()["components"]["examples"])
def test_the_examples_of_errors_are_errors(name: str) -> None:
    schema = document()["components"]["schemas"][name.split(".")[0]]
    jsonschema_rs.validate(schema, document()["components"]["examples"][name]["value"])


@pytest.mark.parametrize("operation", [row for _, _, row in operations()], ids=lambda row: row["operationId"])
def test_examples_of_requests_are_what_their_schemas_say(operation: Json) -> None:
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"] | {"components": document()["components"]}
        assert content["examples"]
        for example in content["examples"].values():
            jsonschema_rs.validate(schema, example["value"])


def test_a_start_reads_none_of_it() -> None:
    """Most bridges are never asked for it."""
    look = (
        "import re, sys, copilot_bridge.app; "
        "print([m for m in sys.modules if re.search('_bridge.openapi|description', m)])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_each_dialect_s_endpoint_is_described_by_a_dialect() -> None:
    described = {endpoint.path for group in groups() for endpoint in group.endpoints}
    for dialect in DIALECTS.values():
        assert dialect.endpoint in described or dialect.has_parameter, dialect.name


def test_a_dialect_names_its_descriptions_once() -> None:
    names = [name for dialect in DIALECTS.values() for name in dialect.descriptions]
    found = {
        ".".join(path.relative_to(DIALECTS_ROOM).with_suffix("").parts)
        for path in DIALECTS_ROOM.rglob("*description.py")
    }
    assert sorted(names) == sorted(found)


def test_no_endpoint_is_described_twice() -> None:
    routes = [endpoint.route for group in groups() for endpoint in group.endpoints]
    assert len(routes) == len(set(routes))


@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        ("ChatRequest", chat_request),
        ("MessagesRequest", messages_request),
        ("ResponsesRequest", responses_request),
        ("EmbeddingsRequest", embeddings),
    ],
)
def test_every_field_that_is_checked_is_described(name: str, dialect: Any) -> None:
    described_fields = document()["components"]["schemas"][name]["properties"]
    assert {*dialect.REQUIRED, *dialect.FIELDS} <= described_fields.keys()
    assert all(field.get("description") or "properties" in field for field in described_fields.values())
