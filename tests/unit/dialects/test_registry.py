"""The registry: what each dialect's record has to say, and what is derived from all of them."""

import json

import pytest

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.model_list import ModelEntry
from copilot_bridge.dialects.registry import (
    CONVERSATIONS,
    DIALECTS,
    dialect_of_path,
    model_list_of,
    write_error,
)
from copilot_bridge.errors import BridgeError, InvalidRequest
from copilot_bridge.models import catalogue

ENTRIES = [
    ModelEntry("gpt", "GPT", "OpenAI", 0, "1970-01-01T00:00:00Z", True, {"preview": True}),
    ModelEntry("embedder", "Embedder", "OpenAI", 86400, "1970-01-02T00:00:00Z", False),
]


@pytest.mark.parametrize("name", DIALECTS)
def test_the_path_decides_the_dialect(name: str) -> None:
    for prefix in ("", "/v1", "/openai/deployments/x"):
        assert dialect_of_path(prefix + DIALECTS[name].endpoint) == name
        assert dialect_of_path(f"{prefix}{DIALECTS[name].endpoint}/more") == name


def test_a_method_of_a_model_tells_googles_api_whatever_the_model_is_called() -> None:
    for name in ("gpt-4o", "models/gpt-4o", "two\nlines"):
        assert dialect_of_path(f"/models/{name}:embedContent") == "gemini"


@pytest.mark.parametrize("path", ["/models", "/", "/my-responses", "/responses2", "/chat"])
def test_other_paths_have_no_dialect(path: str) -> None:
    assert dialect_of_path(path) is None


def test_tokens_are_counted_in_the_dialect_that_the_path_tells() -> None:
    counting = {name: dialect.counting.endpoint for name, dialect in DIALECTS.items() if dialect.counting}
    assert counting
    assert {name: dialect_of_path(path) for name, path in counting.items()} == {
        name: name for name in counting
    }


@pytest.mark.parametrize("name", DIALECTS)
def test_every_model_is_reached_in_the_clients_own_dialect_first(name: str) -> None:
    dialect = DIALECTS[name]
    offered = [other for other in DIALECTS.values() if other.upstream_path]
    assert {*dialect.upstream_order} <= {other.name for other in offered}
    if dialect.upstream_path:
        assert dialect.pick_upstream(tuple(other.name for other in offered)) == name
    assert dialect.pick_upstream(()) is None


def test_the_catalogue_knows_copilots_endpoints_of_conversations() -> None:
    upstream = {dialect.upstream_path: name for name, dialect in CONVERSATIONS.items()}
    assert {path: name for path, name in upstream.items() if path} == catalogue.CONVERSATIONS


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_binding_settings_have_a_field_path(name: str) -> None:
    for what in ("output_format", "stop", "tool_choice", "tools", "conversation"):
        assert DIALECTS[name].field_paths[what][0] == DIALECTS[name].field_path(what)
    assert DIALECTS[name].field_path("unheard of") == "unheard of"


@pytest.mark.parametrize("name", [*DIALECTS, None])
def test_errors_are_json_in_every_dialect(name: str | None) -> None:
    status, _headers, body = write_error(name, BridgeError("no", kind="rate_limited"), "req_1")
    assert status == 429
    error = json.loads(body)["error"]
    assert "no" in (error, error.get("message") if isinstance(error, dict) else "")


@pytest.mark.parametrize("name", DIALECTS)
def test_a_stream_can_be_kept_alive(name: str) -> None:
    framing = DIALECTS[name].framing
    frames: list[tuple[str, JsonObject]] = [("", {"a": 1}), ("named", {"b": 2})]
    assert framing.keepalive
    assert framing.encode(frames) == b"".join(framing.encode([frame]) for frame in frames)


def test_each_dialect_lists_models_in_its_form() -> None:
    listed = model_list_of(None).write_list(ENTRIES, {})
    assert [row["id"] for row in listed["data"]] == ["gpt", "embedder"]
    assert listed["data"][0] == {
        "preview": True, "id": "gpt", "object": "model", "created": 0, "owned_by": "OpenAI",
    }  # fmt: skip
    page = model_list_of("messages").write_list(ENTRIES, {"limit": "1"})
    assert (page["first_id"], page["last_id"], page["has_more"]) == ("gpt", "gpt", False)
    with pytest.raises(InvalidRequest, match="limit"):
        model_list_of("messages").write_list(ENTRIES, {"limit": "0"})
