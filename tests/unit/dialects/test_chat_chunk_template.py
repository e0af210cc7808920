"""Chunks that match the template are read as they would be if they were parsed."""

import json
from pathlib import Path

import pytest

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.chat import chunk_template, normalize, reader
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.events import ReasoningDelta, TextDelta, ToolCallArgumentsDelta
from copilot_bridge.dialects.framing import sse
from copilot_bridge.errors import BridgeError

TRANSCRIPTS = sorted((Path(__file__).parents[2] / "golden" / "chat-from-chat").glob("*/upstream.sse"))


class Unlearning:
    """Every chunk is mended."""

    @staticmethod
    def after(*_):
        return None


def read(blocks):
    """The events, and the error that ended them."""
    reading = reader.ChatReader(ChunkNormalizer(model="m", created=1))
    events = []
    try:
        for block in blocks:
            if data := sse.read_data(block):
                events += reading.feed(data)
            if data == b"[DONE]":
                return events, None
        events += reading.close()
    except BridgeError as error:
        return events, str(error)
    return events, None


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.parent.name)
def test_the_template_does_not_change_any_transcript(path, monkeypatch):
    splitter = sse.Splitter()
    blocks = splitter.feed(path.read_bytes())
    blocks = [*blocks, splitter.rest()]
    # Twice the texts, so that there is something to know again.
    doubled = [data for block in blocks for data in [block] * (1 + (b'"content":"' in block))]
    known = read(doubled)
    monkeypatch.setattr(reader, "ChunkTemplate", Unlearning)
    assert known == read(doubled)


def chunk(text, **more):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None} | more
    fields = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return json.dumps(fields, separators=(",", ":")).encode()


def test_a_chunk_that_matches_the_template_is_not_parsed(monkeypatch):
    reading = reader.ChatReader(ChunkNormalizer(model="m", created=1))
    for text in ("first", "second"):  # the first one opens the response
        list(reading.feed(chunk(text)))
    monkeypatch.setattr(codec, "read_object", None)
    texts = ["plain", 'a "quote" and a \\', "line\nends", "Grüße 👋", "", "\ud83d"]
    output = [event for text in texts for event in reading.feed(chunk(text))]
    assert output == [TextDelta(0, text) for text in texts if text]


@pytest.mark.parametrize(
    "other",
    [
        chunk("end", finish_reason="stop"),
        chunk("two").replace(b'"content"', b'"role":"assistant","content"'),
        chunk("x").replace(b'"x"', b'"x","refusal":"y"'),
        chunk("x").replace(b'"x"', b'"x\x00"'),
        b"{",
    ],
)
def test_a_chunk_that_does_not_match_the_template_is_parsed(other, monkeypatch):
    blocks = [b"data: " + data for data in (chunk("one"), chunk("two"), other, chunk("three"))]
    known = read(blocks)
    monkeypatch.setattr(reader, "ChunkTemplate", Unlearning)
    assert known == read(blocks)


def arguments(text, index=0, **more):
    call = {"index": index, "function": {"arguments": text} | more.pop("function", {})} | more
    return chunk_of({"tool_calls": [call]})


def chunk_of(delta):
    return chunk("").replace(b'{"content":""}', codec.write(delta))


def opening(name, index=0, **more):
    return arguments("", index, id=f"call_{name}", type="function", function={"name": name}, **more)


def moving(block, end):
    offsets = codec.write({"check_offset": end - 5, "start_offset": end - 5, "end_offset": end})
    return block.replace(b'"index":0,"delta"', b'"index":0,"content_filter_offsets":%b,"delta"' % offsets)


def normalized(blocks):
    """What the client gets, block by block, and the error that ended it."""
    stream = normalize.ChatNormalizer(ChunkNormalizer(model="m", created=1), usage=False)
    out = []
    try:
        out += [stream.feed(b"data: " + block + b"\n\n") for block in blocks]
    except BridgeError as error:
        return out, str(error)
    return out, None


BOTH = (
    opening("one"),
    *map(arguments, ('{"a"', ':"', "b c", "d ", "\n", '\\n"}')),
    opening("two"),  # Claude's second call has the first one's index
    *map(arguments, ("{", "}")),
    arguments("", 1, id="call_three", type="function", function={"name": "three"}),
    *(arguments(text, index) for text in ("{", '"x":1', "}") for index in (1, 0)),
)
BLANK = (opening("one"), *map(arguments, ("x", "y", *[" " * 400] * 2, "z", *[" " * 400] * 3)))
THOUGHTS = [chunk_of({name: text}) for name in ("reasoning_text", "thinking") for text in "abc"]
FILTERED = [moving(chunk(text), end) for end, text in enumerate("abc", 9)] + [chunk("d"), chunk("e")]


@pytest.mark.parametrize("ended", ["a ", "\n", "a\t", "a\\\r"])
def test_white_space_at_the_end_is_distinguished_from_an_escape(ended):
    written = json.dumps(ended)[1:-1].encode()
    assert chunk_template.may_end_in_whitespace(written)
    assert not chunk_template.may_end_in_whitespace(json.dumps(written.decode() + "x")[1:-1].encode())
    assert not chunk_template.may_end_in_whitespace(rb"a\\n")


@pytest.mark.parametrize(
    "blocks", [BOTH, BLANK, THOUGHTS, FILTERED], ids=["calls", "blank", "thoughts", "filtered"]
)
def test_no_template_changes_the_result(blocks, monkeypatch):
    by_template = normalized(blocks), read(b"data: " + block for block in blocks)
    monkeypatch.setattr(normalize, "ChunkTemplate", Unlearning)
    monkeypatch.setattr(reader, "ChunkTemplate", Unlearning)
    assert by_template == (normalized(blocks), read(b"data: " + block for block in blocks))


@pytest.mark.parametrize(
    ("blocks", "event"),
    [
        ([opening("one"), *map(arguments, "abc")], ToolCallArgumentsDelta(0, "c")),
        ([chunk_of({"reasoning_text": text}) for text in "abc"], ReasoningDelta(0, "c")),
        ([moving(chunk(text), end) for end, text in enumerate("abc", 9)], TextDelta(0, "c")),
    ],
    ids=["arguments", "reasoning", "offsets"],
)
def test_each_kind_of_text_has_a_template(blocks, event, monkeypatch):
    *learned, last = blocks
    reading = reader.ChatReader(ChunkNormalizer(model="m", created=1))
    stream = normalize.ChatNormalizer(ChunkNormalizer(model="m", created=1), usage=False)
    for block in learned:
        list(reading.feed(block))
        stream.feed(b"data: " + block + b"\n\n")
    monkeypatch.setattr(codec, "read_object", None)
    assert list(reading.feed(last)) == [event]
    assert b'"c"' in stream.feed(b"data: " + last + b"\n\n")


def test_a_block_shorter_than_the_template_does_not_match():
    reading = reader.ChatReader(ChunkNormalizer(model="m", created=1))
    for text in ("first", "second"):
        list(reading.feed(chunk(text)))
    cut = chunk("").replace(b'"content":""', b'"content":"')
    assert not list(reading.feed(cut))
