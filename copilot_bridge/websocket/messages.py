"""Text messages out of the bytes of a connection, and frames for the other end."""

from collections.abc import Sequence
from struct import Struct

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions import Extension
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import CLIENT, OPEN, SERVER, Protocol

from copilot_bridge.websocket.deflate import Deflate

# The first byte of a text message in one frame, as it is and compressed.
WHOLE_TEXT, COMPRESSED_TEXT = 0x81, 0xC1
MASKED = 0x80  # in the second byte
LENGTH_IN_16_BITS = 126  # there, too
# The first two bytes of such a message without a length, and with one in the two bytes that follow.
SHORT_TEXT = WHOLE_TEXT << 8
MEDIUM_TEXT = SHORT_TEXT | LENGTH_IN_16_BITS
SHORT_HEAD = Struct("!HH")

MIN_COMPRESSED = 1024  # bytes of a message; a smaller one is a single packet in any case

LENGTH_16, LENGTH_64 = Struct("!H"), Struct("!Q")
SHORT, MEDIUM = Struct("!BB"), Struct("!BBH")
LONG = Struct("!BBQ")

PING_FRAME = b"\x89\x00"  # of a server


def text_frame(text: bytes) -> bytes:
    """Return a server's frame with a text message."""
    size = len(text)
    if size < 126:
        return SHORT.pack(WHOLE_TEXT, size) + text
    head = MEDIUM.pack(WHOLE_TEXT, 126, size) if size < 65536 else LONG.pack(WHOLE_TEXT, 127, size)
    return head + text


def masked_text_frame(text: bytes, extensions: Sequence[Extension] = ()) -> bytes:
    """Return a client's frame with a text message."""
    return Frame(Opcode.TEXT, text).serialize(mask=True, extensions=extensions)


class Messages:
    """The messages of one connection after its handshake, and the responses that the protocol wants.

    :param max_size: bytes of a message, 64 kB at least; a larger one closes the connection with 1009.
    :param deflate: with which a client's messages may be compressed, and a server's are.
    :ivar close_code: with which the other end has closed; 1006 without a close frame; None: it has not.
    """

    def __init__(self, *, is_client: bool, max_size: int, deflate: Deflate | None = None) -> None:
        self._protocol = Protocol(CLIENT if is_client else SERVER, state=OPEN, max_size=max_size)
        self._deflate = deflate
        self._protocol.extensions = [deflate] if deflate else []
        self._is_client = is_client
        self._max_size = max_size
        self._incomplete = bytearray()  # the start of a server's frame
        self._needed = 0  # bytes of that frame, as far as its head is read
        self._fragments: list[bytes] = []
        self._violation: str | None = None

    @property
    def is_open(self) -> bool:
        return self._protocol.state is OPEN

    @property
    def close_code(self) -> int | None:
        received = self._protocol.close_rcvd
        return received.code if received else None if self.is_open else self._protocol.close_code or 1006

    @property
    def violation(self) -> str | None:
        """Return what the other end has done against the protocol, for which the connection was closed."""
        error = self._protocol.parser_exc
        return self._violation or (str(error) if error and not isinstance(error, EOFError) else None)

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
        while self.is_open:
            if not self._fragments:
                start = take_short_texts(data, start, messages)
            if start == size:
                break
            start = self._take_frame(data, start, messages)
        return messages

    def _take_frame(self, data: bytes, start: int, messages: list[bytes]) -> int:
        """Take a frame of any kind, or keep its beginning.  Returns where it ends."""
        size = len(data)
        head, end = frame_bounds(data, start)
        is_whole = not self._fragments
        if end - head > self._max_size:
            end, is_whole = size, False  # the protocol refuses it by its head
        if end > size or head > size:
            self._incomplete += data[start:] if start else data
            self._needed = end - start
            return size
        is_whole = is_whole and not data[start + 1] & MASKED
        if is_whole and data[start] == WHOLE_TEXT:
            messages.append(data[head:end])
        elif is_whole and data[start] == COMPRESSED_TEXT and self._deflate:
            messages += self._inflate(self._deflate, data[head:end])
        else:
            messages += self._receive_by_protocol(data[start:end])
        return end

    def _inflate(self, deflate: Deflate, data: bytes) -> list[bytes]:
        """Return the message of a compressed frame; none if it can't be had, which ends the connection."""
        try:
            frame = deflate.decode(Frame(Opcode.TEXT, data, rsv1=True), max_size=self._max_size)
        except (ProtocolError, PayloadTooBig) as error:
            too_big = isinstance(error, PayloadTooBig)
            self._fail(CloseCode.MESSAGE_TOO_BIG if too_big else CloseCode.PROTOCOL_ERROR, str(error))
            return []
        return [bytes(frame.data)]

    def _receive_by_protocol(self, data: bytes) -> list[bytes]:
        messages: list[bytes] = []
        self._protocol.receive_data(data)
        for frame in self._protocol.events_received():
            assert isinstance(frame, Frame)
            if frame.opcode is Opcode.BINARY:
                self._fail(CloseCode.UNSUPPORTED_DATA, "text frames only")
            elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
                self._fragments.append(bytes(frame.data))
                if frame.fin:
                    messages.append(b"".join(self._fragments))
                    self._fragments.clear()
        return messages

    def _fail(self, code: int, violation: str) -> None:
        self._violation = violation
        self._protocol.fail(code, violation)

    def frame_of(self, text: bytes) -> bytes:
        """Return a client's frame with a text message, compressed if that is agreed on and worth it."""
        return masked_text_frame(text, self._protocol.extensions if len(text) >= MIN_COMPRESSED else ())

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


def take_short_texts(data: bytes, start: int, messages: list[bytes]) -> int:
    """Take text messages of up to 64 kB out of a server's data, until something else comes.

    Nearly all that a server sends are such messages.  Returns where the other thing begins.
    """
    last_start = len(data) - SHORT_HEAD.size
    read_head = SHORT_HEAD.unpack_from
    while start <= last_start:
        kind, length = read_head(data, start)
        head = start + SHORT_HEAD.size
        if kind != MEDIUM_TEXT:
            length, head = kind - SHORT_TEXT, start + 2
            if not 0 <= length < LENGTH_IN_16_BITS:  # another frame, or a longer length, or masked
                break
        end = head + length
        if end > len(data):
            break
        messages.append(data[head:end])
        start = end
    return start


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
