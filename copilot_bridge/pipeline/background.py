"""Responses that are made in the background: a client begins one, fetches it later, and can cancel it.

A job runs in a greenlet of the process that received the request.  Its state is stored where every worker
finds it: until its end among the kept objects, then as any other response.  A running job renews its state
every few seconds, and checks whether another worker was asked to cancel it.
"""

import logging
import time
import uuid
from collections.abc import Iterator, Mapping
from functools import partial

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.responses.background import (
    BackgroundRequest,
    failed_response,
    queued_response,
)
from copilot_bridge.dialects.responses.background_events import END_TYPES, BackgroundEvents
from copilot_bridge.dialects.responses.dialect import RESPONSES
from copilot_bridge.dialects.responses.normalize import RUNNING_STATUSES
from copilot_bridge.errors import BridgeError, InvalidRequest, Unsupported
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.conversion import unreadable
from copilot_bridge.pipeline.event_log import EventLog, written_batches
from copilot_bridge.pipeline.operations import Generation
from copilot_bridge.pipeline.received import owner
from copilot_bridge.pipeline.run import Exchange, finish_request, run_request
from copilot_bridge.pipeline.services import Bridge
from copilot_bridge.threads import Running, start

log = logging.getLogger(__name__)

MAX_JOBS = 64  # of a process
BEAT = 5.0  # seconds
GLANCE = 0.5  # seconds before one looks again for events that another worker writes
SILENCE = 60.0  # seconds after which a job has ended with its process
LOST = "the bridge was stopped while it made this response"


def is_wanted(data: bytes) -> bool:
    """Return whether a request wants its response to be made in the background."""
    return b'"background"' in data and (codec.read_object(data) or {}).get("background") is True


def begin(
    context: RequestContext, entry: RequestLogEntry, data: bytes, headers: Mapping[str, str]
) -> JsonObject:
    """Begin to make a response, and return it as it is now.

    :raises BridgeError: the request is wrong, or nothing more can be kept or begun.
    """
    bridge = context.bridge
    if not bridge.response_store.max_bytes:
        raise Unsupported("background: this bridge keeps no responses", param="background")
    if len(bridge.background_jobs) >= MAX_JOBS:
        raise BridgeError(f"{MAX_JOBS} responses are being made in the background", kind="rate_limited")
    job = Job(RequestContext(bridge, context.caller), entry, headers, f"resp_{uuid.uuid4().hex}")
    return job.begin(data)


class Job:
    """The making of one response."""

    def __init__(
        self, context: RequestContext, asked: RequestLogEntry, headers: Mapping[str, str], id_: str
    ) -> None:
        self._context = context
        self._headers = headers
        self._id = id_
        # The request is logged when the response is there.
        self._entry = RequestLogEntry(
            asked.caller, asked.method, asked.path, asked.id, asked.caller_id, asked.dialect
        )
        self._owner = owner(context, headers)
        self._running: Running | None = None
        self._cancelled = False
        self._state: JsonObject = {}
        self._events: BackgroundEvents | None = None
        self.event_log = EventLog(context.bridge.kept_objects, self._owner, id_)

    def begin(self, data: bytes) -> JsonObject:
        """Begin, and return the response as it is.

        :raises BridgeError: the request is wrong.
        """
        read = partial(BackgroundRequest.read_with_id, id_=self._id)
        generation = partial(Generation, RESPONSES, read=read)
        exchange = run_request(self._context, generation, self._entry, data, self._headers)
        body = codec.read(data)
        response = queued_response(self._id, int(self._entry.at), body)
        try:
            self._keep(response, body.get("input"))
        except BridgeError as error:
            self._entry.note_error(error)
            self._finish(exchange)
            raise
        if exchange.streaming:
            self._events = BackgroundEvents(response)
            self.event_log.add(self._events.begin())
        jobs = self._context.bridge.background_jobs
        if not jobs:
            start(partial(watch, self._context.bridge))
        jobs[self._id] = self
        self._running = start(partial(self._run, exchange))
        return response

    def _keep(self, response: JsonObject, given: object = None) -> None:
        self._state = self._state | {"response": response, "seen": time.time()}
        if given is not None:
            self._state["input"] = given
        self._context.bridge.kept_objects.write(self._owner, self._id, self._state)

    def _run(self, exchange: Exchange) -> None:
        try:
            self._keep(self._state["response"] | {"status": "in_progress"})
            if self._events:
                self._stream(exchange, self._events)
            else:
                exchange.result()
                self._context.bridge.kept_objects.remove(self._owner, self._id)
        except BridgeError as error:
            self._fail(error)
        except Exception:
            log.exception("internal error in the background response to request %s", self._entry.id)
            self._fail(unreadable(self._entry.id))
        finally:
            self._finish(exchange)

    def _stream(self, exchange: Exchange, events: BackgroundEvents) -> None:
        """Log the events as they come; the last one when the response can be fetched, too.

        :raises BridgeError: Copilot refused.
        """
        exchange.open()
        last: list[JsonObject] = []
        for piece in exchange.events():
            if self._cancelled:
                return
            came = [*last, *events.feed(piece)]
            last = came[-1:] if events.ended else []
            self.event_log.add(came[: len(came) - len(last)])
        self.event_log.write()
        if events.response["status"] == "failed":
            self._keep(events.response)
        else:
            self._context.bridge.kept_objects.remove(self._owner, self._id)
        self.event_log.add(last)

    def _fail(self, error: BridgeError) -> None:
        if self._cancelled:  # also when the process ends
            self._entry.outcome = "client_disconnected"
            return
        self._entry.note_error(error)
        try:
            self._keep(failed_response(self._state["response"], error))
        except BridgeError as unkept:
            log.warning("the end of the background response %s can't be kept: %s", self._id, unkept)
        if self._events and not self._events.ended:
            self.event_log.add([self._events.fail(error)])

    def _finish(self, exchange: Exchange) -> None:
        if self._events:
            self.event_log.end()
        self._context.bridge.background_jobs.pop(self._id, None)
        exchange.close()
        self._entry.status = 200
        finish_request(self._context, self._entry)

    def is_streamed_to(self, caller: str) -> bool:
        return self._events is not None and self._owner == caller

    def beat(self) -> None:
        """Renew the job's state, or end the job if another worker was asked to cancel it."""
        if not (state := self._context.bridge.kept_objects.change(self._owner, self._id, seen_now)):
            return
        if state["response"]["status"] == "cancelled":
            self.cancel()

    def cancel(self) -> None:
        self._cancelled = True
        if self._running:
            self._running.kill()


def seen_now(state: JsonObject) -> JsonObject:
    return state | {"seen": time.time()}


def watch(bridge: Bridge) -> None:
    """Renew the state of this process's jobs for as long as there are any."""
    time.sleep(BEAT)
    while bridge.background_jobs:
        for job in [*bridge.background_jobs.values()]:
            try:
                job.beat()
            except BridgeError as error:
                log.warning("a background response can't be watched: %s", error)
        time.sleep(BEAT)


def find_unfinished(context: RequestContext, headers: Mapping[str, str], id_: str) -> JsonObject | None:
    """Return a response that is being made, or whose making has failed, with its request's input.

    None: there is none.
    """
    state = context.bridge.kept_objects.read(owner(context, headers), id_)
    if state is None or "response" not in state:
        return None
    if state["response"]["status"] in RUNNING_STATUSES and time.time() - state["seen"] > SILENCE:
        lost = BridgeError(LOST, kind="unavailable")
        return state | {"response": failed_response(state["response"], lost)}
    return state


def stream(
    context: RequestContext, headers: Mapping[str, str], id_: str, after: int = -1
) -> Iterator[JsonObject | None]:
    """Return the events of a response that is or was streamed in the background; None: it is silent.

    :param after: the number of the last event that the client has.
    :raises Unsupported: the response was not begun as a stream.
    """
    mine = owner(context, headers)
    job = context.bridge.background_jobs.get(id_)
    if job and job.is_streamed_to(mine):
        return local_events(job.event_log, after + 1, context.bridge.config.keepalive)
    if next(written_batches(context.bridge.kept_objects, mine, id_, 0), None) is None:
        raise Unsupported("stream: this response was not begun with stream: true", param="stream")
    events = remote_events(context, headers, id_)
    return (event for event in events if event is None or event["sequence_number"] > after)


def local_events(event_log: EventLog, position: int, keepalive: float) -> Iterator[JsonObject | None]:
    """Yield the events of a job of this process."""
    while True:
        ended = event_log.ended
        events = event_log.since(position, keepalive)
        yield from events
        position += len(events)
        if ended:
            return
        if not events:
            yield None


def remote_events(
    context: RequestContext, headers: Mapping[str, str], id_: str
) -> Iterator[JsonObject | None]:
    """Yield the events that another process writes, or has written."""
    kept, mine, batches, events = context.bridge.kept_objects, owner(context, headers), 0, 0
    is_running, silent = True, 0.0
    while True:
        for batch in written_batches(kept, mine, id_, batches):
            batches, events, silent = batches + 1, events + len(batch["events"]), 0.0
            yield from batch["events"]
            if batch["ended"]:
                return
        if not is_running:
            yield from missing_end(context, headers, id_, events)
            return
        time.sleep(GLANCE)
        silent += GLANCE
        if silent >= context.bridge.config.keepalive:
            silent = 0.0
            yield None
        state = find_unfinished(context, headers, id_)
        is_running = bool(state and state["response"]["status"] in RUNNING_STATUSES)


def missing_end(
    context: RequestContext, headers: Mapping[str, str], id_: str, number: int
) -> Iterator[JsonObject]:
    """Yield the last event of a response whose own could not be written."""
    state = find_unfinished(context, headers, id_)
    kept = context.bridge.response_store.find(owner(context, headers), id_)
    response = state["response"] if state else kept.response() if kept else {}
    kind = f"response.{response.get('status')}"
    if kind in END_TYPES:
        yield {"type": kind, "sequence_number": number, "response": response}


def cancel(context: RequestContext, headers: Mapping[str, str], id_: str) -> JsonObject | None:
    """Cancel a response, and return it.  None: there is none.

    :raises InvalidRequest: it is complete, or was never in the background.
    """
    state = context.bridge.kept_objects.change(owner(context, headers), id_, cancelled)
    if state is None or "response" not in state:
        if (kept := context.bridge.response_store.find(owner(context, headers), id_)) is None:
            return None
        what = "is complete" if kept.response().get("background") else "was not made in the background"
        raise InvalidRequest(f"the response {id_!r} {what}")
    if job := context.bridge.background_jobs.get(id_):
        job.cancel()
    response: JsonObject = state["response"]
    return response


def cancelled(state: JsonObject) -> JsonObject:
    response = state.get("response") or {}
    if response.get("status") not in RUNNING_STATUSES:
        return state
    return state | {"response": response | {"status": "cancelled"}}
