"""Server-sent events: the cases of the WHATWG standard, cut at every position."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge.dialects.framing import sse

STREAMS: dict[str, tuple[bytes, list[bytes]]] = {
    "one": (b"data: a\n\n", [b"data: a"]),
    "two": (b"data: a\n\ndata: b\n\n", [b"data: a", b"data: b"]),
    "several lines": (b"data: a\ndata: b\n\n", [b"data: a\ndata: b"]),
    "more empty lines than needed": (b"\n\n\ndata: a\n\n\n\ndata: b\n\n\n", [b"data: a", b"data: b"]),
    "an odd number of empty lines": (b"data: a\n\n\ndata: b\n\n", [b"data: a", b"data: b"]),
    "crlf": (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"data: a", b"data: b"]),
    "cr, known only by what follows": (b"data: a\r\rdata: b\r\r\r", [b"data: a", b"data: b"]),
    "mixed line ends": (b"data: a\r\n\ndata: b\n\r\ndata: c\r\n\r\n", [b"data: a", b"data: b", b"data: c"]),
    "a comment": (b": hi\n\ndata: a\n\n", [b": hi", b"data: a"]),
    "other fields": (b"event: x\nid: 1\ndata: a\nretry: 5\n\n", [b"event: x\nid: 1\ndata: a\nretry: 5"]),
    "unicode's line ends are none": (
        "data: a\u2028b\u2029c\u0085d\x0b\x0c\n\n".encode(),
        ["data: a\u2028b\u2029c\u0085d\x0b\x0c".encode()],
    ),
    "an unfinished block is none": (b"data: a\n\ndata: b\n", [b"data: a"]),
    "nothing": (b"", []),
}


def split(pieces: list[bytes]) -> list[bytes]:
    splitter = sse.Splitter()
    return [block for piece in pieces for block in splitter.feed(piece)]


@pytest.mark.parametrize(("stream", "blocks"), STREAMS.values(), ids=STREAMS)
def test_a_whole_stream_is_split_into_blocks(stream: bytes, blocks: list[bytes]) -> None:
    assert split([stream]) == blocks


@pytest.mark.parametrize(("stream", "blocks"), STREAMS.values(), ids=STREAMS)
def test_a_stream_cut_anywhere_gives_the_same_blocks(stream: bytes, blocks: list[bytes]) -> None:
    for offset in range(len(stream) + 1):
        assert split([stream[:offset], stream[offset:]]) == blocks, offset


@pytest.mark.parametrize(("stream", "blocks"), STREAMS.values(), ids=STREAMS)
def test_a_stream_byte_by_byte_gives_the_same_blocks(stream: bytes, blocks: list[bytes]) -> None:
    assert split([bytes([byte]) for byte in stream]) == blocks


CUTS = st.lists(st.integers(0, 40), max_size=6).map(sorted)


@given(st.text(alphabet="ab:\r\n", max_size=40).map(str.encode), CUTS)
def test_blocks_do_not_depend_on_the_cuts(stream: bytes, places: list[int]) -> None:
    stream += b"x\n\n"  # which settles a carriage return at the end
    pieces = [stream[start:end] for start, end in zip([0, *places], [*places, None], strict=True)]
    assert split(pieces) == split([bytes([byte]) for byte in stream])


def test_a_byte_order_mark_is_skipped() -> None:
    """ "... then, if the first character is U+FEFF, it is ignored": the first event would be lost."""
    (block,) = split(["\ufeffdata: a\n\n".encode()])
    assert sse.read_data(block) == b"a"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_rest_is_the_text_after_the_last_empty_line(end: bytes) -> None:
    splitter = sse.Splitter()
    splitter.feed(b"data: a" + 2 * end + b"data: b" + end)
    assert splitter.rest() == b"data: b"


def test_a_complete_stream_has_no_rest() -> None:
    splitter = sse.Splitter()
    splitter.feed(b"data: a\n\n\n")
    assert splitter.rest() == b""


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
def test_a_long_block_in_tiny_pieces_is_linear_work(end: bytes) -> None:
    """Searching from the start each time would take a minute."""
    size = 500_000
    stream = b"data: " + b"x" * size + end
    splitter = sse.Splitter()
    began = time.process_time()
    blocks = [block for at in range(len(stream)) for block in splitter.feed(stream[at : at + 1])]
    assert time.process_time() - began < 10
    assert [len(block) for block in blocks] == [size + len(b"data: ")]


@pytest.mark.parametrize(
    ("block", "data"),
    [
        (b"data: a", b"a"),
        (b"data:a", b"a"),
        (b"data:", b""),
        (b"data: ", b""),
        (b": comment", b""),
        (b":", b""),
        (b"event: x", b""),
        (b"database: x", b""),
        (b"event: x\ndata: a", b"a"),
        (b"data: a\nevent: x", b"a"),
        (b": comment\ndata: a\n: comment", b"a"),
        (b"data: a\ndata:b\ndata:  c", b"a\nb\n c"),
        (b"data: a\n\xff", b"a"),
        (b"data: data: a", b"data: a"),
        ("data: a\u2028b".encode(), "a\u2028b".encode()),
        (b"", b""),
    ],
)
def test_data_lines_of_a_block_are_joined(block: bytes, data: bytes) -> None:
    assert sse.read_data(block) == data


def test_encoded_data_can_be_read_again() -> None:
    (block,) = split([sse.ServerSentEvents().encode([("", {"a": 1})])])
    assert sse.read_data(block) == b'{"a":1}'


def test_a_keepalive_has_no_data() -> None:
    (block,) = split([sse.KEEPALIVE])
    assert sse.read_data(block) == b""


def test_the_end_marker_is_a_block() -> None:
    (block,) = split([b"data: [DONE]\n\n"])
    assert sse.read_data(block) == b"[DONE]"


@given(st.lists(st.sampled_from([b"data: x", b"\n", b"\n\n", b"\r", b": c"])).map(b"".join))
def test_pieces_that_need_no_splitting_are_recognized(piece: bytes) -> None:
    splitter = sse.Splitter()
    promised = splitter.would_give_back(piece)
    written = b"".join(block + b"\n\n" for block in splitter.feed(piece))
    assert written == piece or not promised


def test_whole_blocks_are_recognized_unless_the_buffer_has_data() -> None:
    splitter = sse.Splitter()
    assert splitter.would_give_back(b"data: a\n\n: b\n\n")
    splitter.feed(b"da")
    assert not splitter.would_give_back(b"ta: a\n\n")
