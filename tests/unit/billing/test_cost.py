"""The cost of a response, read from bytes that are cut anywhere."""

import json

import pytest

from copilot_bridge.billing.cost import CostReader, stated_cost

USAGE = {"token_details": [], "total_nano_aiu": 172_800_000}


@pytest.mark.parametrize("size", range(1, 60))
def test_the_cost_is_found_however_the_bytes_are_cut(size):
    sent = b'data: {"x": 1, "copilot_usage": {"total_nano_aiu" : 172800001}, "y": 7}\n\n'
    for start in range(size):
        reader = CostReader()
        pieces = [sent[:start], *(sent[at : at + size] for at in range(start, len(sent), size))]
        for piece in pieces:
            reader.feed(piece)
            assert reader.nano_aiu in (None, 172_800_001)
        assert reader.nano_aiu == 172_800_001


def test_the_cost_is_found_in_two_pieces():
    sent = b'{"copilot_usage":{"token_details":[],"total_nano_aiu":172800000}}'
    for at in range(len(sent) + 1):
        reader = CostReader()
        reader.feed(sent[:at])
        reader.feed(sent[at:])
        assert reader.nano_aiu == 172_800_000


def test_a_models_text_in_a_stream_is_not_read_as_cost():
    data = json.dumps({"delta": {"partial_json": json.dumps({"total_nano_aiu": 0})}}).encode()
    reader = CostReader()
    reader.feed(b'data: {"total_nano_aiu":5}\n\ndata: ' + data + b"\n\n")
    assert reader.nano_aiu == 5


@pytest.mark.parametrize(
    ("response", "cost"),
    [
        ({"copilot_usage": USAGE}, 172_800_000),
        ({"copilot_usage": {}}, None),
        ({"content": [{"input": {"total_nano_aiu": 0}}], "copilot_usage": USAGE}, 172_800_000),
        ({"copilot_usage": USAGE, "content": [{"input": {"total_nano_aiu": 0}}]}, 172_800_000),
        ({"content": [{"input": {"total_nano_aiu": 0}}]}, None),
        ({"content": [{"input": [USAGE, USAGE]}]}, None),
        ({"copilot_usage": {"total_nano_aiu": -1}}, None),
        ({"copilot_usage": {"total_nano_aiu": True}}, None),
        ({"copilot_usage": [USAGE]}, None),
        ([USAGE], None),
        (None, None),
    ],
)
def test_the_cost_of_a_whole_response_is_the_one_that_copilot_states(response, cost):
    assert stated_cost(response) == cost
