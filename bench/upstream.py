"""A Copilot that costs next to nothing: pre-rendered bytes, one process, one epoll loop, no library.

A prompt says what it wants, anywhere in it: `[[bench events=2000 size=40 gap=0 shape=azure]]` is a
stream of 2,000 text events of 40 bytes of text each, `gap` seconds apart.  Each event is a chunk and a
`send` of its own, as from a server that flushes.  With a gap each text begins with its time of sending:
16 digits, nanoseconds of the monotonic clock; `batch=40` sends as many events at each beat, in one piece.

Its cost (a shared 2-core machine): 2 microseconds an event flat out, 3 over TLS; 20 to 30 paced (a heap,
a stamp, a send, a nap); 40 a small request.  So 5,000 paced events a second take some 15 % of its core.
While streams are paced it looks at its sockets twice a millisecond: a first byte may be that much late.

`python -m bench.upstream FD [CERTIFICATE [REFRESH_IN]]` serves on the listening socket FD until it is ended,
over TLS if it is given a file with a certificate and its key; its tokens are to be renewed after REFRESH_IN
seconds.  `GET /bench` tells what has happened to its connections, and how many tokens were exchanged.
"""

import heapq
import json
import re
import select
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.scripts import account, embeddings, flood, response, script, whole

READ_AT_ONCE = 1 << 20
EXCHANGE = b"/copilot_internal/v2/token"
MAX_SLEEP = 0.0005  # seconds; the longest sleep between two polls of the sockets while streams are paced
SPREAD = 0.618034  # of a gap, from one stream to the next: no two streams keep the same beat

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
DIRECTIVE = re.compile(rb"\[\[bench ([^\]]*)\]\]")
STREAMED = re.compile(rb'"stream"\s*:\s*true')
NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True, slots=True)
class Options:
    """:param size: bytes of text in an event.  :param gap: seconds; 0: as fast as it goes."""

    shape: str = "clean"
    size: int = 40
    events: int = 1
    gap: float = 0.0
    batch: int = 1


READ: dict[str, Callable[[str], Any]] = {
    "shape": str,
    "size": int,
    "events": int,
    "gap": float,
    "batch": int,
}


def read_options(body: bytes) -> Options:
    found = DIRECTIVE.search(body)
    words = dict(pair.split("=", 1) for pair in (found[1].decode().split() if found else ()))
    return Options(**{name: READ[name](value) for name, value in words.items()})


class Connection:
    """One client.  `waiting`: writes that its socket has no room for yet.  `playing`: in a paced stream."""

    __slots__ = ("blocked", "inbox", "need", "playing", "sock", "waiting")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.inbox = bytearray()
        self.need = 0  # bytes of the request that is coming in, 0 while its head is incomplete
        self.waiting: Iterator[bytes] = iter(())
        self.blocked = b""
        self.playing = False

    def read(self) -> bool:
        """All that is there, or so; over TLS the socket does not tell what OpenSSL holds.  False: its end."""
        secure, size = isinstance(self.sock, ssl.SSLSocket), len(self.inbox)
        try:
            while data := self.sock.recv(READ_AT_ONCE):
                self.inbox += data
                if not secure:
                    return True
        except NOT_NOW:
            return True
        return len(self.inbox) > size

    def requests(self) -> Iterator[tuple[bytes, bytes]]:
        """(head, body) of each request that is complete."""
        while self.inbox:
            if not self.need:
                end = self.inbox.find(b"\r\n\r\n") + 4
                if end < 4:
                    return
                length = CONTENT_LENGTH.search(self.inbox, 0, end)
                self.need = end + (int(length[1]) if length else 0)
            if len(self.inbox) < self.need:
                return
            request = bytes(self.inbox[: self.need])
            del self.inbox[: self.need]
            self.need = 0
            head, _, body = request.partition(b"\r\n\r\n")
            yield head, body

    def write(self, data: bytes) -> bool:
        """False: there is no room, the rest is kept."""
        if self.blocked:
            self.blocked += data
            return False
        try:
            sent = self.sock.send(data)
        except NOT_NOW:
            sent = 0
        self.blocked = data[sent:]
        return not self.blocked

    def pump(self) -> bool:
        """Write what waits.  True: there is more, and no room for it."""
        if data := self.blocked:
            self.blocked = b""
            if not self.write(data):
                return True
        return not all(self.write(data) for data in self.waiting)


class Stream:
    """A paced one: each `next` is what the next beat sends."""

    __slots__ = ("_batch", "_script", "_sent", "connection", "gap", "left")

    def __init__(self, connection: Connection, options: Options) -> None:
        self.connection = connection
        self.gap = options.gap
        self.left = options.events
        self._sent = 0
        self._batch = options.batch
        self._script = script(options.shape, options.size, options.events)

    def first(self) -> bytes:
        return self._script.before + self.next()

    def next(self) -> bytes:
        if not self.left:
            return self._script.after
        events = min(self._batch, self.left)
        first = self._sent
        self._sent += events
        self.left -= events
        return b"".join([self._script.stamped(number) for number in range(first, self._sent)])


class Upstream:
    """The event loop."""

    def __init__(
        self, listener: socket.socket, certificate: str | None = None, refresh_in: str = "80000"
    ) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._fixed = account(int(refresh_in))
        self._exchanges = 0
        self._accepted = 0
        self._left: list[int] = []  # when clients left in the middle of a paced stream, ns
        self._epoll = select.epoll()
        self._epoll.register(listener, select.EPOLLIN)
        self._connections: dict[int, Connection] = {}
        self._due: list[tuple[float, int, Stream]] = []
        self._streams = 0

    def serve(self) -> None:
        while True:
            for fileno, event in self._epoll.poll(0 if self._due else -1):
                self._handle(fileno, event)
            if self._due:
                self._play()

    def _play(self) -> None:
        """Send what is due, then sleep until something else is, though not for long."""
        due = self._due
        while due and due[0][0] <= time.monotonic():
            at, number, stream = heapq.heappop(due)
            if stream.connection.sock.fileno() < 0:
                continue
            more = stream.connection.playing = stream.left > 0
            try:
                self._write(stream.connection, stream.next())
            except OSError:
                self._drop(stream.connection)
                continue
            if more:
                heapq.heappush(due, (at + stream.gap, number, stream))
        if due:
            time.sleep(min(MAX_SLEEP, max(0.0, due[0][0] - time.monotonic())))

    def _handle(self, fileno: int, event: int) -> None:
        connection = self._connections.get(fileno)
        if connection is None:
            self._accept()
            return
        try:
            if event & ~select.EPOLLOUT:
                self._read(connection)
            elif not connection.pump():
                self._epoll.modify(fileno, select.EPOLLIN)
        except OSError:
            self._drop(connection)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            self._accepted += 1
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context:  # hands are shaken at the first read
                sock = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            self._connections[sock.fileno()] = Connection(sock)
            self._epoll.register(sock, select.EPOLLIN)

    def _read(self, connection: Connection) -> None:
        if not connection.read():
            self._drop(connection)
            return
        for head, body in connection.requests():
            self._response(connection, head, body)

    def _response(self, connection: Connection, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1]
        self._exchanges += path == EXCHANGE
        if path in self._fixed:
            connection.waiting = iter((self._fixed[path],))
        elif path == b"/bench":
            connection.waiting = iter((self._counts(),))
        elif path.endswith(b"/embeddings"):
            connection.waiting = iter((embeddings(len(json.loads(body)["input"])),))
        else:
            options = read_options(body)
            if not STREAMED.search(body):
                connection.waiting = iter((response(options.size),))
            elif not options.gap:
                connection.waiting = iter(flood(options.shape, options.size, options.events))
            else:
                self._pace(Stream(connection, options))
        if connection.pump():
            self._await_room(connection)

    def _pace(self, stream: Stream) -> None:
        """The first event at once, the others to a beat of the stream's own."""
        stream.connection.playing = True
        self._write(stream.connection, stream.first())
        self._streams += 1
        beat = time.monotonic() + stream.gap * (0.5 + self._streams * SPREAD % 1)
        heapq.heappush(self._due, (beat, self._streams, stream))

    def _write(self, connection: Connection, data: bytes) -> None:
        if not connection.write(data):
            self._await_room(connection)

    def _await_room(self, connection: Connection) -> None:
        self._epoll.modify(connection.sock, select.EPOLLIN | select.EPOLLOUT)

    def _counts(self) -> bytes:
        """Whoever asks is not counted."""
        self._accepted -= 1
        counts: dict[str, Any] = {
            "accepted": self._accepted,
            "open": len(self._connections) - 1,
            "left": self._left,
        }
        counts["exchanges"] = self._exchanges
        return whole(json.dumps(counts).encode())

    def _drop(self, connection: Connection) -> None:
        if connection.playing:
            self._left.append(time.monotonic_ns())
            self._due[:] = [entry for entry in self._due if entry[2].connection is not connection]
            heapq.heapify(self._due)
        self._connections.pop(connection.sock.fileno(), None)
        connection.sock.close()  # epoll forgets it by itself


if __name__ == "__main__":
    Upstream(socket.socket(fileno=int(sys.argv[1])), *sys.argv[2:]).serve()
