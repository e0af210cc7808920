"""The table of what models take: its form, and how the catalogue's word goes before it."""

from dataclasses import fields
from datetime import date

import pytest

from copilot_bridge.models.catalogue import Model
from copilot_bridge.models.profiles import ROWS, Facts


def model(id_, vendor="Anthropic", context=None, images=None, **supports):
    limits = {"max_context_window_tokens": context, "vision": {"max_prompt_images": images}}
    return Model.read({"id": id_, "vendor": vendor, "capabilities": {"limits": limits, "supports": supports}})


def test_each_row_says_what_when_and_where():
    names = {field.name: field for field in fields(Facts)}
    for row in ROWS:
        assert row.fact in names
        assert date.fromisoformat(row.date) <= date(2026, 12, 31)
        assert row.evidence
        assert isinstance(row.models, tuple)
        assert all(row.models)


def test_every_fact_is_told_of_some_model():
    assert {row.fact for row in ROWS} == {field.name for field in fields(Facts)}


THINKS = {"max_thinking_budget": 32_000, "adaptive_thinking": True}


@pytest.mark.parametrize(
    ("given", "fact", "value"),
    [
        (model("claude-opus-5", **THINKS), "thinking", {"adaptive", "disabled"}),
        (model("claude-opus-5.5", **THINKS), "thinking", {"adaptive"}),
        (model("claude-sonnet-7", **THINKS), "thinking", {"adaptive", "disabled"}),
        (model("claude-opus-4.6", **THINKS), "thinking", {"adaptive", "enabled", "disabled"}),
        (model("claude-haiku-4.5", max_thinking_budget=1), "thinking", {"enabled", "disabled"}),
        (model("claude-sonnet-7", max_thinking_budget=1), "thinking", {"enabled", "disabled"}),
        (model("claude-opus-4.1"), "thinking", {"disabled"}),
        (model("claude-opus-4.8", reasoning_effort=["low"]), "efforts", ("low",)),
        (model("claude-opus-4.8"), "efforts", ("low", "medium", "high", "xhigh", "max")),
        (model("claude-haiku-4.5"), "efforts", ()),
        (model("gpt-5-mini", "Azure OpenAI", reasoning_effort=["low"]), "efforts", ("minimal", "low")),
        (model("gpt-7", "OpenAI"), "efforts", None),
        (model("claude-opus-4.8", tool_search=False), "tool_search", False),
        (model("claude-opus-4.8"), "tool_search", True),
        (model("claude-haiku-4.5", tool_search=True), "tool_search", True),
        (model("claude-opus-4.1"), "tool_search", False),
        (model("claude-opus-41"), "prefill", True),
        (model("claude-sonnet-4.6"), "prefill", False),
        (model("claude-opus-5", context=1_000_000), "long_cache", True),
        (model("claude-opus-5", context=200_000), "long_cache", False),
        (model("claude-sonnet-5", context=1_000_000), "long_cache", False),
        (model("claude-sonnet-5", images=1), "images", 20),
        (model("claude-sonnet-5", images=30), "images", 30),
        (model("gpt-5.5", "OpenAI", images=1), "images", None),
        (model("gpt-5.5", "OpenAI", images=5), "images", 5),
        (model("kimi-k3-code", "Moonshot AI"), "tool_call_id", "{name}:{number}"),
        (model("o4-mini", "Azure OpenAI"), "output_limit", "max_completion_tokens"),
        (model("gpt-4.1", "Azure OpenAI"), "output_limit", "max_tokens"),
    ],
)
def test_a_fact(given, fact, value):
    assert getattr(given.facts, fact) == value
