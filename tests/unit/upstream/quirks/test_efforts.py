"""Reasoning efforts and budgets that a model has, within its response."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge.errors import InvalidRequest
from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks import chat, messages, responses
from copilot_bridge.upstream.quirks.chat import adapt_budget, adapt_effort
from copilot_bridge.upstream.quirks.efforts import EFFORTS, budget_within, nearest
from copilot_bridge.upstream.quirks.messages import adapt_effort as adapt_output_effort
from copilot_bridge.upstream.quirks.responses import adapt_reasoning

LOW_HIGH, LOW_MEDIUM_HIGH = ["low", "high"], ["low", "medium", "high"]


@pytest.mark.parametrize(
    ("wanted", "known", "found"),
    [
        ("high", LOW_MEDIUM_HIGH, "high"),
        ("medium", LOW_HIGH, "low"),  # the nearest below
        ("xhigh", LOW_MEDIUM_HIGH, "high"),
        ("max", LOW_MEDIUM_HIGH, "high"),
        ("max", ["low", "xhigh"], "xhigh"),
        ("minimal", LOW_HIGH, "low"),  # there is nothing below
        ("none", LOW_HIGH, "low"),
        ("none", ["none", "low"], "none"),
        ("minimal", ["none", "low"], "none"),
        ("low", ["high"], "high"),
        ("high", ["high", "low"], "high"),  # in whatever order the catalogue has them
        ("medium", ["high", "low"], "low"),
        ("high", [], None),
        ("high", ["utmost"], None),
        ("utmost", ["utmost"], "utmost"),  # a word of tomorrow
    ],
)
def test_the_nearest_effort_is_used(wanted: Any, known: list[str], found: str | None) -> None:
    assert nearest(wanted, known, "effort") == found


@pytest.mark.parametrize("known", [LOW_HIGH, [], ["utmost"]])
@pytest.mark.parametrize("wanted", ["bogus", "HIGH", "", 7, ["high"]])
def test_an_unknown_effort_is_refused_by_name(wanted: Any, known: list[str]) -> None:
    with pytest.raises(InvalidRequest, match=r"^reasoning_effort: expected none, minimal"):
        nearest(wanted, known, "reasoning_effort")


@pytest.mark.parametrize(
    ("wanted", "limit", "tokens"),
    [
        (4_096, 32_000, 4_096),
        (31_999, 32_000, 31_999),  # the client's own
        (31_999, 8_000, 4_000),  # a word of effort, or nobody's meaning
        (8_000, 8_000, 4_000),
        (100, 8_000, 1_024),
        (60_000, 20_000, 15_904),
        (90_000, 100_000, 32_000),
        (31_999, 1_500, 1_024),
        (31_999, 1_024, None),
        (500, 600, None),
    ],
)
def test_thinking_leaves_room_for_the_response(wanted: int, limit: int, tokens: int | None) -> None:
    assert budget_within(wanted, limit, 32_000, 1_024) == tokens


@given(st.sampled_from(EFFORTS), st.lists(st.sampled_from(EFFORTS), min_size=1))
def test_never_more_than_was_asked_for_but_the_least_there_is(wanted: str, known: list[str]) -> None:
    found = nearest(wanted, known, "effort")
    below = [effort for effort in known if EFFORTS.index(effort) <= EFFORTS.index(wanted)]
    assert found in known
    assert found == (max if below else min)(below or known, key=EFFORTS.index)


def model(id_: str, vendor: str, limit: int | None = 16_000, **supports: Any) -> Model:
    limits = {} if limit is None else {"max_output_tokens": limit}
    capabilities = {"limits": limits, "supports": supports}
    return Model.read({"id": id_, "vendor": vendor, "capabilities": capabilities})


GPT4 = model("gpt-4o", "Azure OpenAI")
GPT5 = model("gpt-5.2", "OpenAI", reasoning_effort=["none", "low", "medium", "high", "xhigh"])
CLAUDE = model("claude-sonnet-4.5", "Anthropic", max_thinking_budget=32_000, min_thinking_budget=1_024)
OPUS = model(
    "claude-opus-4.7",
    "Anthropic",
    adaptive_thinking=True,
    reasoning_effort=LOW_MEDIUM_HIGH,
    max_thinking_budget=32_000,
    min_thinking_budget=1_024,
)
HAIKU = model("claude-haiku-3", "Anthropic")
GEMINI = model("gemini-2.5-pro", "Google", limit=64_000, max_thinking_budget=32_768, min_thinking_budget=128)
FLASH = model("gemini-3-flash", "Google", max_thinking_budget=24_576)
GROK = model("grok-code-fast-1", "xAI")


def fitted(rule: Any, body: dict[str, Any], to: Model) -> dict[str, Any]:
    """The body afterwards; that it has changed is what the rule says."""
    after = copy.deepcopy(body)
    assert rule(after, to) == (after != body)
    return after


@pytest.mark.parametrize(
    ("to", "wanted", "found"),
    [
        (GPT4, "high", "high"),  # the catalogue says nothing, and OpenAI's models know the words
        (GPT4, "utmost", "utmost"),
        (GPT5, "xhigh", "xhigh"),
        (GPT5, "max", "xhigh"),
        (GPT5, "minimal", "none"),
        (OPUS, "xhigh", "high"),
        (OPUS, "none", "low"),
        (CLAUDE, "high", None),
        (HAIKU, "low", None),
        (GEMINI, "medium", None),
        (GROK, "high", None),
    ],
    ids=lambda value: value.id if isinstance(value, Model) else None,
)
def test_an_effort_of_chat_is_replaced_by_the_nearest(to: Model, wanted: str, found: str | None) -> None:
    after = fitted(adapt_effort, {"reasoning_effort": wanted}, to)
    assert after == ({} if found is None else {"reasoning_effort": found})


@pytest.mark.parametrize("to", [GPT4, GPT5, CLAUDE, OPUS], ids=lambda to: to.id)
def test_without_an_effort_nothing_changes(to: Model) -> None:
    assert fitted(adapt_effort, {}, to) == {}


@pytest.mark.parametrize(
    ("to", "wanted", "limit", "found"),
    [
        (CLAUDE, 10_000, 16_000, 10_000),
        (CLAUDE, 500, 16_000, 1_024),
        (CLAUDE, 31_999, 64_000, 11_904),
        (CLAUDE, 60_000, 64_000, 11_904),
        (CLAUDE, 10_000, 4_096, 2_048),  # it is a part of the response
        (CLAUDE, 10_000, 1_025, 1_024),
        (CLAUDE, 10_000, 1_024, None),  # there is no room for a thought
        (CLAUDE, 10_000, 100, None),
        (CLAUDE, 20_000, None, 11_904),  # the model's own limit
        (CLAUDE, 0, 16_000, None),
        (CLAUDE, None, 16_000, None),
        (GEMINI, 10, 16_000, 128),
        (GEMINI, 60_000, None, 32_768),
        (FLASH, 10, 16_000, 10),
        (FLASH, 60_000, 64_000, 11_904),
        (HAIKU, 10_000, 16_000, None),
        (GPT5, 10_000, 16_000, None),
        (GROK, 10_000, 16_000, None),
    ],
    ids=lambda value: value.id if isinstance(value, Model) else None,
)
def test_a_budget_of_chat_stays_within_the_limits(
    to: Model, wanted: int | None, limit: int | None, found: int | None
) -> None:
    body_fields = {"max_tokens": limit, "thinking_budget": wanted}
    body = {field: value for field, value in body_fields.items() if value is not None}
    after = fitted(adapt_budget, body, to)
    assert after.pop("thinking_budget", None) == found
    assert after == ({} if limit is None else {"max_tokens": limit})


def test_chat_thinks_within_what_the_model_can_say():
    small = model("claude-sonnet-4", "Anthropic", max_thinking_budget=32_000, min_thinking_budget=1_024)
    for name in ("max_tokens", "max_completion_tokens"):
        after = fitted(adapt_budget, {name: 64_000, "thinking_budget": 31_999}, small)
        assert after["thinking_budget"] == 11_904
    assert fitted(adapt_budget, {"max_completion_tokens": 4_000, "thinking_budget": 31_999}, small) == {
        "max_completion_tokens": 4_000,
        "thinking_budget": 2_000,
    }


@pytest.mark.parametrize("given", ["high", True, -1, {}, 1.5], ids=str)
def test_invalid_budgets_are_left_out(given: Any) -> None:
    assert fitted(adapt_budget, {"thinking_budget": given}, CLAUDE) == {}


def test_an_effort_of_null_is_none() -> None:
    """And not the model's strongest."""
    assert fitted(adapt_effort, {"reasoning_effort": None}, GPT5) == {}
    body: dict[str, Any] = {"reasoning": {"effort": None, "summary": "auto"}}
    adapt_reasoning(body, GPT5)
    assert body == {"reasoning": {"summary": "auto"}}
    body = {"output_config": {"effort": None}}
    adapt_output_effort(body, OPUS, frozenset())
    assert body == {}


BUDGETS = st.none() | st.integers(0, 70_000)


@pytest.mark.parametrize("to", [CLAUDE, OPUS, GEMINI, FLASH, HAIKU, GPT5], ids=lambda to: to.id)
@given(wanted=BUDGETS, limit=st.none() | st.integers(1, 70_000))
def test_chat_thinks_within_its_response(to: Model, wanted: int | None, limit: int | None) -> None:
    body: dict[str, Any] = {"model": to.id, "messages": []}
    body_fields = {"max_tokens": limit, "thinking_budget": wanted}
    body |= {field: value for field, value in body_fields.items() if value is not None}
    chat.adapt(body, to)
    if "thinking_budget" in body:
        least, most = to.supports.get("min_thinking_budget", 0), to.supports["max_thinking_budget"]
        assert least <= body["thinking_budget"] <= most
        assert body["thinking_budget"] < body["max_tokens"]


def messages_body(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 16_000, "messages": [{"role": "user", "content": "Hi"}], **fields}


def fitted_messages(body: dict[str, Any], to: Model) -> dict[str, Any]:
    after = copy.deepcopy(body)
    messages.adapt(after, to, frozenset())
    return after


def enabled(tokens: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


ADAPTIVE = {"type": "adaptive"}


@pytest.mark.parametrize(
    ("to", "wanted", "limit", "found"),
    [
        (CLAUDE, enabled(10_000), 16_000, enabled(10_000)),
        (CLAUDE, enabled(60_000), 64_000, enabled(11_904)),  # the model's own limit is 16,000
        (CLAUDE, enabled(10_000), 4_096, enabled(2_048)),
        (CLAUDE, enabled(1_023), 16_000, None),
        (CLAUDE, enabled(1_024), 1_024, None),
        (CLAUDE, {"type": "disabled"}, 16_000, {"type": "disabled"}),
        (CLAUDE, ADAPTIVE, 16_000, enabled(11_904)),
        (CLAUDE, {"type": "enabled"}, 16_000, enabled(11_904)),
        (CLAUDE, {"type": "invented"}, 16_000, None),
        (OPUS, enabled(10_000), 16_000, ADAPTIVE),
        (OPUS, ADAPTIVE, 16_000, ADAPTIVE),
        (
            OPUS,
            {"type": "adaptive", "display": "omitted"},
            16_000,
            {"type": "adaptive", "display": "omitted"},
        ),
        (OPUS, {"type": "disabled"}, 16_000, {"type": "disabled"}),
        (HAIKU, enabled(10_000), 16_000, None),
        (HAIKU, ADAPTIVE, 16_000, None),
    ],
    ids=lambda value: value.id if isinstance(value, Model) else None,
)
def test_thinking_of_messages_fits_the_model(to: Model, wanted: Any, limit: int, found: Any) -> None:
    after = fitted_messages(messages_body(max_tokens=limit, thinking=wanted), to)
    assert after.get("thinking") == found


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "f"}])
def test_messages_that_force_a_tool_do_not_think(choice: dict[str, Any]) -> None:
    tools = [{"name": "f", "input_schema": {"type": "object"}}]
    body = messages_body(thinking=enabled(10_000), tools=tools, tool_choice=choice)
    assert "thinking" not in fitted_messages(body, CLAUDE)
    assert "thinking" in fitted_messages(body | {"tool_choice": {"type": "auto"}}, CLAUDE)


@pytest.mark.parametrize("to", [CLAUDE, OPUS, HAIKU], ids=lambda to: to.id)
@given(wanted=BUDGETS, limit=st.none() | st.integers(1, 70_000))
def test_messages_think_within_their_response(to: Model, wanted: int | None, limit: int | None) -> None:
    body = messages_body(thinking=enabled(wanted) if wanted is not None else ADAPTIVE)
    body |= {} if limit is None else {"max_tokens": limit}
    after = fitted_messages(body, to)
    budget = after.get("thinking", {}).get("budget_tokens")
    if budget is not None:
        assert 1_024 <= budget <= to.supports["max_thinking_budget"]
        assert budget < after["max_tokens"] <= 16_000


@pytest.mark.parametrize(
    ("to", "config", "found"),
    [
        (OPUS, {"effort": "high"}, {"effort": "high"}),
        (OPUS, {"effort": "max"}, {"effort": "high"}),
        (OPUS, {"effort": "max", "format": {}}, {"effort": "high", "format": {}}),
        (CLAUDE, {"effort": "high"}, None),
        (CLAUDE, {"effort": "high", "format": {}}, {"format": {}}),
        (CLAUDE, {"format": {}}, {"format": {}}),
    ],
    ids=lambda value: value.id if isinstance(value, Model) else None,
)
def test_an_effort_of_messages_fits_the_model(
    to: Model, config: dict[str, Any], found: dict[str, Any] | None
) -> None:
    assert fitted_messages(messages_body(output_config=config), to).get("output_config") == found


CODEX = model("gpt-5.3-codex", "OpenAI", reasoning_effort=["low", "medium", "high", "xhigh"])
UNLISTED = model("gpt-6", "OpenAI")


@pytest.mark.parametrize(
    ("to", "reasoning", "found"),
    [
        (CODEX, {"effort": "xhigh"}, {"effort": "xhigh"}),
        (CODEX, {"effort": "max"}, {"effort": "xhigh"}),
        (CODEX, {"effort": "none", "summary": "auto"}, {"effort": "none", "summary": "auto"}),
        (CODEX, {"effort": "minimal"}, {"effort": "none"}),
        (CODEX, {"summary": "auto"}, {"summary": "auto"}),
        (CODEX, {"effort": "high", "context": "auto"}, {"effort": "high"}),
        (UNLISTED, {"effort": "minimal"}, {"effort": "none"}),
        (UNLISTED, {"effort": "max"}, {"effort": "xhigh"}),
        (UNLISTED, {"effort": "medium"}, {"effort": "medium"}),
        (CODEX, None, None),
    ],
    ids=lambda value: value.id if isinstance(value, Model) else None,
)
def test_an_effort_of_responses_fits_the_model(to: Model, reasoning: Any, found: Any) -> None:
    body = {"model": to.id, "input": "Hi", "reasoning": reasoning}
    responses.adapt(body, to, {})
    assert body["reasoning"] == found
