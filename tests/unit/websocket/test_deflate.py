"""Compressed messages: as the library would compress them, and what a server must not send."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol

from copilot_bridge.websocket.deflate import LEVEL, Deflate, DeflateOffer
from copilot_bridge.websocket.messages import MIN_COMPRESSED, Messages, masked_text_frame, text_frame

MAX_SIZE = 100_000
WORDS = [
    b"def take(self) -> None:\n",
    b'{"type":"function","name":"look"}',
    b"x" * 5000,
    bytes(range(256)) * 9,
]
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=12).map(b"".join), max_size=5)
NOT_DEFLATED = b"\xff" * 8
RSV1 = 0x40


def agreed(*, memory: bool = True, window: int = 15) -> PerMessageDeflate:
    """What a client and a server have agreed on, as the library does it for a client."""
    return PerMessageDeflate(False, not memory, 15, window, {"level": LEVEL})


def server(*, memory: bool = True, window: int = 15) -> PerMessageDeflate:
    return PerMessageDeflate(not memory, False, window, 15)


@given(TEXTS, st.booleans(), st.integers(9, 15))
def test_messages_are_compressed_as_by_the_library(texts: list[bytes], memory: bool, window: int) -> None:
    library = agreed(memory=memory, window=window)
    mine = Deflate(agreed(memory=memory, window=window))
    reader = server(memory=memory, window=window)
    for text in texts:
        ping = Frame(Opcode.PING, b"")
        assert mine.encode(ping) is ping
        frame = mine.encode(Frame(Opcode.TEXT, text))
        assert bytes(frame.data) == bytes(library.encode(Frame(Opcode.TEXT, text)).data)
        assert (frame.fin, frame.rsv1) == (True, True)
        assert reader.decode(frame, max_size=None).data == text


def test_a_small_message_is_sent_as_it_is_and_not_remembered() -> None:
    client = Messages(is_client=True, max_size=MAX_SIZE, deflate=Deflate(agreed()))
    reader = Protocol(SERVER, state=OPEN)
    reader.extensions = [server()]
    small, large = b"x" * (MIN_COMPRESSED - 1), b"y" * MIN_COMPRESSED
    sent = [client.frame_of(text) for text in (large, small, large)]
    assert [len(frame) < 50 for frame in sent] == [True, False, True]
    reader.receive_data(b"".join(sent))
    received = [bytes(frame.data) for frame in reader.events_received() if isinstance(frame, Frame)]
    assert received == [large, small, large]


@given(
    st.lists(st.tuples(st.binary(max_size=9) | st.sampled_from(WORDS), st.booleans())), st.integers(1, 9000)
)
def test_compressed_messages_are_read_wherever_they_are_cut(sent: list[tuple[bytes, bool]], cut: int) -> None:
    compressor = server()
    data = b"".join(
        Frame(Opcode.TEXT, text).serialize(mask=False, extensions=[compressor] if compressed else [])
        for text, compressed in sent
    )
    client = Messages(is_client=True, max_size=MAX_SIZE, deflate=Deflate(agreed()))
    found: list[bytes] = []
    for start in range(0, len(data), cut):
        found += client.receive(data[start : start + cut])
    assert found == [text for text, _ in sent]
    assert client.is_open


def compressed_frame(data: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    """A server's frame that says that its data are compressed."""
    frame = bytearray(Frame(opcode, data, fin).serialize(mask=False))
    frame[0] |= RSV1
    return bytes(frame)


def test_a_compressed_message_may_come_in_several_frames() -> None:
    text = b"look here " * 500
    whole = bytes(server().encode(Frame(Opcode.TEXT, text)).data)
    first = compressed_frame(whole[:10], fin=False)
    ping = Frame(Opcode.PING, b"").serialize(mask=False)
    rest = Frame(Opcode.CONT, whole[10:]).serialize(mask=False)
    client = Messages(is_client=True, max_size=MAX_SIZE, deflate=Deflate(agreed()))
    assert client.receive(first + ping + rest + text_frame(b"next")) == [text, b"next"]


BOMB = zlib.compress(bytes(MAX_SIZE + 1), wbits=-15)
BOMB_IN_TWO = compressed_frame(BOMB[:9], fin=False) + Frame(Opcode.CONT, BOMB[9:]).serialize(mask=False)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (compressed_frame(NOT_DEFLATED), 1002),
        (compressed_frame(NOT_DEFLATED, fin=False), 1002),
        (compressed_frame(BOMB), 1009),
        (BOMB_IN_TWO, 1009),
        (b"\xa1\x01x", 1002),  # another reserved bit
        (compressed_frame(b"", Opcode.PING), 1002),
    ],
)
def test_undecompressable_data_ends_the_connection(data: bytes, code: int) -> None:
    client = Messages(is_client=True, max_size=MAX_SIZE, deflate=Deflate(agreed()))
    assert client.receive(text_frame(b"before") + data + text_frame(b"after")) == [b"before"]
    assert not client.is_open
    assert client.violation
    assert sent_code(client) == code


def test_nothing_may_be_compressed_that_was_not_agreed_on() -> None:
    client = Messages(is_client=True, max_size=MAX_SIZE)
    assert client.receive(compressed_frame(b"x")) == []
    assert sent_code(client) == 1002
    assert client.frame_of(b"x" * MIN_COMPRESSED)[0] == masked_text_frame(b"x")[0]


def sent_code(messages: Messages) -> int:
    reader = Protocol(SERVER, state=OPEN)
    reader.receive_data(messages.outgoing())
    (close,) = [frame for frame in reader.events_received() if isinstance(frame, Frame)]
    return int.from_bytes(bytes(close.data)[:2], "big")


def test_whatever_a_server_may_choose_is_taken() -> None:
    for chosen, window in (
        ([], 15),
        ([("client_max_window_bits", "10")], 10),
        ([("server_max_window_bits", "8"), ("client_no_context_takeover", None)], 15),
        ([("server_no_context_takeover", None)], 15),
    ):
        accepted = DeflateOffer().process_response_params(chosen, [])
        assert accepted.local_max_window_bits == window
    assert DeflateOffer().get_request_params() == [("client_max_window_bits", None)]


@pytest.mark.parametrize(
    "chosen", [("client_max_window_bits", "8"), ("server_max_window_bits", "16"), ("x", "")]
)
def test_parameters_that_a_server_may_not_choose_are_refused(chosen: tuple[str, str]) -> None:
    with pytest.raises(NegotiationError):
        DeflateOffer().process_response_params([chosen], [])
