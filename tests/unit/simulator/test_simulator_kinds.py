"""A body with a value of a wrong kind, wherever it stands, is refused in the surface's own form."""

import json
from itertools import islice
from typing import Any

import pytest
from flask.testing import FlaskClient
from simulator_calls import EDITOR, Client
from wrong_kinds import BODIES, Json, mutants

from copilot_bridge.simulator.server import create_app

PATHS = {"chat": "/chat/completions", "messages": "/v1/messages", "responses": "/responses"}
# Every fifth mutant: there are 18 of each value, so that each is of three kinds or four.
STEP = 5


def accepted() -> dict[str, Json]:
    """The accepted parts of each body: no thoughts of others, no settings of a beta."""
    chat, messages, responses = (json.loads(json.dumps(BODIES[path])) for path in PATHS)
    chat["tool_choice"] = {"type": "function", "function": {"name": "read_file"}}
    del messages["messages"][1]["content"][:2], messages["system"][0]["cache_control"]["ttl"]
    del messages["tools"][1], messages["thinking"], messages["output_config"], messages["context_management"]
    del responses["input"][8], responses["input"][2]
    return {
        "chat": chat,
        "messages": messages | {"model": "claude-opus-4.6"},
        "responses": responses | {"model": "gpt-5.2"},
    }


@pytest.fixture
def inside() -> FlaskClient:
    """The simulator without a socket; what breaks in it is raised here."""
    app = create_app("http://127.0.0.1", 0)
    app.testing = True
    return app.test_client()


def headers(inside: FlaskClient) -> dict[str, str]:
    token = {"Authorization": "token ghu_sim_demo", "User-Agent": "test"}
    given: dict[str, Any] = inside.get("/copilot_internal/v2/token", headers=token).json
    return {"Authorization": f"Bearer {given['token']}", "Copilot-Vision-Request": "true", **EDITOR}


@pytest.mark.parametrize("surface", PATHS)
def test_nothing_breaks_over_a_wrong_kind(inside: FlaskClient, surface: str) -> None:
    sent = headers(inside)
    body = accepted()[surface] | {"stream": False}
    assert inside.post(PATHS[surface], json=body, headers=sent).status_code == 200
    for path, data in islice(mutants(body), 0, None, STEP):
        response = inside.post(PATHS[surface], data=data, headers=sent)
        assert response.status_code in (200, 400), f"{path}, in {data.decode()}: {response.get_data()!r}"


@pytest.mark.parametrize(
    ("surface", "fields", "message"),
    [
        ("chat", {"stop": ["a", None]}, "Invalid type for 'stop[1]'."),
        ("chat", {"response_format": {"json_schema": 1}}, "Invalid type for 'response_format.json_schema'."),
        ("message", {"tools": [{"name": 1}]}, "tools.0.name: Input should be a valid string"),
        (
            "message",
            {"thinking": {"type": "enabled", "budget_tokens": "x"}},
            "thinking.budget_tokens: Input should be a valid integer",
        ),
        ("response", {"tools": [7]}, "Invalid type for 'tools[0]'."),
        (
            "response",
            {"text": {"format": {"type": "json_schema", "schema": {"required": [1]}}}},
            "JSON schema is invalid. It must match JSON Schema draft 2020-12.",
        ),
    ],
)
def test_the_error_names_a_field_of_a_wrong_type(
    client: Client, surface: str, fields: dict[str, Any], message: str
) -> None:
    response = getattr(client, surface)("hello", **fields)
    assert response.status_code == 400
    assert response.json()["error"]["message"] == message
