"""Each rule by itself: what it changes, and that it says so; and what it leaves alone."""

import copy

import pytest

from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.quirks import chat

GPT = {"id": "gpt-4o", "vendor": "Azure OpenAI"}
GPT5 = {"id": "gpt-5.2", "vendor": "OpenAI"}
CLAUDE = {"id": "claude-sonnet-4.5", "vendor": "Anthropic"}
GEMINI = {"id": "gemini-2.5-pro", "vendor": "Google"}
GROK = {"id": "grok-code-fast-1", "vendor": "xAI"}
TOOL = {"type": "function", "function": {"name": "f"}}


def model(row, limit=None, **supports):
    limits = {} if limit is None else {"max_output_tokens": limit}
    return Model.read({**row, "capabilities": {"limits": limits, "supports": supports}})


def body(row=GPT, messages=(), **fields):
    return {"model": row["id"], "messages": [dict(message) for message in messages], **fields}


def fit(given, fitted_to):
    """The body as Copilot gets it; whether it changed is what `fit` says."""
    after = copy.deepcopy(given)
    changed = chat.adapt(after, fitted_to)
    assert changed == (after != given)
    return after


def test_an_acceptable_body_stays_unchanged():
    given = body(messages=[{"role": "user", "content": "Hi"}], temperature=0.5, stream=True, tools=[TOOL])
    assert fit(given, model(GPT)) == given


def test_the_models_own_id():
    assert fit(body(GPT) | {"model": "openai/GPT-4o"}, model(GPT))["model"] == "gpt-4o"


@pytest.mark.parametrize(
    "field",
    ["store", "metadata", "service_tier", "modalities", "prompt_cache_retention"],
)
@pytest.mark.parametrize("value", [None, False, True, {}, "x"])
def test_advisory_fields_are_dropped(field, value):
    assert fit(body(**{field: value}), model(GPT)) == body()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"tools": []}, {}),
        ({"tools": None}, {}),
        ({"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}, {}),
        ({"tool_choice": "none"}, {}),
        ({"parallel_tool_calls": False}, {}),
        ({"tools": [TOOL], "tool_choice": "auto"}, {"tools": [TOOL], "tool_choice": "auto"}),
    ],
)
def test_without_tools_there_is_no_choice(given, expected):
    assert fit(body(**given), model(GPT)) == body(**expected)


@pytest.mark.parametrize(
    ("row", "supports", "stays"),
    [
        (GPT, {}, True),
        (GPT5, {}, True),
        (CLAUDE, {}, False),
        (GEMINI, {}, False),
        (CLAUDE, {"reasoning_effort": ["low", "high"]}, True),
        (CLAUDE, {"reasoning_effort": []}, False),
    ],
)
def test_an_effort_stays_if_the_model_has_efforts(row, supports, stays):
    given = body(row, reasoning_effort="high")
    assert ("reasoning_effort" in fit(given, model(row, **supports))) is stays


@pytest.mark.parametrize(
    ("row", "role"), [(GPT, "developer"), (GPT5, "developer"), (CLAUDE, "system"), (GROK, "system")]
)
def test_the_developers_role_is_renamed_for_other_models(row, role):
    given = body(row, [{"role": "developer", "content": "a"}, {"role": "user", "content": "b"}])
    assert [message["role"] for message in fit(given, model(row))["messages"]] == [role, "user"]


@pytest.mark.parametrize(
    ("row", "given", "after"),
    [
        (CLAUDE, {"reasoning_content": "r"}, {"reasoning_text": "r"}),
        (
            GEMINI,
            {"reasoning_content": "r", "reasoning_opaque": "o"},
            {"reasoning_text": "r", "reasoning_opaque": "o"},
        ),
        (CLAUDE, {"reasoning_content": "r", "reasoning_text": "t"}, {"reasoning_text": "t"}),
        (
            CLAUDE,
            {"reasoning_text": "t", "reasoning_opaque": "o"},
            {"reasoning_text": "t", "reasoning_opaque": "o"},
        ),
        (CLAUDE, {"reasoning_content": None}, {}),
        (CLAUDE, {"reasoning_content": ""}, {}),
        (GPT, {"reasoning_content": "r"}, {}),
        (GPT, {"reasoning_opaque": "o"}, {}),
        (GROK, {"reasoning_content": "r", "reasoning_opaque": "o"}, {}),
    ],
)
def test_reasoning_goes_back_to_who_sent_it(row, given, after):
    message = {"role": "assistant", "content": "c"}
    marked = {"copilot_cache_control": {"type": "ephemeral"}} if row is CLAUDE else {}
    assert fit(body(row, [message | given]), model(row)) == body(row, [message | after | marked])


SIGNATURES = [
    pytest.param({"extra_content": {"google": {"thought_signature": "S"}}}, id="in OpenAI's form"),
    pytest.param(
        {"function": {"name": "n", "arguments": "{}", "thought_signature": "S"}}, id="on the function"
    ),
]


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize("row", [GPT, CLAUDE, GROK, GEMINI], ids=["gpt", "claude", "grok", "gemini"])
def test_signatures_of_calls_go_back_to_who_made_them(row, signature):
    call = {"id": "a", "type": "function", "function": {"name": "n", "arguments": "{}"}}
    messages = [{"role": "assistant", "content": None, "tool_calls": [call | signature]}]
    done = [{"role": "tool", "tool_call_id": "a", "content": "r"}]
    sent = fit(body(row, [*messages, *done]), model(row))
    assert sent["messages"][0]["tool_calls"] == [call | signature if row is GEMINI else call]


@pytest.mark.parametrize(
    "content", [{}, {"content": None}, {"content": ""}, {"content": []}, {"content": " "}]
)
@pytest.mark.parametrize("role", ["assistant", "system"])
def test_claude_hears_of_no_message_without_a_word(role, content):
    asked = {"role": "user", "content": "q"}
    sent = fit(body(CLAUDE, [{"role": role, **content}, asked]), model(CLAUDE))
    assert [message["role"] for message in sent["messages"]] == ["user"]


@pytest.mark.parametrize("content", [{}, {"content": None}, {"content": ""}, {"content": " "}])
def test_claude_hears_of_calls_without_a_word(content):
    calls = [{"id": "a", "type": "function", "function": {"name": "n", "arguments": "{}"}}]
    message = {"role": "assistant", "tool_calls": calls, **content}
    sent = fit(body(CLAUDE, [message, {"role": "tool", "tool_call_id": "a", "content": "r"}]), model(CLAUDE))
    assert (sent["messages"][0]["content"], sent["messages"][0]["tool_calls"]) == (None, calls)


@pytest.mark.parametrize("key", ["tool_calls", "function_call", "refusal", "audio", "annotations", "name"])
def test_nulls_of_the_sdk_are_left_out(key):
    message = {"role": "assistant", "content": "c"}
    assert fit(body(messages=[message | {key: None}]), model(GPT)) == body(messages=[message])
    kept = body(messages=[message | {key: ["x"]}])
    assert fit(kept, model(GPT)) == kept


def test_a_null_content_stays():
    given = body(messages=[{"role": "assistant", "content": None, "tool_calls": [{}]}])
    assert fit(given, model(GPT)) == given


@pytest.mark.parametrize(
    ("row", "limit", "given", "after"),
    [
        (GPT, None, {}, {}),
        (GPT, 4096, {}, {"max_tokens": 4096}),
        (GPT5, 4096, {}, {"max_completion_tokens": 4096}),
        (GPT, 4096, {"max_tokens": 100}, {"max_tokens": 100}),
        (GPT, 4096, {"max_tokens": 9999}, {"max_tokens": 4096}),
        (GPT, None, {"max_tokens": 9999}, {"max_tokens": 9999}),
        (GPT, 4096, {"max_completion_tokens": 100}, {"max_tokens": 100}),
        (GPT5, 4096, {"max_tokens": 100}, {"max_completion_tokens": 100}),
        (GPT5, 4096, {"max_completion_tokens": 100}, {"max_completion_tokens": 100}),
        (GPT5, 4096, {"max_tokens": 100, "max_completion_tokens": 200}, {"max_completion_tokens": 200}),
        (GPT, 4096, {"max_tokens": None}, {"max_tokens": 4096}),
        (GPT, None, {"max_tokens": None}, {}),
        (GPT, 4096, {"max_tokens": 100, "max_completion_tokens": None}, {"max_tokens": 100}),
        (CLAUDE, 64000, {}, {"max_tokens": 64000}),
    ],
)
def test_the_output_limit_is_set_for_the_model(row, limit, given, after):
    assert fit(body(row, **given), model(row, limit)) == body(row, **after)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("gpt-4o", "max_tokens"),
        ("gpt-4.1", "max_tokens"),
        ("gpt-41-copilot", "max_tokens"),
        ("gpt-5-mini", "max_completion_tokens"),
        ("gpt-5.2", "max_completion_tokens"),
        ("o4-mini", "max_completion_tokens"),
        ("o1", "max_completion_tokens"),
        ("claude-opus-4.6", "max_tokens"),
        ("gemini-3-pro-preview", "max_tokens"),
        ("grok-code-fast-1", "max_tokens"),
    ],
)
def test_the_limit_has_the_name_that_the_model_knows(name, field):
    assert field in fit(body({"id": name}), model({"id": name}, 100))


@pytest.mark.parametrize(
    ("given", "requested"), [(0, 0), (1, 1), (1.5, 1), (2, 1), ("hot", "hot"), (None, None)]
)
def test_claude_takes_no_temperature_above_1(given, requested):
    for row, after in ((CLAUDE, requested), (GPT, given)):
        assert fit(body(row, temperature=given), model(row)) == body(row, temperature=after)


G = {"type": "function", "function": {"name": "g"}}


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_only_the_allowed_tools_are_offered(mode):
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [G]}}
    given = body(tools=[TOOL, G], tool_choice=choice)
    assert fit(given, model(GPT)) == body(tools=[G], tool_choice=mode)


def test_without_allowed_tools_none_is_offered():
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}
    assert fit(body(tools=[TOOL], tool_choice=choice), model(GPT)) == body()


PLAIN = {"type": "ephemeral"}
OURS, THEIRS = {"copilot_cache_control": PLAIN}, {"cache_control": {"type": "ephemeral", "ttl": "1h"}}


def user_message(**more):
    return {"role": "user", "content": "Hi"} | more


def parts(**more):
    return {
        "role": "user",
        "content": [{"type": "text", "text": "Hi"} | more, {"type": "text", "text": "Ho"}],
    }


@pytest.mark.parametrize(
    ("given", "after"),
    [
        (user_message(**THEIRS), user_message(**OURS)),
        (user_message(**OURS), user_message(**OURS)),
        (user_message(cache_control=None), user_message(**OURS)),
        (parts(**THEIRS), parts() | OURS),
        (parts(**OURS), parts() | OURS),
        (user_message(), user_message(**OURS)),
    ],
)
def test_cache_breakpoints_have_copilots_name(given, after):
    assert fit(body(CLAUDE, [given]), model(CLAUDE)) == body(CLAUDE, [after])
    plain = {key: value for key, value in after.items() if key not in OURS}
    assert fit(body(GPT, [given]), model(GPT)) == body(GPT, [plain])


@pytest.mark.parametrize("tool", [TOOL | THEIRS, TOOL | OURS, TOOL | {"function": {"name": "f"} | THEIRS}])
def test_a_cache_breakpoint_may_be_on_a_tool(tool):
    given = body(CLAUDE, [user_message()], tools=[copy.deepcopy(tool)])
    assert fit(given, model(CLAUDE)) == body(CLAUDE, [user_message()], tools=[TOOL | OURS])


def test_prompt_caches_end_at_four_places():
    given = body(CLAUDE, [user_message(**THEIRS) for _ in range(5)], tools=[TOOL | THEIRS])
    fitted = fit(given, model(CLAUDE))
    assert fitted["tools"] == [TOOL | OURS]
    assert fitted["messages"] == [
        user_message(**OURS),
        user_message(),
        user_message(),
        user_message(**OURS),
        user_message(**OURS),
    ]
