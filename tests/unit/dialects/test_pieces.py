"""A whole body in pieces."""

from collections.abc import Iterator

import pytest

from copilot_bridge.dialects.pieces import PIECE_SIZE, gather
from copilot_bridge.errors import StreamCut


def test_the_pieces_are_the_body_in_order() -> None:
    body = gather(iter([b"a", memoryview(b"bc"), b"", b"d"]))
    assert (body.size, b"".join(body)) == (4, b"abcd")


def test_small_parts_are_sent_together_and_large_ones_soon() -> None:
    parts = [bytes([number]) * 1000 for number in range(200)] * 5
    sent = list(gather(iter(parts)))
    assert b"".join(sent) == b"".join(parts)
    assert all(PIECE_SIZE <= len(piece) < PIECE_SIZE + 1000 for piece in sent[:-1])
    assert len(sent) == 4


def test_a_long_body_is_made_as_it_is_sent() -> None:
    made = []

    def parts() -> Iterator[bytes]:
        for number in range(4):
            made.append(number)
            yield bytes(PIECE_SIZE)

    body = gather(parts(), PIECE_SIZE)
    assert body.size is None
    pieces = iter(body)
    next(pieces)
    assert made == [0, 1]
    assert sum(map(len, pieces)) == 3 * PIECE_SIZE


def test_an_error_in_a_short_body_is_raised_before_it_is_sent() -> None:
    def parts() -> Iterator[bytes]:
        yield b"a"
        raise StreamCut("cut")

    with pytest.raises(StreamCut):
        gather(parts())
