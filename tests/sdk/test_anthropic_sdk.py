"""Anthropic's own package, as programs use it, against models that Copilot offers through Messages."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic
from integration.harness import Bridge, Simulator, Start

T = TypeVar("T")
# A budget for its thinking, or thinking as it sees fit: the two kinds that there are.
MODELS = ("claude-sonnet-4.5", "claude-opus-4.6")
# A PNG of 70 bytes: one pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
THOUGHT = "The user wants an answer."

each_model = pytest.mark.parametrize("model", MODELS)


def user(content: Any) -> list[Any]:
    return [{"role": "user", "content": content}]


def tool(name: str) -> Any:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"name": name, "description": name, "input_schema": schema}


TOOLS = [tool("get_weather"), tool("get_time")]
THINKING: Any = {"type": "enabled", "budget_tokens": 2000}


def connect(bridge: Bridge, **more: Any) -> Anthropic:
    # Making a context for TLS takes longer than most of these tests.
    http = anthropic.DefaultHttpxClient(verify=False)
    given: Any = {"api_key": "any", "max_retries": 0, "timeout": 20, "http_client": http, **more}
    return Anthropic(base_url=bridge.url, **given)


ROWS_SHARE = {"client", "any_client"}


@pytest.fixture
def client(bridge: Bridge) -> Iterator[Anthropic]:
    with connect(bridge) as client:
        yield client


@pytest.fixture
def any_client(any_bridge: Bridge) -> Iterator[Anthropic]:
    """Where it matters under which server the bridge runs."""
    with connect(any_bridge) as client:
        yield client


def run(bridge: Bridge, use: Callable[[AsyncAnthropic], Awaitable[T]]) -> T:
    """Something with the asynchronous client."""

    async def main() -> T:
        http = anthropic.DefaultAsyncHttpxClient(verify=False)
        async with AsyncAnthropic(
            base_url=bridge.url, api_key="k", max_retries=0, timeout=20, http_client=http
        ) as client:
            return await use(client)

    made: Coroutine[Any, Any, T] = main()
    return asyncio.run(made)


def check(message: Any, *, stop: str = "end_turn") -> str:
    """The text of a whole message, after a look at its form."""
    assert message.type == "message"
    assert message.role == "assistant"
    assert message.id.startswith("msg_")
    assert message.model
    assert message.stop_reason == stop
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0
    assert not [name for name in message.model_extra or {} if name.startswith("copilot_")]
    return "".join(block.text for block in message.content if block.type == "text")


@each_model
def test_a_text_gets_a_response(client: Anthropic, model: str) -> None:
    message = client.messages.create(model=model, max_tokens=500, messages=user("Hello World"))
    assert "Hello World" in check(message)


@each_model
def test_a_text_gets_a_response_asynchronously(any_bridge: Bridge, model: str) -> None:
    async def ask(client: AsyncAnthropic) -> Any:
        return await client.messages.create(model=model, max_tokens=500, messages=user("Hello World"))

    assert "Hello World" in check(run(any_bridge, ask))


@pytest.mark.parametrize("name", ["claude-haiku-4-5-20251001", "claude-opus-4-6", "claude-haiku-4.5"])
def test_anthropics_own_names_lead_to_models(client: Anthropic, name: str) -> None:
    check(client.messages.create(model=name, max_tokens=500, messages=user("Hello World")))


@each_model
def test_the_events_of_a_stream_are_complete(any_client: Anthropic, model: str) -> None:
    with any_client.messages.create(
        model=model, max_tokens=500, messages=user("Hello World"), stream=True
    ) as stream:
        events: list[Any] = list(stream)
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    text = "".join(event.delta.text for event in events if event.type == "content_block_delta")
    assert "Hello World" in text
    assert not [event for event in events for name in event.model_extra or {} if name.startswith("copilot_")]
    assert events[0].message.usage.input_tokens > 0
    assert events[-2].usage.output_tokens > 1


@each_model
def test_the_stream_helper_collects_the_same_text(any_client: Anthropic, model: str) -> None:
    with any_client.messages.stream(model=model, max_tokens=500, messages=user("Hello World")) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == check(final)
    assert "Hello World" in text


@each_model
def test_the_stream_helper_collects_calls_asynchronously(any_bridge: Bridge, model: str) -> None:
    async def ask(client: AsyncAnthropic) -> Any:
        async with client.messages.stream(
            model=model, max_tokens=500, messages=user("get_weather and get_time in Paris"), tools=TOOLS
        ) as stream:
            return await stream.get_final_message()

    final = run(any_bridge, ask)
    check(final, stop="tool_use")
    calls = [block for block in final.content if block.type == "tool_use"]
    assert [call.name for call in calls] == ["get_weather", "get_time"]
    assert all(call.input.keys() == {"city"} for call in calls)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("thinking", [True, False], ids=["thinking", "plain"])
@each_model
def test_the_result_of_a_tool_is_understood(
    client: Anthropic, model: str, thinking: bool, stream: bool
) -> None:
    """With thinking the response is handed back as it came, signature and all."""
    given: Any = {"model": model, "max_tokens": 4000, "tools": TOOLS}
    given |= {"thinking": THINKING} if thinking else {}

    def ask(messages: list[Any]) -> Any:
        if not stream:
            return client.messages.create(messages=messages, **given)
        with client.messages.stream(messages=messages, **given) as events:
            return events.get_final_message()

    messages = user("get_weather in Paris")
    message = ask(messages)
    check(message, stop="tool_use")
    kinds = [block.type for block in message.content]
    assert kinds == ["thinking", "text", "tool_use"][0 if thinking else 1 :]
    call = message.content[-1]
    assert (call.name, call.input) == ("get_weather", {"city": "Paris"})
    result = {
        "type": "tool_result",
        "tool_use_id": call.id,
        "content": [{"type": "text", "text": "21 degrees"}],
    }
    messages += [{"role": "assistant", "content": message.content}, *user([result])]
    assert "21 degrees" in check(ask(messages))


@each_model
@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_time"}])
def test_a_forced_tool_is_called_without_thinking(client: Anthropic, model: str, choice: Any) -> None:
    message = client.messages.create(
        model=model,
        max_tokens=4000,
        messages=user("Good morning"),
        tools=TOOLS,
        tool_choice=choice,
        thinking=THINKING,
    )
    check(message, stop="tool_use")
    assert [block.name for block in message.content if block.type == "tool_use"] == [
        choice.get("name", "get_weather")
    ]


@each_model
@pytest.mark.parametrize(
    "thinking", [THINKING, {"type": "adaptive"}, {"type": "enabled", "budget_tokens": 99_999}]
)
def test_thinking_comes_with_its_signature(any_client: Anthropic, model: str, thinking: Any) -> None:
    asked: Any = {"model": model, "max_tokens": 4000, "messages": user("Hello World"), "thinking": thinking}
    with any_client.messages.stream(**asked) as stream:
        kinds = {event.type for event in stream}
        streamed = stream.get_final_message()
    assert {"thinking", "signature", "text"} <= kinds
    for message in (streamed, any_client.messages.create(**asked)):
        assert "Hello World" in check(message)
        thought = message.content[0]
        assert thought.type == "thinking"
        assert thought.thinking.startswith(THOUGHT)
        assert thought.signature


def test_redacted_thinking_comes_back(client: Anthropic) -> None:
    given: Any = {"model": "claude-opus-4.6", "max_tokens": 4000, "thinking": {"type": "adaptive"}}
    messages = user("[[sim:redacted]] Hello World")
    message = client.messages.create(messages=messages, **given)
    assert "redacted_thinking" in {block.type for block in message.content}
    messages += [{"role": "assistant", "content": message.content}, *user("Good night")]
    assert "Good night" in check(client.messages.create(messages=messages, **given))


@each_model
def test_an_image_reaches_the_model(client: Anthropic, model: str) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "what is it?"}]
    message = client.messages.create(model=model, max_tokens=500, messages=user(content))
    assert "image/png of 70 bytes" in check(message)


def test_an_image_in_a_tools_result_reaches_the_model(client: Anthropic) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    image = {"type": "image", "source": source}
    messages = [
        *user("get_weather"),
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Rome"}}
            ],
        },
        *user([{"type": "tool_result", "tool_use_id": "toolu_1", "content": [image]}]),
    ]
    message = client.messages.create(model=MODELS[0], max_tokens=500, messages=messages, tools=TOOLS)
    assert "image/png of 70 bytes" in check(message)


@pytest.mark.parametrize("model", [*MODELS, "gpt-4o", "gpt-5.3-codex", "gemini-2.5-pro"])
def test_more_text_counts_more_tokens(client: Anthropic, model: str) -> None:
    few = client.messages.count_tokens(model=model, messages=user("Hello World"))
    many = client.messages.count_tokens(
        model=model, messages=user("Hello World" * 100), system="Be brief.", tools=TOOLS, thinking=THINKING
    )
    assert 0 < few.input_tokens < many.input_tokens


def test_tokens_are_counted_asynchronously(any_bridge: Bridge) -> None:
    async def ask(client: AsyncAnthropic) -> Any:
        return await client.messages.count_tokens(model=MODELS[0], messages=user("Hello World"))

    assert run(any_bridge, ask).input_tokens > 0


@each_model
def test_a_long_whole_response_is_complete(client: Anthropic, model: str) -> None:
    """More than Copilot itself gives without a stream."""
    message = client.messages.create(
        model=model, max_tokens=32_000, messages=user("get_weather in Paris"), tools=TOOLS, thinking=THINKING
    )
    check(message, stop="tool_use")
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert message.content[-1].to_dict()["input"] == {"city": "Paris"}


@pytest.mark.parametrize("prompt", ["[[sim:unicode]]", "[[sim:refusal]] no", "[[sim:length]] Hello World"])
@each_model
def test_stream_and_whole_say_the_same(client: Anthropic, model: str, prompt: str) -> None:
    asked: Any = {"model": model, "max_tokens": 500, "messages": user(prompt)}
    whole = client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        streamed = stream.get_final_message()
    assert whole.stop_reason == streamed.stop_reason
    assert [block.to_dict() for block in whole.content] == [block.to_dict() for block in streamed.content]


def test_every_model_is_listed_and_retrieved(client: Anthropic) -> None:
    listed = {model.id: model for model in client.models.list()}
    assert {*MODELS, "gpt-4o", "gemini-2.5-pro"} < listed.keys()  # whoever speaks Messages reaches them all
    assert not any("embedding" in id_ for id_ in listed)
    for id_, model in listed.items():
        assert (model.type, bool(model.display_name)) == ("model", True)
        assert client.models.retrieve(id_) == model
    assert client.models.retrieve("claude-sonnet-4-5-20250929").id == "claude-sonnet-4.5"


def test_models_are_listed_page_by_page(client: Anthropic) -> None:
    everything = [model.id for model in client.models.list()]
    assert [model.id for model in client.models.list(limit=2)] == everything  # it turns the pages itself
    first = client.models.list(limit=2)
    assert [model.id for model in first.data] == everything[:2]
    assert (first.first_id, first.last_id, first.has_more) == (*everything[:2], True)
    second = first.get_next_page()
    assert [model.id for model in second.data] == everything[2:4]
    back = client.models.list(limit=1, before_id=everything[3])
    assert [model.id for model in back.data] == [everything[2]]
    last = client.models.list(limit=1000, after_id=everything[-1])
    assert (last.data, last.has_more) == ([], False)
    with pytest.raises(anthropic.BadRequestError):
        client.models.list(limit=1001)


def test_models_are_listed_asynchronously(any_bridge: Bridge) -> None:
    async def ask(client: AsyncAnthropic) -> list[str]:
        return [model.id async for model in client.models.list(limit=3)]

    assert set(MODELS) < set(run(any_bridge, ask))


ERRORS: dict[str, tuple[type[anthropic.APIStatusError], int, str]] = {
    "[[sim:refuse name=weekly]]": (anthropic.RateLimitError, 429, "rate_limit_error"),
    "[[sim:refuse name=quota]]": (anthropic.APIStatusError, 402, "billing_error"),
    "[[sim:refuse name=overflow]]": (anthropic.BadRequestError, 400, "invalid_request_error"),
    "[[sim:refuse name=content-policy-422]]": (anthropic.BadRequestError, 400, "invalid_request_error"),
    "[[sim:refuse name=forbidden]]": (anthropic.PermissionDeniedError, 403, "permission_error"),
    "[[sim:refuse name=entity-too-large]]": (anthropic.APIStatusError, 413, "request_too_large"),
    "[[sim:refuse name=unicorn]]": (anthropic.InternalServerError, 502, "api_error"),
    "[[sim:refuse name=overloaded]]": (anthropic.InternalServerError, 529, "overloaded_error"),
    "[[sim:close-before-response]]": (anthropic.InternalServerError, 502, "api_error"),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("prompt", ERRORS)
def test_each_error_is_its_own_exception(client: Anthropic, prompt: str, stream: bool) -> None:
    kind, status, name = ERRORS[prompt]
    with pytest.raises(kind) as caught:
        client.messages.create(model=MODELS[0], max_tokens=500, messages=user(prompt), stream=stream)
    error_body: Any = caught.value.body
    assert caught.value.status_code == status
    assert (error_body["type"], error_body["error"]["type"]) == ("error", name)
    assert error_body["error"]["message"]
    assert error_body["request_id"] == caught.value.response.headers["x-request-id"]


def test_wrong_requests_are_exceptions_of_their_kind(client: Anthropic) -> None:
    for ask in (client.messages.create, client.messages.count_tokens):
        more: Any = {"max_tokens": 500} if ask == client.messages.create else {}
        with pytest.raises(anthropic.NotFoundError):
            ask(model="claude-nothing", messages=user("hello"), **more)
        with pytest.raises(anthropic.BadRequestError) as wrong:
            ask(model=MODELS[0], messages=[], **more)
        assert "messages" in wrong.value.message
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("claude-nothing")
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.list()


def test_an_error_is_raised_asynchronously(any_bridge: Bridge) -> None:
    async def ask(client: AsyncAnthropic) -> None:
        with pytest.raises(anthropic.RateLimitError):
            await client.messages.create(
                model=MODELS[0], max_tokens=9, messages=user("[[sim:refuse name=weekly]]"), stream=True
            )

    run(any_bridge, ask)


def test_no_login_is_an_authentication_error(start_bridge: Start) -> None:
    bridge = start_bridge(github_token="", server="gevent")
    with connect(bridge) as client:
        with pytest.raises(anthropic.AuthenticationError) as caught:
            client.messages.create(model=MODELS[0], max_tokens=9, messages=user("hello"))
        with pytest.raises(anthropic.AuthenticationError):
            client.models.list()
    assert "copilot-bridge auth" in caught.value.message


@each_model
@pytest.mark.parametrize("cut", ["cut-in-frame after=4", "reset after=4", "error-in-stream"])
def test_a_broken_stream_raises(any_client: Anthropic, model: str, cut: str) -> None:
    texts: list[str] = []
    with (
        pytest.raises(anthropic.APIError) as caught,
        any_client.messages.create(
            model=model, max_tokens=500, messages=user(f"[[sim:{cut}]] Hello World"), stream=True
        ) as stream,
    ):
        texts.extend(event.type for event in stream)
    assert caught.value.message
    assert texts
    assert not {"message_delta", "message_stop"} & set(texts)


def test_a_broken_stream_raises_async(any_bridge: Bridge) -> None:
    async def ask(client: AsyncAnthropic) -> None:
        async with client.messages.stream(
            model=MODELS[0], max_tokens=500, messages=user("[[sim:cut-between after=4]] Hello World")
        ) as stream:
            await stream.get_final_message()

    with pytest.raises(anthropic.APIError):
        run(any_bridge, ask)


def test_the_sdk_retries_a_rate_limit(any_bridge: Bridge, simulator: Simulator, mark: str) -> None:
    with connect(any_bridge, max_retries=1) as client:
        once = f"[[sim:status code=429 retry-after=0 once={mark}]] hello"
        check(client.messages.create(model=MODELS[0], max_tokens=500, messages=user(once)))
    assert len(simulator.ledger(f"once={mark}")) == 2


def test_a_silent_stream_does_not_time_out(brisk_bridge: Bridge) -> None:
    """The pings keep a client's read timeout of a second from striking."""
    with (
        connect(brisk_bridge, timeout=1.0) as client,
        client.messages.stream(
            model=MODELS[0], max_tokens=500, messages=user("[[sim:slow-headers seconds=1.5]] Hello World")
        ) as stream,
    ):
        assert "Hello World" in check(stream.get_final_message())
