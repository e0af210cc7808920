"""A client's connection from its handshake to its end: lanes of turns, and an orderly end."""

import time
from collections import deque
from typing import Any

import gevent
from gevent.lock import Semaphore

from copilot_bridge.dialects.responses.turns import lane_of, read_turn
from copilot_bridge.errors import BridgeError, InvalidRequest
from copilot_bridge.http.websocket.client_socket import ClientSocket
from copilot_bridge.http.websocket.turn import TurnRunner
from copilot_bridge.streaming.client_connection import ClientDisconnected

NORMAL, GOING_AWAY = 1000, 1001

# As OpenAI has them, https://platform.openai.com/docs/guides/websocket-mode (2026-11), but for the last two.
MAX_LANES = 32  # with a name
MAX_ACTIVE = 16  # turns that run at once
MAX_AGE = 3600.0  # seconds
MAX_WAITING = 8  # turns of a lane
MAX_WAITING_BYTES = 64 * 1024 * 1024  # of all lanes


class Session:
    """Serves one connection.

    :param client: its socket.  :param runner: runs its turns.
    """

    def __init__(self, client: ClientSocket, runner: TurnRunner) -> None:
        self._client = client
        self._runner = runner
        self._waiting: dict[str | None, deque[bytes]] = {}
        self._waiting_bytes = 0
        self._lanes: dict[str | None, Any] = {}  # the greenlets of lanes with turns
        self._names: set[str] = set()
        self._active = Semaphore(MAX_ACTIVE)
        self._opened = time.monotonic()
        self._stopping = False

    def serve(self) -> None:
        """Serve until the client leaves or the server stops."""
        try:
            while (messages := self._client.receive()) is not None:
                for message in messages:
                    self._take(message)
        except ClientDisconnected:
            pass
        finally:
            gevent.killall([*self._lanes.values()], exception=ClientDisconnected)
            self._client.close(GOING_AWAY)
            self._client.discard_rest()

    def _take(self, message: bytes) -> None:
        """Have a message wait for its turn.  What comes while the server stops is not read any more."""
        if self._stopping:
            return
        try:
            self._check_age()
            lane, body = read_turn(message)
            self._check_room(lane, body)
        except BridgeError as error:
            entry = self._runner.new_entry()
            self._runner.refuse(error, entry, lane_of(message))
            entry.write()
            return
        self._waiting.setdefault(lane, deque()).append(body)
        self._waiting_bytes += len(body)
        if lane not in self._lanes:
            self._lanes[lane] = gevent.spawn(self._serve_lane, lane)

    def _check_age(self) -> None:
        if time.monotonic() - self._opened >= MAX_AGE:
            self._stopping = True
            if not self._lanes:
                gevent.spawn(self._client.close, NORMAL)
            raise InvalidRequest(
                "the connection has been open for an hour: open another one, and send the whole conversation",
                code="websocket_connection_limit_reached",
            )

    def _check_room(self, lane: str | None, body: bytes) -> None:
        if lane is not None:
            if lane not in self._names and len(self._names) == MAX_LANES:
                raise InvalidRequest(
                    f"stream_id: at most {MAX_LANES} on a connection",
                    param="stream_id",
                    code="websocket_stream_limit_reached",
                )
            self._names.add(lane)
        full = self._waiting_bytes + len(body) > MAX_WAITING_BYTES and self._waiting_bytes
        if full or len(self._waiting.get(lane, ())) >= MAX_WAITING:
            raise BridgeError("too many turns wait on this connection", kind="rate_limited")

    def _serve_lane(self, lane: str | None) -> None:
        """Run the turns of a lane, one after the other."""
        waiting = self._waiting[lane]
        try:
            while waiting and not self._stopping:
                body = waiting.popleft()
                self._waiting_bytes -= len(body)
                with self._active:
                    self._runner.run(lane, body)
        except ClientDisconnected:
            self._client.shut_down()
        finally:
            self._lanes.pop(lane, None)
            if self._stopping:
                self._say_goodbye()

    def stop(self) -> None:
        """End the connection after the turns that run now."""
        self._stopping = True
        self._say_goodbye()

    def _say_goodbye(self) -> None:
        if not self._lanes:
            self._client.close(GOING_AWAY)
