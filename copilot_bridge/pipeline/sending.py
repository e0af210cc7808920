"""The sending of a prepared request, with recovery from what Copilot refuses."""

from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, TypeVar

import requests

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.responses.dialect import RESPONSES
from copilot_bridge.errors import InvalidRequest, Unsupported, UpstreamRefused
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.attribution import Attribution
from copilot_bridge.pipeline.conversion import Conversion
from copilot_bridge.pipeline.counting import count_tokens
from copilot_bridge.pipeline.prepare import prepare
from copilot_bridge.pipeline.prepared import PreparedRequest, ToolOffer
from copilot_bridge.pipeline.received import ReceivedRequest
from copilot_bridge.streaming.response_body import DirectResponse
from copilot_bridge.upstream.copilot import API
from copilot_bridge.upstream.error_mapping import Refusal, forwarded

T = TypeVar("T")


class SentRequest(NamedTuple):
    """A request that Copilot has accepted, without its prompt.

    A stream goes on for minutes, and prompts have megabytes.

    :param headers: of the response, those that the client should see.
    :param next_step: how the response goes on if the model calls server tools; it holds the prompt.
    """

    response: requests.Response
    headers: dict[str, str]
    path: str
    streamed: bool
    conversion: Conversion
    next_step: "NextStep | None" = None


class NextStep(NamedTuple):
    """The means to go on with a response in which the bridge runs server tools."""

    received: ReceivedRequest
    attribution: Attribution
    offer: ToolOffer


class Recovery:
    """Changes a request after each refusal, so that Copilot accepts it.

    :ivar conversion: the conversion of the response after these changes.
    :ivar headers: of the request; may be changed, too.
    """

    def __init__(self, prepared: PreparedRequest, entry: RequestLogEntry, *, counting: bool) -> None:
        self._adapter = prepared.adapter
        self._data = prepared.data
        self._entry = entry
        self._counting = counting
        self.streamed = prepared.streamed
        self.conversion = prepared.conversion
        self.headers = prepared.headers

    def adapt(self, refusal: Refusal) -> bytes | None:
        """Return the body to send after a refusal that says what is wrong; None if there is nothing to do."""
        if refusal.stale_session:
            return None
        body = codec.read(self._data)
        if not self._adapter.adapt(refusal, body, self.headers):
            return None
        adapter = self._adapter
        self.conversion = self.conversion.after_refusals(adapter.stops, adapter.by_tool)
        if not self.conversion.passes and not self._counting:
            body["stream"] = self.streamed = True
        self._entry.adaptations = ", ".join(adapter.lost)
        self._data = codec.write(body)
        return self._data


def send(received: ReceivedRequest, attribution: Attribution) -> SentRequest:
    """Prepare and send a request.  Blocks until Copilot has decided.

    :raises BridgeError: it can't be prepared, or Copilot refused it.
    """
    prepared = prepare(received, attribution)
    received.context.before_sending(received.entry, prepared.model, len(prepared.data))
    fields = prepared.conversion.upstream.prompt_fields
    received.context.watch_prompt(
        prepared.body, len(prepared.data), fields, attribution.signals, attribution.caller
    )
    try:
        sent = send_prepared(received, attribution, prepared)
    except UpstreamRefused as refused:
        add_prompt_size(refused, received, prepared)
        raise
    step = NextStep(received, attribution, prepared.offer) if prepared.offer else None
    return sent._replace(next_step=step)


def send_prepared(
    received: ReceivedRequest, attribution: Attribution, prepared: PreparedRequest, *, counting: bool = False
) -> SentRequest:
    """Send a prepared request.  Blocks until Copilot has decided.

    :param counting: only the tokens are to be counted.
    :raises BridgeError: Copilot refused it, or the network failed.
    """
    context, entry = received.context, received.entry
    recovery = Recovery(prepared, entry, counting=counting)
    response = context.copilot().send(
        "POST",
        prepared.path,
        prepared.data,
        recovery.headers,
        request_id=entry.id,
        signals=attribution.signals if prepared.host == API else None,
        adapt=recovery.adapt,
        model=prepared.model.id,
        streamed=prepared.streamed,
        host=prepared.host,
        conversation=attribution.signals.thread if may_use_websocket(prepared) else "",
    )
    response.request = requests.PreparedRequest()  # the adapter must not hold the prompt
    context.note_accepted(entry, response.headers)
    headers = forwarded(response.headers)
    context.note_quota(headers)
    streamed = recovery.streamed or isinstance(response, DirectResponse)
    return SentRequest(response, headers, prepared.path, streamed, recovery.conversion)


def may_use_websocket(prepared: PreparedRequest) -> bool:
    """Return whether Copilot takes the request over a WebSocket, too, where each response is a stream."""
    return prepared.model.websocket and prepared.path == RESPONSES.upstream_path


def with_another_pick(
    received: ReceivedRequest,
    attempt: Callable[[ReceivedRequest, Attribution], T],
    kind: str | None = None,
) -> T:
    """Attempt a request, and once more if Copilot refuses the model that it picked for "auto" itself.

    :param kind: of call, if it is known whatever the client says.
    :raises BridgeError: whatever the attempt raises.
    """
    conversation, kind = received.client.conversation(), kind or received.client.call_kind
    attribution = Attribution(received.context, received.entry, received.headers, conversation, kind)
    try:
        return attempt(received, attribution)
    except UpstreamRefused as refused:
        if not attribution.choose_again(refused):
            raise
    return attempt(received.read_again(), attribution)


def add_prompt_size(refused: UpstreamRefused, received: ReceivedRequest, prepared: PreparedRequest) -> None:
    """Add to the refusal of a prompt that is too long by how much it is."""
    model = prepared.model
    max_prompt = model.max_prompt_tokens or model.context
    wanted = refused.kind == "prompt_too_long" and not refused.prompt_size
    if received.client.reports_prompt_size and wanted and max_prompt:
        with suppress(InvalidRequest, Unsupported):  # only Claude can read it
            refused.prompt_size = (max(max_prompt + 1, count_tokens(received, prepared)), max_prompt)
