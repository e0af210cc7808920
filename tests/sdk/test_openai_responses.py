"""OpenAI's own package, against models that Copilot offers through Responses."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import openai
import pytest
from integration.harness import Bridge, Simulator
from openai import AsyncOpenAI, OpenAI
from openai.lib.responses_websocket import ResponsesWebSocketLimits, ResponsesWebSocketSession
from pydantic import BaseModel

T = TypeVar("T")
MODELS = ("gpt-5.3-codex", "gpt-5-mini")  # the first speaks Responses only
# A PNG of 70 bytes: one pixel.
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PREFIXES = {"message": "msg_", "reasoning": "rs_", "function_call": "fc_", "custom_tool_call": "ctc_"}

each_model = pytest.mark.parametrize("model", MODELS)


class City(BaseModel):
    name: str
    population: int
    districts: list[str]


def function(name: str) -> Any:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    return {"type": "function", "name": name, "parameters": schema, "strict": True}


TOOLS = [function("get_weather"), function("get_time")]


def connect(bridge: Bridge, **more: Any) -> OpenAI:
    # Making a context for TLS takes longer than most of these tests.
    http = openai.DefaultHttpxClient(verify=False)
    given: Any = {"api_key": "sk-any", "max_retries": 0, "timeout": 20, "http_client": http, **more}
    return OpenAI(base_url=f"{bridge.url}/v1", **given)


ROWS_SHARE = {"client", "any_client"}


@pytest.fixture
def client(bridge: Bridge) -> Iterator[OpenAI]:
    with connect(bridge) as client:
        yield client


@pytest.fixture
def client_by_http(by_http: Bridge) -> Iterator[OpenAI]:
    """Where each request is looked up as a whole."""
    with connect(by_http) as client:
        yield client


@pytest.fixture
def any_client(any_bridge: Bridge) -> Iterator[OpenAI]:
    """Where it matters under which server the bridge runs."""
    with connect(any_bridge) as client:
        yield client


def run(bridge: Bridge, use: Callable[[AsyncOpenAI], Awaitable[T]]) -> T:
    """Something with the asynchronous client."""

    async def main() -> T:
        url, http = f"{bridge.url}/v1", openai.DefaultAsyncHttpxClient(verify=False)
        async with AsyncOpenAI(
            base_url=url, api_key="k", max_retries=0, timeout=20, http_client=http
        ) as client:
            return await use(client)

    made: Coroutine[Any, Any, T] = main()
    return asyncio.run(made)


def check(response: Any, status: str = "completed") -> str:
    """The text of a whole response, after a look at its form."""
    assert response.object == "response"
    assert response.id.startswith("resp_")
    assert response.status == status
    assert response.output
    for item in response.output:
        assert item.id.startswith(PREFIXES[item.type])
        assert len(item.id) < 64
    assert len({item.id for item in response.output}) == len(response.output)
    assert response.usage.input_tokens > 0
    assert response.usage.output_tokens > 0
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert not [name for name in response.model_extra or {} if name.startswith("copilot_")]
    text: str = response.output_text
    return text


def check_events(events: list[Any]) -> Any:
    """The response of the last event; each item has one id, wherever it is named."""
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds.count("response.completed") == 1
    final = events[-1].response
    check(final)
    named: dict[int, set[str]] = defaultdict(set)
    for event in events:
        if hasattr(event, "output_index"):
            named[event.output_index].add(event.item_id if hasattr(event, "item_id") else event.item.id)
    assert named == {index: {item.id} for index, item in enumerate(final.output)}
    assert {event.response.id for event in events if hasattr(event, "response")} == {final.id}
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert [item.to_dict() for item in done] == [item.to_dict() for item in final.output]
    return final


@each_model
def test_a_text_gets_a_response(client: OpenAI, model: str) -> None:
    assert "Hello World" in check(client.responses.create(model=model, input="Hello World"))


@each_model
def test_a_text_gets_a_response_asynchronously(any_bridge: Bridge, model: str) -> None:
    async def ask(client: AsyncOpenAI) -> Any:
        items: Any = [{"role": "user", "content": "Hello World"}]
        return await client.responses.create(model=model, input=items, instructions="Be brief.")

    assert "Hello World" in check(run(any_bridge, ask))


@each_model
@pytest.mark.parametrize(
    "prompt", ["Hello World", "[[sim:late-summary]] Hello World", "[[sim:unicode]]", "get_weather in Paris"]
)
def test_the_events_of_a_stream_are_complete(any_client: OpenAI, model: str, prompt: str) -> None:
    with any_client.responses.create(model=model, input=prompt, tools=TOOLS, stream=True) as stream:
        events: list[Any] = list(stream)
    final = check_events(events)
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == final.output_text
    if "get_" in prompt:
        arguments = [event for event in events if event.type == "response.function_call_arguments.delta"]
        assert "".join(event.delta for event in arguments) == final.output[-1].arguments


@each_model
def test_a_stream_is_read_asynchronously(any_bridge: Bridge, model: str) -> None:
    async def ask(client: AsyncOpenAI) -> list[Any]:
        async with await client.responses.create(model=model, input="Hello World", stream=True) as stream:
            return [event async for event in stream]

    assert "Hello World" in check_events(run(any_bridge, ask)).output_text


@each_model
@pytest.mark.parametrize("prompt", ["Hello World", "[[sim:late-summary]] Hello", "get_weather and get_time"])
def test_the_stream_helper_collects_the_response(any_client: OpenAI, model: str, prompt: str) -> None:
    with any_client.responses.stream(model=model, input=prompt, tools=TOOLS) as stream:
        kinds = {event.type for event in stream}
        final: Any = stream.get_final_response()
    check(final)
    assert "response.completed" in kinds
    if "get_" in prompt:
        calls = [item for item in final.output if item.type == "function_call"]
        assert [call.name for call in calls] == ["get_weather", "get_time"]
        assert all("city" in call.parsed_arguments for call in calls)
    else:
        assert "Hello" in final.output_text


def test_the_stream_helper_works_asynchronously(any_bridge: Bridge) -> None:
    async def ask(client: AsyncOpenAI) -> Any:
        async with client.responses.stream(model=MODELS[0], input="Hello World") as stream:
            return await stream.get_final_response()

    assert "Hello World" in check(run(any_bridge, ask))


@each_model
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_reasoning_and_calls_come_back(
    client_by_http: OpenAI, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    """Upstream refuses its own ids, which are too long, and knows a thought by what is encrypted."""

    def ask(items: list[Any]) -> Any:
        given: Any = {"model": model, "input": items, "tools": TOOLS, "reasoning": {"summary": "auto"}}
        if not stream:
            return client_by_http.responses.create(**given)
        with client_by_http.responses.create(stream=True, **given) as events:
            return check_events(list(events))

    items: list[Any] = [{"role": "user", "content": f"get_weather in Paris, {mark}"}]
    response = ask(items)
    check(response)
    thought, call = response.output
    assert (thought.type, call.type, call.name) == ("reasoning", "function_call", "get_weather")
    assert thought.encrypted_content
    assert json.loads(call.arguments).keys() == {"city"}
    items += [item.to_dict() for item in response.output]
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"})
    second = ask(items)
    assert "21 degrees" in check(second)
    items += [item.to_dict() for item in second.output]
    items.append({"role": "user", "content": "Good night"})
    assert "Good night" in check(ask(items))
    sent = simulator.ledger(mark)
    assert len(sent) == 3, "it had to be said twice"
    assert [entry["headers"]["x-initiator"] for entry in sent] == ["user", "agent", "user"]
    (replayed,) = [item for item in sent[1]["body"]["input"] if item.get("type") == "reasoning"]
    assert "id" not in replayed
    assert replayed["encrypted_content"] == thought.encrypted_content


@each_model
def test_tools_are_called_in_parallel(client: OpenAI, model: str) -> None:
    response = client.responses.create(model=model, input="[[sim:tools]] in Paris", tools=TOOLS)
    check(response)
    calls: list[Any] = [item for item in response.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["get_weather", "get_time"]
    assert len({call.call_id for call in calls}) == 2


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_tool_of_free_text_is_called(any_client: OpenAI, stream: bool) -> None:
    tools: Any = [{"type": "custom", "name": "apply_patch", "description": "patches"}]
    given: Any = {"model": MODELS[0], "input": "apply_patch please", "tools": tools}
    if stream:
        with any_client.responses.create(stream=True, **given) as events:
            final = check_events(list(events))
    else:
        final = any_client.responses.create(**given)
        check(final)
    call = final.output[-1]
    assert (call.type, call.name) == ("custom_tool_call", "apply_patch")
    assert "apply_patch" in call.input


@each_model
def test_a_response_follows_its_schema(client: OpenAI, model: str) -> None:
    response = client.responses.parse(model=model, input="Tell me of 'Paris'", text_format=City)
    check(response)
    assert isinstance(response.output_parsed, City)
    with client.responses.stream(model=model, input="Tell me of 'Paris'", text_format=City) as stream:
        streamed = stream.get_final_response()
    assert isinstance(streamed.output_parsed, City)


@each_model
def test_an_image_reaches_the_model(client: OpenAI, model: str) -> None:
    parts = [{"type": "input_text", "text": "what is it?"}, {"type": "input_image", "image_url": PIXEL}]
    items: Any = [{"role": "user", "content": parts}]
    assert "image/png of 70 bytes" in check(client.responses.create(model=model, input=items))


def test_a_response_cut_short_is_incomplete(any_client: OpenAI) -> None:
    whole = any_client.responses.create(model=MODELS[0], input="Hello World", max_output_tokens=16)
    check(whole, "incomplete")
    assert whole.incomplete_details is not None
    assert whole.incomplete_details.reason == "max_output_tokens"
    with any_client.responses.create(
        model=MODELS[0], input="Hello World", max_output_tokens=16, stream=True
    ) as stream:
        last = list(stream)[-1]
    assert last.type == "response.incomplete"
    check(last.response, "incomplete")


ERRORS: dict[str, tuple[type[openai.APIStatusError], int, str | None]] = {
    "[[sim:refuse name=weekly]]": (openai.RateLimitError, 429, "user_weekly_rate_limited"),
    "[[sim:refuse name=quota]]": (openai.RateLimitError, 429, "insufficient_quota"),
    "[[sim:refuse name=overflow]]": (openai.BadRequestError, 400, "context_length_exceeded"),
    "[[sim:refuse name=context-window]]": (openai.BadRequestError, 400, "context_length_exceeded"),
    "[[sim:refuse name=content-policy-422]]": (openai.BadRequestError, 400, "content_filter"),
    "[[sim:refuse name=forbidden]]": (openai.BadRequestError, 400, None),
    "[[sim:refuse name=entity-too-large]]": (openai.APIStatusError, 413, "request_too_large"),
    "[[sim:refuse name=unicorn]]": (openai.InternalServerError, 502, None),
    "[[sim:refuse name=overloaded]]": (openai.InternalServerError, 529, "overloaded"),
    "[[sim:close-before-response]]": (openai.InternalServerError, 502, "upstream_unreachable"),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("prompt", ERRORS)
def test_each_error_is_its_own_exception(client: OpenAI, prompt: str, stream: bool) -> None:
    kind, status, code = ERRORS[prompt]
    with pytest.raises(kind) as caught:
        client.responses.create(model=MODELS[0], input=prompt, stream=stream)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert caught.value.request_id
    assert caught.value.message


def test_wrong_requests_are_exceptions_of_their_kind(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as unknown:
        client.responses.create(model="gpt-nothing", input="hello")
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as elsewhere:
        client.responses.create(model="text-embedding-3-small", input="hello")
    assert elsewhere.value.param == "model"
    with pytest.raises(openai.BadRequestError) as previous:
        client.responses.create(model=MODELS[0], input="hello", previous_response_id="resp_1")
    assert (previous.value.param, previous.value.code) == (
        "previous_response_id",
        "previous_response_not_found",
    )
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_1")


@pytest.mark.parametrize("cut", ["cut-in-frame after=6", "reset after=6", "failed"])
@each_model
def test_a_broken_stream_says_so(any_client: OpenAI, model: str, cut: str) -> None:
    with any_client.responses.create(model=model, input=f"[[sim:{cut}]] Hello World", stream=True) as stream:
        events: list[Any] = list(stream)
    last = events[-1]
    assert last.type == "response.failed"
    assert last.response.status == "failed"
    assert last.response.error.message
    assert last.response.id == events[0].response.id
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_an_error_in_a_stream_is_its_last_event(any_client: OpenAI) -> None:
    with any_client.responses.create(
        model=MODELS[0], input="[[sim:error-in-stream]] Hello World", stream=True
    ) as stream:
        *_, last = stream
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert last.response.error.message


def test_a_silent_stream_does_not_time_out(brisk_bridge: Bridge) -> None:
    """The comments keep a client's read timeout of a second from striking."""
    with (
        connect(brisk_bridge, timeout=1.0) as client,
        client.responses.create(
            model=MODELS[0], input="[[sim:slow-headers seconds=1.5]] Hello World", stream=True
        ) as stream,
    ):
        assert "Hello World" in check_events(list(stream)).output_text


# It was written for an older version of the library for WebSockets.
older = pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")


@older
def test_a_conversation_is_continued_over_its_websocket(any_client: OpenAI) -> None:
    with any_client.responses.connect() as connection:
        asked: Any = {"model": MODELS[0], "tools": TOOLS, "store": False}
        connection.response.create(**asked, input="[[sim:tools]] the weather?")
        first = finished(connection)
        results = [
            {"type": "function_call_output", "call_id": item.call_id, "output": "sunny"}
            for item in first.output
            if item.type == "function_call"
        ]
        assert len(results) == len(TOOLS)
        connection.response.create(**asked, input=results, previous_response_id=first.id)
        second = finished(connection)
        assert second.status == "completed"
        assert second.previous_response_id == first.id
        connection.response.create(**asked, input="x", previous_response_id="resp_unknown")
        event = connection.recv()
        assert event.type == "error"
        assert event.error.code == "previous_response_not_found"


def finished(connection: Any) -> Any:
    """The response of a turn, whose events are all of known types."""
    for event in connection:
        if event.type == "response.completed":
            return event.response
        assert event.type.startswith("response."), event
    raise AssertionError("the connection has ended")


@older
def test_lanes_of_a_websocket_are_kept_apart(any_client: OpenAI) -> None:
    limits = ResponsesWebSocketLimits(
        max_lanes=4, max_events_per_lane=200, max_events=800, max_bytes_per_lane=1 << 20, max_bytes=1 << 22
    )
    with (
        any_client.responses.connect() as connection,
        ResponsesWebSocketSession(connection, limits=limits) as session,
    ):
        lanes = {name: session.lane(name) for name in ("one", "two", "three")}
        for name, lane in lanes.items():
            lane.send({"type": "response.create", "model": MODELS[0], "input": f"[[sim:say]] {name} {name}"})
        for name, lane in lanes.items():
            assert lane.get_final_response().output_text == f"{name} {name}"


@pytest.mark.parametrize("model", [*MODELS, "claude-sonnet-4.5"])
def test_a_stream_in_the_background_is_resumed(client: OpenAI, mark: str, model: str) -> None:
    """As in the package's own example: the first events, then the rest, and the helper that adds them up."""
    numbers = []
    with client.responses.create(model=model, input=f"hello {mark}", background=True, stream=True) as stream:
        for event in stream:
            numbers.append(event.sequence_number)
            if event.type == "response.created":
                id_ = event.response.id
            if len(numbers) == 3:
                break
    rest = [*client.responses.retrieve(id_, stream=True, starting_after=numbers[-1])]
    assert [event.sequence_number for event in rest][:2] == [3, 4]
    assert rest[-1].type == "response.completed"
    with client.responses.stream(response_id=id_, starting_after=numbers[-1]) as again:
        final = again.get_final_response()
    assert (final.id, final.output_text) == (id_, client.responses.retrieve(id_).output_text)
    assert mark in final.output_text


@each_model
def test_azures_client_has_the_same(bridge: Bridge, model: str) -> None:
    http = openai.DefaultHttpxClient(verify=False)
    given: Any = {
        "api_key": "any",
        "api_version": "2025-04-01-preview",
        "max_retries": 0,
        "http_client": http,
    }
    with openai.AzureOpenAI(azure_endpoint=bridge.url, **given) as client:
        assert "Hello" in client.responses.create(model=model, input="Hello World").output_text
        assert model in {listed.id for listed in client.models.list()}
        messages: Any = [{"role": "user", "content": "Hello World"}]
        response = client.chat.completions.create(model=model, messages=messages)
        assert "Hello" in (response.choices[0].message.content or "")
