"""OpenAI's own package, its chat, against models that Copilot offers through Responses or Messages alone."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from clients import (
    CITY,
    PDF,
    PDF_URL,
    PIXEL,
    PIXEL_URL,
    THOUGHT,
    City,
    connect_openai,
    initiators,
    of_type,
    run_openai,
    sent,
    user,
)
from integration.harness import Bridge, Json, Simulator
from openai import AsyncOpenAI, OpenAI

PATHS = {"gpt-5.3-codex": "/responses", "claude-opus-4.6-fast": "/v1/messages"}
CODEX, CLAUDE = PATHS

each_model = pytest.mark.parametrize("model", PATHS)
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def function(name: str) -> Any:
    return {"type": "function", "function": {"name": name, "parameters": CITY, "strict": True}}


TOOLS = [function("get_weather"), function("get_time")]
IMAGE = {"type": "image_url", "image_url": {"url": PIXEL_URL}}
FILE = {"type": "file", "file": {"filename": "plan.pdf", "file_data": PDF_URL}}

ROWS_SHARE = {"client", "any_client"}


@pytest.fixture
def client(by_http: Bridge) -> Iterator[OpenAI]:
    with connect_openai(by_http) as client:
        yield client


@pytest.fixture
def any_client(any_bridge: Bridge) -> Iterator[OpenAI]:
    """Where it matters under which server the bridge runs."""
    with connect_openai(any_bridge) as client:
        yield client


def ask(client: OpenAI, stream: bool, **body: Any) -> Any:
    """The completion, whichever way it comes."""
    if not stream:
        return client.chat.completions.create(**body)
    with client.chat.completions.stream(stream_options={"include_usage": True}, **body) as events:
        return events.get_final_completion()


def check(response: Any, *, finish: str = "stop") -> Any:
    """The message of a whole completion, after a look at its form."""
    (choice,) = response.choices
    assert choice.finish_reason == finish
    assert choice.message.role == "assistant"
    assert response.object.startswith("chat.completion")
    assert response.id.startswith("chatcmpl-")
    assert response.usage.total_tokens == response.usage.prompt_tokens + response.usage.completion_tokens
    assert min(response.usage.prompt_tokens, response.usage.completion_tokens) > 0
    return choice.message


def answered(calls: list[Any]) -> list[Json]:
    """Results of calls, the last one first, as they come when the first one takes longest."""
    return [
        {"role": "tool", "tool_call_id": call.id, "content": f"result of {call.function.name}"}
        for call in reversed(calls)
    ]


def calls_upstream(body: Json) -> list[tuple[str, str, Json]]:
    """[(id, name, arguments)] of all the calls that were replayed."""
    if "input" in body:
        items = of_type(body["input"], "function_call")
        return [(item["call_id"], item["name"], json.loads(item["arguments"])) for item in items]
    blocks = [block for message in body["messages"] for block in of_type(message["content"], "tool_use")]
    return [(block["id"], block["name"], block["input"]) for block in blocks]


def results_upstream(body: Json) -> list[tuple[str, Any]]:
    """[(id, what the tool gave)]"""
    if "input" in body:
        items = of_type(body["input"], "function_call_output")
        return [(item["call_id"], item["output"]) for item in items]
    blocks = [block for message in body["messages"] for block in of_type(message["content"], "tool_result")]
    return [(block["tool_use_id"], block["content"]) for block in blocks]


@both_ways
@each_model
def test_a_text_gets_a_response(
    client: OpenAI, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    response = ask(client, stream, model=model, messages=user(f"Hello {mark}"))
    assert mark in check(response).content
    assert response.model == model
    entry = simulator.only(mark)
    assert entry["path"] == PATHS[model]
    assert entry["headers"]["x-initiator"] == "user"


@each_model
def test_the_chunks_number_and_open_each_call_once(any_client: OpenAI, model: str) -> None:
    """Calls are numbered from 0, whatever came before them, and each is opened once."""
    with any_client.chat.completions.create(
        model=model,
        messages=user("get_weather and get_time in Paris"),
        tools=TOOLS,
        reasoning_effort="high",
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        *chunks, last = list(stream)
    assert last.choices == []
    assert last.usage is not None
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len({(chunk.id, chunk.object, chunk.model) for chunk in chunks}) == 1
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == [
        "tool_calls"
    ]
    fragments = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    opened = [fragment for fragment in fragments if fragment.id]
    assert [(fragment.index, fragment.type) for fragment in opened] == [(0, "function"), (1, "function")]
    places = [fragment.index for fragment in fragments]
    assert places == sorted(places)
    assert all(
        fragment.function and fragment.function.name is None for fragment in fragments if not fragment.id
    )


@each_model
def test_words_of_the_system_stay_in_their_place(
    client: OpenAI, simulator: Simulator, mark: str, model: str
) -> None:
    messages: list[Any] = [
        {"role": "system", "content": "First."},
        {"role": "developer", "content": "Second."},
        *user(f"one {mark}"),
        {"role": "assistant", "content": "two"},
        {"role": "system", "content": "Late."},
        *user("three"),
    ]
    client.chat.completions.create(model=model, messages=messages)
    (body,) = sent(simulator, mark, 1)
    if model == CODEX:
        assert body["instructions"] == "First."
        roles_and_texts = [(item["role"], item["content"][0]["text"]) for item in body["input"]]
        assert roles_and_texts == [
            ("developer", "Second."),
            ("user", f"one {mark}"),
            ("assistant", "two"),
            ("developer", "Late."),
            ("user", "three"),
        ]
    else:
        assert [block["text"] for block in body["system"]] == ["First.", "Second."]
        roles_and_texts = [
            (one["role"], [block["text"] for block in one["content"]]) for one in body["messages"]
        ]
        late = "<system-reminder>\nLate.\n</system-reminder>"
        assert roles_and_texts == [
            ("user", [f"one {mark}"]),
            ("assistant", ["two"]),
            ("user", [late, "three"]),
        ]


@both_ways
@each_model
def test_tools_and_thoughts_go_back_to_who_had_them(
    client: OpenAI, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    """A response is handed back as the package gave it.  Upstream refuses goods that it has not made."""
    given: Any = {"model": model, "tools": TOOLS, "reasoning_effort": "high"}
    messages = user(f"[[sim:tools]] in Paris, {mark}")
    message = check(ask(client, stream, messages=messages, **given), finish="tool_calls")
    calls = message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    assert len({call.id for call in calls}) == 2
    assert THOUGHT in message.reasoning_content
    messages += [message.to_dict(), *answered(calls)]
    second = check(ask(client, stream, messages=messages, **given)).content
    assert second.index("result of get_time") < second.index("result of get_weather")
    messages += [{"role": "assistant", "content": second}, *user("Good night")]
    assert "Good night" in check(ask(client, stream, messages=messages, **given)).content
    assert initiators(simulator, mark) == ["user", "agent", "user"]
    first, body, _third = sent(simulator, mark, 3)
    expected = [(call.id, call.function.name, json.loads(call.function.arguments)) for call in calls]
    assert calls_upstream(body) == expected
    results = results_upstream(body)
    assert [id_ for id_, _result in results] == [calls[1].id, calls[0].id]
    assert "result of get_time" in json.dumps(results[0][1])
    if model == CODEX:
        assert first["reasoning"] == {"effort": "high", "summary": "auto"}
        (replayed,) = of_type(body["input"], "reasoning")
        assert replayed["encrypted_content"].startswith("gAAAA")
        assert [part["text"] for part in replayed["summary"]] == [message.reasoning_content]
    else:
        assert (first["thinking"]["type"], first["output_config"]) == ("adaptive", {"effort": "high"})
        thought, text, *_calls = body["messages"][1]["content"]
        assert (thought["type"], text["type"]) == ("thinking", "text")
        assert thought["thinking"] == message.reasoning_content
        assert thought["signature"].startswith("EqQB")


@both_ways
def test_several_thoughts_go_back_one_by_one(
    client: OpenAI, simulator: Simulator, mark: str, stream: bool
) -> None:
    """Chat has one place for all that is sealed, and of a stream the package adds up what stands there."""
    given: Any = {"model": CLAUDE, "reasoning_effort": "high"}
    messages = user(f"[[sim:redacted]] Good morning {mark}")
    message = check(ask(client, stream, messages=messages, **given))
    messages += [message.to_dict(), *user("Good night")]
    assert "Good night" in check(ask(client, stream, messages=messages, **given)).content
    _first, body = sent(simulator, mark, 2)
    thought, redacted, text = body["messages"][1]["content"]
    assert thought["thinking"] == message.reasoning_content
    assert thought["signature"].startswith("EqQB")
    assert (redacted["type"], text["type"]) == ("redacted_thinking", "text")


def test_a_refused_signature_is_left_out_and_the_request_repeated(
    client: OpenAI, simulator: Simulator, mark: str
) -> None:
    given: Any = {"model": CLAUDE, "reasoning_effort": "high"}
    message = client.chat.completions.create(messages=user("Good morning"), **given).choices[0].message
    spoilt = f"[[sim:bad-signature once={mark}]] Good night"
    messages = [*user("Good morning"), message.to_dict(), *user(spoilt)]
    assert "Good night" in check(client.chat.completions.create(messages=messages, **given)).content
    first, second = sent(simulator, mark, 2)
    assert [block["type"] for block in first["messages"][1]["content"]] == ["thinking", "text"]
    assert [block["type"] for block in second["messages"][1]["content"]] == ["text"]


@each_model
def test_images_and_documents_reach_the_model(
    client: OpenAI, simulator: Simulator, mark: str, model: str
) -> None:
    content = [FILE, IMAGE, {"type": "text", "text": f"what is it? {mark}"}]
    text = check(client.chat.completions.create(model=model, messages=user(content))).content
    assert "image/png of 70 bytes" in text
    assert "application/pdf of 15 bytes" in text
    entry = simulator.only(mark)
    assert entry["headers"]["copilot-vision-request"] == "true"
    body = entry["body"]
    file, image, _text = (body.get("input") or body["messages"])[0]["content"]
    if model == CODEX:
        assert file == {"type": "input_file", "filename": "plan.pdf", "file_data": PDF_URL}
        assert image == {"type": "input_image", "image_url": PIXEL_URL}
    else:
        source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
        assert (file["type"], file["source"]) == ("document", source)
        assert image["source"] == {"type": "base64", "media_type": "image/png", "data": PIXEL}


@each_model
def test_an_image_in_the_result_of_a_tool_reaches_the_model(
    client: OpenAI, simulator: Simulator, mark: str, model: str
) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": ""}}
    result = {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "seen"}, IMAGE]}
    messages: list[Any] = [*user(mark), {"role": "assistant", "tool_calls": [call]}, result]
    text = check(client.chat.completions.create(model=model, messages=messages)).content
    assert "seen [image/png of 70 bytes]" in text
    entry = simulator.only(mark)
    assert entry["headers"]["copilot-vision-request"] == "true"
    assert calls_upstream(entry["body"]) == [("call_1", "get_weather", {})]
    ((id_, (_text, image)),) = results_upstream(entry["body"])
    assert (id_, image["type"].removeprefix("input_")) == ("call_1", "image")


CHOICES: list[tuple[Any, Json, list[str]]] = [
    ("auto", {"type": "auto"}, ["get_weather", "get_time"]),
    ("required", {"type": "any"}, ["get_weather", "get_time"]),
    ("none", {"type": "none"}, []),
    (
        {"type": "function", "function": {"name": "get_time"}},
        {"type": "tool", "name": "get_time"},
        ["get_time"],
    ),
]


@pytest.mark.parametrize("parallel", [True, False], ids=["parallel", "one"])
@pytest.mark.parametrize(("choice", "of_claude", "names"), CHOICES)
@each_model
def test_the_choice_of_a_tool_reaches_the_model(
    client: OpenAI,
    simulator: Simulator,
    mark: str,
    model: str,
    choice: Any,
    of_claude: Json,
    names: list[str],
    parallel: bool,
) -> None:
    response = client.chat.completions.create(
        model=model,
        messages=user(f"get_weather and get_time, {mark}"),
        tools=TOOLS,
        tool_choice=choice,
        parallel_tool_calls=parallel,
    )
    calls: list[Any] = response.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls] == (names if parallel else names[:1])
    (body,) = sent(simulator, mark, 1)
    if model == CODEX:
        flat = choice if isinstance(choice, str) else {"type": "function", "name": "get_time"}
        assert (body["tool_choice"], body["parallel_tool_calls"]) == (flat, parallel)
    else:
        once = {} if parallel or choice == "none" else {"disable_parallel_tool_use": True}
        assert body["tool_choice"] == of_claude | once


@each_model
def test_a_response_follows_its_schema(client: OpenAI, model: str) -> None:
    given: Any = {"model": model, "messages": user("Tell me of 'Paris'"), "response_format": City}
    parsed = client.chat.completions.parse(**given).choices[0].message.parsed
    assert isinstance(parsed, City)
    with client.chat.completions.stream(**given) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == parsed
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(**given | {"messages": user("[[sim:length]] 'Paris'")})
    refused = client.chat.completions.parse(**given | {"messages": user("[[sim:refusal]] 'Paris'")})
    assert refused.choices[0].message.refusal
    assert refused.choices[0].message.parsed is None


STOPS = [
    (CODEX, "[[sim:length]] Hello World", "length"),
    (CODEX, "[[sim:refusal]] Hello World", "stop"),
    (CODEX, "[[sim:content-filter]] Hello World", "content_filter"),
    (CODEX, "[[sim:unicode]]", "stop"),
    (CLAUDE, "[[sim:length]] Hello World", "length"),
    (CLAUDE, "[[sim:refusal]] Hello World", "stop"),
    (CLAUDE, "[[sim:unicode]]", "stop"),
]


@pytest.mark.parametrize(("model", "prompt", "reason"), STOPS)
def test_finish_reasons_are_the_same_in_a_stream_and_in_one_piece(
    client: OpenAI, model: str, prompt: str, reason: str
) -> None:
    """The same in a stream and in one piece."""
    asked: Any = {"model": model, "messages": user(prompt)}
    whole = client.chat.completions.create(**asked)
    text = check(whole, finish=reason).content
    options: Any = {"include_usage": True}
    with client.chat.completions.create(stream=True, stream_options=options, **asked) as stream:
        *chunks, last = list(stream)
    choices = [chunk.choices[0] for chunk in chunks]
    assert "".join(choice.delta.content or "" for choice in choices) == (text or "")
    refusal = "".join(choice.delta.refusal or "" for choice in choices)
    assert refusal == (whole.choices[0].message.refusal or "")
    assert bool(refusal) == ("refusal" in prompt)
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == [reason]
    assert last.usage == whole.usage


@each_model
def test_a_response_is_cut_off_at_the_limit(
    client: OpenAI, simulator: Simulator, mark: str, model: str
) -> None:
    prompt = user(f"Say it at length: {'word ' * 40} {mark}")
    check(
        client.chat.completions.create(model=model, messages=prompt, max_completion_tokens=20),
        finish="length",
    )
    check(client.chat.completions.create(model=model, messages=prompt, max_tokens=20), finish="length")
    for body in sent(simulator, mark, 2):
        assert body.get("max_output_tokens", body.get("max_tokens")) == 20


def test_stop_sequences_end_the_text(client: OpenAI, simulator: Simulator, mark: str) -> None:
    prompt = user(f"one two three {mark}")
    for stop in ("two", ["two", "never"]):
        response = client.chat.completions.create(model=CLAUDE, messages=prompt, stop=stop)
        assert check(response).content.endswith("one ")
    assert [body["stop_sequences"] for body in sent(simulator, mark, 2)] == [["two"], ["two", "never"]]


@both_ways
@each_model
def test_usage_counts_as_openai_does_and_is_logged(bridge: Bridge, model: str, stream: bool) -> None:
    """The tokens of the prompt include cached ones."""
    marked = {"type": "text", "text": "Hello World", "copilot_cache_control": {"type": "ephemeral"}}
    given: Any = {
        "model": model,
        "messages": user([marked]),
        "reasoning_effort": "low",
        "prompt_cache_key": "a conversation",
    }
    with connect_openai(bridge) as client:
        if stream:
            options: Any = {"include_usage": True}
            with client.chat.completions.create(stream=True, stream_options=options, **given) as chunks:
                *_others, last = list(chunks)
                usage, id_ = last.usage, chunks.response.headers["x-request-id"]
        else:
            raw = client.chat.completions.with_raw_response.create(**given)
            usage, id_ = raw.parse().usage, raw.headers["x-request-id"]
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details is not None
    # As the simulator has it: half of what may be cached is read, and on Messages a quarter is written.
    assert usage.prompt_tokens_details.cached_tokens == usage.prompt_tokens // 2
    written = 0 if model == CODEX else usage.prompt_tokens // 4
    assert usage.prompt_tokens_details.cache_write_tokens == written
    assert usage.completion_tokens_details is not None
    if model == CODEX:
        assert 0 < (usage.completion_tokens_details.reasoning_tokens or 0) < usage.completion_tokens
    line = bridge.logged(id_)
    assert (line["tokens_in"], line["tokens_out"]) == (usage.prompt_tokens, usage.completion_tokens)
    assert (line["dialect"], line["model"], line["outcome"]) == ("chat", model, "ok")


def test_usage_is_sent_only_on_request(by_http: Bridge, client: OpenAI) -> None:
    for model in PATHS:
        with client.chat.completions.create(model=model, messages=user("hello"), stream=True) as chunks:
            assert all(chunk.usage is None and chunk.choices for chunk in chunks)
        assert by_http.logged(chunks.response.headers["x-request-id"])["tokens_out"] > 0


# Refusals of upstream, and who tells of them: directive -> (exception, status, code).
ERRORS: dict[str, tuple[type[openai.APIStatusError], int, str | None]] = {
    "refuse name=weekly": (openai.RateLimitError, 429, "user_weekly_rate_limited"),
    "refuse name=quota": (openai.RateLimitError, 429, "insufficient_quota"),
    "refuse name=overflow": (openai.BadRequestError, 400, "context_length_exceeded"),
    "refuse name=content-policy-422": (openai.BadRequestError, 400, "content_filter"),
    "refuse name=forbidden": (openai.PermissionDeniedError, 403, None),
    "refuse name=entity-too-large": (openai.APIStatusError, 413, "request_too_large"),
    "refuse name=unicorn": (openai.InternalServerError, 502, None),
    "refuse name=overloaded": (openai.InternalServerError, 529, "overloaded"),
    "close-before-response": (openai.InternalServerError, 502, "upstream_unreachable"),
}


@both_ways
@pytest.mark.parametrize("prompt", ERRORS)
@each_model
def test_each_error_is_its_own_exception(client: OpenAI, model: str, prompt: str, stream: bool) -> None:
    kind, status, code = ERRORS[prompt]
    with pytest.raises(kind) as caught:
        client.chat.completions.create(model=model, messages=user(f"[[sim:{prompt}]]"), stream=stream)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert caught.value.request_id
    assert caught.value.message


BROKEN = ("cut-in-frame after=6", "cut-between after=6", "reset after=6", "error-in-stream")


@pytest.mark.parametrize("cut", BROKEN)
@each_model
def test_a_broken_stream_raises(client: OpenAI, model: str, cut: str) -> None:
    texts: list[Any] = []
    with (
        pytest.raises(openai.APIError) as caught,
        client.chat.completions.create(
            model=model, messages=user(f"[[sim:{cut}]] Hello World"), stream=True
        ) as stream,
    ):
        texts.extend(stream)
    assert caught.value.type == "server_error"
    assert caught.value.code
    assert caught.value.message
    assert texts
    assert not any(chunk.choices[0].finish_reason for chunk in texts)


@each_model
def test_a_stream_that_breaks_is_an_error_for_who_wants_it_whole(client: OpenAI, model: str) -> None:
    """Upstream is asked for a stream all the same."""
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model=model, messages=user("[[sim:cut-between after=6]] Hello World"))
    assert (caught.value.status_code, caught.value.code) == (502, "stream_cut")


def test_the_asynchronous_client_gets_calls_and_errors(any_bridge: Bridge) -> None:
    async def use(client: AsyncOpenAI) -> None:
        for model in PATHS:
            given: Any = {"model": model, "messages": user("get_weather and get_time"), "tools": TOOLS}
            async with client.chat.completions.stream(**given) as stream:
                message = check_calls(await stream.get_final_completion())
            assert check_calls(await client.chat.completions.create(**given)) == message
            with pytest.raises(openai.RateLimitError):
                await client.chat.completions.create(
                    model=model, messages=user("[[sim:refuse name=weekly]]"), stream=True
                )
            with pytest.raises(openai.APIError):
                async for _chunk in await client.chat.completions.create(
                    model=model, messages=user("[[sim:error-in-stream]] Hello World"), stream=True
                ):
                    pass

    run_openai(any_bridge, use)


def check_calls(response: Any) -> list[tuple[str, str]]:
    assert response.choices[0].finish_reason == "tool_calls"
    return [(call.function.name, call.function.arguments) for call in response.choices[0].message.tool_calls]


SILENCES = ("slow-headers seconds=1.5", "stall after=6 seconds=1.5")


def test_a_silent_stream_does_not_time_out(brisk_bridge: Bridge) -> None:
    """Comments come before the read timeout of a second strikes, each time."""

    async def hear(client: AsyncOpenAI, model: str, silence: str) -> str:
        prompt = user(f"[[sim:{silence}]] Hello World")
        stream = await client.chat.completions.create(model=model, messages=prompt, stream=True, timeout=1.0)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def use(client: AsyncOpenAI) -> list[str]:
        all_of_them = (hear(client, model, silence) for model in PATHS for silence in SILENCES)
        return await asyncio.gather(*all_of_them)

    assert ["Hello World" in text for text in run_openai(brisk_bridge, use)] == [True] * 4


# What no other API can say, and what would be another response without it.
REFUSED: list[tuple[Json, str]] = [
    ({"n": 2}, "n"),
    ({"logprobs": True, "top_logprobs": 2}, "logprobs"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"audio": {"voice": "alloy", "format": "mp3"}}, "audio"),
    ({"functions": [{"parameters": CITY}]}, "functions.0.name"),
    ({"functions": [{"name": "old", "parameters": CITY}]}, "functions"),  # beside tools
    ({"tools": [{"type": "custom", "custom": {"description": "patches"}}]}, "tools.0"),
    ({"tool_choice": "sometimes"}, "tool_choice"),
]


@pytest.mark.parametrize(("field", "param"), REFUSED)
@each_model
def test_fields_that_the_target_lacks_are_refused(
    client: OpenAI, simulator: Simulator, mark: str, model: str, field: Json, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**{"model": model, "messages": user(mark), "tools": TOOLS} | field)
    assert caught.value.param == param
    assert param in caught.value.message
    assert simulator.ledger(mark) == []


@pytest.mark.parametrize(
    ("given", "of_claude"),
    [
        ({"temperature": 0.5}, {"temperature": 0.5}),
        ({"top_p": 0.9}, {"top_p": 0.9}),
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5}),  # Claude takes one of the two
        ({"temperature": 0.5, "top_p": 0.9, "reasoning_effort": "high"}, {}),  # none beside its thoughts
    ],
)
@each_model
def test_sampling_reaches_the_models_that_take_it(
    client: OpenAI, simulator: Simulator, mark: str, model: str, given: Any, of_claude: Json
) -> None:
    """Reasoning models of OpenAI's refuse to be told how to sample."""
    check(client.chat.completions.create(model=model, messages=user(mark), **given))
    (body,) = sent(simulator, mark, 1)
    sampling = {name: body[name] for name in ("temperature", "top_p") if name in body}
    assert sampling == ({} if model == CODEX else of_claude)


@each_model
def test_optional_fields_are_left_out(client: OpenAI, simulator: Simulator, mark: str, model: str) -> None:
    more: Any = {
        "seed": 1,
        "presence_penalty": 0.5,
        "frequency_penalty": 0.5,
        "user": "me",
        "store": True,
        "metadata": {"a": "b"},
        "service_tier": "auto",
        "prediction": {"type": "content", "content": "Hello"},
        "n": 1,
        "logprobs": False,
    }
    prompt = user(f"Hello World {mark}")
    assert (
        "Hello World" in check(client.chat.completions.create(model=model, messages=prompt, **more)).content
    )
    (body,) = sent(simulator, mark, 1)
    assert not body.keys() & (more.keys() - {"store"})
    assert not body.get("store")
