"""Ollama's own package, as programs use it, against a model of each of Copilot's three APIs."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import ollama
import pytest
from clients import City, sent
from integration.harness import Bridge, Simulator
from ollama import _types

from copilot_bridge.dialects.ollama import prompt_reader, request

PATHS = {
    "gemini-3.1-pro-preview": "/chat/completions",
    "gpt-5.3-codex": "/responses",
    "claude-sonnet-4.5": "/v1/messages",
}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
each_model = pytest.mark.parametrize("model", PATHS)


def test_each_field_of_the_package_is_read_refused_or_left_out() -> None:
    """So that a field of a newer version is noticed."""
    known = {*request.CHAT_FIELDS, *request.GENERATE_FIELDS, *request.REQUIRED, *prompt_reader.DROPPED}
    assert {*_types.ChatRequest.model_fields, *_types.GenerateRequest.model_fields} <= known
    assert {*ollama.Options.model_fields} <= {*request.OPTIONS, *prompt_reader.DROPPED_OPTIONS}
    message = {*_types.Message.model_fields}
    assert message <= {*request.MESSAGE.schema["properties"]}


@pytest.fixture
def client(by_http: Bridge) -> Iterator[ollama.Client]:
    with ollama.Client(host=by_http.url, timeout=20) as client:
        yield client


def user(text: str, **more: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text, **more}]


def get_weather(city: str) -> str:
    """Tell the weather of a city.

    Args:
        city: its name
    """
    return f"It is sunny in {city}."


@each_model
def test_a_whole_response_is_complete(
    client: ollama.Client, simulator: Simulator, mark: str, model: str
) -> None:
    response = client.chat(
        f"{model}:latest",
        [{"role": "system", "content": "Be brief."}, *user(f"Hello {mark}")],
        options={"temperature": 0.5, "num_predict": 2000, "stop": ["\n\nEND"], "num_ctx": 8192},
        keep_alive="5m",
    )
    assert mark in (response.message.content or "")
    assert (response.model, response.done, response.done_reason) == (model, True, "stop")
    assert (response.prompt_eval_count or 0) > 0
    assert (response.eval_count or 0) > 0
    assert response.total_duration == (response.prompt_eval_duration or 0) + (response.eval_duration or 0)
    entry = simulator.only(mark)
    assert entry["path"] == PATHS[model]
    assert entry["headers"]["x-initiator"] == "user"
    assert "Be brief." in json.dumps(entry["body"])


@each_model
def test_a_stream_is_done_with_its_last_line(client: ollama.Client, mark: str, model: str) -> None:
    parts = [*client.chat(model, user(f"Hello {mark}"), stream=True)]
    assert len(parts) > 3
    assert mark in "".join(part.message.content or "" for part in parts)
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]


def test_the_asynchronous_client_gets_a_stream(bridge: Bridge, mark: str) -> None:
    async def use() -> str:
        async with ollama.AsyncClient(host=bridge.url, timeout=20) as client:
            parts = await client.chat("gpt-4.1", user(f"Hello {mark}"), stream=True)
            return "".join([part.message.content or "" async for part in parts])

    assert mark in asyncio.run(use())


@each_model
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_loop_ends_with_a_text(
    client: ollama.Client, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    """Calls and results have no ids of their own."""
    steps = [{"tool": "get_weather", "arguments": {"city": city}} for city in ("Paris", "Rome")]
    messages: list[Any] = user(f"[[sim:plan]] {json.dumps(steps)} [[sim:say]] Sunny, {mark}.")
    for _ in steps:
        response = client.chat(model, messages, tools=[get_weather], stream=stream)
        message = joined([part.message for part in (response if stream else [response])])
        (call,) = message["tool_calls"]
        content = get_weather(**call.function.arguments)
        messages += [message, {"role": "tool", "tool_name": call.function.name, "content": content}]
    assert client.chat(model, messages, tools=[get_weather]).message.content == f"Sunny, {mark}."
    bodies = sent(simulator, mark, 3)
    assert "sunny in Paris" in json.dumps(bodies[1])
    assert "sunny in Rome" in json.dumps(bodies[2])
    assert [entry["headers"]["x-initiator"] for entry in simulator.ledger(mark)] == ["user", "agent", "agent"]


def joined(parts: list[ollama.Message]) -> dict[str, Any]:
    """Join the messages of a stream, as programs do."""
    return {
        "role": "assistant",
        "content": "".join(part.content or "" for part in parts),
        "thinking": "".join(part.thinking or "" for part in parts),
        "tool_calls": [call for part in parts for call in part.tool_calls or ()],
    }


@each_model
def test_a_response_follows_its_schema(client: ollama.Client, mark: str, model: str) -> None:
    response = client.chat(model, user(f"A city {mark}"), format=City.model_json_schema())
    City.model_validate_json(response.message.content or "")


@pytest.mark.parametrize("think", [True, "high"])
def test_thinking_is_streamed_apart_from_the_text(client: ollama.Client, mark: str, think: Any) -> None:
    parts = [*client.chat("gpt-5.3-codex", user(f"Hello {mark}"), think=think, stream=True)]
    assert any(part.message.thinking for part in parts)
    assert mark in "".join(part.message.content or "" for part in parts)


def test_an_image_reaches_the_model(client: ollama.Client, simulator: Simulator, mark: str) -> None:
    client.chat("gpt-4.1", user(f"Look {mark}", images=[PIXEL]))
    entry = simulator.only(mark)
    assert entry["headers"]["copilot-vision-request"] == "true"
    assert "data:image/png;base64," in json.dumps(entry["body"])


def test_generate_responds_whole_and_streamed(client: ollama.Client, simulator: Simulator, mark: str) -> None:
    response = client.generate("claude-sonnet-4.5", f"Hello {mark}", system="Be brief.")
    assert mark in response.response
    parts = [*client.generate("gpt-4.1", f"Bye {mark}", stream=True)]
    assert mark in "".join(part.response for part in parts)
    assert "Be brief." in json.dumps(sent(simulator, mark, 2)[0])


def test_a_gap_is_shown_to_a_chat_model(client: ollama.Client, simulator: Simulator, mark: str) -> None:
    client.generate("gpt-4.1", f"def {mark}(a, b):\n", suffix="\n    return c")
    entry = simulator.only(mark)
    assert f"def {mark}(a, b):\n<|cursor|>\n    return c" in entry["body"]["messages"][-1]["content"]


def test_a_model_that_only_completes_continues_a_text(client: ollama.Client, mark: str) -> None:
    assert client.generate("gpt-41-copilot", f"def {mark}(").response == f"/* after 'def {mark}(' */"
    filled = client.generate("gpt-41-copilot", f"def {mark}(", suffix="): pass", options={"stop": ["", "!"]})
    assert filled.response == f"/* after 'def {mark}(', before '): pass' */"
    with pytest.raises(ollama.ResponseError, match="only completes texts"):
        client.generate("gpt-41-copilot", "Look", images=[PIXEL])


def test_both_embedding_endpoints_return_the_same_vector(client: ollama.Client) -> None:
    whole = client.embed("text-embedding-3-small", "one")
    assert (whole.total_duration or 0) > 0
    assert whole.load_duration == 0
    many = client.embed("text-embedding-3-small", ["one", "two"])
    one = client.embed("text-embedding-3-small", "one")
    assert [len(vector) for vector in many.embeddings] == [1536, 1536]
    assert one.embeddings[0] == many.embeddings[0]
    older = client.embeddings("text-embedding-3-small:latest", "one")
    assert list(older.embedding) == list(one.embeddings[0])


def test_models_are_listed_and_shown(client: ollama.Client) -> None:
    names = [model.model for model in client.list().models]
    assert {"gpt-4.1:latest", "claude-sonnet-4.5:latest"} <= set(names)
    shown = client.show("claude-sonnet-4.5:latest")
    assert {"completion", "tools", "vision"} <= set(shown.capabilities or [])
    assert {"completion", "tools", "vision"} <= set(client.show("auto").capabilities or [])
    assert (shown.modelinfo or {})["copilot.context_length"] > 100_000
    assert client.ps().models == []
    assert client.pull("gpt-4.1").status == "success"
    loaded = client.generate("gpt-4.1")
    assert (loaded.done_reason, (loaded.created_at or "")[:2]) == ("load", "20")


@pytest.mark.parametrize(
    ("use", "status", "text"),
    [
        (lambda client: client.chat("no-such", user("Hi")), 404, "does not exist"),
        (lambda client: client.chat("gpt-4.1", user("Hi"), options={"num_predict": "x"}), 400, "num_predict"),
        (lambda client: client.show("no-such"), 404, "does not exist"),
        (lambda client: client.pull("no-such"), 404, "does not exist"),
        (lambda client: client.generate("no-such"), 404, "does not exist"),
        (lambda client: client.delete("gpt-4.1"), 400, "GitHub Copilot"),
        (lambda client: client.embed("gpt-4.1", "x"), 400, "no embeddings model"),
        (lambda client: client.embed("text-embedding-3-small", []), 400, "input: expected"),
    ],
)
def test_errors_have_their_status_and_text(client: ollama.Client, use: Any, status: int, text: str) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        use(client)
    assert (caught.value.status_code, text in caught.value.error) == (status, True)


def test_an_error_in_a_stream_is_raised(client: ollama.Client, mark: str) -> None:
    with pytest.raises(ollama.ResponseError, match=r"\w"):
        list(client.chat("gpt-4.1", user(f"[[sim:error-in-stream]] {mark}"), stream=True))
