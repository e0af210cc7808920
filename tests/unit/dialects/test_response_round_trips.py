"""Any response that a dialect can express survives a round trip hub -> dialect -> hub.

It does as a stream, however it is cut, as a whole response, and when the client sends it back.  `LOSSES`
lists what each dialect can't express, as for prompts in test_prompt_round_trips.py.
"""

import json
from collections.abc import Callable

import pytest
from dialect_tables import READERS, accumulators, writers
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.accumulation import accumulate as accumulate_stream
from copilot_bridge.dialects.chat import prompt_reader as chat
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.events import (
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TokenUsage,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.dialects.messages import prompt_reader as messages
from copilot_bridge.dialects.prompt import Reasoning, Text, ToolCall
from copilot_bridge.dialects.provider_details import decode_details
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.dialects.responses import prompt_reader as responses
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.dialects.translation import Translation

MODEL = "the-model-asked-for"


def normalizer():
    return ChunkNormalizer(model=MODEL, created=1)


WRITERS = writers(model=MODEL, id="answer")
NAMES = tuple(READERS)

# A response: its parts, each as the events that tell it but without their numbers, and its end.

words = st.text(min_size=1, max_size=8)
details = st.one_of(
    st.just({"chat": "opaque"}),
    st.just({"messages": "sig=="}),
    st.just({"redacted": "EmwK"}),
    st.just({"responses": {"id": "rs_1", "encrypted_content": "gAAA"}}),
)
objects = st.dictionaries(
    words, st.none() | st.booleans() | st.integers(-99, 2**53) | st.text(max_size=8), max_size=2
)


def cut(text, sizes):
    """The text in pieces of these sizes, one after the other."""
    pieces, start = [], 0
    for size in sizes:
        pieces.append(text[start : start + size])
        start += size
    return [piece for piece in (*pieces, text[start:]) if piece]


sizes = st.lists(st.integers(1, 5), max_size=4)
text_parts = st.lists(words, min_size=1, max_size=3).map(
    lambda pieces: [(TextDelta, piece) for piece in pieces]
)
thought = st.builds(
    lambda pieces, encode_details: [*((ReasoningDelta, piece) for piece in pieces), *encode_details],
    st.lists(words, max_size=3),
    details.map(lambda opaque: [(ReasoningSignature, opaque)]) | st.just([]),
).filter(bool)
signed = details.map(lambda opaque: [(ReasoningSignature, opaque)])  # without a word
arguments = st.builds(
    lambda given, sizes: [
        (ToolCallArgumentsDelta, piece) for piece in cut(codec.write(given).decode(), sizes)
    ],
    objects,
    sizes,
)
called = st.builds(
    lambda name, deltas: [(ToolCallStarted, name), *deltas],
    st.text("abcdef_", min_size=1, max_size=6),
    arguments | st.just([]),
)
tokens = st.integers(0, 1000)
usages = st.builds(TokenUsage, tokens, tokens, tokens, tokens, tokens)


def number(parts, ends, usage):
    """The events; an end that fits the parts, as models tell it."""
    events = [ResponseStarted("answer")]
    why = [[(RefusalDelta, "I won't.")]] if ends == "refusal" else []
    for part, deltas in enumerate([*parts, *why]):
        for kind, given_ in deltas:
            id_ = [f"call_{part}"] if kind is ToolCallStarted else []
            events.append(kind(part, *id_, given_))
    has_call = any(isinstance(event, ToolCallStarted) for event in events)
    reason = "tool_calls" if has_call and ends in (None, "refusal") else ends or "stop"
    return [*events, ResponseFinished(reason, usage)]


model_responses = st.builds(
    number,
    st.lists(st.one_of(text_parts, thought, signed, called), max_size=5),
    st.sampled_from([None, None, "length", "refusal", "filtered"]),
    usages,
)


def merge(events):
    """The same with adjacent deltas of a part as one delta."""
    merged = []
    for event in events:
        before = merged[-1] if merged else None
        if (
            type(before) is type(event)
            and isinstance(event, TextDelta | RefusalDelta | ReasoningDelta)
            and before.part == event.part
        ):
            merged[-1] = replace(before, text=before.text + event.text)
        elif (
            type(before) is type(event)
            and isinstance(event, ToolCallArgumentsDelta)
            and before.part == event.part
        ):
            merged[-1] = replace(before, json=before.json + event.json)
        else:
            merged.append(event)
    return merged


# What a dialect can't say: each row a function that makes a response one without it.

Leave = Callable[[list], list]


def parts_of(events):
    """The merged events of each part."""
    parts = {}
    for event in merge(events)[1:-1]:
        parts.setdefault(event.part, []).append(event)
    return list(parts.values())


def with_parts(events, parts):
    numbered = [replace(event, part=index) for index, part in enumerate(parts) for event in part]
    return [events[0], *numbered, events[-1]]


def run_together(events):
    """Texts in a row, and thoughts."""
    parts = []
    for part in parts_of(events):
        kind = type(part[0])
        if parts and type(parts[-1][-1]) is kind and kind in (TextDelta, ReasoningDelta):
            parts[-1] = [*parts[-1], *part]
        else:
            parts.append(part)
    together = [[replace(event, part=index) for event in part] for index, part in enumerate(parts)]
    return merge(with_parts(events, together))


def no_goods(events):
    parts = ([e for e in part if not isinstance(e, ReasoningSignature)] for part in parts_of(events))
    return with_parts(events, [part for part in parts if part])


def is_wordless(part):
    """Reasoning without text, which has only its signature."""
    return isinstance(part[0], ReasoningSignature)


def no_goods_at_the_end(events):
    parts = parts_of(events)
    while parts and is_wordless(parts[-1]):
        parts.pop()
    return with_parts(events, parts)


def never_without_arguments(events):
    return with_parts(
        events,
        [
            [*part, ToolCallArgumentsDelta(0, "{}")] if isinstance(part[-1], ToolCallStarted) else part
            for part in parts_of(events)
        ],
    )


def no_refusal(events):
    """A refusal becomes a text, and the end has its own word."""
    parts = [
        [TextDelta(0, event.text) if isinstance(event, RefusalDelta) else event for event in part]
        for part in parts_of(events)
    ]
    end = events[-1]
    has_call = any(isinstance(event, ToolCallStarted) for part in parts for event in part)
    refused = end.reason in ("refusal", "filtered")
    ended = replace(end, reason="tool_calls" if has_call else "stop") if refused else end
    return [*with_parts(events, parts)[:-1], ended]


LOSSES: dict[str, dict[str, Leave]] = {
    "chat": {
        "whose goods they are, until they are sent back": no_goods,
        "where a text or a thought ends and the next begins": run_together,
        "calls without arguments": never_without_arguments,
    },
    "messages": {
        "a thought without a word at the end": no_goods_at_the_end,
        "why a model refuses, and whether it does": no_refusal,
    },
    "responses": {
        "calls without arguments": never_without_arguments,
    },
}


def expressible(dialect, events, but=None):
    """The response without what the dialect can't say; `but`: a row that is left out."""
    events = merge(events)
    for row, leave in LOSSES[dialect].items():
        events = leave(events) if row != but else events
    return events


def in_pieces(event):
    """A delta of three characters at a time."""
    match event:
        case (
            TextDelta(part, text)
            | RefusalDelta(part, text)
            | ReasoningDelta(part, text)
            | ToolCallArgumentsDelta(part, text)
        ):
            return [type(event)(part, text[start : start + 3]) for start in range(0, len(text), 3)]
    return [event]


def write(dialect, events):
    """The bytes of each event, or of each of its pieces."""
    writer, framing = WRITERS[dialect](), DIALECTS[dialect].framing
    out = [framing.encode(writer.feed(piece)) for event in events for piece in in_pieces(event)]
    return [*out, framing.end] if isinstance(events[-1], ResponseFinished) else out


class Notes:
    """Writes down the events."""

    def __init__(self):
        self.events = []

    def feed(self, event):
        self.events.append(event)
        return []


def read(dialect, pieces):
    """The merged events of a stream, with goods as they are read when the client sends them back."""
    notes = Notes()
    stream = Translation(READERS[dialect](), notes, DIALECTS[dialect].framing)
    for piece in pieces:
        stream.feed(piece)
        assert stream.failure is None
    if not stream.done:
        stream.close()
    events = no_goods(notes.events) if dialect == "chat" else merge(notes.events)
    return [with_decoded_details(dialect, event) for event in events]


def with_decoded_details(dialect, event):
    if isinstance(event, ResponseStarted):
        return ResponseStarted(event.id.split("-")[-1].split("_")[-1])  # without the dialect's prefix
    if not isinstance(event, ReasoningSignature):
        return event
    ((key, given_),) = event.provider_details.items()
    assert key == dialect
    own = given_["encrypted_content"] if dialect == "responses" else given_
    return replace(event, provider_details=decode_details(own, dialect))


@pytest.mark.parametrize("dialect", NAMES)
@given(events=model_responses)
def test_a_response_that_a_dialect_can_express_survives_a_round_trip(dialect, events):
    said_ = expressible(dialect, events)
    assert read(dialect, write(dialect, said_)) == said_


@pytest.mark.parametrize("dialect", NAMES)
@given(
    events=model_responses,
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    rest=st.integers(1, 200),
)
def test_a_round_trip_does_not_depend_on_the_cuts(dialect, events, sizes, rest):
    """In pieces of these sizes, and then of this one."""
    whole = b"".join(write(dialect, events))
    pieces = cut(whole, sizes + [rest] * (len(whole) // rest))
    assert b"".join(pieces) == whole
    assert read(dialect, pieces) == read(dialect, [whole])


ROWS_SHARE = {"many_answers"}


@pytest.fixture(scope="module")
def many_responses():
    drawn = []

    @settings(max_examples=12 * settings.default.max_examples, phases=[Phase.generate])
    @given(model_responses)
    def draw(events):
        drawn.append(events)

    draw()
    return drawn


@pytest.mark.parametrize(("dialect", "row"), [(d, row) for d in NAMES for row in LOSSES[d]])
def test_every_row_of_the_table_is_a_real_loss(dialect, row, many_responses):
    reduced = (expressible(dialect, events, but=row) for events in many_responses)
    assert any(read(dialect, write(dialect, events)) != events for events in reduced)


# The response in one piece, and how a client that has got it sends it back.


ACCUMULATORS = accumulators(model=MODEL, id="answer")


def accumulate(dialect, pieces):
    return json.loads(accumulate_stream(pieces, ACCUMULATORS[dialect]())[0])


def read_as_history(dialect, whole):
    """What the bridge reads of the response in the next request."""
    if dialect == "chat":
        body = {"messages": [whole["choices"][0]["message"]]}
        return chat.read_prompt({"model": MODEL, **body}).messages
    if dialect == "messages":
        body = {"messages": [{"role": whole["role"], "content": whole["content"]}]}
        return messages.read_prompt({"model": MODEL, **body}).messages
    return responses.read_prompt({"model": MODEL, "input": whole["output"]}, ToolNames()).messages


def part_said(events):
    first = events[0]
    deltas = TextDelta | RefusalDelta | ReasoningDelta
    text = "".join(event.text for event in events if isinstance(event, deltas))
    if isinstance(first, TextDelta | RefusalDelta):
        return Text(text)
    if isinstance(first, ToolCallStarted):
        return ToolCall(first.id, first.name, "".join(event.json for event in events[1:]))
    seals = [event.provider_details for event in events if isinstance(event, ReasoningSignature)]
    return Reasoning(text, seals[0] if seals else {})


# Chat has one field for each kind, so texts are joined.  Its own signature is for all of the reasoning.
def in_chat(parts):
    thoughts = [part for part in parts if isinstance(part, Reasoning)]
    signed = [part.provider_details for part in thoughts if part.provider_details]
    if thoughts and (not signed or [*map(set, signed)] == [{"chat"}]):
        thoughts = [Reasoning("".join(part.text for part in thoughts), signed[0] if signed else {})]
    return [
        *thoughts,
        Text("".join(part.text for part in parts if isinstance(part, Text))),
        *(part for part in parts if isinstance(part, ToolCall)),
    ]


@given(events=model_responses)
def test_the_reasoning_that_an_sdk_concatenates_can_be_decoded(events):
    """It adds text to text, whatever a field holds."""
    data = b"".join(write("chat", events)).split(b"\n\n")
    chunks = [json.loads(line.removeprefix(b"data: ")) for line in data if line.startswith(b"data: {")]
    message = {"role": "assistant"}
    for delta in (choice["delta"] for chunk in chunks for choice in chunk["choices"]):
        for field in ("reasoning_content", "reasoning_opaque"):
            message[field] = message.get(field, "") + delta.get(field, "")
    (read_,) = chat.read_prompt({"model": MODEL, "messages": [message]}).messages
    assert [*read_.parts, Text("")] == in_chat(
        [part for part in map(part_said, parts_of(events)) if isinstance(part, Reasoning)]
    )


@pytest.mark.parametrize("dialect", NAMES)
@given(events=model_responses)
def test_a_whole_response_equals_its_stream(dialect, events):
    """And it is read as what the model has said, when it comes back."""
    events = no_goods_at_the_end(events) if dialect == "messages" else events
    expected = [
        replace(call, arguments=call.arguments or "{}") if isinstance(call, ToolCall) else call
        for call in map(part_said, parts_of(events))
    ]
    whole = accumulate(dialect, write(dialect, events))
    history = [part for message in read_as_history(dialect, whole) for part in message.parts]
    if dialect == "chat":
        history, expected = in_chat(history), in_chat(expected)
    assert history == expected


@pytest.mark.parametrize("dialect", NAMES)
@given(events=model_responses, size=st.integers(1, 60))
def test_a_whole_response_does_not_depend_on_the_cuts(dialect, events, size):
    data = b"".join(write(dialect, events))
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert accumulate(dialect, pieces) == accumulate(dialect, [data])


STATUS_BY_REASON = {
    "chat": lambda whole: whole["choices"][0]["finish_reason"],
    "messages": lambda whole: whole["stop_reason"],
    "responses": lambda whole: (whole["incomplete_details"] or {}).get("reason", whole["status"]),
}
NAMES = {
    "chat": {
        "stop": "stop",
        "tool_calls": "tool_calls",
        "length": "length",
        "refusal": "stop",
        "filtered": "content_filter",
    },
    "messages": {
        "stop": "end_turn",
        "tool_calls": "tool_use",
        "length": "max_tokens",
        "refusal": "refusal",
        "filtered": "refusal",
    },
    "responses": {
        "stop": "completed",
        "tool_calls": "completed",
        "length": "max_output_tokens",
        "refusal": "completed",
        "filtered": "content_filter",
    },
}


def counted_by(dialect, usage):
    """(prompt, cached, output) as the dialect's clients read them."""
    if dialect == "messages":
        cached = usage["cache_read_input_tokens"]
        return (
            usage["input_tokens"] + usage["cache_creation_input_tokens"] + cached,
            cached,
            usage["output_tokens"],
        )
    side = ("prompt", "completion") if dialect == "chat" else ("input", "output")
    cached = usage[f"{side[0]}_tokens_details"]["cached_tokens"]
    assert usage["total_tokens"] == usage[f"{side[0]}_tokens"] + usage[f"{side[1]}_tokens"]
    return usage[f"{side[0]}_tokens"], cached, usage[f"{side[1]}_tokens"]


@pytest.mark.parametrize("dialect", NAMES)
@given(events=model_responses.filter(lambda events: events[-1].usage.prompt_tokens + events[-1].usage.output))
def test_a_whole_response_has_the_finish_reason_and_the_usage(dialect, events):
    whole, end = accumulate(dialect, write(dialect, events)), events[-1]
    assert STATUS_BY_REASON[dialect](whole) == NAMES[dialect][end.reason]
    usage = end.usage
    assert counted_by(dialect, whole["usage"]) == (usage.prompt_tokens, usage.cached, usage.output)
