"""The operations that clients request of a model: a response, and the number of a request's tokens."""

import logging
from collections.abc import Mapping
from typing import ClassVar

import requests

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.call_kinds import BACKGROUND
from copilot_bridge.dialects.dialect import Dialect
from copilot_bridge.errors import BridgeError, InvalidRequest, KindName, Unsupported
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.attribution import Attribution
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.conversion import unreadable
from copilot_bridge.pipeline.counting import count_tokens
from copilot_bridge.pipeline.fallback import send_with_fallback
from copilot_bridge.pipeline.prepare import prepare
from copilot_bridge.pipeline.received import ReadBody, ReceivedRequest, read_request
from copilot_bridge.pipeline.response_facts import StreamFacts
from copilot_bridge.pipeline.run import NoResponseFacts, ResponseStream
from copilot_bridge.pipeline.sending import SentRequest, send_prepared, with_another_pick
from copilot_bridge.pipeline.tool_loop import ToolLoop
from copilot_bridge.streaming.response_body import open_body
from copilot_bridge.upstream.transport.bodies import MEGABYTE, read_whole

log = logging.getLogger(__name__)


class Generation:
    """Has a model respond to a conversation.  Used once: for a stream by `open`, else by `complete`.

    :param read: reads the body, if a part of the request is in its path.
    :ivar model: the name that the client gives.
    :ivar response_headers: of Copilot's response, those that the client should see.
    :raises InvalidRequest, Unsupported: the body is wrong; the message names the field.
    """

    def __init__(
        self,
        dialect: Dialect,
        context: RequestContext,
        entry: RequestLogEntry,
        data: bytes,
        headers: Mapping[str, str],
        *,
        read: ReadBody | None = None,
    ) -> None:
        received = read_request(context, entry, dialect, data, headers, read)
        self.dialect = dialect.name
        self.framing = received.framing
        self.model = received.client.model
        self._ready = received.response.ready()
        self.streaming = received.client.streaming and self._ready is None
        self.response_headers: dict[str, str] = {}
        self._context = context
        self._entry = entry
        self._response = received.response
        self._received: ReceivedRequest | None = received  # until it is sent
        self._sent: SentRequest | None = None
        self._loop: ToolLoop | None = None

    def open(self) -> requests.Response:
        """Send the request, and return the response, whose body is unread.  Blocks.

        :raises BridgeError: the request can't be prepared, or Copilot refused it.
        """
        return self._send().response

    def _send(self) -> SentRequest:
        assert self._received
        fallbacks = self._context.bridge.config.fallback
        self._sent = sent = send_with_fallback(self._received, fallbacks)
        self._loop = ToolLoop(sent) if sent.next_step else None
        self._received = None
        self.response_headers = sent.headers
        return sent

    def complete(self) -> bytes:
        """Send the request, and return the whole response.  Blocks.

        :raises BridgeError: the request can't be prepared, Copilot refused it, or its response is an error.
        """
        if self._ready is not None:
            self._entry.model = self._context.models.resolve(self._context.copilot(), self.model).model.id
            return self._ready
        sent = self._send()
        limit = self._context.bridge.config.response_limit_mb * MEGABYTE
        try:
            if self._loop is not None:
                return self._loop.whole()
            return sent.conversion.whole(sent.response, sent.streamed, self._entry, limit)
        except BridgeError as error:
            self.report_refusal(error)
            raise
        except Exception as error:
            log.exception("internal error in the response to request %s", self._entry.id)
            raise unreadable(self._entry.id) from error

    def stream(self, response: requests.Response, *, fast: bool) -> ResponseStream:
        """Return the stream of the response that `open` has given."""
        assert self._sent
        if self._loop is not None:
            return ResponseStream(self._loop.body(), self._loop, NoResponseFacts())
        body = open_body(response, fast=fast)
        return ResponseStream(body, self._sent.conversion.reader(), StreamFacts(self._entry))

    def fail(self, error: BridgeError) -> bytes:
        """Return the only event of a stream that failed before it began."""
        return self._response.failed_stream(error)

    def report_refusal(self, error: BridgeError) -> None:
        """Count an error in the middle of a response as a refusal."""
        assert self._sent
        self._context.report_refusal(error, self._entry.model or "", self._sent.path)


# Kinds of refusals after which the bridge counts itself: Copilot does not count for reasons of its own.
NOT_COUNTED_FOR: tuple[KindName, ...] = (
    "not_found",
    "unsupported",
    "rate_limited",
    "overloaded",
    "unavailable",
    "timeout",
)


class TokenCount:
    """Counts the tokens of a request: Copilot does if it can, or else the bridge.

    :param read: reads the body, if a part of the request is in its path.
    :ivar model: the name that the client gives.
    :ivar response_headers: of Copilot's response, those that the client should see.
    :raises InvalidRequest, Unsupported: the body is wrong; the message names the field.
    """

    streaming: ClassVar[bool] = False

    def __init__(
        self,
        dialect: Dialect,
        context: RequestContext,
        entry: RequestLogEntry,
        data: bytes,
        headers: Mapping[str, str],
        *,
        read: ReadBody | None = None,
    ) -> None:
        assert dialect.counting
        self._counting = dialect.counting
        self._received = read_request(context, entry, dialect, data, headers, read)
        self.dialect = dialect.name
        self.model = self._received.client.model
        self.response_headers: dict[str, str] = {}

    def complete(self) -> bytes:
        """Return the whole response.  Blocks.

        :raises BridgeError: the request can't be prepared, or not be counted.
        """
        return with_another_pick(self._received, self._count, BACKGROUND)

    def _count(self, received: ReceivedRequest, attribution: Attribution) -> bytes:
        prepared = prepare(received, attribution, self._counting)
        if not (prepared.conversion.passthrough and prepared.path):
            return self._write(count_tokens(received, prepared))
        try:
            sent = send_prepared(received, attribution, prepared, counting=True)
            self.response_headers = sent.headers
            return read_whole(sent.response)
        except BridgeError as error:
            if error.kind not in NOT_COUNTED_FOR:
                raise
            log.info("Copilot did not count the tokens, so the bridge counts them: %s", error.kind)
            try:
                return self._write(count_tokens(received, prepared))
            except (InvalidRequest, Unsupported):  # only Claude can read it
                raise error from None

    def _write(self, count: int) -> bytes:
        return codec.write(self._counting.write(count))
