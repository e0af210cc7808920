"""Chunks that match the template are read as they would be if they were parsed."""

import json
from pathlib import Path

import pytest

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.chat import reader
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.events import TextDelta
from copilot_bridge.dialects.framing import sse
from copilot_bridge.errors import BridgeError

TRANSCRIPTS = sorted((Path(__file__).parents[2] / "golden" / "chat-from-chat").glob("*/upstream.sse"))


class Unlearning:
    """Every chunk is mended."""

    @staticmethod
    def from_example(*_):
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
    doubled = [each for block in blocks for each in [block] * (1 + (b'"content":"' in block))]
    known = read(doubled)
    monkeypatch.setattr(reader, "ChunkTemplate", Unlearning)
    assert known == read(doubled)


def chunk(text, **more):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None} | more
    told = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return json.dumps(told, separators=(",", ":")).encode()


def test_a_chunk_that_matches_the_template_is_not_parsed(monkeypatch):
    reading = reader.ChatReader(ChunkNormalizer(model="m", created=1))
    for text in ("first", "second"):  # the first one opens the answer
        list(reading.feed(chunk(text)))
    monkeypatch.setattr(codec, "read_object", None)
    texts = ["plain", 'a "quote" and a \\', "line\nends", "Grüße 👋", "", "\ud83d"]
    told = [event for text in texts for event in reading.feed(chunk(text))]
    assert told == [TextDelta(0, text) for text in texts if text]


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
    blocks = [b"data: " + each for each in (chunk("one"), chunk("two"), other, chunk("three"))]
    known = read(blocks)
    monkeypatch.setattr(reader, "ChunkTemplate", Unlearning)
    assert known == read(blocks)
