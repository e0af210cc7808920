"""The list of models is made once for each catalogue."""

from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from copilot_bridge.access.authentication import LOCAL_OPERATOR, Caller
from copilot_bridge.config import Config
from copilot_bridge.models.catalogue import Catalogue, Model
from copilot_bridge.pipeline.model_list import find_auto, list_models, names_by_model, ways
from copilot_bridge.upstream.catalogues import ModelCatalogues


def catalogue(*names: str) -> Catalogue:
    return Catalogue({name: Model.read({"id": name}) for name in names}, 0.0, "https://api")


def call(listed: Catalogue, caller: Caller = LOCAL_OPERATOR) -> Any:
    models = SimpleNamespace(catalogue=lambda _copilot: listed)
    bridge = SimpleNamespace(config=Config())
    return SimpleNamespace(bridge=bridge, models=models, copilot=lambda: None, caller=caller)


def ids(listed: bytes) -> list[str]:
    return [row["id"] for row in orjson.loads(listed)["data"]]


AUTO = ["auto", "auto:efficiency", "auto:balance", "auto:intelligence"]


def test_a_list_is_made_once() -> None:
    asked = call(catalogue("a", "b"))
    assert ids(list_models(asked)) == ["a", "b", *AUTO]
    assert list_models(asked) is list_models(asked)


def test_another_catalogue_has_another_list() -> None:
    assert ids(list_models(call(catalogue("a")))) == ["a", *AUTO]
    assert ids(list_models(call(catalogue("b")))) == ["b", *AUTO]


def test_auto_is_for_whoever_may_use_it() -> None:
    assert ids(list_models(call(catalogue("a"), Caller("k", models=("a", "auto"))))) == ["a", "auto"]
    assert ids(list_models(call(catalogue("a"), Caller("k", models=("a",))))) == ["a"]
    assert ids(list_models(call(catalogue()))) == [], "a plan without models has none to pick from"


@pytest.mark.parametrize(
    ("name", "id_"),
    [("auto", "auto"), ("AUTO:Balance", "auto:balance"), ("auto:fast", None), ("gpt-4o", None)],
)
def test_auto_is_described_without_a_pick(name: str, id_: str | None) -> None:
    """Nobody is asked to pick one."""
    found = find_auto(name)
    assert (found.id if found else None) == id_


def named(mapping: dict[str, str] | None, *ids: str) -> dict[str, list[str]]:
    listed = catalogue(*ids)
    asked = SimpleNamespace(config=Config(model_mapping=mapping), models=ModelCatalogues(mapping=mapping))
    return names_by_model(asked, listed)  # type: ignore[arg-type]


def test_aliases_are_listed_by_model() -> None:
    found = named(None, "claude-opus-4.5", "claude-opus-4.7", "claude-sonnet-4.5", "gpt-4o-mini", "gpt-4")
    assert found["gpt-4o-mini"] == ["copilot-fast"]
    assert found["claude-opus-4.7"] == ["opus", "best", "claude-opus-4.6", "claude-opus-5*"]
    assert found["claude-sonnet-4.5"] == ["sonnet", "claude-sonnet-5*", "claude-3.5-sonnet"]
    assert found.keys() == {"gpt-4o-mini", "claude-opus-4.7", "claude-sonnet-4.5"}


def test_a_mapping_of_ones_own_stands_in_its_place() -> None:
    mapping = {
        "claude-haiku-*": "gpt-5-mini",
        "smart": "claude-opus-*",
        "nothing": "gpt-9",
        "gpt-4": "gpt-4.1",
    }
    found = named(mapping, "gpt-5-mini", "claude-opus-4.7", "gpt-4", "gpt-4.1")
    assert found == {
        "gpt-5-mini": ["claude-haiku-*"],
        "claude-opus-4.7": ["smart"],
        "gpt-4.1": ["gpt-4"],
    }


def test_each_client_reaches_a_model_by_its_nearest_api() -> None:
    def model(*endpoints: str) -> Model:
        return Model.read({"id": "a", "supported_endpoints": list(endpoints)})

    clients = ("chat", "responses", "messages", "gemini")
    assert ways(model("/responses")) == dict.fromkeys(clients, "responses")
    claude = ways(model("/chat/completions", "/v1/messages"))
    assert claude == dict.fromkeys(clients, "messages") | {"chat": "chat"}
    embeddings = Model.read({"id": "a", "capabilities": {"type": "embeddings"}})
    assert ways(embeddings) == {"embeddings": "embeddings"}
