"""Responses in which the bridge runs server tools: the model calls them, is given the results, and goes on.

Each step is a request to Copilot.  The client sees one response as it is made: the model's output, the calls,
their results, and the final text.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

from msgspec.structs import replace

from copilot_bridge.dialects.accumulation import FrameCollector
from copilot_bridge.dialects.events import (
    Event,
    ResponseFinished,
    ServerToolCall,
    ServerToolResult,
    TokenUsage,
)
from copilot_bridge.dialects.framing.frames import Framing
from copilot_bridge.dialects.prompt import Message, Text, ToolChoice, ToolResult
from copilot_bridge.dialects.server_tools.citations import CitationFinder
from copilot_bridge.dialects.server_tools.functions import FETCH, SEARCH
from copilot_bridge.dialects.server_tools.step import ModelStep, Numbering, RunCall
from copilot_bridge.dialects.translation import EventEncoder
from copilot_bridge.errors import BridgeError
from copilot_bridge.pipeline.conversion import counted
from copilot_bridge.pipeline.prepare import prepare_step
from copilot_bridge.pipeline.sending import SentRequest, send_prepared
from copilot_bridge.pipeline.tool_runs import RunResult, ToolRunner, failed
from copilot_bridge.streaming.body_pieces import pieces_of, read_to_end
from copilot_bridge.streaming.response_body import GeneratedBody, open_body
from copilot_bridge.upstream.transport.bodies import MEGABYTE, TAIL_TIMEOUT

MAX_STEPS = 10  # of a response, as at Anthropic's
MAX_USES = 8  # of each tool in a response, unless the client says otherwise

USAGE_FIELDS = {SEARCH: "searches", FETCH: "fetches"}

# Follows what the model has said where a conversation ends with that: a response that was paused.
CONTINUE = Message("user", (Text("Please continue."),))


class ToolLoop:
    """Makes one response out of several steps.  It holds the prompt as long as it runs.

    :param sent: the first step, as Copilot accepted it.
    """

    def __init__(self, sent: SentRequest) -> None:
        assert sent.next_step
        received, attribution, self._offer = sent.next_step
        self._received = received
        self._entry = received.entry
        self._attribution = attribution.continued()
        self._runner = ToolRunner(received.context, received.entry, attribution.signals)
        self._sent = sent
        self._uses: dict[str, int] = dict.fromkeys(USAGE_FIELDS, 0)
        self._usage = TokenUsage()
        self._numbering = Numbering(received.entry.id.replace("-", "")[:20])
        self._citations = CitationFinder()
        self._encoder = self._encoder_for(received.framing)

    def _encoder_for(self, framing: Framing) -> EventEncoder:
        undo = self._sent.conversion.undo
        return EventEncoder(self._received.response.writer(), framing, undo, self._entry.id)

    def body(self) -> GeneratedBody:
        """Return the response's bytes as they are made."""
        return GeneratedBody(self._bytes(), self._sent.response.close)

    def whole(self) -> bytes:
        """Return the response as a whole.  Blocks.

        :raises BridgeError: a step failed.
        """
        accumulator = self._received.response.accumulator()
        self._encoder = self._encoder_for(FrameCollector(accumulator))
        with closing(self._events()) as events:
            for event in events:
                if event is not None:
                    self._encoder.write(event)
        self._entry.note_usage(self._encoder.usage)
        return accumulator.result()[0]

    def _bytes(self) -> Generator[bytes, None, None]:
        """Yield the bytes that are ready, each time before the next event has to be awaited."""
        out: list[bytes] = []
        with closing(self._events()) as events:
            for event in events:
                if event is not None:
                    out.append(self._encoder.write(event))
                elif any(out):
                    yield b"".join(out)
                    out = []
        yield b"".join(out)

    # The relay of a stream requires a converter, but these bytes are in the client's dialect already.

    def feed(self, piece: bytes) -> bytes:
        return piece

    def close(self) -> bytes:
        return b""

    def fail(self, error: BridgeError) -> bytes:
        return self._encoder.fail(error)

    @property
    def done(self) -> bool:
        return self._encoder.done

    @property
    def finished(self) -> bool:
        return self._encoder.done

    @property
    def usage(self) -> dict[str, Any] | None:
        return self._encoder.usage

    failure: BridgeError | None = None
    outcome = "ok"
    stopped = True  # there is nothing left of the body to be read

    # The steps.

    def _events(self) -> Generator[Event | None, None, None]:
        """Yield the events of the response; None: the next one has to be waited for."""
        for number in range(1, MAX_STEPS + 1):
            step = ModelStep(self._offer.tools, self._numbering)
            for event in self._read_step(step):
                yield from self._citations.feed(event) if event else (None,)
            results: list[ToolResult] = []
            for call in step.calls:
                yield from self._run(call, results)
            yield from step.release()
            if not step.calls or step.has_client_call:
                yield self._end(step)
                return
            if number == MAX_STEPS or (number == MAX_STEPS - 1 and self._received.client.resumes_turns):
                break
            yield None
            self._send_next(step, results, is_last=number == MAX_STEPS - 1)
        yield ResponseFinished("paused", self._usage)

    def _read_step(self, step: ModelStep) -> Iterator[Event | None]:
        """Yield what the client may see of a step, as `_events` does; `step` keeps the rest."""
        config, before = self._received.context.bridge.config, self._entry.nano_aiu
        body = open_body(self._sent.response, fast=config.direct_socket_io)
        pieces = pieces_of(body, config.read_timeout)
        try:
            events = self._sent.conversion.events(
                counted(pieces, self._entry, config.response_limit_mb * MEGABYTE)
            )
            for some in events:
                for event in some:
                    yield from step.feed(event)
                yield None
            read_to_end(body, TAIL_TIMEOUT)
        finally:
            self._entry.nano_aiu = added(before, self._entry.nano_aiu)
            body.close()
        if step.finish:
            self._usage += step.finish.usage

    def _run(self, call: RunCall, results: list[ToolResult]) -> Iterator[Event | None]:
        kind = call.tool.kind
        yield ServerToolCall(self._numbering.next_part(), call.id, kind, call.arguments)
        yield None
        result = self._result_of(call)
        self._citations.add(result.sources)
        results.append(ToolResult(call.id, (Text(result.text),), result.error is not None))
        part = self._numbering.next_part()
        yield ServerToolResult(part, call.id, kind, result.sources, result.error, result.text)

    def _result_of(self, call: RunCall) -> RunResult:
        kind = call.tool.kind
        if self._uses[kind] >= (call.tool.max_uses or MAX_USES):
            return failed("max_uses_exceeded")
        self._uses[kind] += 1
        self._usage = replace(self._usage, **{USAGE_FIELDS[kind]: self._uses[kind]})
        return self._runner.run(call.tool, call.arguments, self._offer.prompt)

    def _send_next(self, step: ModelStep, results: list[ToolResult], *, is_last: bool) -> None:
        """Send the next step.

        :param is_last: the model has to answer now.
        """
        prompt = self._offer.prompt
        choice = ToolChoice("none") if is_last else freed(prompt.tool_choice)
        messages = (*prompt.messages, *step.messages(results))
        self._offer = self._offer._replace(prompt=replace(prompt, messages=messages, tool_choice=choice))
        prepared = prepare_step(self._received, self._offer)
        self._sent = send_prepared(self._received, self._attribution, prepared)

    def _end(self, step: ModelStep) -> Event:
        finish = step.finish or ResponseFinished("stop")
        return replace(finish, usage=self._usage)


def freed(choice: ToolChoice | None) -> ToolChoice | None:
    """Return the choice of tools for a later step, in which no call is required any more."""
    return ToolChoice("auto") if choice and choice.mode in ("required", "tool") else choice


def added(before: int | None, cost: int | None) -> int | None:
    """Return the sum of two costs; None: neither is known."""
    return cost if before is None else before + (cost or 0)
