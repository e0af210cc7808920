"""Codex's own list of models."""

from typing import Any

from copilot_bridge.dialects.model_list import ModelEntry
from copilot_bridge.dialects.registry import model_list_of
from copilot_bridge.dialects.responses.codex_models import BUILT_IN, CODEX_MODEL_LIST

# Without these Codex 0.169 rejects the whole list.
NEEDED = {
    "slug",
    "display_name",
    "supported_reasoning_levels",
    "shell_type",
    "visibility",
    "supported_in_api",
    "priority",
    "support_verbosity",
    "truncation_policy",
    "experimental_supported_tools",
    "base_instructions",
}


def entry(id_: str, **more: Any) -> ModelEntry:
    given: dict[str, Any] = {"name": id_.upper(), "vendor": "OpenAI", "is_conversational": True} | more
    return ModelEntry(id=id_, created=0, created_at="", **given)


def rows(*entries: ModelEntry) -> dict[str, dict[str, Any]]:
    return {row["slug"]: row for row in CODEX_MODEL_LIST.write_list(entries, {})["models"]}


def test_each_row_has_what_codex_needs() -> None:
    assert all(row.keys() >= NEEDED for row in rows(entry("m")).values())


def test_a_row_lists_the_models_abilities() -> None:
    row = rows(entry("m", context=1000, efforts=("low", "high"), takes_images=True, parallel_tools=True))["m"]
    assert (row["context_window"], row["max_context_window"]) == (1000, 1000)
    assert [level["effort"] for level in row["supported_reasoning_levels"]] == ["low", "high"]
    assert row["default_reasoning_level"] == "low"
    assert row["input_modalities"] == ["text", "image"]
    assert row["supports_parallel_tool_calls"] is True


def test_an_unknown_context_is_left_to_codex() -> None:
    row = rows(entry("m"))["m"]
    assert "context_window" not in row
    assert (row["supported_reasoning_levels"], row["default_reasoning_level"]) == ([], None)


def test_models_of_codex_that_the_plan_lacks_are_hidden() -> None:
    found = rows(entry(BUILT_IN[0]), entry("m"), entry("embedder", is_conversational=False))
    assert {slug for slug, row in found.items() if row["visibility"] == "list"} == {BUILT_IN[0], "m"}
    assert found.keys() == {*BUILT_IN, "m"}


def test_the_list_keeps_its_order() -> None:
    found = rows(entry("b"), entry("a"))
    assert found["b"]["priority"] < found["a"]["priority"]


def test_codex_is_known_by_its_query() -> None:
    assert model_list_of("chat", {"client_version": "0.169.0"}) is CODEX_MODEL_LIST
    assert model_list_of("responses", {"limit": "5"}) is not CODEX_MODEL_LIST
