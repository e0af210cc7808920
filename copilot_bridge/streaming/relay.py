"""How an answer gets from upstream's socket to its client: the waiting on both ends of the line.

One greenlet serves a request.  It sleeps on a `Bell`, and whoever has news for it rings: upstream's
socket has bytes, the client's socket has ended, it has been silent for too long, a request to upstream
has been answered.  The watchers stay with the event loop for as long as the stream lasts.

There are three ways from upstream to the client, each faster than the one before and byte for byte the same:

- the reference, `Delivery._read`: a blocking read, a write by the server, and so on;
- `Delivery._watch`: the greenlet sleeps until upstream's socket is readable, takes all that is there in one
  piece, and hands it to the server;
- `Pump`: the event loop itself does so and writes to the client's socket, while the greenlet sleeps on; it
  wakes it for all that is not plain sailing, and then things go on by `_watch`.
"""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar, cast

import gevent
from gevent.hub import get_hub

from copilot_bridge.errors import StreamCut, UpstreamTimeout

STOPPED = "the bridge is being stopped"

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# Seconds after which a reset may have come, from this machine or from the other end of the world.
LOOKS = (0.02, 0.1, 0.3, 0.7, 2.0)

READ = 1  # libev's and libuv's name for "readable"

T = TypeVar("T")


class ClientGoneError(Exception):
    """The client has hung up.  Nobody is left to be told."""


class PlainBody(Protocol):
    """What upstream sends.  `blocking`: `take` waits for it."""

    @property
    def blocking(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    def take(self) -> bytes: ...


class Body(PlainBody, Protocol):
    """The same, read without blocking.  `drained`: another `take` now would find nothing."""

    @property
    def drained(self) -> bool: ...
    def fileno(self) -> int: ...


class Reader(Protocol):
    """Makes of upstream's bytes what the client gets."""

    @property
    def done(self) -> bool: ...
    @property
    def failure(self) -> Exception | None: ...
    def feed(self, piece: bytes) -> bytes: ...


class Direct(Protocol):
    """Writes to the client past the server, without waiting; `send` gives what the socket did not take."""

    socket: Any

    @property
    def ready(self) -> bool: ...
    def send(self, piece: bytes) -> bytes: ...


class Bell:
    """Wakes the one greenlet that sleeps on it.  A ring that nobody hears is kept."""

    def __init__(self) -> None:
        self._hub = get_hub()
        self._sleeper: Any = None
        self._rung = False

    def ring(self, *_: object) -> None:
        """To be called from the event loop."""
        if self._sleeper is None:
            self._rung = True
        else:
            sleeper, self._sleeper = self._sleeper, None
            sleeper.switch()

    @property
    def awaited(self) -> bool:
        return self._sleeper is not None

    def wait(self) -> None:
        if not self._rung:
            self._sleeper = gevent.getcurrent()
            try:
                self._hub.switch()
            finally:
                self._sleeper = None
        self._rung = False


class Readable:
    """Rings when a socket has something to read.

    The watcher is left with the loop between two waits.  Only when the greenlet is busy elsewhere,
    above all blocked by a slow client, is it taken off, or the loop would spin on it.

    :param pump: called first, while the greenlet sleeps; True: there is no need to wake it.
    """

    def __init__(self, fileno: int, bell: Bell, pump: Callable[[], bool] | None = None) -> None:
        self._bell = bell
        self._pump = pump
        self._watcher = get_hub().loop.io(fileno, READ)
        self._watching = False
        self.fired = False

    def watch(self) -> None:
        if not self._watching:
            self._watching = True
            self._watcher.start(self._readable)

    def _readable(self) -> None:
        if self._pump is not None and self._bell.awaited and self._pump():
            return
        self.fired = True
        if not self._bell.awaited:
            self.pause()
        self._bell.ring()

    def pause(self) -> None:
        self._watching = False
        self._watcher.stop()

    def close(self) -> None:
        self._watcher.stop()
        self._watcher.close()


class Silence:
    """Rings after `seconds` without a `heard()`, again and again.

    `heard` only notes the time; the timer looks at it when it fires and sleeps for what is left.
    """

    def __init__(self, seconds: float, bell: Bell) -> None:
        self.seconds = seconds
        self._bell = bell
        self._loop = get_hub().loop
        self._timer = self._loop.timer(seconds)
        self._timer.start(self._due)
        self._last = time.monotonic()
        self.due = False

    def heard(self) -> None:
        self._last = time.monotonic()
        self.due = False

    def _due(self) -> None:
        left = self._last + self.seconds - time.monotonic()
        self.due = left <= 0.001
        if self.due:
            self._last, left = time.monotonic(), self.seconds
        self._timer.stop()
        self._timer.close()
        self._timer = self._loop.timer(left)
        self._timer.start(self._due)
        if self.due:
            self._bell.ring()  # last, for whoever wakes up may close this

    def close(self) -> None:
        self._timer.stop()
        self._timer.close()


class HalfClosed:
    """A client that sends no more.  It may still read, or have left: that shows when it is sent something.

    A client that has left answers by a reset.  Before the head of the answer it is sent `100 Continue`, which
    every client of HTTP/1.1 skips (RFC 9110, section 15.2); later, a sign of life as in every silence.

    :param probe: ask it in that way.
    :raises ClientGoneError: it can't be asked, or has left.
    """

    def __init__(self, client: Any, bell: Bell, *, probe: bool) -> None:
        self._client = client
        self._bell = bell
        self._timers = [get_hub().loop.timer(seconds) for seconds in LOOKS]
        self.due = True
        try:
            if probe:
                client.send(CONTINUE)
        except BlockingIOError:
            pass
        except OSError as error:
            self.close()
            raise ClientGoneError from error
        for timer in self._timers:
            timer.start(bell.ring)

    def check(self) -> None:
        """Raises ClientGoneError: its reset has come."""
        if self._client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise ClientGoneError

    def close(self) -> None:
        for timer in self._timers:
            timer.stop()
            timer.close()


class Pump:
    """Passes pieces on in the event loop, where nothing may wait and nobody would hear of an error.

    What it can't do is left for the greenlet: `rest` of a piece that the client's socket did not take, and
    the `error` that a piece has led to.  Nothing more is read until the greenlet has seen to them.
    """

    def __init__(
        self,
        body: Body,
        reader: Reader,
        look: Callable[[bytes], None],
        direct: Direct,
        told: Callable[[], None],
    ) -> None:
        self._body = body
        self._reader = reader
        self._look = look
        self._direct = direct
        self._told = told
        self._rest = b""
        self._error: Exception | None = None
        self.open = False  # until the server has sent the head
        self.last_byte = 0.0

    def __call__(self) -> bool:
        """True: what has arrived is with the client, and more may come."""
        if not self.open:
            return False
        try:
            if piece := self._body.take():
                self.last_byte = time.monotonic()
                self._look(piece)
                if out := self._reader.feed(piece):
                    self._rest = self._direct.send(out)
                    self._told()
        except Exception as error:  # noqa: BLE001 - raised again in the greenlet
            self._error = error
            return False
        return self._body.drained and not (self._rest or self._body.ended or self.ended)

    @property
    def ended(self) -> bool:
        return self._reader.done or self._reader.failure is not None

    def settle(self) -> None:
        """In the greenlet: what is left to do of the last piece.

        :raises ClientGoneError: or whatever the piece has led to.
        """
        error, self._error = self._error, None
        rest, self._rest = self._rest, b""
        try:
            if rest:
                self._direct.socket.sendall(rest)
            if error is not None:
                raise error
        except OSError as gone:
            raise ClientGoneError from gone


class Delivery:
    """Waits for upstream on behalf of one client, who may leave meanwhile.  Times in seconds.

    :param client: the client's socket, or None where the server has none to show (a test client).
    :param interim: it speaks HTTP/1.1, and takes answers that only say that there will be one.
    :param keepalive: silence after which the client should be sent a sign of life.
    :param stall: silence of upstream after which it is given up.
    :param direct: a way to the client past the server, if there is one.
    :raises ClientGoneError: it has left already.
    """

    def __init__(
        self,
        client: socket.socket | None,
        keepalive: float,
        stall: float,
        direct: Direct | None = None,
        *,
        interim: bool = True,
    ) -> None:
        if client is not None and client.fileno() < 0:
            raise ClientGoneError
        self._bell = Bell()
        self._client = getattr(client, "_sock", client)  # gevent's sockets wrap the system's
        self._line = Readable(client.fileno(), self._bell) if client is not None else None
        self._silence = Silence(min(keepalive, stall), self._bell)
        self._stall = stall
        self._direct = direct
        self._interim = interim
        self._job: Any = None
        self._half: HalfClosed | None = None
        self.answered = False  # its head has been sent, or is about to be

    def call(self, function: Callable[[], T]) -> Iterator[T | None]:
        """Do a blocking call; None for each silence meanwhile, its result last.

        :raises ClientGoneError: the call has been broken off.
        """
        self._job = job = gevent.spawn(attempt, function)
        job.link(self._bell.ring)
        while not job.ready():
            if self._wait():
                yield None
        result, error = job.get()
        self._job = job = None  # or it would be kept until the end of the stream
        if error is not None:
            raise error
        yield result

    def relay(self, body: PlainBody, reader: Reader, look: Callable[[bytes], None]) -> Iterator[bytes]:
        """What `reader` makes of the body, to be passed on to the client, until one of them is at its end.

        b"" each time that the client has been told nothing for too long.

        :param look: is shown what upstream sent.
        :raises ClientGoneError, StreamCut, UpstreamTimeout: or the failure that the stream tells of.
        """
        direct = None if body.blocking else self._direct
        pump = Pump(cast(Body, body), reader, look, direct, self.told) if direct else None
        for piece in self.pieces(body, pump):
            if not piece:
                yield b""
                continue
            look(piece)
            if out := reader.feed(piece):
                self.told()
                yield out
                if pump and direct:
                    pump.open = direct.ready
            if reader.done or reader.failure:
                break
        if reader.failure:
            raise reader.failure

    def pieces(self, body: PlainBody, pump: Pump | None = None) -> Iterator[bytes]:
        """The body's bytes as they arrive, but for those that go by the pump; b"" as above.

        :raises ClientGoneError, StreamCut, UpstreamTimeout:
        """
        return self._read(body) if body.blocking else self._watch(cast(Body, body), pump)

    def _read(self, body: PlainBody) -> Iterator[bytes]:
        """The reference: one blocking read after the other."""
        last_byte = time.monotonic()
        while not body.ended:
            for piece in self.call(body.take):
                if piece:
                    last_byte = time.monotonic()
                    yield piece
                elif piece is None:
                    self._check_stall(last_byte)
                    yield b""

    def _watch(self, body: Body, pump: Pump | None) -> Iterator[bytes]:
        upstream = Readable(body.fileno(), self._bell, pump)
        last_byte = time.monotonic()
        try:
            while True:
                if piece := body.take():
                    last_byte = time.monotonic()
                    yield piece
                if body.ended:
                    return
                if piece and not body.drained:
                    self._let_others()
                    continue
                upstream.watch()
                due = self._wait()
                if pump is not None:
                    pump.settle()
                    last_byte = max(last_byte, pump.last_byte)
                    if pump.ended:
                        return
                if due:
                    self._check_stall(last_byte)
                    yield b""
        finally:
            upstream.close()

    def _check_stall(self, last_byte: float) -> None:
        if time.monotonic() - last_byte >= self._stall - 0.001:
            raise UpstreamTimeout(f"no byte from Copilot for {self._stall:g} s")

    def told(self) -> None:
        """The client has been sent something, so it is not in silence."""
        self._silence.heard()

    def _let_others(self) -> None:
        """A stream that never has to wait would keep everybody else waiting."""
        try:
            gevent.sleep(0)
        except gevent.GreenletExit as stopped:
            raise StreamCut(STOPPED) from stopped

    def drain(self, body: PlainBody, patience: float) -> None:
        """Read the end of a body of which nothing more is wanted, if it comes soon."""
        self._silence.close()
        self._silence = Silence(patience, self._bell)
        give_up = time.monotonic() + patience
        try:
            for piece in self.pieces(body):
                if not piece or time.monotonic() > give_up:
                    return
        except (ClientGoneError, StreamCut, UpstreamTimeout):
            return

    def _wait(self) -> bool:
        """Until there is news.  True if the news is that there has been none for too long."""
        if self._line is not None:
            self._line.watch()
        try:
            self._bell.wait()
        except gevent.GreenletExit as stopped:
            raise StreamCut(STOPPED) from stopped
        self._check_client()
        due, self._silence.due = self._silence.due, False
        if self._half is not None and self._half.due:
            self._half.due = False
            due = due or self.answered
        return due

    def _check_client(self) -> None:
        """A socket at its end is readable and gives nothing."""
        if self._half is not None:
            self._half.check()
        if self._line is None or not self._line.fired:
            return
        self._line.fired = False
        try:
            early = self._client.recv(1, socket.MSG_PEEK)  # type: ignore[union-attr]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            raise ClientGoneError from error
        if not early:
            if not (self.answered or self._interim):
                raise ClientGoneError  # it could not be asked, as proxies that speak HTTP/1.0
            self._half = HalfClosed(self._client, self._bell, probe=not self.answered)
        # Its next request, or its end: whatever comes after that can't be seen here.
        self._line.close()
        self._line = None

    def close(self) -> None:
        """Afterwards nobody reads the body any more, and it can be closed."""
        if self._job is not None:
            self._job.kill()
        if self._line is not None:
            self._line.close()
        if self._half is not None:
            self._half.close()
        self._silence.close()


def attempt(function: Callable[[], T]) -> tuple[T | None, Exception | None]:
    """An exception is a result like any other: gevent would print it to stderr."""
    try:
        return function(), None
    except Exception as error:  # noqa: BLE001 - raised again in the greenlet that asked
        return None, error


def in_thread(function: Callable[..., T], *given: object) -> T:
    """What it returns or raises, called in a thread of gevent's, which would print an exception.

    It may not wait for a lock of ours: those are of greenlets, and a thread may wait for one for ever.
    """

    def call() -> tuple[T | None, BaseException | None]:
        try:
            return function(*given), None
        except BaseException as error:  # noqa: BLE001 - raised again in the greenlet that asked
            return None, error

    result, error = get_hub().threadpool.apply(call)
    if error is not None:
        raise error
    return cast(T, result)
