"""The list of models is made once for each catalogue."""

from types import SimpleNamespace
from typing import Any

import orjson

from copilot_bridge.config import Config
from copilot_bridge.exchange.models import list_models
from copilot_bridge.upstream.models import Catalogue, Model


def catalogue(*names: str) -> Catalogue:
    return Catalogue({name: Model.read({"id": name}) for name in names}, 0.0, "https://api")


def call(listed: Catalogue) -> Any:
    models = SimpleNamespace(catalogue=lambda _copilot: listed)
    return SimpleNamespace(bridge=SimpleNamespace(config=Config()), models=models, copilot=lambda: None)


def ids(listed: bytes) -> list[str]:
    return [row["id"] for row in orjson.loads(listed)["data"]]


def test_a_list_is_made_once() -> None:
    asked = call(catalogue("a", "b"))
    assert ids(list_models(asked)) == ["a", "b"]
    assert list_models(asked) is list_models(asked)


def test_another_catalogue_has_another_list() -> None:
    assert ids(list_models(call(catalogue("a")))) == ["a"]
    assert ids(list_models(call(catalogue("b")))) == ["b"]
