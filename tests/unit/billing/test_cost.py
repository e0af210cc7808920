"""The cost of an answer, read from bytes that are cut anywhere."""

import pytest

from copilot_bridge.billing.cost import CostReader, cost_of


@pytest.mark.parametrize("size", range(1, 60))
def test_the_cost_is_found_however_the_bytes_are_cut(size):
    sent = b'data: {"x": 1, "copilot_usage": {"total_nano_aiu" : 172800001}, "y": 7}\n\n'
    for start in range(size):
        reader = CostReader()
        pieces = [sent[:start], *(sent[at : at + size] for at in range(start, len(sent), size))]
        for piece in pieces:
            reader.feed(piece)
            assert reader.cost in (None, 0.172800001)
        assert reader.cost == 0.172800001


def test_the_cost_is_found_in_two_pieces():
    sent = b'{"copilot_usage":{"token_details":[],"total_nano_aiu":172800000}}'
    for at in range(len(sent) + 1):
        reader = CostReader()
        reader.feed(sent[:at])
        reader.feed(sent[at:])
        assert reader.cost == 0.1728


def test_a_whole_answer_without_a_cost_has_none():
    assert cost_of(b'{"copilot_usage":{}}') is None
