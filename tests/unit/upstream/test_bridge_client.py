"""Requests to a running bridge, and to servers that are none."""

import pytest
import responses

from copilot_bridge.config import load_config
from copilot_bridge.errors import ConfigError, ModelNotFound, UpstreamRefused, UpstreamUnreachable
from copilot_bridge.upstream.bridge_client import list_models, resolve_model
from copilot_bridge.upstream.transport.http_client import HttpClient

ROOT = "http://127.0.0.1:9"
LIST = {"object": "list", "data": [{"id": "gpt-4.1"}, {"no": "id"}, "odd", {"id": "claude"}]}
MISSING = {"error": {"message": "the model 'x' does not exist", "code": "model_not_found"}}


@pytest.fixture
def client(tmp_path):
    return HttpClient(load_config({"home": str(tmp_path)}, {}))


@responses.activate
def test_models_are_listed_and_resolved(client):
    responses.get(f"{ROOT}/v1/models", json=LIST)
    responses.get(f"{ROOT}/v1/models/GPT%2F4", json={"id": "gpt-4.1"})
    assert list_models(client, ROOT, "") == ["gpt-4.1", "claude"]
    assert resolve_model(client, ROOT, "a-key", "GPT/4") == "gpt-4.1"
    first, second = (call.request.headers for call in responses.calls)
    assert "Authorization" not in first
    assert second["Authorization"] == "Bearer a-key"


@responses.activate
@pytest.mark.parametrize(
    ("response", "error"),
    [
        ({"status": 401, "json": {"error": {"message": "an API key is required"}}}, ConfigError),
        ({"status": 404, "json": MISSING}, ModelNotFound),
        ({"status": 404, "body": "<html>"}, UpstreamRefused),
        ({"status": 503, "json": {}}, UpstreamRefused),
        ({"body": "<html>"}, UpstreamRefused),
        ({"json": [1]}, UpstreamRefused),
        ({"body": ConnectionRefusedError("refused")}, UpstreamUnreachable),
    ],
)
def test_a_refusal_is_raised_by_its_meaning(client, response, error):
    responses.get(f"{ROOT}/v1/models", **response)
    with pytest.raises(error):
        list_models(client, ROOT, "")


@responses.activate
@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {}}])
def test_a_response_without_a_list_has_no_models(client, body):
    responses.get(f"{ROOT}/v1/models", json=body)
    assert list_models(client, ROOT, "") == []
