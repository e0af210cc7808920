"""A path to upstream with a round trip: each byte is delayed by half of it, in both directions.

A connection on loopback is open at once.  So that it takes a round trip here too, the client's bytes are
taken as if it had sent the first of them a round trip after it connected.  TLS passes through, and is the
affair of the client and of upstream.
"""

import ctypes
import heapq
import itertools
import select
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakSet

READ_AT_ONCE = 1 << 18
SO_ATTACH_FILTER = 26


class Instruction(ctypes.Structure):
    """`struct sock_filter`"""

    _fields_ = (
        ("code", ctypes.c_ushort),
        ("jt", ctypes.c_ubyte),
        ("jf", ctypes.c_ubyte),
        ("k", ctypes.c_uint),
    )


class Program(ctypes.Structure):
    """`struct sock_fprog`"""

    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.POINTER(Instruction)))


def drop_segments(sock: socket.socket) -> None:
    """Have the kernel drop whatever comes for a socket, unacknowledged, as if the way to it were cut."""
    nothing = Instruction(0x06, 0, 0, 0)  # return 0: keep no byte
    program = Program(1, ctypes.pointer(nothing))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, bytes(program))


@dataclass(eq=False)
class End:
    """One side of a relayed connection.  `ready`: from when on its peer can have sent something."""

    sock: socket.socket
    ready: float = 0.0
    other: "End | None" = None
    unsent: bytearray = field(default_factory=bytearray)
    lost: bool = False  # what comes from it or goes to it is dropped


class Relay:
    """Relays connections to one address, in a thread.  Times in seconds.

    :param host: at which it listens, any of 127.0.0.0/8.
    :param uplink: bytes per second that all clients together can send; None: any number.
    :ivar uploaded: bytes that clients have sent.
    """

    def __init__(
        self, host: str, upstream: tuple[str, int], round_trip: float, uplink: float | None = None
    ) -> None:
        self._upstream = upstream
        self._uplink = uplink
        self._free_at = 0.0  # when the uplink has sent what it was given
        self.uploaded = 0
        self._round_trip = round_trip
        self._listener = socket.create_server((host, 0), backlog=1024)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self.accepted = 0
        self._clients: WeakSet[End] = WeakSet()
        self._epoll = select.epoll()
        self._ends: dict[int, End] = {}
        self._due: list[tuple[float, int, End, bytes]] = []  # b"" is the end of the stream
        self._numbers = itertools.count()
        self._wake, self._woken = socket.socketpair()
        self._orders: list[bool] = []  # how connections are to be lost: True, without an acknowledgement
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Relay":
        for sock in (self._listener, self._woken):
            self._epoll.register(sock, select.EPOLLIN)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wake.close()
        self._thread.join()
        for end in self._ends.values():
            end.sock.close()
        for sock in (self._listener, self._woken):
            sock.close()
        self._epoll.close()

    def lose_connections(self, *, acknowledged: bool) -> None:
        """Lose all connections without a word.

        :param acknowledged: what clients still send is, as by a proxy that has lost its own connection.
        """
        self._orders.append(not acknowledged)
        self._wake.send(b"x")
        while self._orders:
            time.sleep(0.001)

    def _run(self) -> None:
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else -1
            for fileno, event in self._epoll.poll(wait):
                if fileno == self._listener.fileno():
                    self._accept()
                elif fileno == self._woken.fileno():
                    if not self._woken.recv(64):
                        return
                    self._lose(unacknowledged=self._orders.pop())
                elif end := self._ends.get(fileno):
                    self._handle(end, event)
            while self._due and self._due[0][0] <= time.monotonic():
                _, _, end, data = heapq.heappop(self._due)
                self._deliver(end, data)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        self.accepted += 1
        server = socket.create_connection(self._upstream)
        near, far = End(client, time.monotonic() + self._round_trip), End(server)
        near.other, far.other = far, near
        self._clients.add(near)
        for end in (near, far):
            end.sock.setblocking(False)
            end.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._ends[end.sock.fileno()] = end
            self._epoll.register(end.sock, select.EPOLLIN)

    def _lose(self, *, unacknowledged: bool) -> None:
        for end in self._ends.values():
            end.lost = True
            if unacknowledged:
                drop_segments(end.sock)

    def _handle(self, end: End, event: int) -> None:
        if event & select.EPOLLOUT:
            self._flush(end)
        if event & ~select.EPOLLOUT:
            self._read(end)

    def _read(self, end: End) -> None:
        try:
            data = end.sock.recv(READ_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            with suppress(OSError, KeyError):
                self._epoll.unregister(end.sock)
        at = max(time.monotonic(), end.ready) + self._round_trip / 2 + self._wait_for_uplink(end, data)
        if end.other is not None and not end.lost:
            heapq.heappush(self._due, (at, next(self._numbers), end.other, data))

    def _wait_for_uplink(self, end: End, data: bytes) -> float:
        """The seconds until all of the data is on its way."""
        if end not in self._clients:
            return 0.0
        self.uploaded += len(data)
        if self._uplink is None:
            return 0.0
        now = time.monotonic()
        self._free_at = max(now, self._free_at) + len(data) / self._uplink
        return self._free_at - now

    def _deliver(self, end: End, data: bytes) -> None:
        if end.lost or end.sock.fileno() < 0:
            return
        if not data:
            self._close(end)
            return
        end.unsent += data
        self._flush(end)

    def _flush(self, end: End) -> None:
        try:
            del end.unsent[: end.sock.send(end.unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._close(end)
            return
        with suppress(OSError):  # its peer may have ended it meanwhile
            self._epoll.modify(end.sock, select.EPOLLIN | (select.EPOLLOUT if end.unsent else 0))

    def _close(self, end: End) -> None:
        """Close both ends: clients and upstream close a connection as a whole."""
        for half in (end, end.other):
            if half is not None and half.sock.fileno() >= 0:
                self._ends.pop(half.sock.fileno(), None)
                half.sock.close()
