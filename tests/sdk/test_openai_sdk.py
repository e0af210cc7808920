"""OpenAI's own package, as programs use it, against each model that the bridge lists."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from importlib.resources import files
from typing import Any, TypeVar

import openai
import pytest
from integration.harness import Bridge, Start, new_token
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

T = TypeVar("T")
EMBEDDINGS = ("text-embedding-3-small", "text-embedding-ada-002")
# A PNG of 70 bytes: one pixel.
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def catalogue() -> list[dict[str, Any]]:
    text = files("copilot_bridge.simulator").joinpath("scenarios/models-2026-11.json").read_text()
    rows: list[dict[str, Any]] = json.loads(text)["data"]
    return rows


def chats(row: dict[str, Any]) -> bool:
    return (
        row["capabilities"]["type"] == "chat"
        and row.get("policy", {}).get("state", "enabled") == "enabled"
        and "business" in row["billing"].get("restricted_to", ["business"])
    )


ROWS = {row["id"]: row for row in catalogue() if chats(row)}
MODELS = sorted(ROWS)
SEEING = [id_ for id_ in MODELS if ROWS[id_]["capabilities"]["supports"].get("vision")]
ONE_OF_EACH = ("gpt-4o", "gpt-5-mini", "claude-sonnet-4.5", "claude-opus-4.6", "gemini-3-pro-preview")

each_model = pytest.mark.parametrize("model", MODELS)
some_models = pytest.mark.parametrize("model", ONE_OF_EACH)


class City(BaseModel):
    name: str
    population: int
    districts: list[str]


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def function(name: str) -> Any:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "parameters": schema, "strict": True}}


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


def check_chunks(chunks: list[ChatCompletionChunk], *, usage: bool) -> str:
    """The text of a stream, after a look at its form."""
    if usage:
        *chunks, last = chunks
        assert last.choices == []
        assert last.usage is not None
        assert last.usage.completion_tokens > 0
        assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens
    assert all(chunk.usage is None for chunk in chunks)
    assert all(len(chunk.choices) == 1 for chunk in chunks)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].id
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons[-1] is not None
    assert not any(reasons[:-1])
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def check_whole(response: ChatCompletion, text: str) -> None:
    (choice,) = response.choices
    assert choice.message.role == "assistant"
    assert text in (choice.message.content or "")
    assert choice.finish_reason == "stop"
    assert response.object == "chat.completion"
    assert response.id
    assert response.created > 1_700_000_000
    assert response.usage is not None
    assert response.usage.completion_tokens > 0


AUTO = ("auto", "auto:efficiency", "auto:balance", "auto:intelligence")  # of which Copilot lists none


def test_the_models_here_are_those_that_are_listed(client: OpenAI) -> None:
    listed = [model.id for model in client.models.list() if not model.id.startswith("text-embedding")]
    assert sorted(listed) == sorted([*MODELS, *AUTO])


@each_model
def test_a_text_gets_a_response(client: OpenAI, model: str) -> None:
    check_whole(client.chat.completions.create(model=model, messages=user("Hello World")), "Hello World")


@each_model
def test_a_text_gets_a_response_asynchronously(bridge: Bridge, model: str) -> None:
    async def ask(client: AsyncOpenAI) -> ChatCompletion:
        return await client.chat.completions.create(model=model, messages=user("Hello World"))

    check_whole(run(bridge, ask), "Hello World")


@each_model
@pytest.mark.parametrize("usage", [True, False])
def test_the_chunks_of_a_stream_are_complete(any_client: OpenAI, model: str, usage: bool) -> None:
    with any_client.chat.completions.create(
        model=model, messages=user("Hello World"), stream=True, stream_options={"include_usage": usage}
    ) as stream:
        assert "Hello World" in check_chunks(list(stream), usage=usage)


@each_model
def test_a_stream_is_read_asynchronously(bridge: Bridge, model: str) -> None:
    async def ask(client: AsyncOpenAI) -> list[ChatCompletionChunk]:
        options: Any = {"include_usage": True}
        async with await client.chat.completions.create(
            model=model, messages=user("Hello World"), stream=True, stream_options=options
        ) as stream:
            return [chunk async for chunk in stream]

    assert "Hello World" in check_chunks(run(bridge, ask), usage=True)


@each_model
def test_the_raw_stream_ends_once(bridge: Bridge, model: str) -> None:
    frames = [frame.raw for frame in bridge.stream("hello", model).frames()]
    assert frames.count(b"data: [DONE]") == 1
    assert frames[-1] == b"data: [DONE]"


@each_model
@pytest.mark.parametrize(
    "prompt", ["Hello World", "get_weather and get_time in Paris", "[[sim:think]] Hello World"]
)
def test_the_stream_helper_collects_the_response(client: OpenAI, model: str, prompt: str) -> None:
    tools: Any = TOOLS if "get_" in prompt else openai.omit
    with client.chat.completions.stream(
        model=model, messages=user(prompt), tools=tools, stream_options={"include_usage": True}
    ) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    (choice,) = final.choices
    if "get_" in prompt:
        calls = choice.message.tool_calls or []
        assert [call.function.name for call in calls] == ["get_weather", "get_time"]
        assert all("city" in json.loads(call.function.arguments) for call in calls)
        assert "tool_calls.function.arguments.done" in kinds
        assert choice.finish_reason == "tool_calls"
    else:
        assert "Hello World" in (choice.message.content or "")
        assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.usage is not None


@some_models
def test_the_stream_helper_collects_calls_asynchronously(any_bridge: Bridge, model: str) -> None:
    async def ask(client: AsyncOpenAI) -> Any:
        async with client.chat.completions.stream(
            model=model, messages=user("get_weather and get_time in Paris"), tools=TOOLS
        ) as stream:
            events: AsyncIterator[Any] = aiter(stream)
            async for _event in events:
                pass
            return await stream.get_final_completion()

    calls = run(any_bridge, ask).choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]


@each_model
def test_the_result_of_a_tool_is_understood(client: OpenAI, model: str) -> None:
    messages = user("get_weather in Paris")
    message = client.chat.completions.create(model=model, messages=messages, tools=TOOLS).choices[0].message
    (call,) = message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    messages += [message, {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}]
    response = client.chat.completions.create(model=model, messages=messages, tools=TOOLS)
    check_whole(response, "21 degrees")


@each_model
def test_tools_are_called_in_parallel(client: OpenAI, model: str) -> None:
    response = client.chat.completions.create(
        model=model, messages=user("[[sim:tools]] in Paris"), tools=TOOLS, parallel_tool_calls=True
    )
    calls = response.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls if call.type == "function"] == ["get_weather", "get_time"]
    assert len({call.id for call in calls}) == 2
    assert response.choices[0].finish_reason == "tool_calls"


@each_model
@pytest.mark.parametrize("choice", ["required", "get_time"])
def test_a_forced_tool_is_called(client: OpenAI, model: str, choice: str) -> None:
    forced: Any = choice if choice == "required" else {"type": "function", "function": {"name": choice}}
    response = client.chat.completions.create(
        model=model, messages=user("Good morning"), tools=TOOLS, tool_choice=forced
    )
    (call,) = response.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == ("get_weather" if choice == "required" else choice)
    assert response.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("model", SEEING)
def test_an_image_reaches_the_model(client: OpenAI, model: str) -> None:
    parts = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    messages: list[Any] = [{"role": "user", "content": parts}]
    check_whole(client.chat.completions.create(model=model, messages=messages), "image/png of 70 bytes")


@each_model
def test_a_response_follows_its_schema(client: OpenAI, model: str) -> None:
    response = client.chat.completions.parse(
        model=model, messages=user("Tell me of 'Paris'"), response_format=City
    )
    city = response.choices[0].message.parsed
    assert isinstance(city, City)
    assert city.name


@some_models
def test_structured_outputs_in_a_stream(client: OpenAI, model: str) -> None:
    with client.chat.completions.stream(
        model=model, messages=user("Tell me of 'Paris'"), response_format=City
    ) as stream:
        city = stream.get_final_completion().choices[0].message.parsed
    assert isinstance(city, City)


@each_model
def test_reasoning_comes_in_reasoning_content(client: OpenAI, model: str) -> None:
    """No field of OpenAI's own, but the one that its clients look for."""
    with client.chat.completions.create(
        model=model, messages=user("[[sim:think]] Hello World"), stream=True
    ) as stream:
        chunks = list(stream)
    thought = "".join(getattr(chunk.choices[0].delta, "reasoning_content", None) or "" for chunk in chunks)
    assert "The user wants an answer." in thought
    assert "Hello World" in check_chunks(chunks, usage=False)
    whole = client.chat.completions.create(model=model, messages=user("[[sim:think]] Hello World"))
    assert getattr(whole.choices[0].message, "reasoning_content", None) == thought


@some_models
def test_reasoning_and_tools_come_back(client: OpenAI, model: str) -> None:
    """A response is handed back as the SDK gave it, extra fields and nulls and all."""
    messages = user("[[sim:think]] get_weather in Paris")
    message = client.chat.completions.create(model=model, messages=messages, tools=TOOLS).choices[0].message
    (call,) = message.tool_calls or []
    messages += [message.to_dict(), {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}]
    response = client.chat.completions.create(model=model, messages=messages, tools=TOOLS)
    assert "21 degrees" in (response.choices[0].message.content or "")


def test_a_raw_response_has_its_request_id(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=user("hello"))
    assert raw.headers["x-request-id"] == raw.parse()._request_id


@pytest.mark.parametrize("model", EMBEDDINGS)
def test_embeddings_by_default_are_base64_on_the_wire(bridge: Bridge, model: str) -> None:
    seen: list[Any] = []

    def note(response: Any) -> None:
        response.read()
        seen.append(response.json()["data"][0]["embedding"])

    http = openai.DefaultHttpxClient(verify=False, event_hooks={"response": [note]})
    with connect(bridge, http_client=http) as client:
        default = client.embeddings.create(model=model, input=["one", "two"])
        floats = client.embeddings.create(model=model, input=["one", "two"], encoding_format="float")
    assert isinstance(seen[0], str)
    assert len(base64.b64decode(seen[0])) == 4 * 1536
    assert isinstance(seen[1], list)
    for one, other in zip(default.data, floats.data, strict=True):
        assert one.index == other.index
        assert one.embedding == pytest.approx(other.embedding, abs=1e-7)
    assert default.model == model
    assert default.object == "list"
    assert default.usage.prompt_tokens > 0


def test_texts_are_embedded_asynchronously(any_bridge: Bridge) -> None:
    async def ask(client: AsyncOpenAI) -> Any:
        return await client.embeddings.create(model=EMBEDDINGS[0], input="one", dimensions=16)

    assert len(run(any_bridge, ask).data[0].embedding) == 16


def test_every_model_is_listed_and_retrieved(client: OpenAI) -> None:
    listed = {model.id: model for model in client.models.list()}
    assert set(EMBEDDINGS) < listed.keys()
    for id_, model in listed.items():
        assert client.models.retrieve(id_) == model
    assert client.models.retrieve("claude-sonnet-4-5-20250929").id == "claude-sonnet-4.5"


def test_models_are_listed_asynchronously(any_bridge: Bridge) -> None:
    async def ask(client: AsyncOpenAI) -> list[str]:
        return [model.id async for model in client.models.list()]

    assert set(run(any_bridge, ask)) == {*MODELS, *EMBEDDINGS, *AUTO}


ERRORS: dict[str, tuple[type[openai.APIStatusError], str | None]] = {
    "[[sim:refuse name=weekly]]": (openai.RateLimitError, "user_weekly_rate_limited"),
    "[[sim:refuse name=quota]]": (openai.RateLimitError, "insufficient_quota"),
    "[[sim:refuse name=overflow]]": (openai.BadRequestError, "context_length_exceeded"),
    "[[sim:refuse name=content-policy-422]]": (openai.BadRequestError, "content_filter"),
    "[[sim:refuse name=forbidden]]": (openai.PermissionDeniedError, None),
    "[[sim:refuse name=entity-too-large]]": (openai.APIStatusError, "request_too_large"),
    "[[sim:refuse name=unicorn]]": (openai.InternalServerError, None),
    "[[sim:refuse name=overloaded]]": (openai.InternalServerError, "overloaded"),
    "[[sim:close-before-response]]": (openai.InternalServerError, "upstream_unreachable"),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("prompt", ERRORS)
def test_each_error_is_its_own_exception(client: OpenAI, prompt: str, stream: bool) -> None:
    kind, code = ERRORS[prompt]
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model="gpt-4o", messages=user(prompt), stream=stream)
    assert caught.value.code == code
    assert caught.value.request_id
    assert caught.value.message


def test_wrong_requests_are_exceptions_of_their_kind(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-4oo", messages=user("hello"))
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    assert "gpt-4o" in unknown.value.message
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4oo")
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model="gpt-4o", messages=[])
    assert wrong.value.param == "messages"
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="gpt-4o", messages=user("hello"), n=2)
    with pytest.raises(openai.NotFoundError):
        client.files.list()


def test_an_error_is_raised_asynchronously(any_bridge: Bridge) -> None:
    async def ask(client: AsyncOpenAI) -> None:
        with pytest.raises(openai.RateLimitError):
            await client.chat.completions.create(
                model="gpt-4o", messages=user("[[sim:refuse name=weekly]]"), stream=True
            )

    run(any_bridge, ask)


def test_no_login_is_an_authentication_error(start_bridge: Start) -> None:
    bridge = start_bridge(github_token="", server="gevent")
    with (
        connect(bridge) as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.chat.completions.create(model="gpt-4o", messages=user("hello"))
    assert "copilot-bridge auth" in caught.value.message


@some_models
@pytest.mark.parametrize("cut", ["cut-in-frame after=4", "reset after=4", "error-in-stream"])
def test_a_broken_stream_raises(any_client: OpenAI, model: str, cut: str) -> None:
    texts: list[ChatCompletionChunk] = []
    with (
        pytest.raises(openai.APIError) as caught,
        any_client.chat.completions.create(
            model=model, messages=user(f"[[sim:{cut}]] Hello World"), stream=True
        ) as stream,
    ):
        texts.extend(chunk for chunk in stream)
    assert caught.value.message
    assert texts
    assert not any(chunk.choices[0].finish_reason for chunk in texts)


@pytest.mark.parametrize("cut", ["cut-between after=4", "error-in-stream"])
def test_a_broken_stream_raises_async(any_bridge: Bridge, cut: str) -> None:
    async def ask(client: AsyncOpenAI) -> None:
        async with await client.chat.completions.create(
            model="claude-sonnet-4.5", messages=user(f"[[sim:{cut}]] Hello World"), stream=True
        ) as stream:
            async for _chunk in stream:
                pass

    with pytest.raises(openai.APIError):
        run(any_bridge, ask)


def test_the_sdk_retries_a_rate_limit_but_no_quota(any_bridge: Bridge, simulator: Any, mark: str) -> None:
    with connect(any_bridge, max_retries=1) as client:
        once = f"[[sim:status code=429 retry-after=0 once={mark}]] hello"
        check_whole(client.chat.completions.create(model="gpt-4o", messages=user(once)), "hello")
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(
                model="gpt-4o", messages=user(f"[[sim:refuse name=quota-bare]] {mark}quota")
            )
    assert len(simulator.ledger(f"once={mark}")) == 2
    assert len(simulator.ledger(f"{mark}quota")) == 1


def test_a_silent_stream_does_not_time_out(brisk_bridge: Bridge) -> None:
    """The comments keep a client's read timeout of a second from striking."""
    with (
        connect(brisk_bridge, timeout=1.0) as client,
        client.chat.completions.create(
            model="gpt-4o", messages=user("[[sim:slow-headers seconds=1.5]] Hello World"), stream=True
        ) as stream,
    ):
        assert "Hello World" in check_chunks(list(stream), usage=False)


def test_another_account_has_the_models_of_its_plan(start_bridge: Start) -> None:
    bridge = start_bridge(github_token=new_token("free"), server="gevent")
    with connect(bridge) as client:
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="claude-sonnet-4.5", messages=user("hello"))
        check_whole(client.chat.completions.create(model="gpt-4o", messages=user("hello")), "hello")
