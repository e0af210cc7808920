"""The messages out of a connection's bytes, compared with what the library makes of them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, OPEN, SERVER, Protocol

from copilot_bridge.websocket.messages import Messages, masked_text_frame, text_frame

MAX_SIZE = 100_000
# Around each length at which a frame's head has another form, and beyond the largest message.
SIZES = st.sampled_from([0, 1, 125, 126, 65_535, 65_536, MAX_SIZE, MAX_SIZE + 1]) | st.integers(0, 300)
TEXTS = st.tuples(st.sampled_from([Opcode.TEXT, Opcode.TEXT, Opcode.CONT]), SIZES, st.booleans())
OTHERS = [(Opcode.PING, 5, True), (Opcode.PONG, 5, True), (Opcode.BINARY, 5, True), (Opcode.CLOSE, 0, True)]
# (kind, bytes, whether it is the last of its message), and whether it is masked, which no server may do.
FRAMES = st.tuples(
    TEXTS | TEXTS | st.sampled_from(OTHERS), st.integers(0, 20).map(lambda number: number == 0)
)


def serialized(frame: tuple[tuple[Opcode, int, bool], bool]) -> bytes:
    (opcode, size, fin), masked = frame
    text = b"\x03\xe9" if opcode is Opcode.CLOSE else b"x" * size
    return Frame(opcode, text, fin).serialize(mask=masked)


def by_library(data: bytes) -> list[bytes]:
    """The complete text messages before the first binary one, which ends the connection here."""
    protocol = Protocol(CLIENT, state=OPEN, max_size=MAX_SIZE)
    protocol.receive_data(data)
    messages: list[bytes] = []
    parts: list[bytes] = []
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode is Opcode.BINARY:
            break
        if frame.opcode in (Opcode.TEXT, Opcode.CONT):
            parts.append(bytes(frame.data))
            if frame.fin:
                messages.append(b"".join(parts))
                parts.clear()
    return messages


@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(1, 70_000), max_size=8))
def test_messages_are_those_of_the_library_wherever_the_bytes_are_cut(
    sent: list[tuple[tuple[Opcode, int, bool], bool]], cuts: list[int]
) -> None:
    data = b"".join(map(serialized, sent))
    mine = Messages(is_client=True, max_size=MAX_SIZE)
    found: list[bytes] = []
    places = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]
    for start, end in pairwise(places):
        found += mine.receive(data[start:end])
    assert found == by_library(data)


def responses(messages: Messages) -> list[Frame]:
    """What goes back to a server, as the server reads it."""
    server = Protocol(SERVER, state=OPEN)
    server.receive_data(messages.outgoing())
    return [frame for frame in server.events_received() if isinstance(frame, Frame)]


def test_a_ping_is_answered_between_messages() -> None:
    messages = Messages(is_client=True, max_size=MAX_SIZE)
    ping = Frame(Opcode.PING, b"are you there").serialize(mask=False)
    assert messages.receive(text_frame(b"one") + ping + text_frame(b"two")) == [b"one", b"two"]
    (pong,) = responses(messages)
    assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, b"are you there")
    assert messages.is_open


def test_each_wrong_frame_ends_the_connection_with_its_code() -> None:
    long_text = text_frame(b"x" * (MAX_SIZE + 1))
    for data, code in (
        (Frame(Opcode.BINARY, b"x").serialize(mask=False), 1003),
        (long_text[:20], 1009),  # by its head alone
        (masked_text_frame(b"x"), 1002),
        (Frame(Opcode.TEXT, b"x", fin=False).serialize(mask=False) + text_frame(b"y"), 1002),
    ):
        messages = Messages(is_client=True, max_size=MAX_SIZE)
        assert messages.receive(data) == []
        assert not messages.is_open
        (close,) = responses(messages)
        assert int.from_bytes(bytes(close.data)[:2], "big") == code


def test_a_close_is_answered() -> None:
    messages = Messages(is_client=True, max_size=MAX_SIZE)
    messages.receive(Frame(Opcode.CLOSE, b"\x03\xe9").serialize(mask=False))
    assert messages.close_code == 1001
    assert [frame.opcode for frame in responses(messages)] == [Opcode.CLOSE]


def test_a_clients_frames_are_read_by_a_server() -> None:
    server = Messages(is_client=False, max_size=MAX_SIZE)
    assert server.receive(masked_text_frame(b"hello") + masked_text_frame(b"x" * 70_000)) == [
        b"hello",
        b"x" * 70_000,
    ]
    client = Messages(is_client=True, max_size=MAX_SIZE)
    server.ping()
    assert client.receive(server.outgoing()) == []
    server.close(1001)
    client.receive(server.outgoing())
    assert client.close_code == 1001


def test_an_end_without_a_close_frame_is_told() -> None:
    messages = Messages(is_client=False, max_size=MAX_SIZE)
    assert messages.close_code is None
    messages.receive_end()
    assert (messages.is_open, messages.close_code) == (False, 1006)
