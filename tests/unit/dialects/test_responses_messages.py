"""The messages of a WebSocket out of the bytes of a stream."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot_bridge.dialects.responses.turns import PING, MessageSplitter

# Blocks of a stream, and the message that each of them stands for.
BLOCKS = [
    (b'event: response.created\ndata: {"a":1}\n\n', b'{"a":1}'),
    (b'event: response.x.delta\ndata: {"delta":"event: a"}\n\n', b'{"delta":"event: a"}'),
    (b": keep-alive\n\n", PING),
    (b'data: {"b":2}\n\n', b'{"b":2}'),
    (b'event: x\r\ndata: {"c":3}\r\n\r\n', b'{"c":3}'),
    (b'event: x\ndata: {"d":\ndata: 4}\n\n', b'{"d":\n4}'),
    (b'id: 7\nevent: x\ndata: {"e":5}\n\n', b'{"e":5}'),
]


@given(st.lists(st.sampled_from(BLOCKS), max_size=8), st.lists(st.integers(1, 300), max_size=6))
def test_each_event_is_a_message_wherever_the_bytes_are_cut(
    blocks: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    data = b"".join(block for block, _ in blocks)
    places = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]
    splitter = MessageSplitter(None)
    found = [message for start, end in pairwise(places) for message in splitter.feed(data[start:end])]
    assert found == [message for _, message in blocks]


@pytest.mark.parametrize(("block", "message"), [block for block in BLOCKS if block[1]])
def test_a_message_names_its_lane(block: bytes, message: bytes) -> None:
    assert MessageSplitter("two").feed(block) == [message[:-1] + b',"stream_id":"two"}']
