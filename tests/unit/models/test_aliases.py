"""Other spellings and aliases of models."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge.models.aliases import Aliases, newest, spellings, suggest, without_suffixes
from copilot_bridge.models.catalogue import Catalogue, Model

LISTED = {
    "gpt-4o": "gpt-4o-2024-11-20",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4": "gpt-4-0613",
    "gpt-3.5-turbo": "gpt-3.5-turbo-0613",
    "gpt-5.1-codex": "gpt-5.1-codex",
    "gpt-41-copilot": "gpt-41-copilot",
    "o4-mini": "o4-mini-2025-04-16",
    "claude-sonnet-4": "claude-sonnet-4",
    "claude-sonnet-4.5": "claude-sonnet-4.5",
    "claude-sonnet-4.6": "claude-sonnet-4.6",
    "claude-opus-41": "claude-opus-41",
    "claude-opus-4.5": "claude-opus-4.5",
    "claude-opus-4.6": "claude-opus-4.6",
    "claude-opus-4.6-1m": "claude-opus-4.6-1m",
    "claude-opus-4.7": "claude-opus-4.7",
    "claude-opus-4.6-fast": "claude-opus-4.6-fast",
    "claude-haiku-4.5": "claude-haiku-4.5",
    "gemini-2.5-pro": "gemini-2.5-pro",
    "grok-code-fast-1": "grok-code-fast-1",
    "text-embedding-3-small": "text-embedding-3-small",
    "text-embedding-ada-002": "text-embedding-ada-002",
    "MAI-DS-R1": "",
}


def catalogue(*disabled, without=()):
    rows = (
        {"id": id_, "version": version, "policy": {"state": "disabled" if id_ in disabled else "enabled"}}
        for id_, version in LISTED.items()
        if id_ not in without
    )
    return Catalogue({row["id"]: Model.read(row) for row in rows}, 0.0, "https://api.example")


def found(name, **more):
    model = catalogue(**more).find(name)
    return model and model.id


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4.5"),
        ("claude-opus-4-5-20251101", "claude-opus-4.5"),
        ("claude-haiku-4-5-20251001", "claude-haiku-4.5"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4"),
        ("claude-sonnet-4-6", "claude-sonnet-4.6"),
        ("claude-opus-4-7", "claude-opus-4.7"),
        ("claude-sonnet-4.5", "claude-sonnet-4.5"),
        ("claude-opus-4-1-20250805", "claude-opus-41"),
        ("claude-opus-4-1", "claude-opus-41"),
        ("claude-opus-4.1", "claude-opus-41"),
        ("sonnet", "claude-sonnet-4.6"),
        ("Haiku", "claude-haiku-4.5"),
        ("opus", "claude-opus-4.7"),
        ("claude-opus-4-6[1m]", "claude-opus-4.6-1m"),
        ("claude-opus-4-6[1m][1m]", "claude-opus-4.6-1m"),
        ("claude-opus-4.6[1M]", "claude-opus-4.6-1m"),
        ("claude-sonnet-4-5[1m]", "claude-sonnet-4.5"),
        ("sonnet[1m]", "claude-sonnet-4.6"),
        ("claude-opus-4-6-fast", "claude-opus-4.6-fast"),
        ("gpt-4o-2024-11-20", "gpt-4o"),
        ("gpt-4.1-2025-04-14", "gpt-4.1"),
        ("gpt-4-1", "gpt-4.1"),
        ("gpt-4-0613", "gpt-4"),
        ("gemini-2-5-pro", "gemini-2.5-pro"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4.5"),
        ("cb/claude-sonnet-4.5", "claude-sonnet-4.5"),
        ("cb/claude-4.5-opus", "claude-opus-4.5"),
        ("copilot-completion", "gpt-41-copilot"),
        ("claude-4.6-sonnet", "claude-sonnet-4.6"),
        ("claude-4-sonnet", "claude-sonnet-4"),
        ("openrouter/anthropic/claude-sonnet-4-5-20250929", "claude-sonnet-4.5"),
        ("openai/gpt-4o", "gpt-4o"),
        ("github_copilot/gpt-4.1", "gpt-4.1"),
        ("gpt-3.5-turbo", "gpt-3.5-turbo"),
        ("gpt-4", "gpt-4"),
        ("GPT-4o", "gpt-4o"),
        ("Claude-Sonnet-4-5", "claude-sonnet-4.5"),
        (" gpt-4o ", "gpt-4o"),
        ("mai-ds-r1", "MAI-DS-R1"),
        ("text-embedding-ada-002", "text-embedding-ada-002"),
        ("text-embedding-3-small", "text-embedding-3-small"),
        ("copilot-fast", "gpt-4o-mini"),
        ("grok-code-fast-1", "grok-code-fast-1"),
    ],
)
def test_another_spelling_finds_the_same_model(name, model):
    assert found(name) == model


@pytest.mark.parametrize(
    "name",
    [
        "claude-3.7-sonnet",
        "claude-sonnet-4-7",
        "claude-sonnet-4-50",
        "claude-opus-4",
        "claude-opus-4-8-20261201",
        "claude-haiku-4-5-fast",
        "claude-sonnet",
        "claude",
        "gpt-5",
        "gpt-5-codex",
        "gpt-5.2-codex",
        "gpt-4.1-mini",
        "gpt-4o-high",
        "gpt",
        "o4",
        "o4-mini-high",
        "text-embedding-3-large",
        "gemini-2.5",
        "anthropic/",
        "/",
        "[1m]",
        "",
        "-",
        "None",
    ],
)
def test_no_other_model_is_substituted(name):
    assert found(name) is None


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("claude-3-5-sonnet-20241022", "claude-sonnet-4.6"),
        ("claude-3-5-sonnet-latest", "claude-sonnet-4.6"),
        ("claude-3-5-haiku-20241022", "claude-haiku-4.5"),
        ("best", "claude-opus-4.7"),
        ("claude-opus-5-5", "claude-opus-4.7"),  # Claude Code's own choice
        ("claude-sonnet-5-5-20261001[1m]", "claude-sonnet-4.6"),
        ("Best[1m]", "claude-opus-4.7"),
    ],
)
def test_built_in_aliases_lead_to_models(name, model):
    assert found(name) == model


def test_a_retired_model_is_its_successor_and_a_listed_one_itself():
    for name in ("claude-opus-4.6", "claude-opus-4-6", "claude-opus-4-6-20260205"):
        assert found(name, without=("claude-opus-4.6",)) == "claude-opus-4.7"
        assert found(name) == "claude-opus-4.6"


MAPPING = Aliases(
    {
        "gpt-4": "gpt-4.1",
        "Claude-Haiku-4.5": "gpt-4o-mini",
        "claude-haiku-*": "gpt-4o",
        "*-pro": "claude-opus-*",
    }
)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("gpt-4", "gpt-4.1"),
        ("openai/GPT-4", "gpt-4.1"),
        ("claude-haiku-4-5-20251001", "gpt-4o-mini"),  # a plain name goes before a pattern
        ("claude-haiku-5", "gpt-4o"),
        ("gpt-5-pro", "claude-opus-*"),
        ("claude-haiku-5[1m]", "gpt-4o[1m]"),
        ("sonnet", None),  # what is built in is gone
    ],
)
def test_the_operators_mapping_replaces_the_aliases(name, target):
    assert MAPPING.target(name) == target


def test_a_star_in_a_target_is_the_newest_version():
    assert found("claude-opus-*") == "claude-opus-4.7"
    assert found("claude-opus-*[1m]", without=("claude-opus-4.7",)) == "claude-opus-4.6-1m"
    assert found("claude-nothing-*") is None


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("o4-mini-high", ("o4-mini", "high")),
        ("gpt-5.2-XHigh[1m]", ("gpt-5.2", "xhigh")),
        ("gpt-5.2-high-fast", ("gpt-5.2", "high")),
        ("claude-4.5-sonnet-thinking", ("claude-4.5-sonnet", "medium")),
        ("claude-opus-5-thinking-low-fast", ("claude-opus-5", "low")),
        ("claude-4.6-opus-high-thinking", ("claude-4.6-opus", "high")),
        ("gpt-5.1-codex-max-high", ("gpt-5.1-codex-max", "high")),
        ("claude-opus-4.6-fast", ("claude-opus-4.6", "")),
        ("gpt-4o", None),
        ("-high", None),
        ("high", None),
    ],
)
def test_efforts_and_variants_are_taken_off_the_name(name, parts):
    assert next(reversed([*without_suffixes(name)]), None) == parts


def test_few_suffixes_are_taken_off_before_many():
    """One of them may belong to the model's own name."""
    assert [base for base, _ in without_suffixes("a-fast-high")] == ["a-fast", "a"]


def test_the_exact_id_comes_first():
    """An id that a rule would change."""
    rows = [{"id": "claude-sonnet-4-5"}, {"id": "claude-sonnet-4.5"}, {"id": "GPT-4o"}, {"id": "gpt-4o"}]
    listed = Catalogue({row["id"]: Model.read(row) for row in rows}, 0.0, "")
    for row in rows:
        assert listed.find(row["id"]).id == row["id"]


def test_a_family_is_its_newest_enabled_model():
    assert catalogue("claude-sonnet-4.6").find("sonnet").id == "claude-sonnet-4.5"
    assert found("haiku", without=("claude-haiku-4.5",)) is None


def test_versions_are_compared_as_numbers():
    ids = ["claude-opus-4.9", "claude-opus-4.10", "claude-opus-4", "claude-opus-5-preview"]
    assert newest("claude-opus-*", ids) == "claude-opus-4.10"
    assert newest("claude-opus-*", [*ids, "claude-opus-5"]) == "claude-opus-5"


def test_a_preview_counts_where_the_family_stands_after_the_version():
    ids = ["gemini-2.5-flash", "gemini-3.1-flash-preview", "gemini-3.2-flash-lite", "gemini-2.5-pro"]
    assert newest("gemini-*-flash", ids) == "gemini-3.1-flash-preview"
    assert newest("gemini-*-flash", [*ids, "gemini-3.6-flash"]) == "gemini-3.6-flash"


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("gemini-3.5-flash-lite", "gemini-3.6-flash"),
        ("gemini-3.8-flash", "gemini-3.6-flash"),
        ("gemini-flash-latest", "gemini-3.6-flash"),
        ("gemini-3-flash-preview", "gemini-3-flash-preview"),
        ("gemini-3.1-pro-preview-customtools", "gemini-3.1-pro-preview"),
        ("gemini-2.5-pro", "gemini-2.5-pro"),
    ],
)
def test_the_names_that_the_gemini_cli_uses_by_itself(name, model):
    ids = ("gemini-3.6-flash", "gemini-3-flash-preview", "gemini-3.1-pro-preview", "gemini-2.5-pro")
    listed = Catalogue({id_: Model.read({"id": id_}) for id_ in ids}, 0.0, "")
    assert listed.find(name).id == model


def test_opus_41_is_4_1_and_not_the_newest():
    assert newest("claude-opus-*", ["claude-opus-41", "claude-opus-4.5"]) == "claude-opus-4.5"
    assert newest("claude-opus-*", ["claude-opus-41", "claude-opus-4"]) == "claude-opus-41"


def test_words_that_are_no_family_have_no_newest_model():
    assert newest("gpt", ["gpt-4o"]) is None
    assert newest("", ["gpt-4o"]) is None


@given(st.text())
def test_spellings_begin_with_the_name_and_do_not_repeat(name):
    found = list(spellings(name))
    assert found[0] == name
    assert len(found) < 40


@pytest.mark.parametrize("piece", ["[1m]", "a/", "4-", "-20250101", "claude-", " "])
def test_a_long_name_does_not_hold_everybody_up(piece):
    name = piece * (30_000 // len(piece)) + "x"
    began = time.process_time()
    assert found(name) is None
    assert time.process_time() - began < 0.3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt-4o-min", "gpt-4o-mini"),
        ("claude-sonet-4.5", "claude-sonnet-4.5"),
        ("claude-3-5-sonnet-20241022", "claude-sonnet-4.5"),
        ("anthropic/claude-opus-4-8", "claude-opus-4.7"),
    ],
)
def test_similar_names_are_suggested(name, expected):
    names = suggest(name, LISTED)
    assert expected in names
    assert len(names) <= 4


def test_nonsense_has_no_suggestions():
    assert suggest("zzzz", LISTED) == []
