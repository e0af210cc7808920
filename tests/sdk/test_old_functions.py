"""Functions, the form before tools, with OpenAI's own package and models of each of Copilot's APIs."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from clients import CITY, connect_openai, sent
from integration.harness import Bridge, Simulator
from openai import OpenAI

PATHS = {
    "gpt-4.1": "/chat/completions",
    "claude-sonnet-4.5": "/chat/completions",
    "gpt-5.3-codex": "/responses",
    "claude-opus-4.6-fast": "/v1/messages",
}
WEATHER: Any = {"name": "get_weather", "description": "The weather of a city.", "parameters": CITY}

ROWS_SHARE = {"client"}


@pytest.fixture
def client(by_http: Bridge) -> Iterator[OpenAI]:
    with connect_openai(by_http) as client:
        yield client


def ask(client: OpenAI, stream: bool, **body: Any) -> Any:
    """The message and the finish reason, whichever way they come."""
    if not stream:
        (choice,) = client.chat.completions.create(**body).choices
        message = choice.message
        assert message.tool_calls is None
        return (
            message.content,
            message.function_call and message.function_call.model_dump(),
            choice.finish_reason,
        )
    text, call, reason = "", {"name": "", "arguments": ""}, None
    for chunk in client.chat.completions.create(stream=True, **body):
        (choice,) = chunk.choices
        assert choice.delta.tool_calls is None
        text += choice.delta.content or ""
        for name, piece in (
            choice.delta.function_call.model_dump() if choice.delta.function_call else {}
        ).items():
            call[name] += piece or ""
        reason = choice.finish_reason or reason
    return text, call if call["name"] else None, reason


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("model", PATHS)
def test_a_function_is_called_and_its_result_read(
    client: OpenAI, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    messages: list[Any] = [{"role": "user", "content": f"get_weather in Oslo {mark}"}]
    _, call, reason = ask(
        client, stream, model=model, messages=messages, functions=[WEATHER], function_call="auto"
    )
    assert (call["name"], reason) == ("get_weather", "function_call")
    messages += [
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": "get_weather", "content": "12 degrees"},
    ]
    text, call, reason = ask(client, stream, model=model, messages=messages, functions=[WEATHER])
    assert (call, reason) == (None, "stop")
    assert "12 degrees" in text
    assert [entry["path"] for entry in simulator.ledger(mark)] == [PATHS[model]] * 2
    first, second = sent(simulator, mark, 2)
    for body in (first, second):
        assert not body.keys() & {"functions", "function_call"}
        assert len(body["tools"]) == 1


@pytest.mark.parametrize("model", PATHS)
def test_a_named_function_is_called(client: OpenAI, simulator: Simulator, mark: str, model: str) -> None:
    messages: list[Any] = [{"role": "user", "content": f"Hello {mark}"}]
    _, call, _ = ask(
        client,
        False,
        model=model,
        messages=messages,
        functions=[WEATHER],
        function_call={"name": "get_weather"},
    )
    assert call["name"] == "get_weather"
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, False, model=model, messages=messages, functions=[{"name": 5}])
    assert caught.value.param == "functions.0.name"
