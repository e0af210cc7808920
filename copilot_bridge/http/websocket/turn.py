"""One turn of a client, which runs as a request does: access, limits, approval, a row in the log."""

import logging
from collections.abc import Mapping

from msgspec import Struct

from copilot_bridge.dialects.responses.turns import SteeringUnsupported, error_message, steering_failed
from copilot_bridge.errors import BridgeError, InvalidRequest
from copilot_bridge.http.errors import describe_error
from copilot_bridge.http.identification import context_for
from copilot_bridge.http.websocket.client_socket import ClientSocket, FrameWriter
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline import Bridge, RequestContext
from copilot_bridge.pipeline.connection_memory import ConnectionMemory
from copilot_bridge.pipeline.endpoints import TURN
from copilot_bridge.pipeline.run import finish_request, run_request
from copilot_bridge.streaming.client_connection import ClientDisconnected

log = logging.getLogger(__name__)

METHOD = "WEBSOCKET"  # of a turn in the log
DIALECT = "responses"


class SocketClient(Struct, frozen=True):
    """The client of a connection, as its handshake shows it.

    :param address: of the client.  :param local: it is on this machine.  :param path: that it has asked for.
    :param headers: their names in lower case.
    """

    address: str
    local: bool
    path: str
    headers: Mapping[str, str]
    credentials: list[str]


class TurnRunner:
    """Runs the turns of a connection."""

    def __init__(self, bridge: Bridge, visitor: SocketClient, client: ClientSocket) -> None:
        self._bridge = bridge
        self._visitor = visitor
        self._client = client
        self._memory = ConnectionMemory()

    def run(self, lane: str | None, body: bytes) -> None:
        """Run a turn to its end.

        :raises ClientDisconnected: the client has left.
        """
        entry = self.new_entry()
        writer = FrameWriter(self._client, lane)
        context: RequestContext | None = None
        try:
            context = self._context(entry)
            self._respond(context, entry, body, writer)
        except BridgeError as error:
            self.refuse(error, entry, lane)
        except ClientDisconnected:
            entry.outcome = "client_disconnected"
            raise
        except RecursionError:
            self.refuse(InvalidRequest("the request body is nested too deeply"), entry, lane)
        except Exception:
            log.exception("internal error in request %s", entry.id)
            self.refuse(BridgeError(f"internal error in request {entry.id}; see the log"), entry, lane)
        finally:
            writer.close()
            if context is not None:
                finish_request(context, entry)
            else:
                entry.write()

    def new_entry(self) -> RequestLogEntry:
        return RequestLogEntry(self._visitor.address, METHOD, self._visitor.path, dialect=DIALECT)

    def _context(self, entry: RequestLogEntry) -> RequestContext:
        """Find the caller anew: its key may have been removed since the last turn."""
        visitor = self._visitor
        return context_for(self._bridge, entry, visitor.credentials, local=visitor.local, memory=self._memory)

    def _respond(
        self, context: RequestContext, entry: RequestLogEntry, body: bytes, writer: FrameWriter
    ) -> None:
        exchange = run_request(context, TURN, entry, body, self._visitor.headers, None, writer)
        try:
            if not exchange.streaming:
                whole = exchange.result()
                entry.status = 200
                writer.write_whole(whole if isinstance(whole, bytes) else b"".join(whole))
                return
            exchange.open()
            entry.status = 200
            for piece in exchange.events():
                writer.write(piece)
        finally:
            exchange.close()

    def refuse(self, error: BridgeError, entry: RequestLogEntry, lane: str | None) -> None:
        """Tell the client that there is no response.

        :raises ClientDisconnected: the client has left.
        """
        status, headers, body = describe_error(error, entry, self._bridge)
        entry.status = status
        if isinstance(error, SteeringUnsupported):
            self._client.send_message(steering_failed(error))
        else:
            self._client.send_message(error_message(status, headers, body, lane))
