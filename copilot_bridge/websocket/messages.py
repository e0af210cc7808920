"""Text messages out of the bytes of a connection, and frames for the other end."""

from struct import Struct

from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, OPEN, SERVER, Protocol

WHOLE_TEXT = 0x81  # the first byte of a text message in one frame, without extensions
MASKED = 0x80  # in the second byte

LENGTH_16, LENGTH_64 = Struct("!H"), Struct("!Q")
SHORT, MEDIUM = Struct("!BB"), Struct("!BBH")
LONG = Struct("!BBQ")

UNSUPPORTED_DATA = 1003
PING_FRAME = b"\x89\x00"  # of a server
PING_FRAME = b"\x89\x00"  # of a server


def text_frame(text: bytes) -> bytes:
    """Return a server's frame with a text message."""
    size = len(text)
    if size < 126:
        return SHORT.pack(WHOLE_TEXT, size) + text
    head = MEDIUM.pack(WHOLE_TEXT, 126, size) if size < 65536 else LONG.pack(WHOLE_TEXT, 127, size)
    return head + text


def masked_text_frame(text: bytes) -> bytes:
    """Return a client's frame with a text message."""
    return Frame(Opcode.TEXT, text).serialize(mask=True)


class Messages:
    """The messages of one connection after its handshake, and the responses that the protocol wants.

    :param max_size: bytes of a message; a larger one closes the connection with 1009.
    :ivar close_code: with which the other end has closed; 1006 without a close frame; None: it has not.
    """

    def __init__(self, *, is_client: bool, max_size: int) -> None:
        self._protocol = Protocol(CLIENT if is_client else SERVER, state=OPEN, max_size=max_size)
        self._is_client = is_client
        self._max_size = max_size
        self._incomplete = bytearray()  # the start of a server's frame
        self._needed = 0  # bytes of that frame, as far as its head is read
        self._fragments: list[bytes] = []

    @property
    def is_open(self) -> bool:
        return self._protocol.state is OPEN

    @property
    def close_code(self) -> int | None:
        received = self._protocol.close_rcvd
        return received.code if received else None if self.is_open else self._protocol.close_code or 1006

    def receive(self, data: bytes) -> list[bytes]:
        """Return the text messages that are complete.  Call `outgoing` afterwards."""
        return self._receive_unmasked(data) if self._is_client else self._receive_by_protocol(data)

    def _receive_unmasked(self, data: bytes) -> list[bytes]:
        if self._incomplete:
            self._incomplete += data
            if len(self._incomplete) < self._needed:
                return []
            data = bytes(self._incomplete)
            self._incomplete.clear()
        messages: list[bytes] = []
        start, size = 0, len(data)
        while start < size and self.is_open:
            head, end = frame_bounds(data, start)
            is_plain = data[start] == WHOLE_TEXT and not self._fragments
            if end - head > self._max_size:
                end, is_plain = size, False  # the protocol refuses it by its head
            if end > size or head > size:
                self._incomplete += data[start:] if start else data
                self._needed = end - start
                break
            if is_plain and not data[start + 1] & MASKED:
                messages.append(data[head:end])
            else:
                messages += self._receive_by_protocol(data[start:end])
            start = end
        return messages

    def _receive_by_protocol(self, data: bytes) -> list[bytes]:
        messages: list[bytes] = []
        self._protocol.receive_data(data)
        for frame in self._protocol.events_received():
            assert isinstance(frame, Frame)
            if frame.opcode is Opcode.BINARY:
                self._protocol.fail(UNSUPPORTED_DATA, "text frames only")
            elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
                self._fragments.append(bytes(frame.data))
                if frame.fin:
                    messages.append(b"".join(self._fragments))
                    self._fragments.clear()
        return messages

    def receive_end(self) -> None:
        """Note that the other end sends nothing more."""
        self._protocol.receive_eof()

    def close(self, code: int, reason: str = "") -> None:
        """Begin to close the connection.  Call `outgoing` afterwards."""
        if self.is_open:
            self._protocol.send_close(code, reason)

    def ping(self) -> None:
        """Have the other end show that it is there.  Call `outgoing` afterwards."""
        if self.is_open:
            self._protocol.send_ping(b"")

    def outgoing(self) -> bytes:
        """Return what the protocol has to send: pongs, and the frames of a close."""
        return b"".join(self._protocol.data_to_send())


def frame_bounds(data: bytes, start: int) -> tuple[int, int]:
    """Return where the payload of an unmasked frame begins and ends; both may be beyond the data."""
    size = len(data)
    if size < start + 2:
        return start + 2, start + 2
    length = data[start + 1] & 0x7F
    if length < 126:
        return start + 2, start + 2 + length
    wide = length == 127
    head = start + (10 if wide else 4)
    if size < head:
        return head, head
    (length,) = (LENGTH_64 if wide else LENGTH_16).unpack_from(data, start + 2)
    return head, head + length
