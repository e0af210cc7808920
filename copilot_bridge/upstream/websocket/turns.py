"""Turns of conversations over WebSockets: the choice of the way, and the way back to HTTP.

A conversation's first request goes by HTTP, which needs no handshake, and a WebSocket is opened while it is
answered.  Later requests go over the WebSocket if it is free.  Whatever goes wrong before the first event of
a response leads back to HTTP, within the same request.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from cachetools import TTLCache

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.responses.request import as_items
from copilot_bridge.errors import BridgeError, StreamCut
from copilot_bridge.streaming.response_body import DirectResponse
from copilot_bridge.upstream.single_flight import SingleFlight
from copilot_bridge.upstream.transport.http_client import HttpClient
from copilot_bridge.upstream.transport.network_errors import StaleConnectionError
from copilot_bridge.upstream.transport.patience import Patience
from copilot_bridge.upstream.transport.waiting import Timeouts
from copilot_bridge.upstream.websocket.frames import COMPLETED, INCOMPLETE, TurnReader, turn_frame
from copilot_bridge.upstream.websocket.new_items import Point, known_items, point_after
from copilot_bridge.upstream.websocket.pool import Key, Pool
from copilot_bridge.upstream.websocket.turn_body import TurnBody

if TYPE_CHECKING:
    from copilot_bridge.upstream.websocket.connection import Connection

log = logging.getLogger(__name__)

PATH = "/responses"
SESSION_TOKEN = "copilot-session-token"  # noqa: S105 - the name of a header

MAX_PAUSED = 1024  # accounts and models
PAUSE = 600.0  # seconds without WebSockets after a refused handshake, or after several failures
MAX_FAILURES = 3  # in a row

SECOND_REQUEST = 3  # items at least: a question, its response, and the next question

# The ways in which a turn is sent.
CONTINUED, WHOLE = "continued", "whole"
# Why a conversation's turn was not sent over a WebSocket.
FIRST, BUSY, REFUSED, LOST, SILENT = "first", "busy", "refused", "lost", "silent"


class Failure(Exception):
    """A turn that ended before its first event.

    :param reason: `REFUSED`, `LOST` or `SILENT`.
    :param read: whether Copilot may have acted on it.
    """

    def __init__(self, reason: str, *, read: bool, detail: object = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.read = read


@dataclass(slots=True)
class TurnOutcome:
    """The result of an attempt.

    :param way: a word for the metrics.
    :param sent: bytes of the frame as it was sent.  :param spared: bytes that HTTP would have sent besides.
    :param read: whether Copilot may have acted on a turn that failed.
    """

    way: str
    response: DirectResponse | None = None
    sent: int = 0
    spared: int = 0
    read: bool = False

    @property
    def failed(self) -> bool:
        """Return whether the turn was sent in vain."""
        return self.response is None and self.sent > 0


class Turns:
    """The WebSockets of a process, and what is known of the places that refuse them.

    :param max_connections: at a time.  :param idle_life: seconds for which one waits for the next turn.
    :param max_size: bytes of an event.  :param compress: offer that messages are compressed.
    :ivar listener: called with the kind of each turn, the bytes that were sent, and those that were spared.
    """

    def __init__(
        self,
        client: HttpClient,
        *,
        max_connections: int,
        idle_life: float,
        max_size: int,
        compress: bool,
        timeout: float,
        first_byte_timeout: float,
    ) -> None:
        self._client = client
        self._max_size = max_size
        self._compress = compress
        self.timeout = timeout
        self._patience = Patience(first_byte_timeout)
        self.pool = Pool(max_connections, idle_life)
        self._openings: SingleFlight[None] = SingleFlight()
        self._in_use: WeakValueDictionary[Key, Connection] = WeakValueDictionary()
        self._paused: TTLCache[tuple[str, str], bool] = TTLCache(MAX_PAUSED, PAUSE)
        self._uncompressed: TTLCache[tuple[str, str], bool] = TTLCache(MAX_PAUSED, PAUSE)
        self._failures: dict[tuple[str, str], int] = {}
        self.listener: Callable[[str, int, int], object] = lambda _way, _sent, _spared: None
        self.on_quotas: Callable[[str, object], object] = lambda _account, _quotas: None
        self.enabled = False

    def start(self) -> None:
        """Use WebSockets from now on, in a server: commands send one request, and have no event loop."""
        self.enabled = self.pool.max_connections > 0

    def turn(self, account: str, model: str, conversation: str) -> "Turn | None":
        """Return a turn of a conversation; None: its requests go by HTTP."""
        if not self.enabled or (account, model) in self._paused:
            return None
        return Turn(self, account, model, conversation)

    def note_failure(self, key: tuple[str, str], *, final: bool = False) -> None:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        if final or failures >= MAX_FAILURES:
            self._paused[key] = True
            self._failures.pop(key, None)

    def note_doubt(self, key: tuple[str, str]) -> None:
        """Note that compression may have been the cause of a failure."""
        self._uncompressed[key] = True

    def note_success(self, key: tuple[str, str]) -> None:
        self._failures.pop(key, None)

    def open_later(self, key: Key, url: str, headers: Mapping[str, str]) -> None:
        """Begin to open a connection for the next turn, unless there is one."""
        if key in self.pool or self.is_busy(key) or (key[0], key[1]) in self._paused:
            return
        self._openings.begin("\0".join(key), lambda: self._open(key, url, headers))

    def _open(self, key: Key, url: str, headers: Mapping[str, str]) -> None:
        if self.pool.reserve():
            try:
                self._open_now(key, url, headers)
            finally:
                self.pool.release()

    def _open_now(self, key: Key, url: str, headers: Mapping[str, str]) -> None:
        from copilot_bridge.upstream.websocket.connection import (  # at a start, no conversation needs it yet
            UpgradeRefused,
            WrongHandshake,
            open_connection,
        )

        account_model = (key[0], key[1])
        compress = self._compress and account_model not in self._uncompressed
        try:
            connection = open_connection(self._client, url, headers, self._max_size, compress=compress)
        except UpgradeRefused as refused:
            log.info("%s; using HTTP for the next %d s", refused, PAUSE)
            self.note_failure(account_model, final=True)
        except WrongHandshake as wrong:
            log.info("Copilot accepted a WebSocket in a way that was not offered: %s", wrong)
            self.note_failure(account_model)
            self.note_doubt(account_model)
        except BridgeError as error:
            log.info("no WebSocket to Copilot: %s", error)
            self.note_failure(account_model)
        except Exception:
            log.exception("internal error while a WebSocket was opened")
        else:
            self.pool.put(key, connection, None)

    def exchange(self, connection: "Connection", frame: bytes, kind: str) -> tuple[TurnReader, bytes]:
        """Send a frame, and wait for the first event of its response.

        :raises Failure: there is none, or it is an error.
        """
        timeouts = Timeouts(self.timeout, self.timeout, self._patience, kind)
        began = time.monotonic()
        events = TurnReader()
        try:
            connection.send(frame, self.timeout)
            while not (messages := connection.receive()):
                connection.await_response(timeouts, began)
            first = events.feed(messages)
        except StaleConnectionError as stale:
            raise Failure(SILENT, read=not stale.unsent, detail=stale) from stale
        except (OSError, StreamCut) as lost:
            raise Failure(LOST, read=True, detail=lost) from lost
        if events.last == "error":
            raise Failure(REFUSED, read=False, detail=first[:300])
        self._patience.note(kind, time.monotonic() - began)
        return events, first

    def take(self, key: Key) -> "tuple[Connection, Point | None] | None":
        """Return the conversation's connection, and what it knows; None: there is none that is free."""
        taken = self.pool.take(key)
        if taken is not None:
            self._in_use[key] = taken[0]
        return taken

    def is_busy(self, key: Key) -> bool:
        return key in self._in_use

    def release(self, key: Key) -> None:
        self._in_use.pop(key, None)


class Turn:
    """One request of a conversation."""

    def __init__(self, turns: Turns, account: str, model: str, conversation: str) -> None:
        self._turns = turns
        self._account_model = (account, model)
        self._conversation = conversation
        self._key: Key = ()
        self._body: dict[str, Any] = {}
        self.attempted = False

    def attempt(self, data: bytes, initiator: str, headers: Mapping[str, str]) -> TurnOutcome:
        """Send the request over the conversation's WebSocket, if there is one.  Blocks.

        :param data: the body for HTTP.  :param headers: of this request alone.
        """
        self.attempted = True
        self._body = codec.read(data)
        self._key = (*self._account_model, self._conversation, fixed_parts(self._body, headers))
        if taken := self._turns.take(self._key):
            outcome = self._send(*taken, data, initiator, headers)
        else:
            outcome = TurnOutcome(BUSY if self._turns.is_busy(self._key) else FIRST)
        self._turns.listener(outcome.way, outcome.sent, outcome.spared)
        return outcome

    def _send(
        self,
        connection: "Connection",
        point: Point | None,
        data: bytes,
        initiator: str,
        headers: Mapping[str, str],
    ) -> TurnOutcome:
        items = as_items(self._body["input"])
        known, digest = known_items(point, items)
        previous = point.response_id if point and known else None
        text = turn_frame(self._body, items[known:], previous, initiator, headers)
        frame = connection.frame_of(text)
        try:
            events, first = self._turns.exchange(connection, frame, f"websocket {self._account_model[1]}")
        except Failure as failure:
            log.info("the WebSocket failed, so this turn is sent by HTTP: %s", failure)
            self._doubt_compression(connection, is_first=point is None)
            self._give_up(connection)
            return TurnOutcome(failure.reason, sent=len(frame), read=failure.read)
        except BaseException:  # the waiting request has ended
            self._give_up(connection, failed=False)
            raise
        count = len(items)

        def end(*, reusable: bool) -> None:
            self._end(connection, events, digest, count, reusable=reusable)

        body = TurnBody(connection, events, first, end, self._turns.timeout)
        response = DirectResponse(events.headers, body.opened)
        spared = max(0, len(data) - len(frame)) if previous or connection.compresses else 0
        return TurnOutcome(CONTINUED if previous else WHOLE, response, len(frame), spared)

    def _end(
        self, connection: "Connection", events: TurnReader, digest: bytes, count: int, *, reusable: bool
    ) -> None:
        self._turns.release(self._key)
        if events.quotas:
            self._turns.on_quotas(self._account_model[0], events.quotas)
        if not reusable or events.last not in (COMPLETED, INCOMPLETE):
            self._doubt_compression(connection)
            self._turns.pool.close(connection)
            return
        self._turns.note_success(self._account_model)
        point = None
        if events.last == COMPLETED and events.response_id:
            point = point_after(events.response_id, digest, count, events.output)
        self._turns.pool.put(self._key, connection, point)

    def _doubt_compression(self, connection: "Connection", *, is_first: bool = False) -> None:
        """Have the next WebSockets do without compression if it may be the cause of a failure.

        :param is_first: the connection's first turn has failed.
        """
        if connection.compresses and (is_first or connection.violation):
            self._turns.note_doubt(self._account_model)

    def _give_up(self, connection: "Connection", *, failed: bool = True) -> None:
        self._turns.release(self._key)
        self._turns.pool.close(connection)
        if failed:
            self._turns.note_failure(self._account_model)

    def prepare_next(self, url: str, headers: Mapping[str, str]) -> None:
        """Open a WebSocket for the next request, after this one was accepted by HTTP.

        A conversation that has only begun, and offers no tools, is often its own end.
        """
        if self._body.get("tools") or len(as_items(self._body["input"])) >= SECOND_REQUEST:
            self._turns.open_later(self._key, url, headers)


def fixed_parts(body: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Return a digest of what stays the same through a conversation."""
    parts = [body.get("instructions"), body.get("tools"), headers.get(SESSION_TOKEN)]
    return hashlib.blake2b(codec.write(parts), digest_size=16).hexdigest()
