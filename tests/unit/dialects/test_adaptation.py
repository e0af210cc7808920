"""The adaptation of prompts to their target, and back: the promises of each module for any input."""

import json

import pytest
from dialect_tables import READERS, WRITERS, Response
from hypothesis import given
from hypothesis import strategies as st
from unit.dialects.test_translation import MODEL, events, read_chat, read_gemini, read_messages

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.adaptation.adapt import NO_CHANGES, Undo, adapt_prompt
from copilot_bridge.dialects.adaptation.argument_schemas import adapt_argument_schema
from copilot_bridge.dialects.adaptation.output_schemas import SCHEMA_SUBSETS, is_strict, output_schema
from copilot_bridge.dialects.adaptation.safe_names import is_safe_name, safe_name
from copilot_bridge.dialects.adaptation.stop_sequences import (
    StopSequenceFinder,
    StopSequenceReader,
    split_stop_sequences,
)
from copilot_bridge.dialects.adaptation.tool_call_ids import adapt_tool_call_ids
from copilot_bridge.dialects.adaptation.tool_results import CONTINUE, move_results_to_calls
from copilot_bridge.dialects.events import (
    ReasoningDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TokenUsage,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.dialects.prompt import Message, Prompt, Reasoning, Text, ToolCall, ToolResult
from copilot_bridge.dialects.registry import CONVERSATIONS, DIALECTS, limits_of
from copilot_bridge.dialects.translation import Translation
from copilot_bridge.errors import InvalidRequest

# Stop sequences.

letters = st.text("ab🙂 ", max_size=12)


def cut(text, stops):
    """Letter by letter."""
    for end in range(1, len(text) + 1):
        if done := [stop for stop in stops if text[:end].endswith(stop)]:
            stop = max(done, key=len)
            return text[: end - len(stop)], stop
    return text, None


@given(
    st.lists(letters, max_size=5), st.lists(st.text("ab🙂 ", min_size=1, max_size=4), min_size=1, max_size=4)
)
def test_a_text_ends_where_the_first_stop_sequence_is_complete(pieces, stops):
    finder, out = StopSequenceFinder(tuple(stops)), ""
    for piece in pieces:
        if finder.found is None:
            out += finder.feed(piece)
    assert (out + finder.rest(), finder.found) == cut("".join(pieces), stops)


def test_text_that_can_not_begin_a_stop_sequence_is_not_held_back():
    finder = StopSequenceFinder(("END", "🙃"))
    assert [finder.feed(piece) for piece in ("one", " E", "N", "x", "\ud83d", "\ude42", "E")] == [
        "one", " ", "", "ENx", "", "🙂", "",
    ]  # fmt: skip
    assert finder.rest() == "E"


class Events:
    usage = TokenUsage(input=5)

    def __init__(self, *given_):
        self._given = given_
        self.asked = 0

    def feed(self, _data):
        for event in self._given:
            self.asked += 1
            yield event

    def close(self):
        return self.feed(b"")


DONE = ResponseFinished("stop", TokenUsage(input=5, output=9))


def stopped(*given_, stops=("END",)):
    reader = StopSequenceReader(Events(*given_), stops)
    return [*reader.feed(b"")], reader.stopped


def test_only_texts_are_searched_for_stop_sequences():
    given_ = (ResponseStarted("1"), ReasoningDelta(0, "END"), TextDelta(1, "a E"),
              ToolCallStarted(2, "c", "END"), ToolCallArgumentsDelta(2, '{"a":"END"}'),
              TextDelta(3, "ND"), DONE)  # fmt: skip
    passed_on, ended = stopped(*given_)
    assert not ended
    texts = [event.text for event in passed_on if isinstance(event, TextDelta)]
    assert texts == ["a ", "E", "ND"]
    kinds = [type(event) for event in passed_on]
    assert kinds.index(ToolCallStarted) == 4, "what waited is sent before the call"
    assert passed_on[-1] == DONE


def test_nothing_is_read_after_a_stop_sequence():
    source = Events(ResponseStarted("1"), TextDelta(0, "a EN"), TextDelta(0, "D b"), TextDelta(0, "c"), DONE)
    reader = StopSequenceReader(source, ("END",))
    output = [*reader.feed(b"")]
    assert output == [
        ResponseStarted("1"),
        TextDelta(0, "a "),
        ResponseFinished("stop", TokenUsage(input=5), stop="END"),
    ]
    assert reader.stopped
    assert [*reader.close()] == []


@pytest.mark.parametrize(("stops", "target", "sent", "kept"), [
    (("a", "b"), ("chat", "OpenAI", "gpt-4.1"), ("a", "b"), ()),
    (tuple("abcde"), ("chat", "OpenAI", "gpt-4.1"), tuple("abcd"), tuple("abcde")),
    (("a",), ("chat", "Azure OpenAI", "o4-mini"), (), ("a",)),
    (("a",), ("responses", "OpenAI", "gpt-5.5"), (), ("a",)),
    (("a", "\n\n"), ("messages", "Anthropic", "claude-opus-5"), ("a",), ("a", "\n\n")),
    (("\n",), ("chat", "Anthropic", "claude-sonnet-4.5"), (), ("\n",)),
    ((), ("responses", "OpenAI", "gpt-5.5"), (), ()),
])  # fmt: skip
def test_stop_sequences_are_passed_on_or_enforced(stops, target, sent, kept):
    assert split_stop_sequences(stops, limits_of(*target)) == (sent, kept)


# Ids and names.


@given(st.text(max_size=120), st.sampled_from([40, 64, 128]))
def test_a_safe_name_is_safe_and_stable(word, most):
    spelt = safe_name(word, most)
    assert is_safe_name(spelt, most)
    assert safe_name(word, most) == spelt == safe_name(spelt, most)


def called(*ids):
    calls = [Message("assistant", (ToolCall(id_, "f", "{}"),)) for id_ in ids]
    results = [Message("user", (ToolResult(id_, (Text(id_),)),)) for id_ in ids]
    return Prompt(
        model="m", messages=tuple(message for pair in zip(calls, results, strict=True) for message in pair)
    )


@given(st.lists(st.sampled_from(["a", "b", "b.c", "x" * 70, ""]), max_size=6))
def test_calls_have_unique_ids_and_results_the_same(given_):
    prompt, old = adapt_tool_call_ids(called(*given_), 64)
    calls = [part.id for message in prompt.messages[::2] for part in message.parts]
    results = [part.id for message in prompt.messages[1::2] for part in message.parts]
    assert calls == results
    assert len(set(calls)) == len(calls)
    assert [old.get(id_, id_) for id_ in calls] == given_
    more, _ = adapt_tool_call_ids(called(*given_, "new"), 64)
    assert more.messages[: len(prompt.messages)] == prompt.messages, "on the next turn they are the same"


def test_parallel_calls_with_one_id_get_different_ids():
    messages = (
        Message("assistant", (ToolCall("0", "f", "{}"), ToolCall("0", "g", "{}"))),
        Message("user", (ToolResult("0", (Text("f"),)), ToolResult("0", (Text("g"),)))),
    )
    prompt, _ = adapt_tool_call_ids(Prompt(model="m", messages=messages), 64)
    (first, second), results = prompt.messages[0].parts, prompt.messages[1].parts
    assert [part.id for part in results] == [first.id, second.id]
    assert first.id != second.id


def test_kimi_keeps_its_own_ids():
    prompt = called("functions.Bash:0", "functions.Bash:1")
    assert adapt_prompt(prompt, limits_of("chat", "Moonshot AI", "kimi-k2.7-code"), "messages") == (
        prompt,
        NO_CHANGES,
    )


STREAM = (
    {"id": "1", "choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [
        {"index": 0, "id": "short", "type": "function", "function": {"name": "f_1", "arguments": "{}"}}]}}]},
    {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}],
     "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}},
)  # fmt: skip


@pytest.mark.parametrize("client", WRITERS)
def test_ids_and_names_are_restored_in_the_response(client):
    undo = Undo(names={"f_1": "f.one"}, ids={"short": "an/other"})
    stream = Translation(
        READERS["chat"](), WRITERS[client](Response(model=MODEL)), DIALECTS[client].framing, undo
    )
    data = b"".join(b"data: %b\n\n" % codec.write(chunk) for chunk in STREAM) + b"data: [DONE]\n\n"
    out = stream.feed(data)
    if client == "responses":
        (item,) = events(out)[-1]["response"]["output"]
        assert (item["call_id"], item["name"]) == ("an/other", "f.one")
    else:
        read = {"chat": read_chat, "messages": read_messages, "gemini": read_gemini}[client]
        ((id_, name, _arguments),) = read(out)["calls"]
        assert (id_, name) == ("an/other", "f.one")
    assert not stream.stopped


# The order of results.


def test_results_that_follow_their_calls_stay():
    prompt = called("a", "b")
    assert move_results_to_calls(prompt) is prompt


def test_results_after_a_note_are_moved_to_their_calls():
    call, result = called("a").messages
    note = Message("assistant", (Text("note"),))
    prompt = move_results_to_calls(Prompt(model="m", messages=(call, note, result)))
    assert prompt.messages[:3] == (call, result, note)
    assert [message.role for message in prompt.messages[3:]] == ["user"]


def test_a_thought_before_a_result_is_not_the_last_word():
    """Nor is the model asked to continue it."""
    call = Message("assistant", (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}")))
    first, second = (Message("user", (ToolResult(id_, (Text(id_),)),)) for id_ in "ab")
    results = Message("user", (*first.parts, *second.parts))
    thought = Message("assistant", (Reasoning("hm", {"responses": "e"}),))
    note = Message("assistant", (Text("note"),))
    prompt = move_results_to_calls(Prompt(model="m", messages=(call, first, thought, second)))
    assert prompt.messages == (call, results)
    prompt = move_results_to_calls(Prompt(model="m", messages=(call, first, note, thought, second)))
    assert prompt.messages == (call, results, note, CONTINUE)


# Schemas.

KEYS = ["type", "properties", "required", "items", "anyOf", "oneOf", "allOf", "enum", "const", "$ref",
        "$defs", "a", "minimum", "exclusiveMinimum", "format", "minItems", "additionalProperties",
        "description", "not", "default"]  # fmt: skip
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["a", "string", "object", "#/$defs/a", "#"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
schemas = st.dictionaries(st.sampled_from(KEYS), values, max_size=6)


@given(schemas, st.sampled_from(sorted(CONVERSATIONS)))
def test_any_argument_schema_becomes_an_object_schema(schema, dialect):
    fitted = adapt_argument_schema(schema, CONVERSATIONS[dialect].limits)
    assert fitted["type"] == "object"
    assert not fitted.keys() & {"anyOf", "oneOf", "allOf", "not", "enum"}
    assert dialect == "messages" or isinstance(fitted["properties"], dict)


@given(schemas, st.sampled_from(sorted(SCHEMA_SUBSETS)))
def test_any_output_schema_is_reduced_to_the_subset(schema, form):
    fitted = output_schema(schema, SCHEMA_SUBSETS[form])
    assert isinstance(json.dumps(fitted), str)
    assert is_strict(fitted) in (True, False)
    assert not fitted.keys() & {"oneOf", "not", "minimum", "default"}


def test_a_schema_that_is_nested_too_deeply_is_refused():
    schema = {"type": "object"}
    for _ in range(5000):
        schema = {"type": "object", "properties": {"a": schema}}
    with pytest.raises(InvalidRequest) as caught:
        adapt_argument_schema(schema, CONVERSATIONS["messages"].limits)
    assert caught.value.param == "tools"


@pytest.mark.parametrize(("schema", "strict"), [
    ({"type": "object", "properties": {}, "additionalProperties": False, "required": []}, True),
    ({"type": "object", "properties": {"a": {"type": "object"}}, "required": ["a"]}, False),
    ({"anyOf": [{"type": "object"}]}, False),
    ({"type": "object", "properties": {"a": {"items": {"type": "string"}, "type": "array"}},
      "required": ["a"]}, True),
    ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, False),
    ({"type": "object", "properties": {"a": {"allOf": [{"type": "string"}, {}]}}, "required": ["a"]}, False),
])  # fmt: skip
def test_schemas_that_openai_can_enforce_are_strict(schema, strict):
    assert is_strict(output_schema(schema, SCHEMA_SUBSETS["openai"])) is strict
