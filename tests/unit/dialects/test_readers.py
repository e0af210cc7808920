"""The promises of readers about their events, whatever upstream sends.

Parts come one after the other, and none is reopened.  A part that upstream interleaves with another is
deferred.
"""

import json
import time
from itertools import pairwise

import pytest
from dialect_tables import READERS
from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge.dialects.chat import reader as chat_reader
from copilot_bridge.dialects.chat.reader import JsonDepthTracker
from copilot_bridge.dialects.events import (
    ReasoningDelta,
    ReasoningSignature,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TokenUsage,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.dialects.responses import usage as responses_usage

# The first event of a part -> those that may follow it there.
FOLLOW = {
    TextDelta: {TextDelta},
    ReasoningDelta: {ReasoningDelta, ReasoningSignature},
    ReasoningSignature: set(),
    ToolCallStarted: {ToolCallArgumentsDelta},
}


def check_promise(events):
    assert isinstance(events[0], ResponseStarted)
    assert isinstance(events[-1], ResponseFinished)
    inner = events[1:-1]
    assert not any(isinstance(event, ResponseStarted | ResponseFinished) for event in inner)
    numbers = [event.part for event in inner]
    assert numbers[:1] in ([], [0])
    assert all(after - before in (0, 1) for before, after in pairwise(numbers))
    for part in range(numbers[-1] + 1 if numbers else 0):
        first, *others = (type(event) for event in inner if event.part == part)
        assert set(others) <= FOLLOW[first]


def read(dialect, chunks):
    """The parts of a whole stream, in order: ("text", text), ("thought", text, goods), ("call", id, name,
    arguments)."""
    reader = READERS[dialect]()
    events = [event for chunk in chunks for event in reader.feed(json.dumps(chunk).encode())]
    if dialect == "chat":
        events += reader.close()
    check_promise(events)
    parts = {}
    for event in events[1:-1]:
        add(parts, event)
    return [tuple(part) for part in parts.values()]


def add(parts, event):
    match event:
        case TextDelta(part, text):
            parts.setdefault(part, ["text", ""])[1] += text
        case ReasoningDelta(part, text):
            parts.setdefault(part, ["thought", "", ""])[1] += text
        case ReasoningSignature(part, opaque):
            parts.setdefault(part, ["thought", "", ""])[2] = goods(opaque)
        case ToolCallStarted(part, id_, name):
            parts[part] = ["call", id_, name, ""]
        case ToolCallArgumentsDelta(part, arguments):
            parts[part][3] += arguments


def goods(opaque):
    ((_, given),) = opaque.items()
    return given["encrypted_content"] if isinstance(given, dict) else given


# How each dialect tells a part, a chunk or an event for each piece: `tell(place, part, size)`.


def pieces(text, size):
    return [text[start : start + size] for start in range(0, len(text), size)]


def chat_chunk(**delta):
    return {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def chat_call(index, id_, name, arguments, size):
    yield chat_chunk(tool_calls=[{"index": index, "id": id_, "function": {"name": name, "arguments": ""}}])
    for piece in pieces(arguments, size):
        yield chat_chunk(tool_calls=[{"index": index, "function": {"arguments": piece}}])


def tell_chat(index, part, size):
    match part:
        case "text", text:
            yield from (chat_chunk(content=piece) for piece in pieces(text, size))
        case "thought", text, opaque:
            yield from (chat_chunk(reasoning_text=piece) for piece in pieces(text, size))
            yield chat_chunk(reasoning_opaque=opaque)
        case "call", id_, name, arguments:
            yield from chat_call(index, id_, name, arguments, size)


def block(kind, index, **fields):
    return {"type": f"content_block_{kind}", "index": index, **fields}


def tell_messages(index, part, size):
    def delta(kind, key, text):
        return [block("delta", index, delta={"type": kind, key: piece}) for piece in pieces(text, size)]

    match part:
        case "text", text:
            start = {"type": "text", "text": ""}
            deltas = delta("text_delta", "text", text)
        case "thought", text, opaque:
            start = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = delta("thinking_delta", "thinking", text) + delta("signature_delta", "signature", opaque)
        case "call", id_, name, arguments:
            start = {"type": "tool_use", "id": id_, "name": name, "input": {}}
            deltas = delta("input_json_delta", "partial_json", arguments)
    return [block("start", index, content_block=start), *deltas, block("stop", index)]


def tell_responses(index, part, size):
    def deltas(kind, text, **fields):
        return [item(kind, index, delta=piece, **fields) for piece in pieces(text, size)]

    match part:
        case "text", text:
            begun = {"type": "message", "content": []}
            done = begun | {"content": [{"type": "output_text", "text": text}]}
            delta_lines = deltas("output_text.delta", text, content_index=0)
        case "thought", text, opaque:
            begun = {"type": "reasoning", "summary": []}
            done = begun | {
                "summary": [{"type": "summary_text", "text": text}],
                "encrypted_content": opaque,
                "id": "rs",
            }
            delta_lines = deltas("reasoning_summary_text.delta", text, summary_index=0)
        case "call", id_, name, arguments:
            begun = {"type": "function_call", "call_id": id_, "name": name, "arguments": ""}
            done = begun | {"arguments": arguments}
            delta_lines = deltas("function_call_arguments.delta", arguments)
    return [
        item("output_item.added", index, item=begun),
        *delta_lines,
        item("output_item.done", index, item=done),
    ]


def item(kind, index, **fields):
    return {"type": f"response.{kind}", "output_index": index, **fields}


TELL = {"chat": tell_chat, "messages": tell_messages, "responses": tell_responses}

# What a stream begins and ends with.
AROUND = {
    "chat": ([], [{"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]),
    "messages": (
        [{"type": "message_start", "message": {"id": "m"}}],
        [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}],
    ),
    "responses": (
        [{"type": "response.created", "response": {"id": "r"}}],
        [{"type": "response.completed", "response": {}}],
    ),
}


def around(dialect, chunks):
    before, after = AROUND[dialect]
    return [*before, *chunks, *after]


def alternate(chunk_lists):
    """A chunk of each, again and again."""
    rest = [list(chunks) for chunks in chunk_lists]
    while any(rest):
        for chunks in rest:
            if chunks:
                yield chunks.pop(0)


A, B = ("call", "call_a", "f", '{"path":"a \\"}{ b"}'), ("call", "call_b", "g", '{"x":[1,{"y":2}]}')
SAY, THINK = ("text", "Hello, world"), ("thought", "I look at it", "sig==")
OVERLAPPING = {
    "calls": [A, B],
    "a text and a call": [SAY, A],
    "a call and a text": [A, SAY],
    "a thought and a call": [THINK, A],
    "a call and a thought": [A, THINK],
    "a thought, a text and two calls": [THINK, SAY, A, B],
    "three calls": [A, B, ("call", "call_c", "h", "{}")],
}


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("name", OVERLAPPING)
@pytest.mark.parametrize("dialect", ["messages", "responses"])
def test_interleaved_parts_are_reordered(dialect, name, size):
    parts = OVERLAPPING[name]
    chunks = [TELL[dialect](index, part, size) for index, part in enumerate(parts)]
    assert read(dialect, around(dialect, alternate(chunks))) == parts


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("name", [name for name, parts in OVERLAPPING.items() if SAY not in parts[:-1]])
def test_interleaved_calls_of_chat_are_reordered(name, size):
    """Thoughts and texts have no ends in chat: what comes between their pieces ends them.  A call's
    arguments have one."""
    parts = OVERLAPPING[name]
    numbers = iter(range(len(parts)))
    chunks = [TELL["chat"](next(numbers) if part[0] == "call" else 0, part, size) for part in parts]
    first = [] if parts[0][0] == "call" else chunks.pop(0)
    assert read("chat", around("chat", [*first, *alternate(chunks)])) == parts


SEALED = ("thought", "", "sig==")
TEXT_AND_SEAL = {
    "with the last word": ([{"content": "world", "reasoning_opaque": "sig=="}], [SEALED]),
    "alone, at the end": ([{"content": "world"}, {"reasoning_opaque": "sig=="}], [SEALED]),
    "inside it": ([{"reasoning_opaque": "sig=="}, {"content": "world"}], [SEALED]),
    "before a thought": (
        [{"content": "world", "reasoning_opaque": "sig=="}, {"reasoning_content": "Hm"}],
        [SEALED, ("thought", "Hm", "")],
    ),
    "two of them": (
        [{"reasoning_opaque": "other"}, {"content": "world", "reasoning_opaque": "sig=="}],
        [("thought", "", "other"), SEALED],
    ),
}


@pytest.mark.parametrize("name", TEXT_AND_SEAL)
def test_a_signature_does_not_cut_a_text_in_two(name):
    """A client that shows the last part of a response would show its last word alone."""
    deltas, others = TEXT_AND_SEAL[name]
    chunks = [chat_chunk(content="Hello, "), *(chat_chunk(**delta) for delta in deltas)]
    assert read("chat", around("chat", chunks)) == [("text", "Hello, world"), *others]


def test_a_signature_between_a_text_and_a_call_comes_between_them():
    chunks = [*TELL["chat"](0, SAY, 5), chat_chunk(reasoning_opaque="sig=="), *TELL["chat"](0, A, 5)]
    assert read("chat", around("chat", chunks)) == [SAY, SEALED, A]


@st.composite
def overlapping(draw, dialect):
    """(parts, the chunks of each in order, but those of different parts in any order)."""
    count = draw(st.integers(1, 5))
    parts = [
        draw(
            st.one_of(
                st.tuples(st.just("text"), st.text(min_size=1, max_size=8)),
                st.tuples(
                    st.just("thought"),
                    st.text(min_size=1, max_size=8),
                    st.text("abc", min_size=1, max_size=4),
                ),
                st.tuples(
                    st.just("call"),
                    st.just(f"call_{index}"),
                    st.sampled_from("fg"),
                    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2).map(json.dumps),
                ),
            )
        )
        for index in range(count)
    ]
    chunk_lists = [
        list(TELL[dialect](index, part, draw(st.integers(1, 4)))) for index, part in enumerate(parts)
    ]
    chunks = []
    while any(chunk_lists):
        chunks.append(
            draw(st.sampled_from([part_chunks for part_chunks in chunk_lists if part_chunks])).pop(0)
        )
    return parts, chunks


@pytest.mark.parametrize("dialect", ["messages", "responses"])
@given(st.data())
def test_any_interleaving_gives_the_same_parts(dialect, data):
    parts, chunks = data.draw(overlapping(dialect))
    assert sorted(read(dialect, around(dialect, chunks))) == sorted(parts)


@given(overlapping("chat"))
def test_any_interleaving_of_chat_gives_the_same_parts(case):
    """A text or a thought may fall into pieces there; nothing of it gets lost."""
    parts, chunks = case
    found = read("chat", around("chat", chunks))
    calls = [part for part in parts if part[0] == "call"]
    assert sorted(part for part in found if part[0] == "call") == sorted(calls)
    for kind in ("text", "thought"):
        given_ = sorted("".join(part[1] for part in parts if part[0] == kind))
        assert sorted("".join(part[1] for part in found if part[0] == kind)) == given_


@pytest.mark.parametrize("dialect", ["messages", "responses"])
def test_items_keep_the_order_in_which_they_began(dialect):
    """Even if it tells nothing until all of them are complete."""
    thought, call = (
        list(TELL[dialect](index, part, 4)) for index, part in enumerate([("thought", "", "sig=="), A])
    )
    assert read(dialect, around(dialect, [thought[0], *call, *thought[1:]])) == [("thought", "", "sig=="), A]


@pytest.mark.parametrize("dialect", ["messages", "responses"])
def test_parts_that_are_never_closed_end_with_the_response(dialect):
    chunk_lists = [list(TELL[dialect](index, part, 4))[:-1] for index, part in enumerate([SAY, A, B])]
    assert read(dialect, around(dialect, alternate(chunk_lists))) == [SAY, A, B]


@pytest.mark.parametrize("dialect", ["messages", "responses"])
def test_deltas_after_the_end_of_a_part_are_dropped(dialect):
    first, second = (list(TELL[dialect](index, part, 4)) for index, part in enumerate([SAY, A]))
    late = first[1:]  # all of its deltas, and its end
    assert read(dialect, around(dialect, [*first, *late, *second, *late, second[1]])) == [SAY, A]


@pytest.mark.parametrize("dialect", ["messages", "responses"])
def test_an_index_may_be_used_again(dialect):
    """As Copilot does with the indexes of chat's calls."""
    assert read(dialect, around(dialect, [*TELL[dialect](0, A, 4), *TELL[dialect](0, B, 4)])) == [A, B]


@pytest.mark.parametrize("empty", [("text", ""), ("thought", "", "")])
@pytest.mark.parametrize("dialect", ["messages", "responses"])
def test_an_empty_part_has_no_number(dialect, empty):
    chunks = [*TELL[dialect](0, empty, 1), *TELL[dialect](1, A, 4)]
    assert read(dialect, around(dialect, chunks)) == [A]


STRANGERS = {
    "messages": [
        block("start", 0, content_block={"type": "server_tool_use", "id": "s", "name": "n", "input": {}}),
        block("delta", 0, delta={"type": "input_json_delta", "partial_json": "{}"}),
        block("stop", 0),
    ],
    "responses": [
        item("output_item.added", 0, item={"type": "web_search_call", "id": "ws"}),
        item("web_search_call.completed", 0),
        item("output_item.done", 0, item={"type": "web_search_call", "id": "ws"}),
    ],
}


@pytest.mark.parametrize("dialect", STRANGERS)
def test_unknown_blocks_are_skipped_in_their_order(dialect):
    """It is left out, and what waits for it is sent."""
    strangers, call = STRANGERS[dialect], list(TELL[dialect](1, A, 4))
    assert read(dialect, around(dialect, [strangers[0], *call, *strangers[1:]])) == [A]


@pytest.mark.parametrize(
    "odd",
    [
        block("delta", 7, delta={"type": "text_delta", "text": "to nobody"}),
        block("delta", 0, delta={"type": "text_delta", "text": "in a call"}),
        block("delta", 0, delta={"type": "invented_later", "text": "x"}),
        block("delta", 0, delta={"type": "signature_delta", "signature": "x"}),
        block("stop", 7),
    ],
)
def test_deltas_of_another_type_than_the_block_are_dropped(odd):
    first, *others = TELL["messages"](0, A, 4)
    assert read("messages", around("messages", [odd, first, odd, *others, odd])) == [A]


def test_alternating_texts_of_one_message_are_separate_parts():
    """Each piece is a text of its own then: none is taken up again."""
    chunks = [
        item("output_item.added", 0, item={"type": "message", "content": []}),
        *(item("output_text.delta", 0, content_index=index, delta=str(index)) for index in (0, 1, 0)),
        item("output_item.done", 0, item={"type": "message", "content": []}),
    ]
    assert read("responses", around("responses", chunks)) == [("text", "0"), ("text", "1"), ("text", "0")]


DONE = item(
    "output_item.done",
    0,
    item={"type": "function_call", "call_id": "call_a", "name": "f", "arguments": "{}"},
)


@pytest.mark.parametrize(
    ("chunks", "parts"),
    [
        ([DONE], [("call", "call_a", "f", "{}")]),
        ([DONE, DONE], [("call", "call_a", "f", "{}")]),
        ([item("function_call_arguments.delta", 3, delta="{}")], []),
        ([item("output_text.delta", 0, content_index=0, delta="")], []),
        ([item("output_text.delta", 0, content_index=0, delta="a")], [("text", "a")]),
    ],
    ids=["no beginning", "two ends", "arguments of nothing", "nothing", "neither beginning nor end"],
)
def test_items_without_deltas_are_read_from_their_end(chunks, parts):
    assert read("responses", around("responses", chunks)) == parts


def test_a_call_of_chat_starts_when_its_name_is_known():
    first = {"index": 0, "id": "call_a", "function": {"arguments": '{"a"'}}
    more = {"index": 0, "function": {"arguments": ": 1}"}}
    named = {"index": 0, "function": {"name": "f"}}
    chunks = [chat_chunk(tool_calls=[fragment]) for fragment in (first, more, named)]
    call = ("call", "call_a", "f", '{"a": 1}')
    assert read("chat", around("chat", chunks)) == [call]
    other = {"index": 1, "id": "call_b", "function": {"name": "g", "arguments": "{}"}}
    chunks.insert(1, chat_chunk(tool_calls=[other]))
    assert read("chat", around("chat", chunks)) == [call, ("call", "call_b", "g", "{}")]


def test_a_call_of_chat_without_a_name_is_emitted_at_its_end():
    chunks = [chat_chunk(tool_calls=[{"index": 0, "id": "call_a", "function": {"arguments": "{}"}}])]
    assert read("chat", around("chat", chunks)) == [("call", "call_a", "", "{}")]


def test_text_of_chat_in_the_middle_of_a_call_is_deferred():
    first, *others = tell_chat(0, A, 4)
    chunks = [first, chat_chunk(content="Hel"), *others[:2], chat_chunk(content="lo"), *others[2:]]
    assert read("chat", around("chat", [*chunks, chat_chunk(content="!")])) == [A, ("text", "Hello!")]


def test_a_complete_call_of_chat_is_not_reopened():
    """White space after the end, when something else has begun."""
    more = chat_chunk(tool_calls=[{"index": 0, "function": {"arguments": "\n"}}])
    chunks = [*tell_chat(0, A, 4), chat_chunk(content="Hello"), more]
    assert read("chat", around("chat", chunks)) == [A, ("text", "Hello")]


def test_a_cut_off_call_of_chat_ends_with_the_response():
    chunks = [*tell_chat(0, A, 4)][:3]
    assert read("chat", around("chat", [*chunks, *tell_chat(1, B, 4)])) == [(*A[:3], A[3][:8]), B]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(alphabet='"\\{}[]a\n'),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='"\\{}[]a'), inner),
        max_leaves=8,
    ),
    st.integers(1, 5),
)
def test_the_end_of_a_json_object_is_found(value, size):
    """At its last character, and at none before, however it is cut."""
    nesting, text = JsonDepthTracker(), json.dumps({"a": value})
    for piece in pieces(text[:-1], size):
        nesting.feed(piece)
        assert not nesting.complete
    nesting.feed("")
    nesting.feed(text[-1])
    assert nesting.complete


def test_reasoning_tokens_are_counted():
    """Newer models say how many of the output's tokens were thoughts."""
    usage = {"input_tokens": 4, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 7}}
    before, (delta, stop) = AROUND["messages"]
    reader = READERS["messages"]()
    for chunk in [*before, delta | {"usage": usage}]:
        assert all(isinstance(event, ResponseStarted) for event in reader.feed(json.dumps(chunk).encode()))
    (finished,) = reader.feed(json.dumps(stop).encode())
    assert finished.usage == TokenUsage(input=4, output=9, reasoning=7)


CACHE_WRITTEN = {
    "chat": {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 5}},
    "claude": {
        "prompt_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 2, "cache_creation_input_tokens": 5},
    },
    "responses": {"input_tokens": 10, "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 5}},
}


@pytest.mark.parametrize("name", CACHE_WRITTEN)
def test_tokens_written_to_a_cache_are_counted(name):
    """By whichever name, inside of the prompt."""
    read_usage = responses_usage.read_usage if name == "responses" else chat_reader.read_usage
    assert read_usage(CACHE_WRITTEN[name]) == TokenUsage(input=3, cached=2, cache_written=5)
    assert read_usage({}) == TokenUsage()


def seconds(dialect, count):
    """For a stream of two interleaved parts, in so many pieces each."""
    arguments = json.dumps({"a": "x" * (count - len('{"a": ""}'))})
    parts = [("call", "call_a", "f", arguments), ("call", "call_b", "g", arguments)]
    chunk_lists = [list(TELL[dialect](index, part, 1)) for index, part in enumerate(parts)]
    chunks = [json.dumps(chunk).encode() for chunk in around(dialect, alternate(chunk_lists))]
    reader = READERS[dialect]()
    start = time.process_time()
    assert sum(1 for chunk in chunks for _ in reader.feed(chunk)) >= 2 * count
    return time.process_time() - start


@pytest.mark.parametrize("dialect", READERS)
def test_the_work_per_event_is_constant(dialect):
    """Eight times as many pieces cost eight times as much, not sixty-four times."""
    small = min(seconds(dialect, 500) for _ in range(3))
    assert min(seconds(dialect, 4000) for _ in range(2)) < 30 * small
