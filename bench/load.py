"""The clients: raw sockets and one epoll loop.  While it runs it only reads and takes the time;
what came is cut into events and checked afterwards.

It costs about 5 microseconds for each arrival and 15 for each request.
"""

import heapq
import itertools
import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

READ_AT_ONCE = 1 << 20
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
LAST_CHUNK = b"\r\n0\r\n\r\n"

Address = tuple[str, int]


class WrongResponseError(Exception):
    """What came is not what was sent: the measurement says nothing."""


class Response:
    """One response, as it came in.  Times on the monotonic clock, ns."""

    __slots__ = ("arrivals", "left", "requested", "sent", "tail")

    def __init__(self, requested: int) -> None:
        self.requested = requested  # bytes of the request
        self.sent = time.monotonic_ns()
        self.arrivals: list[tuple[int, bytes]] = []
        self.left: int | None = None  # bytes that are still to come; -1: chunked
        self.tail = b""

    def feed(self, now: int, data: bytes) -> bool:
        """True when it is complete."""
        self.arrivals.append((now, data))
        if self.left is None:
            return self._begin(b"".join(piece for _, piece in self.arrivals))
        if self.left >= 0:
            self.left -= len(data)
            return self.left <= 0
        return self._ends(data)

    def _begin(self, data: bytes) -> bool:
        end = data.find(b"\r\n\r\n") + 4
        if end < 4:
            return False
        length = CONTENT_LENGTH.search(data, 0, end)
        if length:
            self.left = int(length[1]) - (len(data) - end)
            return self.left <= 0
        self.left = -1
        return self._ends(data[end - 2 :])

    def _ends(self, data: bytes) -> bool:
        self.tail = data[-7:] if len(data) >= 7 else (self.tail + data)[-7:]
        return self.tail == LAST_CHUNK

    @property
    def raw(self) -> bytes:
        return b"".join(data for _, data in self.arrivals)

    @property
    def first_ms(self) -> float:
        """From the request to the first byte."""
        return (self.arrivals[0][0] - self.sent) / 1e6

    @property
    def ms(self) -> float:
        """From the request to the last byte."""
        return (self.arrivals[-1][0] - self.sent) / 1e6


class Line:
    """A client: one connection, one request after the other on it."""

    __slots__ = ("left", "request", "response", "sock", "unsent")

    def __init__(self, request: bytes, requests: int) -> None:
        self.request = request
        self.sock: socket.socket | None = None
        self.left = requests
        self.response: Response | None = None
        self.unsent: memoryview = memoryview(b"")


@dataclass
class Load:
    """`lines` clients, each with `requests` requests.

    :param large: another request, which every `large_every`-th client sends.
    :param stagger: seconds between two clients' first requests.
    :param marks: (seconds after the last client has begun, what to do then).
    :param patience: seconds after which the whole thing has failed.
    """

    address: Address
    request: bytes
    lines: int = 1
    requests: int = 1
    stagger: float = 0.0
    marks: Sequence[tuple[float, Callable[[], None]]] = ()
    patience: float = 60.0
    large: bytes = b""
    large_every: int = 0
    responses: list[Response] = field(default_factory=list)
    hung_up: int = 0  # ns

    def run(self) -> list[Response]:
        """Every response, complete.  Raises WrongReplyError."""
        self._epoll = select.epoll()
        self._open: dict[int, Line] = {}
        self._ended = self._begun = 0
        began = time.monotonic()
        agenda: list[tuple[float, int, Callable[[], None]]] = [
            (began + number * self.stagger, number, self._begin) for number in range(self.lines)
        ]
        last = agenda[-1][0]
        later = itertools.count(self.lines)
        agenda += [(last + delay, next(later), action) for delay, action in self.marks]
        heapq.heapify(agenda)
        try:
            while self._ended < self.lines:
                self._turn(agenda)
                if time.monotonic() > began + self.patience:
                    raise WrongResponseError(
                        f"served {self._ended} of {self.lines} clients in {self.patience:g} s"
                    )
        finally:
            for line in self._open.values():
                if line.sock:
                    line.sock.close()
            self._epoll.close()
        return self.responses

    def hang_up(self) -> None:
        """A mark: whoever is still in the middle of a response leaves."""
        self.hung_up = time.monotonic_ns()
        for line in self._open.values():
            if line.sock:
                line.sock.close()
        self._ended += len(self._open)
        self._open.clear()

    def _turn(self, agenda: list[tuple[float, int, Callable[[], None]]]) -> None:
        """One new client or mark at a time, so that those who wait are not kept waiting."""
        if agenda and agenda[0][0] <= time.monotonic():
            heapq.heappop(agenda)[2]()
            if self._ended == self.lines:  # all have hung up
                return
        wait = min(1.0, max(0.0, agenda[0][0] - time.monotonic())) if agenda else 1.0
        for fileno, event in self._epoll.poll(wait):
            line = self._open[fileno]
            if event & select.EPOLLOUT:
                self._write(line)
            if event & ~select.EPOLLOUT:
                self._read(line)

    def _begin(self) -> None:
        self._begun += 1
        is_large = self.large_every and self._begun % self.large_every == 0
        line = Line(self.large if is_large else self.request, self.requests)
        line.sock = socket.create_connection(self.address, timeout=self.patience)
        line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sock.setblocking(False)
        self._open[line.sock.fileno()] = line
        self._epoll.register(line.sock, select.EPOLLIN)
        self._ask(line)

    def _ask(self, line: Line) -> None:
        line.left -= 1
        line.response = Response(len(line.request))
        line.unsent = memoryview(line.request)
        self._write(line)

    def _write(self, line: Line) -> None:
        assert line.sock is not None
        with suppress(BlockingIOError):
            line.unsent = line.unsent[line.sock.send(line.unsent) :]
        more = select.EPOLLOUT if line.unsent else 0
        if more or len(line.request) > 65536:
            self._epoll.modify(line.sock, select.EPOLLIN | more)

    def _read(self, line: Line) -> None:
        assert line.sock is not None
        assert line.response is not None
        try:
            data = line.sock.recv(READ_AT_ONCE)
        except BlockingIOError:
            return
        if not data:
            raise WrongResponseError(
                f"the connection ended in the middle of a response: {line.response.raw[-300:]!r}"
            )
        if line.response.feed(time.monotonic_ns(), data):
            self.responses.append(line.response)
            if line.left:
                self._ask(line)
            else:
                del self._open[line.sock.fileno()]
                line.sock.close()
                self._ended += 1
