"""A response with a search and a call of the client's own, in each dialect.

server-tools/<dialect>/client.sse   the stream
server-tools/<dialect>/client.json  the same as a whole response
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dialect_tables import accumulators, writers
from golden.transcripts import CREATED, MODEL, Golden

from copilot_bridge.dialects.accumulation import FrameCollector
from copilot_bridge.dialects.events import (
    Event,
    ReasoningDelta,
    ReasoningSignature,
    ResponseFinished,
    ResponseStarted,
    ServerToolCall,
    ServerToolResult,
    Source,
    TextDelta,
    TokenUsage,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.dialects.prompt import Prompt, Reasoning, ServerTool, Text, ToolCall, ToolResult
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.dialects.server_tools.citations import CitationFinder
from copilot_bridge.dialects.server_tools.texts import error_text, result_text, with_carried_results
from copilot_bridge.dialects.server_tools.step import ModelStep, Numbering
from copilot_bridge.dialects.translation import EventEncoder

HERE = Path(__file__).parent / "server-tools"
WRITERS = writers(model=MODEL, created=CREATED)
ACCUMULATORS = accumulators(model=MODEL, created=CREATED)
DIALECT_NAMES = sorted(WRITERS)

TOOLS = {"web_search": ServerTool("web_search")}
PAGES = (
    Source("https://example.com/rain", "Rain in Oslo", "It rains until Friday.", "2 days ago"),
    Source("https://example.org/a_(b)", "Ä page", "Überall Regen."),
)

FIRST = (
    ResponseStarted("1"),
    ReasoningDelta(0, "I need the forecast."),
    ReasoningSignature(0, {"messages": "signed"}),
    TextDelta(1, "I look it up."),
    ToolCallStarted(2, "call_1", "web_search"),
    ToolCallArgumentsDelta(2, '{"query": "weather'),
    ToolCallArgumentsDelta(2, ' Oslo"}'),
    ToolCallStarted(3, "call_2", "web_search"),
    ToolCallArgumentsDelta(3, '{"query": "umbrellas"}'),
    ResponseFinished("tool_calls", TokenUsage(input=10, output=5)),
)
SECOND = (
    ResponseStarted("2"),
    TextDelta(0, "It rains until Friday [Rain in Os"),
    TextDelta(0, "lo](https://example.com/rain). Everywhere ([Ä page](https://example.org/a_(b)#x))."),
    TextDelta(0, " See [nothing](https://example.net/none)."),
    ToolCallStarted(1, "call_3", "web_search"),
    ToolCallArgumentsDelta(1, '{"query": "shops"}'),
    ToolCallStarted(2, "call_4", "buy"),
    ToolCallArgumentsDelta(2, '{"what": "umbrella"}'),
    ResponseFinished("tool_calls", TokenUsage(input=20, output=7)),
)


def response() -> Iterator[Event]:
    """Two steps: a search and one that fails, then a response, a search and a call of the client's."""
    numbering, citations = Numbering("abc"), CitationFinder()
    for step in (FIRST, SECOND):
        turn = ModelStep(TOOLS, numbering)
        for event in step:
            for shown in turn.feed(event):
                yield from citations.feed(shown)
        for call in turn.calls:
            yield ServerToolCall(numbering.next_part(), call.id, "web_search", call.arguments)
            failed = call.arguments["query"] == "umbrellas"
            error = "unavailable" if failed else None
            pages = () if failed else PAGES
            text = error_text("unavailable") if failed else result_text(pages)
            citations.add(pages)
            yield ServerToolResult(numbering.next_part(), call.id, "web_search", pages, error, text)
        yield from turn.release()
        assert turn.has_client_call == (step is SECOND)
    yield ResponseFinished("tool_calls", TokenUsage(input=30, output=12, searches=3))


def streamed(dialect: str) -> bytes:
    encoder = EventEncoder(WRITERS[dialect](), DIALECTS[dialect].framing)
    return b"".join(map(encoder.write, response()))


def whole(dialect: str) -> bytes:
    accumulator = ACCUMULATORS[dialect]()
    encoder = EventEncoder(WRITERS[dialect](), FrameCollector(accumulator))
    for event in response():
        encoder.write(event)
    accumulator.end()
    return accumulator.result()[0]


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_a_search_has_the_recorded_form(dialect: str, golden: Golden) -> None:
    golden.check(HERE / dialect / "client.sse", streamed(dialect))
    golden.check(HERE / dialect / "client.json", whole(dialect))


def sent_back(dialect: str, response: dict[str, Any]) -> dict[str, Any]:
    """The next request of a client that has run its own tool."""
    if dialect == "messages":
        result = {"type": "tool_result", "tool_use_id": "call_4", "content": "bought"}
        messages = [{"role": "assistant", "content": response["content"]}, {"role": "user", "content": [result]}]
        return {"messages": [{"role": "user", "content": "Weather?"}, *messages]}
    if dialect == "responses":
        output = {"type": "function_call_output", "call_id": "call_4", "output": "bought"}
        return {"input": [{"role": "user", "content": "Weather?"}, *response["output"], output]}
    if dialect == "chat":
        result = {"role": "tool", "tool_call_id": "call_4", "content": "bought"}
        return {"messages": [{"role": "user", "content": "Weather?"}, response["choices"][0]["message"], result]}
    result = {"functionResponse": {"name": "buy", "id": "call_4", "response": {"output": "bought"}}}
    contents = [{"role": "user", "parts": [{"text": "Weather?"}]}, response["candidates"][0]["content"]]
    return {"contents": [*contents, {"role": "user", "parts": [result]}]}


def prompt_of(dialect: str, body: dict[str, Any]) -> Prompt:
    request = DIALECTS[dialect].request
    assert request
    return with_carried_results(request.read(json.dumps({"model": "m", **body}).encode()).read_prompt())


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_a_history_with_searches_is_text_and_sources_to_any_model(dialect: str) -> None:
    prompt = prompt_of(dialect, sent_back(dialect, json.loads(whole(dialect))))
    _, messages, result = prompt.messages
    texts = "\n".join(part.text for part in messages.parts if isinstance(part, Text))
    for wanted in ("I look it up.", "It rains until Friday.", "https://example.org/a_(b)", "Überall Regen."):
        assert wanted in texts
    assert "does not work at present" in texts
    calls = [part for part in messages.parts if isinstance(part, ToolCall)]
    assert [(call.id, call.name) for call in calls] == [("call_4", "buy")]
    assert json.loads(calls[0].arguments) == {"what": "umbrella"}
    assert next(part for part in result.parts if isinstance(part, ToolResult)).id == "call_4"
    assert messages.parts.index(calls[0]) == len(messages.parts) - 1
    kept = [part for part in messages.parts if isinstance(part, Reasoning) and part.text]
    assert [part.text for part in kept] == ["I need the forecast."]


def test_the_next_turn_sends_reasoning_and_calls_back() -> None:
    turn = ModelStep(TOOLS, Numbering("abc"))
    shown = [event for data in FIRST for event in turn.feed(data)]
    assert [type(event) for event in shown] == [
        ResponseStarted,
        ReasoningDelta,
        ReasoningSignature,
        TextDelta,
    ]
    results = [ToolResult(call.id, (Text("found"),)) for call in turn.calls]
    messages, given = turn.messages(results)
    assert messages.parts == (
        Reasoning("I need the forecast.", {"messages": "signed"}),
        Text("I look it up."),
        ToolCall("srvtoolu_abc00", "web_search", '{"query":"weather Oslo"}'),
        ToolCall("srvtoolu_abc01", "web_search", '{"query":"umbrellas"}'),
    )
    assert given.parts == tuple(results)
