"""Fields by the paths that upstream's refusals name, and those that are never left out."""

import copy
from typing import Any

import pytest

from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.upstream.recovery.binding import BINDING, is_kept, what_binds
from copilot_bridge.upstream.recovery.paths import clean, find, remove

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ("messages.0.content.0.text.foo", "messages.content.text.foo"),
        (
            "input[0].internal_chat_message_metadata_passthrough",
            "input.internal_chat_message_metadata_passthrough",
        ),
        ("tools[12].function.strict", "tools.function.strict"),
        ("#/tools/0/custom/strict", "tools.custom.strict"),
        ("body.messages.1.name", "messages.name"),
        ("body", "body"),
        ("top_k", "top_k"),
    ],
)
def test_paths_lose_their_numbers(message: str, path: str) -> None:
    assert clean(message) == path


BLOCK = {"type": "text", "text": "a", "foo": 1}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s", "cache_control": {"type": "ephemeral"}}
MARKED = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}", "extra": 1}}


@pytest.mark.parametrize(
    ("path", "body", "after"),
    [
        # The step is the type of the block, though the block has a key of that name.
        (
            "messages.0.content.0.text.foo",
            {"messages": [{"role": "user", "content": [BLOCK]}]},
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]},
        ),
        (
            "system.0.text.foo",
            {"system": [BLOCK, {"type": "text", "text": "b"}]},
            {"system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        ),
        (
            "messages.2.content.0.tool_result.content.1.text.foo",
            {"messages": [{"content": [{"type": "tool_result", "content": [BLOCK]}]}]},
            {
                "messages": [
                    {"content": [{"type": "tool_result", "content": [{"type": "text", "text": "a"}]}]}
                ]
            },
        ),
        # The same field, wherever else it stands: else each place would be a refusal of its own.
        (
            "tools.3.custom.strict",
            {"tools": [{"name": "a", "strict": True}, {"type": "custom", "name": "b", "strict": False}]},
            {"tools": [{"name": "a"}, {"type": "custom", "name": "b"}]},
        ),
        # But only there, where the step names a variant that is there.
        (
            "messages.13.content.0.thinking.cache_control",
            {"messages": [{"content": [THOUGHT, MARKED]}, {"content": [MARKED]}]},
            {
                "messages": [
                    {"content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, MARKED]},
                    {"content": [MARKED]},
                ]
            },
        ),
        (
            "system.1.cache_control.ephemeral.ttl",
            {"system": [MARKED]},
            {"system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]},
        ),
        (
            "thinking.adaptive.display",
            {"thinking": {"type": "adaptive", "display": "x"}},
            {"thinking": {"type": "adaptive"}},
        ),
        (
            "messages.0.content.0.image.source.base64.foo",
            {
                "messages": [
                    {"content": [{"type": "image", "source": {"type": "base64", "data": "", "foo": 1}}]}
                ]
            },
            {"messages": [{"content": [{"type": "image", "source": {"type": "base64", "data": ""}}]}]},
        ),
        # Names of a union's members.
        (
            "messages.0.RequestUserMessage.content.0.TextBlockParam.foo",
            {"messages": [{"role": "user", "content": [BLOCK]}]},
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]},
        ),
        # What OpenAI nests under the type's own name.
        (
            "messages.1.tool_calls.0.extra",
            {"messages": [{"tool_calls": [CALL]}]},
            {"messages": [{"tool_calls": [{**CALL, "function": {"name": "f", "arguments": "{}"}}]}]},
        ),
        # Nothing empty is left behind.
        ("output_config.effort", {"output_config": {"effort": "high"}, "a": 1}, {"a": 1}),
        ("metadata.user.id", {"metadata": {"user": {"id": 1}}}, {}),
        ("output_config.effort", {"output_config": {"effort": "high", "b": 1}}, {"output_config": {"b": 1}}),
        ("context_management", {"context_management": {}}, {}),
    ],
)
def test_the_field_is_taken_out_wherever_the_path_leads(path: str, body: Json, after: Json) -> None:
    given = copy.deepcopy(body)
    assert any(find(given, clean(path)))
    assert remove(given, clean(path))
    assert given == after
    assert not remove(given, clean(path))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("messages.0.content.0.text.bar", {"messages": [{"content": [BLOCK]}]}),
        ("nothing.here", {"messages": [{"content": "text"}]}),
        ("tools.0.custom.strict", {"tools": "none"}),
        ("a.b.c", {"a": [[{"b": 1}], None, "b", 7]}),
    ],
)
def test_a_path_that_leads_nowhere_changes_nothing(path: str, body: Json) -> None:
    given = copy.deepcopy(body)
    assert not list(find(given, clean(path)))
    assert not remove(given, clean(path))
    assert given == body


KEPT = {
    "chat": """
        model messages stream response_format response_format.json_schema.strict stop tools tools.function
        tools.function.name tools.function.parameters.foo tool_choice tool_choice.function.name
        messages.role messages.content messages.content.text.text messages.tool_calls.id
        messages.tool_calls.function.arguments messages.content.file.file_data""",
    "messages": """
        model messages max_tokens system output_config.format output_config.format.schema stop_sequences tools
        tools.custom.name tools.custom.input_schema tools.custom.input_schema.properties.a.minimum tool_choice
        tool_choice.name messages.role messages.content.tool_use.input.foo messages.content.document.context
        messages.content.document.source.data system.text.text""",
    "responses": """
        model input instructions text.format text.format.schema.x tools tools.parameters.x tool_choice
        input.role input.content.input_text.text input.call_id input.encrypted_content""",
}
ADVICE = {
    "chat": """
        store temperature messages.name tools.function.strict reasoning_effort messages.id
        messages.content.image_url.detail""",
    "messages": """
        top_k metadata thinking context_management output_config.effort output_config tools.custom.strict
        tools.custom.eager_input_streaming messages.content.text.cache_control
        messages.content.image.source.base64.foo
        system.cache_control.ephemeral.scope tool_choice.disable_parallel_tool_use""",
    "responses": "service_tier input.id input.phase text.verbosity reasoning.context truncation",
}


@pytest.mark.parametrize(
    ("api", "path"), [(api, path) for api, paths in KEPT.items() for path in paths.split()]
)
def test_binding_fields_are_never_left_out(api: str, path: str) -> None:
    assert is_kept(api, path)


@pytest.mark.parametrize(
    ("api", "path"), [(api, path) for api, paths in ADVICE.items() for path in paths.split()]
)
def test_optional_fields_may_be_left_out(api: str, path: str) -> None:
    assert not is_kept(api, path)


def test_binding_fields_have_each_dialects_path() -> None:
    assert what_binds("messages", "output_config.format.schema") == "output_format"
    assert [
        DIALECTS[dialect].field_path("output_format") for dialect in ("chat", "messages", "responses")
    ] == [
        "response_format",
        "output_config.format",
        "text.format",
    ]
    assert all(DIALECTS[dialect].field_path(what) for what in BINDING for dialect in KEPT)
