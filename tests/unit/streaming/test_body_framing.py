"""The framing of bodies (RFC 9112, sections 6 and 7), cut anywhere."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.streaming.chunks import END, frame

from copilot_bridge.errors import StreamCut
from copilot_bridge.streaming.body_framing import MAX_LINE_LENGTH, BodyFraming, Chunked, Sized, UntilClose


def feed(framing: BodyFraming, pieces: Iterable[bytes]) -> bytes:
    return b"".join(map(framing.feed, pieces))


EXTENSIONS = st.sampled_from([b"", b";a", b";a=b", b' ;a="b c"', b"\t", b" "])
TRAILERS = st.sampled_from([b"", b"A: b\r\n", b"A: b\r\nC: d\r\n", b"Long: " + b"x" * 300 + b"\r\n"])


@st.composite
def chunked(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """(payload, framed)"""
    payload = st.binary(min_size=1, max_size=40) | st.sampled_from(
        [b"\r\n", b"0\r\n\r\n", b"5\r\nhello\r\n", b"x" * 300]
    )
    chunks = draw(st.lists(payload, max_size=5))
    framed = [
        frame(chunk, draw(EXTENSIONS), draw(st.booleans()), draw(st.integers(0, 2))) for chunk in chunks
    ]
    return b"".join(chunks), b"".join(framed) + b"0" + draw(EXTENSIONS) + b"\r\n" + draw(TRAILERS) + b"\r\n"


@given(chunked(), st.lists(st.integers(0, 500), max_size=8).map(sorted))
def test_chunks_give_the_payload_however_they_are_cut(
    message: tuple[bytes, bytes], places: list[int]
) -> None:
    payload, framed = message
    framing, out = Chunked(), b""
    for start, end in zip([0, *places], [*places, len(framed)], strict=True):
        assert framing.eof == (start >= len(framed))
        out += framing.feed(framed[start:end])
    assert out == payload
    assert framing.eof


@given(chunked())
def test_chunks_may_come_byte_by_byte(message: tuple[bytes, bytes]) -> None:
    payload, framed = message
    framing, out = Chunked(), b""
    for at in range(len(framed)):
        assert not framing.eof
        out += framing.feed(framed[at : at + 1])
    assert out == payload
    assert framing.eof


@given(chunked(), st.integers(1, 20))
def test_the_end_comes_with_the_last_byte(message: tuple[bytes, bytes], missing: int) -> None:
    framing = Chunked()
    framing.feed(message[1][:-missing])
    assert not framing.eof


def test_a_large_chunk_is_not_copied() -> None:
    framing = Chunked()
    assert framing.feed(b"100000\r\n") == b""
    piece = b"x" * 65536
    assert all(framing.feed(piece) is piece for _ in range(16))
    assert not framing.eof
    assert framing.feed(b"\r\n" + END) == b""
    assert framing.eof


GARBAGE = {
    "no number": b"hello\r\n",
    "a negative number": b"-5\r\nhello\r\n",
    "a sign": b"+5\r\nhello\r\n",
    "a prefix": b"0x5\r\nhello\r\n",
    "no size": b";ext\r\nhello\r\n",
    "an empty line": b"\r\n\r\n5\r\nhello\r\n",
    "events without any framing": b'data: {"choices": []}\n\n',
    "a size beyond reason": b"f" * 17 + b"\r\n",
    "a chunk that is longer than it says": b"3\r\nhello\r\n",
    "after a good chunk": b"5\r\nhello\r\nworld\r\n",
    "a line end only": b"5\nhello\n0\n\n",
    "a space before the size": b" 5\r\nhello\r\n",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_malformed_chunks_are_a_cut_stream(data: bytes) -> None:
    for size in (1, 2, 3, len(data)):
        framing = Chunked()
        with pytest.raises(StreamCut):
            feed(framing, [data[at : at + size] for at in range(0, len(data), size)])
        assert not framing.eof


@pytest.mark.parametrize("piece", [b"1" * 100, b"5;" + b"x" * 98, b"x" * MAX_LINE_LENGTH])
def test_an_endless_size_line_is_a_cut_stream(piece: bytes) -> None:
    framing = Chunked()
    with pytest.raises(StreamCut):
        feed(framing, [piece] * (MAX_LINE_LENGTH // 100 + 2))


def test_an_endless_trailer_is_not_buffered() -> None:
    framing = Chunked()
    framing.feed(b"0\r\n")
    for _ in range(100):
        framing.feed(b"x" * 5000)
    assert len(framing._pending) <= MAX_LINE_LENGTH
    framing.feed(b"\r\n\r\n")
    assert framing.eof


def test_a_long_trailer_is_skipped() -> None:
    """Cut anywhere, also where a line of it ends."""
    line = b"Name: " + b"x" * (MAX_LINE_LENGTH - 8) + b"\r\n"
    for cut in range(len(line) - 3, len(line) + 3):
        framing = Chunked()
        framing.feed(b"0\r\nA: b\r\n")
        trailer = line * 3 + b"\r\n"
        framing.feed(trailer[:cut])
        assert not framing.eof
        framing.feed(trailer[cut:])
        assert framing.eof


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_a_length_gives_its_bytes_however_they_are_cut(size: int) -> None:
    framing, data = Sized(5), b"helloHTTP/1.1"
    out = b"".join(framing.feed(data[at : at + size]) for at in range(0, len(data), size))
    assert out == b"hello"
    assert framing.eof


def test_a_length_of_zero_is_complete() -> None:
    assert Sized(0).eof
    assert Sized(0).feed(b"more") == b""
    assert not Sized(1).eof


def test_without_framing_everything_is_payload() -> None:
    framing = UntilClose()
    assert framing.feed(b"0\r\n\r\n") == b"0\r\n\r\n"
    assert not framing.eof
