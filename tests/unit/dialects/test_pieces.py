"""A whole body in pieces."""

from copilot_bridge.dialects.pieces import PIECE_SIZE, Pieces


def test_the_pieces_are_the_body_in_order() -> None:
    body = Pieces([b"a", memoryview(b"bc"), b"", b"d"])
    assert (body.size, b"".join(body)) == (4, b"abcd")


def test_small_parts_are_sent_together_and_large_ones_soon() -> None:
    parts = [bytes([number]) * 1000 for number in range(200)] * 5
    sent = list(Pieces(list(parts)))
    assert b"".join(sent) == b"".join(parts)
    assert all(PIECE_SIZE <= len(piece) < PIECE_SIZE + 1000 for piece in sent[:-1])
    assert len(sent) == 4


def test_what_was_sent_is_not_kept() -> None:
    parts = [bytes(PIECE_SIZE), bytes(PIECE_SIZE)]
    pieces = iter(Pieces(parts))
    next(pieces)
    assert len(parts) == 1
