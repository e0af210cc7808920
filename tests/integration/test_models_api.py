"""The list of models, and the other names of a model."""

import pytest
from integration.harness import Bridge, Simulator, Start, new_token

FORM = {"id", "object", "created", "owned_by"}


@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models/", "/v1/models?limit=1000"])
def test_the_list_of_models(bridge: Bridge, path: str) -> None:
    response = bridge.request("GET", path)
    assert response.status == 200
    assert response.json["object"] == "list"
    rows = response.json["data"]
    ids = [row["id"] for row in rows]
    assert all(row.keys() == FORM for row in rows)
    assert {row["object"] for row in rows} == {"model"}
    assert {type(row["created"]) for row in rows} == {int}
    assert len(ids) == len(set(ids)), "gpt-4 stands twice in Copilot's list"
    assert {"gpt-4o", "claude-sonnet-4.5", "text-embedding-3-small"} <= set(ids)
    assert "o4-mini" not in ids, "not enabled by its policy"
    assert "gpt-41-copilot" not in ids, "a completion model"
    assert {"gpt-5.3-codex", "gpt-5.4"} <= set(ids), "for another API alone, and yet within reach"


def test_every_listed_model_responds(bridge: Bridge) -> None:
    for row in bridge.request("GET", "/v1/models").json["data"]:
        if row["id"].startswith("text-embedding"):
            body = {"model": row["id"], "input": "a"}
            assert bridge.request("POST", "/v1/embeddings", body).status == 200
        else:
            assert bridge.chat("hello", row["id"]).status == 200


@pytest.mark.parametrize("path", ["/v1/models/", "/models/"])
@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("gpt-4o", "gpt-4o"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4.5"),
        ("gpt-4o-2024-11-20", "gpt-4o"),
        ("GPT-4O", "gpt-4o"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4.5"),
    ],
)
def test_one_model_is_described(bridge: Bridge, path: str, name: str, id_: str) -> None:
    response = bridge.request("GET", path + name)
    assert response.status == 200
    assert response.json.keys() == FORM
    assert response.json["id"] == id_


@pytest.mark.parametrize("name", ["gpt-4oo", "claude-sonnet-4.7", "nothing-like-it"])
def test_the_error_for_an_unknown_model_suggests_similar_names(bridge: Bridge, name: str) -> None:
    for response in (bridge.request("GET", f"/v1/models/{name}"), bridge.chat("hello", name)):
        assert response.status == 404
        assert response.error["code"] == "model_not_found"
        assert response.error["param"] == "model"
        assert repr(name) in response.error["message"]
        near = {"gpt-4oo": "gpt-4o", "claude-sonnet-4.7": "claude-sonnet-4."}.get(name, "/v1/models")
        assert near in response.error["message"]


def test_an_unknown_model_is_not_asked_for_upstream(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    assert bridge.chat(f"hello {mark}", "gpt-4oo", stream=True).status == 404
    assert simulator.ledger(mark) == []


def test_the_error_for_a_disabled_model_says_where_to_enable_it(bridge: Bridge) -> None:
    response = bridge.chat("hello", "o4-mini")
    assert response.status == 404
    assert "github.com/settings/copilot" in response.error["message"]


@pytest.mark.parametrize("name", ["gpt-5.3-codex", "gpt-5.5"])
def test_a_model_of_another_api_is_asked_there(
    bridge: Bridge, simulator: Simulator, mark: str, name: str
) -> None:
    response = bridge.chat(f"hello {mark}", name)
    assert response.status == 200
    assert simulator.only(mark)["path"] == "/responses"


@pytest.mark.parametrize("name", ["text-embedding-3-small", "gpt-41-copilot"])
def test_a_model_that_does_not_chat_is_refused(bridge: Bridge, name: str) -> None:
    response = bridge.chat("hello", name)
    assert response.status == 400
    assert response.error["param"] == "model"


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4.5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4.5"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4"),
        ("claude-opus-4-6", "claude-opus-4.6"),
        ("claude-opus-4-5-20251101", "claude-opus-4.5"),
        ("sonnet", "claude-sonnet-5"),
        ("opus", "claude-opus-5"),
        ("haiku", "claude-haiku-4.5"),
        ("gpt-4o-2024-11-20", "gpt-4o"),
        ("gpt-4.1-2025-04-14", "gpt-4.1"),
        ("openai/gpt-4o", "gpt-4o"),
        ("copilot-fast", "gpt-4o-mini"),
        (" gpt-4o ", "gpt-4o"),
        ("claude-opus-4.6[1m]", "claude-opus-4.6"),
    ],
)
def test_other_names_of_a_model(bridge: Bridge, simulator: Simulator, mark: str, name: str, id_: str) -> None:
    response = bridge.chat(f"hello {mark}", name, max_tokens=100)
    assert response.status == 200
    assert simulator.only(mark)["body"]["model"] == id_
    assert bridge.logged(response.headers["x-request-id"])["model"] == id_


def test_the_plan_decides_what_is_listed(start_bridge: Start) -> None:
    bridge = start_bridge(github_token=new_token("free"), server="gevent")
    ids = {row["id"] for row in bridge.request("GET", "/v1/models").json["data"]}
    assert "gpt-4o" in ids
    assert "claude-sonnet-4.5" not in ids


def test_the_list_is_fetched_once(start_bridge: Start, simulator: Simulator) -> None:
    bridge = start_bridge(github_token=new_token("enterprise"), server="gevent")
    for _ in range(3):
        assert bridge.request("GET", "/v1/models").status == 200
        assert bridge.chat("hello").status == 200
    bearer = {entry["headers"]["authorization"] for entry in simulator.ledger(path="/enterprise/chat")}
    asked = [
        entry
        for entry in simulator.ledger(path="/enterprise/models")
        if entry["headers"]["authorization"] in bearer
    ]
    assert len(asked) == 1
