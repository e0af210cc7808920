"""What all requests to a model have in common on their way to Copilot, and on the way back.

A subclass per dialect says how its body is read, fitted to a model, and how its answers are mended.
"""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any, ClassVar

import requests

from copilot_bridge import counting
from copilot_bridge.dialects import codec
from copilot_bridge.dialects.accumulation import (
    FrameCollector,
    ResponseAccumulator,
    WholeResponse,
    accumulate,
)
from copilot_bridge.dialects.adaptation.adapt import NO_CHANGES, Undo, adapt_prompt
from copilot_bridge.dialects.adaptation.limits import Limits
from copilot_bridge.dialects.adaptation.stop_sequences import split_stop_sequences
from copilot_bridge.dialects.conversation import Conversation
from copilot_bridge.dialects.events import EventReader
from copilot_bridge.dialects.filtered import Filtered, StreamConverter, filtered
from copilot_bridge.dialects.framing.frames import Framing
from copilot_bridge.dialects.images import ImageHolder, ImagePart, omit_oldest_images
from copilot_bridge.dialects.output_tool import OutputToolReader
from copilot_bridge.dialects.prompt import (
    Prompt,
    first_document_message,
    refuse_unsupported,
    without_documents,
)
from copilot_bridge.dialects.registry import DIALECTS, limits_of
from copilot_bridge.dialects.translation import FrameWriter, Translation
from copilot_bridge.errors import BridgeError, InvalidRequest, Unsupported, UpstreamRefused
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.models.catalogue import Model
from copilot_bridge.models.profiles import TokenOverheads
from copilot_bridge.pipeline.answer_facts import AnswerFacts, note_whole_answer
from copilot_bridge.pipeline.attribution import Attribution
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.image_inlining import MOST_IMAGES
from copilot_bridge.pipeline.routes import ROUTES, Route
from copilot_bridge.streaming.response_body import open_body
from copilot_bridge.threads import run_in_thread
from copilot_bridge.upstream.auto import PickContext
from copilot_bridge.upstream.catalogues import ResolvedModel
from copilot_bridge.upstream.error_mapping import Refusal, forwarded
from copilot_bridge.upstream.recovery.answer_tool import ANSWER_TOOL
from copilot_bridge.upstream.recovery.probed_facts import with_probed_facts
from copilot_bridge.upstream.recovery.request_adapter import RequestAdapter
from copilot_bridge.upstream.transport.bodies import MEGABYTE, read_tail, read_whole, too_large

log = logging.getLogger(__name__)

# Held by the one who loads the tokenizer.  It is a lock of greenlets: no thread may wait for it.
LOADING = threading.Lock()

Body = dict[str, Any]
Headers = dict[str, str]


class ModelRequest(ABC):
    """A request that a model answers.  `streaming`: the client wants events.

    :param data: the body as it came; it is sent on as it is where nothing in it has to change.
    :param headers: the client's.
    :raises InvalidRequest, Unsupported: the body is wrong; the message names the field.
    """

    dialect: ClassVar[str]
    path: ClassVar[str] = ""  # where it is not that of the route
    stop_field: ClassVar[str] = ""  # that names stop sequences; "": there is none
    kind: ClassVar[str | None] = None  # of call, where it is known whatever the client says
    reports_prompt_size: ClassVar[bool] = False  # of a prompt that is too long, in tokens
    text_part: ClassVar[str] = "text"  # the type of a part that is text

    def __init__(self, call: RequestContext, entry: RequestLogEntry, data: bytes, headers: Any) -> None:
        self._call = call
        self._bridge = call.bridge
        self._entry = entry
        self._upstream_bytes = self._original_bytes = data
        self._client_headers = headers
        self._payload_changed = False  # by the reading of it
        self._payload = self.read(data)
        self.streaming = bool(self._payload.get("stream"))
        self.name: str = self._payload["model"]
        self._headers: Headers = {}
        self._attribution: Attribution | None = None
        self._streamed = False  # upstream's answer, where the client's is whole
        self._passthrough = True
        self._prompt: Prompt | None = None  # the body, where it is translated
        self._undo: Undo = NO_CHANGES  # of what was changed to fit, in the answer
        self._route: Route = ROUTES[self.dialect](call.bridge, "")
        self._mending: RequestAdapter | None = None
        self.reply_headers: Headers = {}

    # What a dialect says of itself.

    @abstractmethod
    def read(self, data: bytes) -> Body:
        """The body as a dict.  Raises InvalidRequest or Unsupported, naming the field."""

    @abstractmethod
    def talk(self) -> Conversation:
        """What the body tells of its conversation."""

    @abstractmethod
    def ask_effort(self, effort: str) -> None:
        """Have the model think as hard as its name says, unless the body says otherwise."""

    @abstractmethod
    def pictures(self) -> list[ImagePart]:
        """All images of the body, in their order."""

    @abstractmethod
    def images(self) -> Iterator[ImageHolder]:
        """All images of the body that are to be put in their places."""

    @abstractmethod
    def inline(self, image: ImageHolder, model: Model) -> bool:
        """Put the image itself into its place, under its right type.  False if nothing had to change."""

    @abstractmethod
    def normalizer(self) -> StreamConverter:
        """For a stream of the client's own dialect."""

    @abstractmethod
    def read_prompt(self) -> Prompt:
        """The body, for a model that speaks another dialect.  Raises InvalidRequest, Unsupported."""

    @abstractmethod
    def writer(self) -> FrameWriter:
        """For a stream that comes in another dialect."""

    @abstractmethod
    def fail(self, error: BridgeError) -> bytes:
        """The only event of a stream that failed before it began."""

    @abstractmethod
    def accumulator(self) -> ResponseAccumulator:
        """For a stream, where the client wants the answer in one piece."""

    @abstractmethod
    def normalize_response(self, data: bytes) -> WholeResponse:
        """An answer that came in one piece."""

    def has_to_be_fitted(self, _model: Model) -> bool:
        """The body says what this model is not told in the client's own dialect either."""
        return False

    def reader(self) -> StreamConverter:
        """For the answer, once there is one."""
        return self._filtered(self.normalizer() if self._passes else self._translation(self._framing))

    def _filtered(self, reader: StreamConverter) -> StreamConverter:
        return Filtered(reader, self._route.tool_adapter) if self._route.tool_adapter else reader

    @property
    def _framing(self) -> Framing:
        return DIALECTS[self.dialect].framing

    @property
    def keepalive(self) -> bytes:
        return self._framing.keepalive

    def _translation(self, framing: Framing) -> StreamConverter:
        answer_id = self._entry.id
        reader: EventReader = self._route.event_reader(answer_id)
        if self._by_tool:
            reader = OutputToolReader(reader, ANSWER_TOOL)
        return Translation(reader, self.writer(), framing, self._undo, answer_id)

    @property
    def _passes(self) -> bool:
        """The answer is passed on, and not read and written anew."""
        return self._passthrough and not self._undo.stops and not self._by_tool

    @property
    def _by_tool(self) -> bool:
        return self._mending is not None and self._mending.by_tool

    def choose(self) -> ResolvedModel:
        return self._call.models.resolve(self._call.copilot(), self.name, self.occasion)

    def occasion(self) -> PickContext:
        """What "auto" picks a model for."""
        return self.attribution.occasion(next(self.images(), None) is not None)

    @property
    def attribution(self) -> Attribution:
        """Raises LoginRequired."""
        if self._attribution is None:
            given = self._call, self._entry, self._client_headers
            self._attribution = Attribution(*given, self.talk(), self.kind)
        return self._attribution

    # What is the same for all.

    def open(self) -> requests.Response:
        """Upstream's stream, once it has said yes.  Blocks; raises whatever it says instead."""
        return self._send(self._prepare())

    def complete(self) -> bytes:
        """The whole answer.  Blocks."""
        response = self._send(self._prepare())
        streamed = self._streamed or not self._passes  # by a refusal
        with closing(response):
            try:
                whole, usage = self._accumulate(response) if streamed else self._read_whole(response)
            except BridgeError as error:
                self.report_refusal(error)
                raise
            except Exception as error:
                log.exception("internal error in the answer to request %s", self._entry.id)
                raise unreadable(self._entry.id) from error
        self._entry.note_usage(usage)
        return whole

    def _accumulate(self, response: requests.Response) -> WholeResponse:
        """The whole answer, of which upstream's is a stream."""
        pieces = self._counted(iter(open_body(response, fast=False).read_available, b""))
        accumulator, adapter = self.accumulator(), self._route.tool_adapter
        if self._passes:
            whole = accumulate(filtered(pieces, adapter) if adapter else pieces, accumulator)
            read_tail(response)
            return whole
        reader = self._filtered(self._translation(FrameCollector(accumulator)))
        read_to_end(reader, pieces)
        if not reader.stopped:
            read_tail(response)
        return accumulator.result()

    def _read_whole(self, response: requests.Response) -> WholeResponse:
        data = read_whole(response)
        note_whole_answer(self._entry, data)
        return self.normalize_response(
            self._route.tool_adapter.whole(data) if self._route.tool_adapter else data
        )

    def report_refusal(self, error: BridgeError) -> None:
        """What Copilot says in the middle of an answer counts as a refusal."""
        self._call.report_refusal(error, self._entry.model or "", self.path or self._route.path)

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Raises UpstreamRefused: what is put together here is larger than an answer may be."""
        most = self._bridge.config.answer_limit * MEGABYTE
        size, facts = 0, AnswerFacts(self._entry)
        for piece in pieces:
            size += len(piece)
            if size > most:
                raise too_large(most)
            facts.feed(piece)
            facts.note_cost()
            yield piece

    def _prepare(self) -> Model:
        """Find the model that the client means, the way to it, and fit the body to both."""
        attribution = self.attribution
        choice = self.choose()
        attribution.note_choice(choice)
        model = choice.model
        self._entry.model = model.id
        way = DIALECTS[self.dialect].pick_upstream(model.dialects)
        if way is None:
            raise Unsupported(f"model {model.id!r} does not support chat", param="model")
        self._entry.upstream = way
        self._passthrough = way == self.dialect and not self.has_to_be_fitted(model)
        self._route = ROUTES[way](self._bridge, str(self._client_headers.get("anthropic-beta", "")))
        self._headers |= choice.headers
        if choice.effort:
            self.ask_effort(choice.effort)
        changed = [
            self._payload_changed,
            omit_oldest_images(self.pictures(), model.profile.max_images or MOST_IMAGES, self.text_part),
            *(self._place(image, model) for image in self.images()),
        ]
        account = self._call.account.fingerprint
        model = with_probed_facts(model, self._bridge.learned.of(account, way, model.id))
        limits = limits_of(way, model.vendor, model.id)
        self._prompt = None if self._passthrough else self.read_prompt()
        if self._prompt:
            self._prompt, self._undo = adapt_prompt(self._prompt, limits, self.dialect)
            refuse_unsupported(self._prompt, self._route.unsupported)
            if not self._route.takes_documents(model):
                self._prompt = self._without_documents(self._prompt, model)
            self._payload = self._route.write_prompt(self._prompt)
            changed.append(True)
        else:
            changed.append(self._keep_stops(limits))
        given = set(self._payload)
        self._mending = RequestAdapter(self._bridge.learned, account, way, model.id, self.dialect)
        changed.append(self._route.fit(self._payload, model, self._headers))
        changed.append(self._mending.prepare(self._payload, self._headers))
        self._enforce()
        if any(changed):
            log.debug(
                "fitted to %s; left out: %s",
                model.id,
                ", ".join(sorted(given - set(self._payload))) or "nothing",
            )
            self._upstream_bytes = codec.write(self._payload)
        return model

    def _enforce(self) -> None:
        """What upstream has refused the bridge sees to: it reads the answer anew, which takes a stream."""
        if self._mending and self._mending.stops:
            stops = dict.fromkeys((*self._undo.stops, *self._mending.stops))
            self._undo = replace(self._undo, stops=tuple(stops))
        if not self._passes and not self.path:
            self._payload["stream"] = True

    def _keep_stops(self, limits: Limits) -> bool:
        """Take out of a body that is passed on the stop sequences that the bridge has to see to.

        :raises Unsupported: an answer that is read anew has no log probabilities.
        """
        given = self._payload.get(self.stop_field)
        listed = [given] if isinstance(given, str) else given
        self._undo = NO_CHANGES
        if not isinstance(listed, list) or not all(isinstance(stop, str) for stop in listed):
            return False
        told, kept = split_stop_sequences(tuple(listed), limits)
        if not kept:
            return False
        if self._payload.get("logprobs"):
            raise Unsupported(
                f"logprobs: not with these stop sequences, of which this model takes {len(told)}",
                param="logprobs",
            )
        self._undo = Undo(stops=kept)
        del self._payload[self.stop_field]
        self._payload |= {self.stop_field: [*told]} if told else {}
        return True

    def _without_documents(self, prompt: Prompt, model: Model) -> Prompt:
        """Raises Unsupported: a person shows one.  What a tool gave is noted, or the agent would be stuck."""
        if first_document_message(prompt) is not None:
            where = DIALECTS[self.dialect].field_path("conversation")
            raise Unsupported(f"{where}: {model.id!r} takes no documents, send their text", param=where)
        return without_documents(prompt)

    def count(self, model: Model) -> int:
        """Tokens, as far as they can be told from here.  In a thread: megabytes take a while."""
        prompt = self._prompt or self.read_prompt()
        with LOADING:
            if not counting.is_loaded():
                run_in_thread(counting.load)
        return run_in_thread(counted, prompt, model.profile.tokens)

    def _place(self, image: ImageHolder, model: Model) -> bool:
        """Copilot fetches no images; it wants them in the request, and a header that says so."""
        self._headers["Copilot-Vision-Request"] = "true"
        return self.inline(image, model)

    def _is_longer_in_a_stream(self, model: Model) -> bool:
        most = model.max_unstreamed_tokens
        return most is not None and self._route.output_limit(self._payload) > most

    def _stream_if_needed(self, model: Model) -> None:
        """Of a whole answer, too: to be read anew, or because it may be too long for one piece."""
        self._streamed = not self.path and (not self._passes or self._is_longer_in_a_stream(model))
        if self._streamed and not self._payload.get("stream"):
            self._payload["stream"] = True
            self._upstream_bytes = codec.write(self._payload)

    def _send(self, model: Model) -> requests.Response:
        given = self._original_bytes
        self._stream_if_needed(model)

        def mend(refusal: Refusal) -> bytes | None:
            """What to send after a refusal that says what is wrong; None if there is nothing."""
            if refusal.stale_session or not self._mending:
                return None
            if not self._mending.adapt(refusal, self._payload, self._headers):
                return None
            self._enforce()
            self._entry.mended = ", ".join(self._mending.lost)
            return codec.write(self._payload)

        streamed = bool(self._payload.get("stream"))
        if not self.path:  # counting tokens is free
            self._call.before_sending(model, len(self._upstream_bytes))
        try:
            response = self._call.copilot().send(
                "POST",
                self.path or self._route.path,
                self._upstream_bytes,
                self._headers,
                request_id=self._entry.id,
                signals=self.attribution.signals,
                adapt=mend,
                model=model.id,
                streamed=streamed,
            )
        except UpstreamRefused as refused:
            if self.attribution.choose_again(refused):
                self._payload, self._headers = self.read(given), {}
                return self._send(self._prepare())  # it may speak another API
            self._add_prompt_size(refused, model)
            raise
        self._call.note_accepted(self._entry, response.headers)
        self.reply_headers = forwarded(response.headers)
        self._call.note_quota(self.reply_headers)
        self._forget_prompt(response)
        return response

    def _add_prompt_size(self, refused: UpstreamRefused, model: Model) -> None:
        """Claude Code compacts its conversation if it hears by how much a prompt is too long."""
        most = model.max_prompt_tokens or model.context
        wanted = refused.kind == "prompt_too_long" and not refused.prompt_size
        if self.reports_prompt_size and wanted and most:
            with suppress(InvalidRequest, Unsupported):  # only Claude knows what stands there
                refused.prompt_size = (max(most + 1, self.count(model)), most)

    def _forget_prompt(self, response: requests.Response) -> None:
        """Upstream has it.  A stream goes on for minutes, and prompts make megabytes."""
        self._upstream_bytes, self._original_bytes, self._payload, self._prompt = b"", b"", {}, None
        response.request = requests.PreparedRequest()


def unreadable(request_id: str) -> UpstreamRefused:
    """What a client hears of an error of the bridge's own with Copilot's answer."""
    return UpstreamRefused(f"Copilot's answer could not be read: the log has more of request {request_id}")


def read_to_end(reader: StreamConverter, pieces: Iterator[bytes]) -> None:
    """Raises the failure that the stream tells of."""
    for piece in pieces:
        reader.feed(piece)
        if reader.failure:
            raise reader.failure
        if reader.done:
            return
    reader.close()


def counted(prompt: Prompt, overheads: TokenOverheads) -> int:
    """Raises InvalidRequest.  A traceback a thousand calls deep would never get out of gevent's threads."""
    try:
        return counting.count(prompt, overheads)
    except RecursionError:
        raise InvalidRequest("tools: a schema is nested too deeply", param="tools") from None
