"""The description at /openapi.json, held against the bridge as it runs."""

import json
from collections.abc import Iterator
from typing import Any

import hypothesis
import jsonschema_rs
import pytest
import requests
import schemathesis
from integration.harness import Bridge, Json, Start
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.schemas import APIOperation

from copilot_bridge.dialects.description.schemas import ref
from copilot_bridge.openapi.document import KEYS, as_json, document

load_all_checks()

# Every response has to pass these checks.
PROMISED = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "response_headers_conformance",
    ]
)
REFUSED = CHECKS.get_by_names(["negative_data_rejection"])

POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
SHARE = 6  # a request costs as much as so many examples of other tests

# A name that nobody knows ends a request early, so most requests name one of these.
MODELS = {
    "createChatCompletion": ("gpt-4o", "claude-sonnet-4.5", "gpt-5.3-codex"),
    "createResponse": ("gpt-5.3-codex", "claude-sonnet-4.5", "gpt-4o"),
    "countInputTokens": ("gpt-5.3-codex", "claude-sonnet-4.5"),
    "compactConversation": ("gpt-5.3-codex",),
    "createMessage": ("claude-sonnet-4.5", "gpt-5.3-codex", "gpt-4o"),
    "countTokens": ("claude-sonnet-4.5", "gpt-5.3-codex"),
    "createEmbeddings": ("text-embedding-3-small",),
    "createCompletion": ("gpt-41-copilot", "gpt-4o"),
    "fillInTheMiddle": ("gpt-41-copilot", "claude-sonnet-4.5"),
    "ollamaChat": ("gpt-4o", "claude-sonnet-4.5:latest"),
    "ollamaGenerate": ("gpt-4o", "gpt-41-copilot"),
    "ollamaEmbed": ("text-embedding-3-small:latest",),
    "ollamaEmbeddings": ("text-embedding-3-small",),
    "ollamaShow": ("gpt-4o:latest",),
    "ollamaPull": ("gpt-4o",),
}

# Where something can be said wrong.
NEGATED = (*MODELS, "listModels")

thorough = hypothesis.settings(
    max_examples=hypothesis.settings.default.max_examples // SHARE,  # of each endpoint, right and wrong
    database=None,
    suppress_health_check=[*hypothesis.HealthCheck],
)

OPERATIONS = [
    operation.ok()
    for operation in schemathesis.openapi.from_dict(json.loads(as_json())).get_all_operations()
    if operation.ok().definition.raw["operationId"] != "showToken"
]


def name(operation: APIOperation) -> str:
    id_: str = operation.definition.raw["operationId"]
    return id_


each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=name)


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def ask(bridge: Bridge, session: requests.Session, operation: APIOperation, case: Any, checks: Any) -> None:
    response = case.call(base_url=bridge.url, session=session, timeout=20)
    case.validate_response(response, checks=checks)


@each_operation
def test_valid_requests_are_answered_as_described(
    bridge: Bridge, session: requests.Session, operation: APIOperation
) -> None:
    models = MODELS.get(name(operation), ())

    @thorough
    @hypothesis.given(
        case=operation.as_strategy(generation_mode=POSITIVE),
        model=hypothesis.strategies.sampled_from([*models, None]),
    )
    def every(case: Any, model: str | None) -> None:
        if model:
            case.body["model"] = model
        ask(bridge, session, operation, case, PROMISED)

    every()


@pytest.mark.parametrize(
    "operation", [operation for operation in OPERATIONS if name(operation) in NEGATED], ids=name
)
def test_invalid_requests_are_refused(
    bridge: Bridge, session: requests.Session, operation: APIOperation
) -> None:
    @thorough
    @hypothesis.given(case=operation.as_strategy(generation_mode=NEGATIVE))
    def every(case: Any) -> None:
        if name(operation) == "listModels":  # which has no pages in OpenAI's form
            case.headers["anthropic-version"] = "2023-06-01"
        ask(bridge, session, operation, case, PROMISED + REFUSED)

    every()


# What is there has to be made first: `test_kept_responses.py` does.
KEPT = ("/conversations/{", "/responses/{")


def cases() -> Iterator[Any]:
    """(path, operation, body) of each example, under each prefix."""
    for path, item in document()["paths"].items():
        for prefix in (server["url"].rstrip("/") for server in item.get("servers", document()["servers"])):
            operation = item.get("post")
            if operation is None or path.startswith(KEPT):
                continue
            for title, example in operation["requestBody"]["content"]["application/json"]["examples"].items():
                filled = prefix + with_parameters(path, operation)
                yield pytest.param(filled, operation, example["value"], id=f"{prefix}{path}-{title}")


def with_parameters(path: str, operation: Json) -> str:
    """The path with the examples of its parameters."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
    return path


def checked(schema: Json, value: Any) -> None:
    """Raises ValidationError."""
    jsonschema_rs.validate(schema | {"components": document()["components"]}, value)


@pytest.mark.parametrize(("path", "operation", "body"), [*cases()])
def test_each_example_is_answered_as_described(
    bridge: Bridge, path: str, operation: Json, body: Json
) -> None:
    described = operation["responses"]["200"]["content"]
    if not body.get("stream"):
        response = bridge.request("POST", path, body)
        assert response.status == 200, response.body
        checked(described[response.headers["content-type"]]["schema"], response.json)
        return
    stream = bridge.dial("POST", path, json.dumps(body).encode())
    assert stream.headers["content-type"].startswith("text/event-stream")
    events = [read(frame.raw) for frame in stream.all() if not frame.is_comment]
    assert len(events) > 3
    data = described["text/event-stream"]["schema"]["$ref"].rpartition("/")[2]
    for event in events:
        checked(described["text/event-stream"]["schema"], event)
        if event["data"] != "[DONE]":
            checked(DATA[data], json.loads(event["data"]))
            assert event.get("event") == json.loads(event["data"]).get("type")


# What the events of each stream hold.
DATA = {
    "ChatEvent": ref("ChatChunk"),
    "MessagesEvent": ref("MessagesEventData"),
    "ResponsesEvent": ref("ResponsesEventData"),
}


def read(frame: bytes) -> dict[str, str]:
    """A frame's fields."""
    return dict(line.split(": ", 1) for line in frame.decode().split("\n"))


@pytest.mark.parametrize("path", [path for path, item in document()["paths"].items() if "get" in item])
def test_described_pages_can_be_read(bridge: Bridge, path: str) -> None:
    operation = document()["paths"][path]["get"]
    response = bridge.request("GET", path.replace("{id}", "gpt-4o"))
    content = operation["responses"][str(response.status)]["content"]
    kind = response.headers["content-type"].partition(";")[0]
    if kind == "application/json":
        checked(content[kind]["schema"], response.json)
    assert kind in content


def test_anybody_may_read_the_description(start_bridge: Start) -> None:
    """It says no more than the documentation does."""
    bridge = start_bridge(api_key="sk-secret")
    assert bridge.request("GET", "/v1/models").status == 401
    response = bridge.request("GET", "/openapi.json")
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json == json.loads(as_json())


def test_keys_are_accepted_where_the_description_says(start_bridge: Start) -> None:
    """And the token is shown to who has it."""
    bridge = start_bridge(api_key="sk-secret", show_token=True, server="gevent")
    assert bridge.request("GET", "/token").status == 401
    described = document()["paths"]["/token"]["get"]["responses"]["200"]
    for scheme in (key for key in KEYS.values() if key.get("in") != "query"):  # that is Google's API's
        bearer = {"Authorization": "Bearer sk-secret"}
        key = bearer if scheme["type"] == "http" else {scheme["name"]: "sk-secret"}
        response = bridge.request("GET", "/token", headers=key)
        assert response.status == 200
        assert response.headers["cache-control"] == "no-store"
        checked(described["content"]["application/json"]["schema"], response.json)
