"""Responses that are made in the background: a client begins one, fetches it later, and can cancel it.

A job runs in a greenlet of the process that received the request.  Its state is stored where every worker
finds it: until its end among the kept objects, then as any other response.  A running job renews its state
every few seconds, and checks whether another worker was asked to cancel it.
"""

import logging
import time
import uuid
from collections.abc import Mapping
from functools import partial

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.responses.background import (
    RUNNING,
    BackgroundRequest,
    failed_response,
    queued_response,
)
from copilot_bridge.dialects.responses.dialect import RESPONSES
from copilot_bridge.errors import BridgeError, InvalidRequest, Unsupported
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.conversion import unreadable
from copilot_bridge.pipeline.operations import Generation
from copilot_bridge.pipeline.received import owner
from copilot_bridge.pipeline.run import Exchange, finish_request, run_request
from copilot_bridge.pipeline.services import Bridge
from copilot_bridge.threads import Running, start

log = logging.getLogger(__name__)

MAX_JOBS = 64  # of a process
BEAT = 5.0  # seconds
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
            exchange.result()
            self._context.bridge.kept_objects.remove(self._owner, self._id)
        except BridgeError as error:
            self._fail(error)
        except Exception:
            log.exception("internal error in the background response to request %s", self._entry.id)
            self._fail(unreadable(self._entry.id))
        finally:
            self._finish(exchange)

    def _fail(self, error: BridgeError) -> None:
        if self._cancelled:  # also when the process ends
            self._entry.outcome = "client_disconnected"
            return
        self._entry.note_error(error)
        try:
            self._keep(failed_response(self._state["response"], error))
        except BridgeError as unkept:
            log.warning("the end of the background response %s can't be kept: %s", self._id, unkept)

    def _finish(self, exchange: Exchange) -> None:
        self._context.bridge.background_jobs.pop(self._id, None)
        exchange.close()
        self._entry.status = 200
        finish_request(self._context, self._entry)

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
    if state["response"]["status"] in RUNNING and time.time() - state["seen"] > SILENCE:
        lost = BridgeError(LOST, kind="unavailable")
        return state | {"response": failed_response(state["response"], lost)}
    return state


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
    if response.get("status") not in RUNNING:
        return state
    return state | {"response": response | {"status": "cancelled"}}
