"""Running a request: waiting for Copilot, writing to the client, and noting how it ended."""

import logging
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

import requests

from copilot_bridge.dialects.filtered import StreamConverter
from copilot_bridge.dialects.framing.frames import Framing
from copilot_bridge.dialects.pieces import Pieces
from copilot_bridge.errors import BridgeError
from copilot_bridge.logs.client_names import client_name
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.conversion import unreadable
from copilot_bridge.pipeline.log_rows import interrupted_row
from copilot_bridge.pipeline.services import Bridge
from copilot_bridge.streaming.client_connection import ClientDisconnected, ResponseCut
from copilot_bridge.streaming.relay import StreamRelay
from copilot_bridge.streaming.response_body import Body
from copilot_bridge.streaming.socket_writer import SocketWriter

log = logging.getLogger(__name__)

# After [DONE] only the end of the body is still to come; without it the connection can't be used again.
DRAIN_TIMEOUT = 1.0


ReadRequest = Callable[[RequestContext, RequestLogEntry, bytes, Mapping[str, str]], Any]


class ResponseFacts(Protocol):
    """Reads usage, cost and errors from the bytes of a response, and notes them in the log entry."""

    def feed(self, data: bytes) -> None: ...
    def note_cost(self) -> None: ...


class NoResponseFacts:
    """The facts of a response that has noted them itself."""

    def feed(self, data: bytes) -> None:
        """Note nothing."""

    def note_cost(self) -> None:
        """Note nothing."""


class ResponseStream(NamedTuple):
    """A response on its way to the client.

    :param reader: turns the body's bytes into the client's.
    """

    body: Body
    reader: StreamConverter
    facts: ResponseFacts


class Operation(Protocol):
    """An operation that a client requests.  `open` and `complete` block, so they get a greenlet."""

    streaming: bool
    response_headers: dict[str, str]
    framing: Framing

    def complete(self) -> bytes | Pieces: ...
    def open(self) -> requests.Response: ...
    def stream(self, response: requests.Response, *, fast: bool) -> ResponseStream: ...
    def fail(self, error: BridgeError) -> bytes: ...
    def report_refusal(self, error: BridgeError) -> None: ...


class Exchange:
    """Runs one request.  The caller has to call `close`, whatever happened before.

    :param client: the client's socket, to notice when it hangs up.
    :param writer: writes to it past the server, where the server allows it.
    :param accepts_continue: the client speaks HTTP/1.1, and may be sent `100 Continue`.
    """

    def __init__(
        self,
        bridge: Bridge,
        operation: Operation,
        entry: RequestLogEntry,
        client: socket.socket | None,
        writer: SocketWriter | None = None,
        *,
        accepts_continue: bool = True,
    ) -> None:
        config = bridge.config
        self._operation = operation
        self._entry = entry
        self._fast = config.direct_socket_io
        self._relay = StreamRelay(
            client, config.keepalive, config.read_timeout, writer, accepts_continue=accepts_continue
        )
        self._opening: Iterator[requests.Response | None] = iter(())
        self._response: requests.Response | None = None
        self._body: Body | None = None
        self._metrics = bridge.metrics
        self._open = False

    @property
    def streaming(self) -> bool:
        return bool(self._operation.streaming)

    @property
    def media_type(self) -> str:
        """The media type of a stream."""
        return self._operation.framing.media_type

    @property
    def headers(self) -> dict[str, str]:
        """The headers of Copilot's response that the client should see."""
        return dict(self._operation.response_headers)

    def result(self) -> bytes | Pieces:
        """Return the whole response.

        :raises BridgeError: there is none.  :raises ClientDisconnected: the client left.
        """
        for whole in self._relay.call(self._operation.complete):
            if whole is not None:
                self._entry.note_first_byte()
                if isinstance(whole, Pieces) and whole.size is None:
                    return Pieces(self._rest_of(whole), None)
                return whole
        raise AssertionError("a call ends with its result")

    def _rest_of(self, whole: Iterable[bytes]) -> Iterator[bytes]:
        """Yield a response that is still being read.

        :raises ResponseCut: it ended too early, after its status was sent.
        """
        try:
            yield from whole
        except GeneratorExit:
            self._entry.outcome = "client_disconnected"
            raise
        except BridgeError as error:
            self._entry.note_error(error)
            raise ResponseCut from error

    def open(self) -> None:
        """Wait for Copilot's decision, so that a refusal has an HTTP status of its own.

        It gives up waiting when the client should get a first byte: later errors are events of the stream.

        :raises BridgeError: Copilot refused.  :raises ClientDisconnected: the client left.
        """
        self._metrics.stream_opened()
        self._open = True
        self._opening = self._relay.call(self._operation.open)
        self._response = next(self._opening)

    def events(self) -> Iterator[bytes]:
        """Yield the response as it arrives.  Errors from here on are events of the stream."""
        reader: StreamConverter | None = None
        self._relay.note_response_started()
        try:
            while self._response is None:
                yield self._operation.framing.keepalive
                self._response = next(self._opening)
            stream = self._operation.stream(self._response, fast=self._fast)
            self._body, reader = stream.body, stream.reader
            yield from self._relay_body(stream)
        except (ClientDisconnected, GeneratorExit) as gone:
            self._entry.outcome = "client_disconnected"
            if isinstance(gone, GeneratorExit):
                raise
        except BridgeError as error:
            if reader is not None:
                self._operation.report_refusal(error)
            self._entry.note_error(error)
            yield (reader or self._operation).fail(error)
        except Exception:
            log.exception("internal error in the stream of request %s", self._entry.id)
            unknown = unreadable(self._entry.id)
            self._entry.note_error(unknown)
            yield (reader or self._operation).fail(unknown)

    def _relay_body(self, stream: ResponseStream) -> Iterator[bytes]:
        body, reader, facts = stream
        try:
            for out in self._relay.relay(body, reader, facts.feed):
                if out:
                    self._entry.note_first_byte()
                yield out or self._operation.framing.keepalive
        finally:
            facts.note_cost()
            self._entry.note_usage(reader.usage)
            self._entry.outcome = reader.outcome
        if not reader.done:
            yield reader.close()
        if not reader.stopped:
            self._relay.drain(body, DRAIN_TIMEOUT)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._metrics.stream_closed()
        self._relay.close()
        if self._body is not None:
            self._body.close()
        elif self._response is not None:
            self._response.close()


def run_request(
    context: RequestContext,
    read_request: ReadRequest,
    entry: RequestLogEntry,
    data: bytes,
    headers: Mapping[str, str],
    client: socket.socket | None = None,
    writer: SocketWriter | None = None,
    *,
    accepts_continue: bool = True,
) -> Exchange:
    """Read a request, note in the log that it has begun, and return the exchange that runs it.

    The caller closes the exchange and calls `finish_request`.

    :param headers: the client's, their names in lower case.
    :raises BridgeError: the request is wrong.
    """
    operation = read_request(context, entry, data, headers)
    entry.dialect, entry.model, entry.streamed = operation.dialect, operation.model, operation.streaming
    entry.requested_model, entry.client = operation.model, client_name(headers.get("user-agent", ""))
    if context.bridge.telemetry is not None:
        entry.traceparent = headers.get("traceparent")
    context.prepare_approval(entry, operation.model, data)
    progress = partial(context.bridge.token_estimates.progress, entry)
    context.bridge.request_log_writer.begin(interrupted_row(entry), progress)
    return Exchange(context.bridge, operation, entry, client, writer, accepts_continue=accepts_continue)


def finish_request(context: RequestContext, entry: RequestLogEntry) -> None:
    """Release the limits that a request has used, and log how it ended."""
    context.release_limits()
    context.write_log(entry)
    context.bridge.token_estimates.learn(entry)
    entry.write()
