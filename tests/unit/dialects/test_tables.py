"""The tables of each dialect are complete: each part, setting, event and reason is in exactly one."""

from itertools import combinations
from typing import get_args

import pytest
from msgspec.structs import fields, replace

from copilot_bridge.dialects import stream_errors
from copilot_bridge.dialects.chat import prompt_reader as chat
from copilot_bridge.dialects.chat import prompt_writer as chat_prompt_writer
from copilot_bridge.dialects.chat import reader as chat_reader
from copilot_bridge.dialects.chat import writer as chat_writer
from copilot_bridge.dialects.completions import prompt_reader as completions
from copilot_bridge.dialects.completions import prompt_writer as completions_prompt_writer
from copilot_bridge.dialects.completions import request as completions_request
from copilot_bridge.dialects.events import Event, Reason
from copilot_bridge.dialects.gemini import prompt_reader as gemini
from copilot_bridge.dialects.gemini import schema as gemini_schema
from copilot_bridge.dialects.gemini import writer as gemini_writer
from copilot_bridge.dialects.messages import prompt_reader as messages
from copilot_bridge.dialects.messages import prompt_writer as messages_prompt_writer
from copilot_bridge.dialects.messages import reader as messages_reader
from copilot_bridge.dialects.messages import writer as messages_writer
from copilot_bridge.dialects.ollama import prompt_reader as ollama
from copilot_bridge.dialects.ollama import request as ollama_request
from copilot_bridge.dialects.ollama import writer as ollama_writer
from copilot_bridge.dialects.prompt import (
    Gap,
    Message,
    OutputFormat,
    Part,
    Prompt,
    Role,
    Text,
    Tool,
    ToolChoice,
)
from copilot_bridge.dialects.responses import errors as responses_errors
from copilot_bridge.dialects.responses import prompt_reader as responses
from copilot_bridge.dialects.responses import prompt_writer as responses_prompt_writer
from copilot_bridge.dialects.responses import reader as responses_reader
from copilot_bridge.dialects.responses import writer as responses_writer
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.errors import KINDS

PROMPT_READERS = {
    "chat": chat.read_prompt,
    "messages": messages.read_prompt,
    "responses": lambda body: responses.read_prompt(body, ToolNames()),
    "gemini": gemini.read_prompt,
    "ollama": ollama.read_chat_prompt,
}
PROMPT_WRITERS = {
    "chat": chat_prompt_writer,
    "messages": messages_prompt_writer,
    "responses": responses_prompt_writer,
}
WRITER_CLASSES = {
    "chat": chat_writer.ChatWriter,
    "messages": messages_writer.MessagesWriter,
    "responses": responses_writer.ResponsesWriter,
    "gemini": gemini_writer.GeminiWriter,
    "ollama": ollama_writer.OllamaWriter,
}
FIELDS = {field.name for field in fields(Prompt)}
MODES = set(get_args(next(field.type for field in fields(ToolChoice) if field.name == "mode")))

# The tables for kinds of parts.
PARTS = {
    "chat": (
        chat_prompt_writer.WRITE_PART,
        chat_prompt_writer.WRITE_BESIDE,
        chat_prompt_writer.WRITE_MESSAGE,
    ),
    "messages": (messages_prompt_writer.WRITE_PART,),
    "responses": (responses_prompt_writer.WRITE_PART, responses_prompt_writer.WRITE_ITEM),
}


def check_partition(whole, *tables):
    """Each stands in exactly one of the tables."""
    for one, other in combinations(tables, 2):
        assert not set(one) & set(other)
    assert set().union(*tables) == set(whole)


@pytest.mark.parametrize("dialect", PROMPT_WRITERS)
def test_each_kind_of_part_is_in_one_table(dialect):
    check_partition(get_args(Part), *PARTS[dialect])


@pytest.mark.parametrize("dialect", PROMPT_WRITERS)
def test_each_setting_is_supported_or_unsupported(dialect):
    check_partition(
        FIELDS,
        {"model", "messages"},
        PROMPT_WRITERS[dialect].SETTINGS,
        PROMPT_WRITERS[dialect].UNSUPPORTED_SETTINGS,
    )


TOOL = Tool("f", "", {"type": "object"})
PLAIN = Prompt(model="m", messages=(Message("user", (Text("Hi"),)),), tools=(TOOL,))
SAID = {
    "model": "another",
    "messages": (Message("user", (Text("Ho"),)),),
    "tools": (TOOL, replace(TOOL, name="g")),
    "tool_choice": ToolChoice("required"),
    "parallel_tools": False,
    "max_tokens": 100,
    "temperature": 0.5,
    "top_p": 0.9,
    "stop": ("END",),
    "reasoning_effort": "high",
    "thinking_budget": 5000,
    "output_format": OutputFormat({"type": "object"}),
    "cache_key": "k",
    "gap": Gap("a", "b"),
}


def test_each_setting_has_a_case():
    assert SAID.keys() == FIELDS


def changed(dialect, field):
    """The names under which a body says something else when this field does."""
    plain, other = (
        PROMPT_WRITERS[dialect].write_prompt(prompt)
        for prompt in (PLAIN, replace(PLAIN, **{field: SAID[field]}))
    )
    return {name for name in plain | other if plain.get(name) != other.get(name)}


@pytest.mark.parametrize("field", sorted(FIELDS))
@pytest.mark.parametrize("dialect", PROMPT_WRITERS)
def test_each_setting_is_written_to_its_field(dialect, field):
    table = PROMPT_WRITERS[dialect].SETTINGS
    found = changed(dialect, field)
    if field in table:
        assert table[field][0] in found
        assert found <= {name for name, _ in table.values()}
    elif field in PROMPT_WRITERS[dialect].UNSUPPORTED_SETTINGS:
        assert not found
    else:
        assert found == ({"input"} if (dialect, field) == ("responses", "messages") else {field})


# What a client of a dialect can't say.
UNHEARD = {
    "chat": {"gap"},
    "messages": {"cache_key", "gap"},
    "responses": {"stop", "thinking_budget", "gap"},
    "gemini": {"cache_key", "parallel_tools", "gap"},
    "ollama": {"cache_key", "parallel_tools", "tool_choice", "gap"},
}
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object"}}
BODIES = {
    "chat": {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [{"type": "function", "function": FUNCTION}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "max_completion_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": "END",
        "reasoning_effort": "high",
        "thinking_budget": 5000,
        "response_format": {"type": "json_object"},
        "prompt_cache_key": "k",
    },
    "messages": {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "max_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop_sequences": ["END"],
        "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {}}},
        "metadata": {"user_id": "k"},
    },
    "responses": {
        "model": "m",
        "input": "Hi",
        "tools": [{"type": "function"} | FUNCTION],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "max_output_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "reasoning": {"effort": "high"},
        "text": {"format": {"type": "json_object"}},
        "prompt_cache_key": "k",
    },
    "gemini": {
        "model": "m",
        "contents": [{"parts": [{"text": "Hi"}]}],
        "tools": [{"functionDeclarations": [FUNCTION]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}},
        "generationConfig": {
            "maxOutputTokens": 100,
            "temperature": 0.5,
            "topP": 0.9,
            "stopSequences": ["END"],
            "responseMimeType": "application/json",
            "thinkingConfig": {"thinkingBudget": 5000, "thinkingLevel": "HIGH"},
        },
    },
    "ollama": {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [{"type": "function", "function": FUNCTION}],
        "options": {"num_predict": 100, "temperature": 0.5, "top_p": 0.9, "stop": ["END"]},
        "format": "json",
        "think": "high",
    },
}


# What leaves no room for another setting: thinking for a temperature, no thinking for an effort.
BESIDE = {
    "messages": {"thinking": {"type": "enabled", "budget_tokens": 5000}},
    "ollama": {"think": False},
}


def read_prompt(dialect, body):
    return PROMPT_READERS[dialect](body)


@pytest.mark.parametrize("dialect", PROMPT_READERS)
def test_each_setting_is_read(dialect):
    body = BODIES[dialect]
    prompts = [read_prompt(dialect, body), read_prompt(dialect, body | BESIDE.get(dialect, {}))]
    read_names = {name for prompt in prompts for name in FIELDS if getattr(prompt, name) not in (None, ())}
    assert FIELDS - read_names == UNHEARD[dialect]


def test_chats_refused_and_dropped_fields_are_not_written():
    read = {name for name, _ in chat_prompt_writer.SETTINGS.values()} | {
        "max_completion_tokens",
        "prompt_cache_key",
    }
    check_partition(read | set(chat.REFUSED) | set(chat.DROPPED), read, chat.REFUSED, chat.DROPPED)


def test_geminis_fields_are_read_or_left_out():
    parts = {name for names in gemini_schema.FIELDS_BY_ROLE.values() for name in names}
    assert parts == set(gemini_schema.PART_FIELDS)
    check_partition({*parts, *gemini.IGNORED}, parts, gemini.IGNORED)
    assert not {*gemini.DROPPED} & {*gemini_schema.BODY}
    assert not {*gemini.DROPPED} & {*gemini_schema.GENERATION_CONFIG.schema["properties"]}


def test_ollamas_and_completions_fields_are_read_or_left_out():
    read_fields = {*ollama_request.REQUIRED, *ollama_request.CHAT_FIELDS, *ollama_request.GENERATE_FIELDS}
    check_partition({*read_fields, *ollama.DROPPED}, read_fields, ollama.DROPPED)
    check_partition(
        {*ollama_request.OPTIONS, *ollama.DROPPED_OPTIONS}, ollama_request.OPTIONS, ollama.DROPPED_OPTIONS
    )
    given = {*completions_request.REQUIRED, *completions_request.FIELDS}
    check_partition({*given, *completions.DROPPED}, given, completions.DROPPED)


def test_each_setting_is_supported_or_unsupported_where_gaps_are_filled():
    check_partition(
        FIELDS,
        {"model", "messages"},
        completions_prompt_writer.SETTINGS,
        completions_prompt_writer.UNSUPPORTED_SETTINGS,
    )


@pytest.mark.parametrize(
    "tables",
    [(messages.READ_BLOCK, messages.IGNORED), (responses.READ_ITEM, responses.IGNORED)],
    ids=["messages", "responses"],
)
def test_nothing_is_both_read_and_ignored(tables):
    check_partition(set().union(*tables), *tables)


def test_each_mode_of_a_tool_choice_is_mapped():
    assert {*chat.CHOICES.values(), "tool"} == MODES
    assert {*gemini_schema.MODES.values(), "tool"} == MODES
    assert set(messages_prompt_writer.WRITE_CHOICE) == MODES
    assert {value: key for key, value in messages.CHOICES.items()} == messages_prompt_writer.WRITE_CHOICE


@pytest.mark.parametrize("mode", sorted(MODES))
@pytest.mark.parametrize("dialect", PROMPT_WRITERS)
def test_a_tool_choice_survives_a_round_trip(dialect, mode):
    choice = ToolChoice(mode, "f" if mode == "tool" else None)
    body = PROMPT_WRITERS[dialect].write_prompt(replace(PLAIN, tool_choice=choice))
    assert read_prompt(dialect, body).tool_choice == choice


@pytest.mark.parametrize("role", get_args(Role))
@pytest.mark.parametrize("dialect", PROMPT_WRITERS)
def test_each_role_survives_a_round_trip(dialect, role):
    prompt = replace(PLAIN, messages=(Message(role, (Text("Hi"),)),))
    read = read_prompt(dialect, PROMPT_WRITERS[dialect].write_prompt(prompt)).messages[0]
    assert (read.role, [part.text for part in read.parts]) == (role, ["Hi"])


@pytest.mark.parametrize("dialect", WRITER_CLASSES)
def test_each_kind_of_event_is_written(dialect):
    assert set(WRITER_CLASSES[dialect]._HANDLERS) == set(get_args(Event))


def test_each_finish_reason_is_written():
    for table in (
        chat_writer.FINISH_REASON_MAP,
        messages_writer.FINISH_REASON_MAP,
        responses_writer.STATUS_BY_REASON,
        gemini_writer.FINISH_REASON_MAP,
        ollama_writer.FINISH_REASON_MAP,
    ):
        assert set(table) == set(get_args(Reason))


def test_each_finish_reason_is_read():
    """Where nothing says so, it follows from the content; Messages know one word for two of them."""
    assert set(chat_reader.FINISH_REASON_MAP.values()) == set(get_args(Reason)) - {"refusal", "paused"}
    assert set(messages_reader.FINISH_REASON_MAP.values()) == set(get_args(Reason)) - {"filtered"}
    assert set(responses_reader.INCOMPLETE.values()) == {"length", "filtered"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (chat_writer.FINISH_REASON_MAP, chat_reader.FINISH_REASON_MAP),
        (messages_writer.FINISH_REASON_MAP, messages_reader.FINISH_REASON_MAP),
    ],
    ids=["chat", "messages"],
)
def test_a_finish_reason_survives_a_round_trip(written, read):
    told_by_what_is_said = {"refusal": "stop", "filtered": "refusal", "paused": "stop"}
    for reason, name in written.items():
        assert read[name] in (reason, told_by_what_is_said.get(reason))


def test_tables_of_errors_name_kinds_that_exist():
    assert {kind for _, kind in stream_errors.KINDS} <= KINDS.keys()
    assert responses_errors.CODES.keys() <= KINDS.keys()
