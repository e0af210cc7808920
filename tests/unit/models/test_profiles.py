"""The profiles of models: the form of the file, and the precedence of the catalogue."""

from datetime import date

import pytest
from msgspec.structs import fields

from copilot_bridge.models import profiles
from copilot_bridge.models.catalogue import Model
from copilot_bridge.models.profiles import ModelProfile, all_facts, profile_of
from copilot_bridge.upstream.recovery.probed_facts import probed_fact, with_probed_facts


def model(id_, vendor="Anthropic", context=None, images=None, **supports):
    limits = {"max_context_window_tokens": context, "vision": {"max_prompt_images": images}}
    return Model.read({"id": id_, "vendor": vendor, "capabilities": {"limits": limits, "supports": supports}})


FIELDS = {field.name for field in fields(ModelProfile)}


@pytest.mark.parametrize("fact", all_facts(), ids=lambda fact: f"{fact.models[0]} {next(iter(fact.values))}")
def test_a_fact_has_a_field_models_a_date_and_evidence(fact):
    assert fact.values
    assert fact.values.keys() <= FIELDS
    assert fact.models
    assert all(isinstance(pattern, str) and pattern for pattern in fact.models)
    assert not any(pattern.startswith("group:") for pattern in fact.models)
    assert isinstance(fact.date, date)
    assert fact.date <= date(2026, 12, 31)
    assert fact.evidence


def test_every_field_of_a_profile_is_a_fact_about_some_model():
    assert {name for fact in all_facts() for name in fact.values} == FIELDS


def test_a_later_fact_takes_precedence():
    assert profile_of("kimi-k2").tool_call_id_format == "functions.{name}:{number}"
    assert profile_of("kimi-k3").tool_call_id_format == "{name}:{number}"


def test_a_model_of_which_nothing_is_known_has_the_defaults():
    assert profile_of("unheard-of", vendor="Nobody") == ModelProfile(tokens=profile_of("x").tokens)


@pytest.mark.parametrize(
    ("id_", "scale", "formula", "numbers"),
    [
        ("claude-opus-4.6", 1.15, "area", (0, 0)),
        ("gemini-2.5-pro", 1.0, "squares", (0, 0)),
        ("grok-code-fast-1", 1.03, "tiles", (85, 170)),
        ("gpt-4o", 1.0, "tiles", (85, 170)),
        ("gpt-4o-mini", 1.0, "tiles", (2833, 5667)),
        ("gpt-41-copilot", 1.0, "tiles", (85, 170)),
        ("o3-mini", 1.0, "tiles", (75, 150)),
        ("gpt-5", 1.0, "tiles", (70, 140)),
        ("gpt-5.1-codex", 1.0, "tiles", (70, 140)),
        ("gpt-5-mini", 1.0, "patches", (1.62, 1536)),
        ("gpt-4.1-nano-2025-04-14", 1.0, "patches", (2.46, 1536)),
        ("o4-mini", 1.0, "patches", (1.72, 1536)),
        ("gpt-5.4", 1.0, "patches", (1.2, 10_000)),
        ("unheard-of", 1.0, "patches", (1.2, 10_000)),
    ],
)
def test_each_vendor_adds_its_own_tokens(id_, scale, formula, numbers):
    tokens = profile_of(id_).tokens
    image = tokens.image
    assert (tokens.scale, image.formula) == (scale, formula)
    assert numbers in ((image.base, image.per_tile), (image.multiplier, image.max_patches))


THINKS = {"max_thinking_budget": 32_000, "adaptive_thinking": True}


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        (model("claude-opus-5", **THINKS), "thinking_types", {"adaptive", "disabled"}),
        (model("claude-opus-5.5", **THINKS), "thinking_types", {"adaptive"}),
        (model("claude-sonnet-7", **THINKS), "thinking_types", {"adaptive", "disabled"}),
        (model("claude-opus-4.6", **THINKS), "thinking_types", {"adaptive", "enabled", "disabled"}),
        (model("claude-haiku-4.5", max_thinking_budget=1), "thinking_types", {"enabled", "disabled"}),
        (model("claude-sonnet-7", max_thinking_budget=1), "thinking_types", {"enabled", "disabled"}),
        (model("claude-opus-4.1"), "thinking_types", {"disabled"}),
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
        (model("claude-opus-5", context=1_000_000), "hour_long_cache", True),
        (model("claude-opus-5", context=200_000), "hour_long_cache", False),
        (model("claude-sonnet-5", context=1_000_000), "hour_long_cache", False),
        (model("claude-sonnet-5", images=1), "max_images", 20),
        (model("claude-sonnet-5", images=30), "max_images", 30),
        (model("gpt-5.5", "OpenAI", images=1), "max_images", None),
        (model("gpt-5.5", "OpenAI", images=5), "max_images", 5),
        (model("kimi-k3-code", "Moonshot AI"), "tool_call_id_format", "{name}:{number}"),
        (model("o4-mini", "Azure OpenAI"), "output_limit_field", "max_completion_tokens"),
        (model("gpt-4.1", "Azure OpenAI"), "output_limit_field", "max_tokens"),
    ],
)
def test_the_catalogue_takes_precedence_over_the_file(given, name, value):
    assert getattr(given.profile, name) == value


def test_found_facts_take_precedence_over_a_profile_that_was_read_before():
    sonnet = model("claude-sonnet-4.5")
    known = sonnet.profile.prefill
    changed = with_probed_facts(sonnet, [probed_fact("prefill", ["no" if known else "yes"])])
    assert (sonnet.profile.prefill, changed.profile.prefill) == (known, not known)


def test_a_catalogue_is_read_without_the_facts_about_its_models(monkeypatch):
    """A start only names them."""
    monkeypatch.setattr(profiles, "all_facts", lambda: pytest.fail("the facts are read"))
    assert Model.read({"id": "some-new-model", "vendor": "Anthropic"}).holds_conversations
