"""Google's own package, as programs use it, against a model of each of Copilot's three APIs."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from clients import PDF, PIXEL, City, sent
from google import genai
from google.genai import errors, types
from integration.harness import Bridge, Json, Simulator

PATHS = {
    "gemini-3.1-pro-preview": "/chat/completions",
    "gpt-5.3-codex": "/responses",
    "claude-sonnet-4.5": "/v1/messages",
}
# Making a context for TLS takes longer than most of these tests.
PLAIN: Json = {"verify": False}
THINKING = types.ThinkingConfig(include_thoughts=True, thinking_budget=2000)

each_model = pytest.mark.parametrize("model", PATHS)


def connect(url: str, **more: Any) -> genai.Client:
    given: Json = {"timeout": 20_000, "client_args": PLAIN, "async_client_args": PLAIN, **more}
    return genai.Client(api_key="any", http_options=types.HttpOptions(base_url=url, **given))


@pytest.fixture
def client(by_http: Bridge) -> Iterator[genai.Client]:
    with connect(by_http.url) as client:
        yield client


def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"It is sunny in {city}."


def plan(*calls: tuple[str, Json], say: str) -> str:
    steps = [{"tool": name, "arguments": arguments} for name, arguments in calls]
    return f"[[sim:plan]] {json.dumps(steps)} [[sim:say]] {say}"


@each_model
def test_a_whole_response_is_complete(
    client: genai.Client, simulator: Simulator, mark: str, model: str
) -> None:
    response = client.models.generate_content(
        model=model,
        contents=f"Hello {mark}",
        config=types.GenerateContentConfig(
            system_instruction="Be brief.",
            temperature=0.5,
            max_output_tokens=2000,
            stop_sequences=["\n\nEND"],
        ),
    )
    assert mark in (response.text or "")
    assert response.model_version == model
    assert response.candidates
    assert response.candidates[0].finish_reason == types.FinishReason.STOP
    usage = response.usage_metadata
    assert usage
    counts = (usage.prompt_token_count, usage.candidates_token_count, usage.thoughts_token_count)
    assert usage.total_token_count == sum(count or 0 for count in counts)
    entry = simulator.only(mark)
    assert entry["path"] == PATHS[model]
    assert entry["headers"]["x-initiator"] == "user"
    assert "Be brief." in json.dumps(entry["body"])


@each_model
def test_a_stream_has_thoughts_and_ends_once(client: genai.Client, mark: str, model: str) -> None:
    config = types.GenerateContentConfig(thinking_config=THINKING)
    chunks = [*client.models.generate_content_stream(model=model, contents=f"Hello {mark}", config=config)]
    parts = [part for chunk in chunks for part in (chunk.parts or ())]
    assert len(chunks) > 3
    assert mark in "".join(part.text or "" for part in parts if not part.thought)
    assert any(part.text for part in parts if part.thought)
    ends = [candidate.finish_reason for chunk in chunks for candidate in chunk.candidates or ()]
    assert ends == [None] * (len(chunks) - 1) + [types.FinishReason.STOP]


@each_model
def test_the_asynchronous_client_gets_both_forms(bridge: Bridge, mark: str, model: str) -> None:
    async def use() -> tuple[str, str]:
        async with connect(bridge.url).aio as client:
            whole = await client.models.generate_content(model=model, contents=f"Hello {mark}")
            stream = await client.models.generate_content_stream(model=model, contents=f"Bye {mark}")
            return whole.text or "", "".join([chunk.text or "" async for chunk in stream])

    whole, streamed = asyncio.run(use())
    assert f"Hello {mark}" in whole
    assert f"Bye {mark}" in streamed


@each_model
def test_a_chat_calls_functions_by_itself(
    client: genai.Client, simulator: Simulator, mark: str, model: str
) -> None:
    """The package calls the function by itself, and sends the model's thoughts back with its signatures."""
    config = types.GenerateContentConfig(tools=[get_weather], thinking_config=THINKING)
    chat = client.chats.create(model=model, config=config)
    asked = plan(("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"}), say=f"Sunny, {mark}.")
    assert chat.send_message(asked).text == f"Sunny, {mark}."
    bodies = sent(simulator, mark, 3)
    assert "sunny in Paris" in json.dumps(bodies[1])
    assert "sunny in Rome" in json.dumps(bodies[2])
    entries = simulator.ledger(mark)
    assert [entry["headers"]["x-initiator"] for entry in entries] == ["user", "agent", "agent"]
    signed = {"/chat/completions": "reasoning_opaque", "/responses": "encrypted_content"}
    assert signed.get(PATHS[model], "signature") in json.dumps(bodies[2])


@each_model
def test_a_streamed_chat_keeps_its_history(
    client: genai.Client, simulator: Simulator, mark: str, model: str
) -> None:
    """Each chunk is a content of its own there."""
    chat = client.chats.create(model=model, config=types.GenerateContentConfig(thinking_config=THINKING))
    for text in (f"One {mark}", f"Two {mark}"):
        assert text in "".join(chunk.text or "" for chunk in chat.send_message_stream(text))
    _first, second = sent(simulator, mark, 2)
    assert json.dumps(second).count(f"One {mark}") == 2, "what was asked, and what was answered"


@each_model
def test_parallel_calls_have_ids_of_their_own(client: genai.Client, mark: str, model: str) -> None:
    city = {"city": types.Schema(type=types.Type.STRING)}
    schema = types.Schema(type=types.Type.OBJECT, properties=city)
    names = ["get_weather", "get_time"]
    declared = [types.FunctionDeclaration(name=name, parameters=schema) for name in names]
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=declared)])
    response = client.models.generate_content(
        model=model, contents=f"get_weather and get_time in Paris {mark}", config=config
    )
    assert [call.name for call in response.function_calls or ()] == names
    assert len({call.id for call in response.function_calls or ()}) == 2


@pytest.mark.parametrize("form", ["response_schema", "response_json_schema"])
@each_model
def test_a_response_follows_its_schema(client: genai.Client, mark: str, model: str, form: str) -> None:
    schema: Any = City if form == "response_schema" else City.model_json_schema()
    config = types.GenerateContentConfig(response_mime_type="application/json", **{form: schema})
    response = client.models.generate_content(model=model, contents=f"A city {mark}", config=config)
    City.model_validate_json(response.text or "")


def test_images_and_documents_reach_the_model(client: genai.Client, simulator: Simulator, mark: str) -> None:
    contents: Any = [
        types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png"),
        types.Part.from_bytes(data=base64.b64decode(PDF), mime_type="application/pdf"),
        f"Look {mark}",
    ]
    client.models.generate_content(model="claude-sonnet-4.5", contents=contents)
    (body,) = sent(simulator, mark, 1)
    image, document, text = body["messages"][0]["content"]
    assert (image["source"]["data"], document["source"]["data"]) == (PIXEL, PDF)
    assert text["text"] == f"Look {mark}"


def test_counts_embeddings_and_models(client: genai.Client) -> None:
    few, many = (
        client.models.count_tokens(model="gpt-4.1", contents="word " * count).total_tokens or 0
        for count in (1, 100)
    )
    assert 0 < few < many
    contents: Any = ["a", "b"]
    found = client.models.embed_content(model="text-embedding-3-small", contents=contents).embeddings or []
    assert [len(embedding.values or ()) for embedding in found] == [1536, 1536]
    names = {model.name for model in client.models.list(config={"page_size": 5})}
    assert {f"models/{name}" for name in PATHS} <= names
    assert client.models.get(model="gpt-4.1").name == "models/gpt-4.1"


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_every_version_of_the_api_is_served(bridge: Bridge, mark: str, version: str) -> None:
    with connect(bridge.url, api_version=version) as client:
        response = client.models.generate_content(model="gpt-4.1", contents=f"Hello {mark}")
        assert mark in (response.text or "")


def test_errors_have_googles_status(client: genai.Client) -> None:
    with pytest.raises(errors.ClientError) as missing:
        client.models.generate_content(model="nope", contents="Hello")
    assert (missing.value.code, missing.value.status) == (404, "NOT_FOUND")
    config = types.GenerateContentConfig(candidate_count=2)
    with pytest.raises(errors.ClientError) as refused:
        client.models.generate_content(model="gpt-4.1", contents="Hello", config=config)
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")
    assert "generationConfig.candidateCount" in str(refused.value.message)


def test_an_error_in_a_stream_is_raised(client: genai.Client) -> None:
    stream = client.models.generate_content_stream(model="gpt-4.1", contents="Hello [[sim:error-in-stream]]")
    with pytest.raises(errors.APIError):
        for _chunk in stream:
            pass
