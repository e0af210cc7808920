"""Sends the bytes of a response: pacing, framing and faults, while the client is watched.

The socket is written directly, past WSGI: a cut, a reset or a half frame can't be said otherwise.
"""

import gzip
import socket
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
from time import monotonic
from types import TracebackType
from typing import Any, Self

import gevent
from flask import Response, request

from copilot_bridge.simulator.directives import Asked
from copilot_bridge.simulator.ledger import CLIENT_GONE, COMPLETE, FAULT

DELIVERY = "simulator.delivery"  # key of the WSGI environment
BATCH = 64  # events that go into one write when there is no pause between them
COMMENT = b": of upstream\n\n"
END_OF_CHUNKS = b"0\r\n\r\n"
READABLE = 1
FOR_EVER = 1e6  # seconds; no client waits so long
RESET_ON_CLOSE = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # on, 0 s: sends RST

CUTS = ("cut-in-frame", "cut-between", "reset", "close-frame", "bad-deflate", "bomb")
CHUNKED, LENGTH, CLOSE = "chunked", "length", "close"


class ClientGone(Exception):
    """The client closed its end."""


class Watch:
    """While it is open, a client who leaves interrupts the greenlet, wherever it waits, with ClientGone.

    A write notices a departed client late, and silence never does.  So the event loop watches the socket
    for its end, at the cost of no greenlet.  Bytes that arrive instead (a pipelined request) end the
    watch: behind them the end can't be seen. A client who closes only its sending half counts as gone.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock._sock
        self._greenlet = gevent.getcurrent()
        self._watcher = gevent.get_hub().loop.io(sock.fileno(), READABLE)

    def __enter__(self) -> Self:
        self._watcher.start(self._look)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._watcher.stop()
        self._watcher.close()

    def _look(self) -> None:
        try:
            arrived = self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            arrived = b""
        self._watcher.stop()
        if not arrived:
            self._greenlet.throw(ClientGone())


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Faults of a response under way.  `after` counts events; times are in seconds."""

    size: int = 0  # bytes of each piece; 0: as the events come
    bytewise: bool = False
    crlf: bool = False
    comments: bool = False
    cut: str = ""  # one of CUTS; the last three are for a WebSocket alone
    after: int = 0
    stall_after: int = -1
    stall: float = 0.0
    slow_headers: float = 0.0
    slow_body: float = 0.0
    framing: str = ""
    gzip: bool = False
    vanish: bool = False

    @classmethod
    def asked(cls, asked: Asked) -> "Faults":
        cut = next((name for name in CUTS if name in asked), "")
        framing = {"close-delimited": CLOSE, "length-delimited": LENGTH}
        return cls(
            size=1 if "bytewise" in asked else asked.get("pieces", "size", 0),
            bytewise="bytewise" in asked,
            crlf="crlf" in asked,
            comments="comments" in asked,
            cut=cut,
            after=asked.get(cut, "after", 0),
            stall_after=asked.get("stall", "after", -1),
            stall=asked.get("stall", "seconds", 0.0),
            slow_headers=asked.get("slow-headers", "seconds", 0.0),
            slow_body=asked.get("slow-body", "seconds", 0.0),
            framing=next((framing[name] for name in framing if name in asked), ""),
            gzip="gzip" in asked,
            vanish="close-before-response" in asked,
        )


NO_FAULTS = Faults()


@dataclass(slots=True)
class Delivery:
    """A response on its way.

    `events` are SSE events, or one whole body; `gap` is the pause between them, in seconds.
    """

    events: Iterable[bytes]
    gap: float
    stream: bool
    faults: Faults

    def run(self, handler: Any) -> str:
        """Writes everything, and gives the outcome for the ledger.

        :param handler: the server's, whose status and headers are set.
        """
        handler.headers_sent = True
        if self.faults.vanish:
            handler.close_connection = True
            return FAULT
        try:
            with Watch(handler.socket):
                outcome = self._write(handler)
        except (ClientGone, OSError):
            outcome = CLIENT_GONE
        if outcome != COMPLETE:
            handler.close_connection = True
        return outcome

    def _write(self, handler: Any) -> str:
        pause(self.faults.slow_headers)
        framing = self._framing(handler)
        bodies = self._bodies()
        if framing == LENGTH:
            bodies = list(bodies)
        handler.close_connection |= framing == CLOSE
        handler.socket.sendall(self._head(handler, framing, bodies))
        pause(self.faults.slow_body)
        line = Line(handler.socket, framing == CHUNKED, self.faults)
        if self.faults.cut:
            return self._write_cut(line, bodies)
        self._write_all(line, bodies)
        line.end()
        return COMPLETE

    def _write_all(self, line: "Line", bodies: Iterable[bytes]) -> None:
        if self.gap or self.faults.stall:
            for body in self._paced(bodies):
                line.send(body)
            return
        remaining = iter(bodies)
        while batch := list(islice(remaining, BATCH)):
            line.send_many(batch)

    def _write_cut(self, line: "Line", bodies: Iterable[bytes]) -> str:
        """Stops after `after` events.

        If there are fewer, it stops before the last one, so that the fault always happens.

        """
        after = self.faults.after
        if isinstance(self.events, Sequence):
            after = min(after, len(self.events) - 1)
        remaining = self._paced(bodies)
        for body in islice(remaining, after):
            line.send(body)
        if self.faults.cut == "cut-in-frame":
            body = next(remaining, b"")
            line.send(body[: len(body) // 2])
        if self.faults.cut == "reset":
            line.reset_on_close()
        return FAULT

    def _paced(self, bodies: Iterable[bytes]) -> Iterator[bytes]:
        """The bodies at their times: counted from the first one, so that delays don't add up."""
        due = monotonic()
        for number, body in zip(count(), bodies, strict=False):
            if number == self.faults.stall_after:
                pause(self.faults.stall)
                due += self.faults.stall
            if number:
                due += self.gap
                pause(due - monotonic())
            yield body

    def _framing(self, handler: Any) -> str:
        if self.faults.framing:
            return self.faults.framing
        if not self.stream:
            return LENGTH
        return CLOSE if handler.request_version == "HTTP/1.0" else CHUNKED

    def _bodies(self) -> Iterable[bytes]:
        """The events as they travel.

        JSON escapes line ends, so those in the bytes belong to the framing.
        """
        bodies = self.events
        if self.faults.comments:
            bodies = (COMMENT + body for body in bodies)
        if self.faults.crlf:
            bodies = (body.replace(b"\n", b"\r\n") for body in bodies)
        if self.faults.gzip:
            bodies = compress(bodies) if self.stream else (gzip.compress(body, 1) for body in bodies)
        return bodies

    def _head(self, handler: Any, framing: str, bodies: Iterable[bytes]) -> bytes:
        headers = [
            (name, value) for name, value in handler.response_headers if name.lower() != b"content-length"
        ]
        headers.append((b"date", handler.server.loop_date()))
        if self.faults.gzip:
            headers.append((b"content-encoding", b"gzip"))
        if framing == CHUNKED:
            headers.append((b"transfer-encoding", b"chunked"))
        if framing == LENGTH:
            headers.append((b"content-length", b"%d" % sum(map(len, bodies))))
        if framing == CLOSE:
            headers.append((b"connection", b"close"))
        lines = (b"%s: %s\r\n" % header for header in headers)
        return b"HTTP/1.1 %s\r\n%s\r\n" % (handler.status, b"".join(lines))


class Line:
    """The socket, with the chosen framing and cut."""

    def __init__(self, sock: Any, chunked: bool, faults: Faults) -> None:
        self._sock = sock
        self._chunked = chunked
        self._size = faults.size
        self._bytewise = faults.bytewise

    def send(self, body: bytes) -> None:
        if not self._size:
            self._sock.sendall(self._frame(body))
            return
        for start in range(0, len(body), self._size):
            self._put(self._frame(body[start : start + self._size]))

    def send_many(self, bodies: list[bytes]) -> None:
        """Several events in one write, each still its own chunk."""
        if self._size:
            for body in bodies:
                self.send(body)
        else:
            self._sock.sendall(b"".join(map(self._frame, bodies)))
        gevent.sleep(0)  # a fast reader would otherwise keep the loop from everyone else

    def end(self) -> None:
        if self._chunked:
            self._put(END_OF_CHUNKS)

    def reset_on_close(self) -> None:
        self._sock.setsockopt(*RESET_ON_CLOSE)

    def _frame(self, body: bytes) -> bytes:
        # An empty chunk would end the body.
        return b"%x\r\n%s\r\n" % (len(body), body) if self._chunked and body else body

    def _put(self, data: bytes) -> None:
        if not self._bytewise:
            self._sock.sendall(data)
            gevent.sleep(0)
            return
        for number in range(len(data)):
            self._sock.sendall(data[number : number + 1])
            gevent.sleep(0)


def pause(seconds: float) -> None:
    if seconds > 0:
        gevent.sleep(seconds)


def compress(bodies: Iterable[bytes]) -> Iterator[bytes]:
    """Compresses with gzip and flushes after each event, as a proxy that compresses a stream must."""
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    packed = (packer.compress(body) + packer.flush(zlib.Z_SYNC_FLUSH) for body in bodies)
    return chain(packed, (packer.flush(part) for part in (zlib.Z_FINISH,)))


def deliver(events: Iterable[bytes], gap: float, faults: Faults = NO_FAULTS) -> Response:
    """A stream of SSE events, `gap` seconds apart."""
    return _hand_over(Delivery(events, gap, stream=True, faults=faults), "text/event-stream")


def deliver_whole(body: bytes, faults: Faults, mimetype: str = "application/json") -> Response:
    return _hand_over(Delivery([body], 0.0, stream=False, faults=faults), mimetype)


def never_respond() -> Response:
    """No byte until the client leaves."""
    return deliver_whole(b"", Faults(slow_headers=FOR_EVER))


def _hand_over(delivery: Delivery, mimetype: str) -> Response:
    """The headers go Flask's way; the server's handler finds the delivery and writes it."""
    request.environ[DELIVERY] = delivery
    response = Response(mimetype=mimetype)
    if delivery.stream:
        response.headers["content-type"] = "text/event-stream"
        response.headers["cache-control"] = "no-cache"
    return response
