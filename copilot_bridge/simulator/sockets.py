"""A WebSocket on the server's connection: text messages in, text messages out.

`websockets` has the protocol (RFC 6455) without any I/O; the bytes travel here.  A greenlet of its own reads
all the time, so that pings get their pongs, and a client who leaves is noticed while a response is written.
"""

from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import gevent
from gevent.event import Event
from gevent.lock import Semaphore
from gevent.queue import Empty, Queue
from websockets.exceptions import InvalidState
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from copilot_bridge.simulator.transport import RESET_ON_CLOSE, ClientGone
from copilot_bridge.simulator.world import Limits

MAX_MESSAGE_BYTES = 32 * 1024 * 1024  # bytes of a message; more closes the connection with 1009
UNSUPPORTED_DATA, ABNORMAL = 1003, 1006
FULL_WINDOW = 15  # bits
COMPRESSED = 0x40  # RSV1, in the first byte of a message
EXTENSIONS = "Sec-WebSocket-Extensions"


class Closed(Exception):
    """The connection has ended; `clean`: with a close frame."""

    def __init__(self, clean: bool) -> None:
        super().__init__()
        self.clean = clean


class OneWay(Extension):
    """Reads what the client compresses, and compresses nothing, as a server may."""

    def __init__(self, agreed: Extension) -> None:
        self.name = agreed.name
        self._agreed = agreed

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        return self._agreed.decode(frame, max_size=max_size)

    def encode(self, frame: Frame) -> Frame:
        return frame


class Socket:
    """`sock` and `reader` are the two ways into the connection that the server has."""

    def __init__(self, sock: Any, reader: Any, limits: Limits) -> None:
        self._sock = sock
        self._reader = reader
        self._limits = limits
        deflate = ServerPerMessageDeflateFactory(
            client_no_context_takeover=not limits.memory,
            client_max_window_bits=limits.window if limits.window < FULL_WINDOW else None,
        )
        offers = [] if limits.compression == "refuse" else [deflate]
        self._protocol = ServerProtocol(max_size=MAX_MESSAGE_BYTES, extensions=offers)
        self._messages: Queue[bytes | None] = Queue()  # None: there will be no more
        self._parts: list[bytes] = []
        self._ended = Event()
        self._sending = Semaphore()
        self._closing = False
        self._greenlet: Any = None

    def accept(self, head: bytes, headers: Iterable[tuple[str, str]]) -> bool:
        """Respond to the handshake; a refused one ends the connection.  `headers` go with the response."""
        self._protocol.receive_data(head)
        asked = self._protocol.events_received()[0]
        assert isinstance(asked, Request), "the head of a request is the first event"
        response = self._protocol.accept(asked)
        for name, value in headers:
            response.headers[name] = value
        if self._limits.extensions:
            del response.headers[EXTENSIONS]
            response.headers[EXTENSIONS] = self._limits.extensions
        if self._limits.compression != "both":
            self._protocol.extensions = [OneWay(agreed) for agreed in self._protocol.extensions]
        self._protocol.send_response(response)
        self._flush()
        return response.status_code == 101

    def __enter__(self) -> Self:
        self._greenlet = gevent.spawn(self._read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._greenlet.kill()

    # what the reading greenlet does

    def _read(self) -> None:
        try:
            while data := self._reader.read1(65536):
                self._protocol.receive_data(data)
                for event in self._protocol.events_received():
                    assert isinstance(event, Frame), "after the handshake there are frames"
                    self._take(event)
                self._flush()
                if self._protocol.close_expected() and not self._closing:
                    break  # the protocol was broken, and the client has got an error
        except OSError:
            pass  # a connection that was reset has ended, too
        finally:
            self._end()

    def _take(self, frame: Frame) -> None:
        """Put the frames of a message together.  The protocol responds to pings and closes by itself."""
        if frame.opcode == Opcode.BINARY:
            self._protocol.fail(UNSUPPORTED_DATA, "text only")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                self._messages.put(b"".join(self._parts))
                self._parts.clear()
        elif frame.opcode == Opcode.CLOSE:
            self._end()

    def _end(self) -> None:
        if not self._ended.is_set():
            self._ended.set()
            self._messages.put(None)

    # what the serving greenlet does

    def receive(self, timeout: float) -> bytes | None:
        """The next message; None if there is none in `timeout` seconds.

        :raise Closed: there will be none.
        """
        try:
            message: bytes | None = self._messages.get(timeout=max(0.0, timeout))
        except Empty:
            return None
        if message is None:
            raise Closed(clean=self._protocol.close_code not in (None, ABNORMAL))
        return message

    def send(self, *texts: bytes) -> None:
        """Sends text messages, in one write.

        :raise ClientGone: the client has left.
        """
        for text in texts:
            self._frame(text)
        self._flush()

    def send_half(self, text: bytes) -> None:
        """The first half of a frame, and nothing more for ever."""
        self._frame(text)
        data = b"".join(self._protocol.data_to_send())
        self._sock.sendall(data[: len(data) // 2])

    def send_deflated(self, data: bytes) -> None:
        """A text message of data that a client has to take for compressed."""
        frame = bytearray(Frame(Opcode.TEXT, data).serialize(mask=False))
        frame[0] |= COMPRESSED
        self._sock.sendall(frame)

    def _frame(self, text: bytes) -> None:
        if self._ended.is_set():
            raise ClientGone
        try:
            self._protocol.send_text(text)
        except InvalidState:
            raise ClientGone from None

    def pause(self, seconds: float) -> None:
        """Waits, and notices a client that leaves.

        :raise ClientGone: it left meanwhile.
        """
        if seconds > 0 and self._ended.wait(seconds):
            raise ClientGone

    def close(self, code: int, reason: str) -> None:
        """Send a close frame, and give the client a moment to respond."""
        self._closing = True
        with suppress(InvalidState):  # the client was first
            self._protocol.send_close(code, reason)
        self._flush()
        self._ended.wait(1.0)

    def reset_on_close(self) -> None:
        self._sock.setsockopt(*RESET_ON_CLOSE)

    def _flush(self) -> None:
        """Write what the protocol has to say; two greenlets may want to at once."""
        with self._sending:
            # An empty one means the end of the stream, which comes with the connection's.
            if data := b"".join(self._protocol.data_to_send()):
                self._sock.sendall(data)
