"""Anthropic's own package against models that Copilot offers through Responses or Chat Completions."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic
from clients import (
    CITY,
    PDF,
    PDF_URL,
    PIXEL,
    PIXEL_URL,
    THOUGHT,
    City,
    connect_anthropic,
    initiators,
    of_type,
    run_anthropic,
    sent,
    user,
)
from integration.harness import Bridge, Json, Simulator

# Responses alone, Responses before chat, chat alone: where each has to be asked.
PATHS = {
    "gpt-5.3-codex": "/responses",
    "gpt-5-mini": "/responses",
    "gemini-3.1-pro-preview": "/chat/completions",
}
CODEX, MINI, GEMINI = PATHS
THINKING: Any = {"type": "enabled", "budget_tokens": 2000}

each_model = pytest.mark.parametrize("model", PATHS)
one_of_each = pytest.mark.parametrize("model", [CODEX, GEMINI])
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def tool(name: str) -> Any:
    return {"name": name, "description": name, "input_schema": CITY}


TOOLS = [tool("get_weather"), tool("get_time")]
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
DOCUMENT = {
    "type": "document",
    "title": "plan.pdf",
    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
}

ROWS_SHARE = {"client", "any_client"}


@pytest.fixture
def client(by_http: Bridge) -> Iterator[Anthropic]:
    with connect_anthropic(by_http) as client:
        yield client


@pytest.fixture
def any_client(any_bridge: Bridge) -> Iterator[Anthropic]:
    """Where it matters under which server the bridge runs."""
    with connect_anthropic(any_bridge) as client:
        yield client


def ask(client: Anthropic, stream: bool, **body: Any) -> Any:
    """The message, whichever way it comes."""
    given = {"max_tokens": 4000, **body}
    if not stream:
        return client.messages.create(**given)
    with client.messages.stream(**given) as events:
        return events.get_final_message()


def check(message: Any, *, stop: str = "end_turn") -> str:
    """The text of a whole message, after a look at its form."""
    assert message.type == "message"
    assert message.role == "assistant"
    assert message.id.startswith("msg_")
    assert message.stop_reason == stop
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0
    assert not [name for name in message.model_extra or {} if name.startswith("copilot_")]
    return "".join(block.text for block in of_type(message.content, "text"))


def answered(calls: list[Any], **more: Any) -> list[Json]:
    """Results of calls, the last one first, as they come when the first one takes longest."""
    return [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"result of {call.name}", **more}
        for call in reversed(calls)
    ]


def calls_upstream(body: Json) -> list[tuple[str, str, Json]]:
    """[(id, name, arguments)] of all the calls that were replayed."""
    if "input" in body:
        items = [item for item in body["input"] if item["type"] == "function_call"]
        return [(item["call_id"], item["name"], json.loads(item["arguments"])) for item in items]
    calls = [call for message in body["messages"] for call in message.get("tool_calls") or ()]
    return [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls
    ]


def results_upstream(body: Json) -> list[tuple[str, Any]]:
    """[(id, what the tool gave)]"""
    if "input" in body:
        items = [item for item in body["input"] if item["type"] == "function_call_output"]
        return [(item["call_id"], item["output"]) for item in items]
    return [
        (message["tool_call_id"], message["content"])
        for message in body["messages"]
        if message["role"] == "tool"
    ]


@both_ways
@each_model
def test_a_text_gets_a_response(
    client: Anthropic, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    message = ask(client, stream, model=model, messages=user(f"Hello {mark}"))
    assert mark in check(message)
    assert message.model == model
    entry = simulator.only(mark)
    assert entry["path"] == PATHS[model]
    assert entry["headers"]["x-initiator"] == "user"


@each_model
def test_the_asynchronous_client_gets_both_forms(any_bridge: Bridge, model: str) -> None:
    async def use(client: AsyncAnthropic) -> tuple[Any, Any]:
        given: Any = {"model": model, "max_tokens": 500, "messages": user("Hello World")}
        async with client.messages.stream(**given) as events:
            streamed = await events.get_final_message()
        return await client.messages.create(**given), streamed

    whole, streamed = run_anthropic(any_bridge, use)
    assert "Hello World" in check(whole)
    assert check(whole) == check(streamed)


@each_model
def test_a_stream_has_one_open_block_at_a_time(any_client: Anthropic, model: str) -> None:
    with any_client.messages.create(
        model=model, max_tokens=4000, messages=user("get_weather in Paris"), tools=TOOLS, stream=True
    ) as stream:
        events: list[Any] = list(stream)
    kinds = [event.type for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    opened = None
    places = []
    for event in events:  # one block at a time, numbered from 0
        if event.type == "content_block_start":
            assert opened is None
            opened = event.index
            places.append(opened)
        elif event.type.startswith("content_block"):
            assert event.index == opened
            opened = None if event.type == "content_block_stop" else opened
    assert opened is None
    assert places == list(range(len(places)))
    usage = events[-2].usage
    assert None not in (usage.cache_creation_input_tokens, usage.cache_read_input_tokens)
    assert usage.input_tokens > 0
    assert usage.output_tokens > 0


@each_model
def test_words_of_the_system_stay_in_their_place(
    client: Anthropic, simulator: Simulator, mark: str, model: str
) -> None:
    blocks: Any = [
        {"type": "text", "text": "First.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Second."},
    ]
    late: Any = [{"role": "system", "content": [{"type": "text", "text": "Late."}]}]
    messages = [*user(f"one {mark}"), {"role": "assistant", "content": "two"}, *user("three"), *late]
    client.messages.create(model=model, max_tokens=500, system=blocks, messages=messages)
    (body,) = sent(simulator, mark, 1)
    if "input" in body:
        assert body["instructions"] == "First.\n\nSecond."
        roles_and_texts = [(item["role"], item["content"][0]["text"]) for item in body["input"]]
        assert roles_and_texts[-1] == ("developer", "Late.")
    else:
        first, *rest = body["messages"]
        assert [part["text"] for part in first["content"]] == ["First.", "Second."]
        roles_and_texts = [(message["role"], message["content"]) for message in rest]
        assert roles_and_texts[-1] == ("system", "Late.")
    assert roles_and_texts[:-1] == [("user", f"one {mark}"), ("assistant", "two"), ("user", "three")]
    assert initiators(simulator, mark) == ["user"]


@both_ways
@each_model
def test_calls_and_results_reach_the_model_in_each_turn(
    client: Anthropic, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    messages = user(f"get_weather in Paris, {mark}")
    first = ask(client, stream, model=model, messages=messages, tools=TOOLS)
    check(first, stop="tool_use")
    (call,) = of_type(first.content, "tool_use")
    assert call.name == "get_weather"
    assert call.input.keys() == {"city"}
    messages += [{"role": "assistant", "content": first.content}, *user(answered([call]))]
    second = ask(client, stream, model=model, messages=messages, tools=TOOLS)
    assert "result of get_weather" in check(second)
    messages += [{"role": "assistant", "content": second.content}, *user("Good night")]
    assert "Good night" in check(ask(client, stream, model=model, messages=messages, tools=TOOLS))
    assert initiators(simulator, mark) == ["user", "agent", "user"]
    for body in sent(simulator, mark, 3)[1:]:
        assert calls_upstream(body) == [(call.id, "get_weather", call.input)]
        assert results_upstream(body) == [(call.id, "result of get_weather")]


@both_ways
@each_model
def test_results_of_parallel_tools_may_come_in_another_order(
    client: Anthropic, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    messages = user(f"[[sim:tools]] in Paris, {mark}")
    message = ask(client, stream, model=model, messages=messages, tools=TOOLS)
    check(message, stop="tool_use")
    calls = of_type(message.content, "tool_use")
    assert [call.name for call in calls] == ["get_weather", "get_time"]
    time, weather = answered(calls)
    reminder = {"type": "text", "text": "<system-reminder>Mind the list.</system-reminder>"}
    messages += [
        {"role": "assistant", "content": message.content},
        *user([time | {"is_error": True}, weather, reminder]),
    ]
    second = check(ask(client, stream, model=model, messages=messages, tools=TOOLS))
    assert second.index("result of get_time") < second.index("result of get_weather")
    body = sent(simulator, mark, 2)[1]
    assert calls_upstream(body) == [(call.id, call.name, call.input) for call in calls]
    (late, failed), (early, plain) = results_upstream(body)
    assert (late, early) == (calls[1].id, calls[0].id)
    assert "Error:" in json.dumps(failed)
    assert "result of get_time" in json.dumps(failed)
    assert plain == "result of get_weather"
    assert initiators(simulator, mark) == ["user", "agent"]


@each_model
def test_text_beside_a_tool_result_begins_a_users_turn(
    client: Anthropic, simulator: Simulator, mark: str, model: str
) -> None:
    messages = user(f"get_weather in Paris, {mark}")
    message = ask(client, False, model=model, messages=messages, tools=TOOLS)
    results = answered(of_type(message.content, "tool_use"))
    typed = {"type": "text", "text": "And be brief."}
    messages += [{"role": "assistant", "content": message.content}, *user([*results, typed])]
    check(ask(client, False, model=model, messages=messages))
    assert initiators(simulator, mark) == ["user", "user"]
    body = sent(simulator, mark, 2)[1]
    last = (body.get("input") or body["messages"])[-1]
    assert (last["role"], "And be brief." in json.dumps(last["content"])) == ("user", True)


@each_model
def test_images_and_documents_reach_the_model(
    client: Anthropic, simulator: Simulator, mark: str, model: str
) -> None:
    content = [DOCUMENT, IMAGE, {"type": "text", "text": f"what is it? {mark}"}]
    if model == GEMINI:  # chat has a place for documents with OpenAI's own models alone
        with pytest.raises(
            anthropic.BadRequestError, match=r"messages\.\d+\.content\.\d+: .* does not accept documents"
        ):
            client.messages.create(model=model, max_tokens=500, messages=user(content))
        content = content[1:]
    message = client.messages.create(model=model, max_tokens=500, messages=user(content))
    assert "image/png of 70 bytes" in check(message)
    entry = simulator.only(mark)
    assert entry["headers"]["copilot-vision-request"] == "true"
    if model != GEMINI:
        assert "application/pdf of 15 bytes" in check(message)
        file, image, _text = entry["body"]["input"][0]["content"]
        assert file == {"type": "input_file", "filename": "plan.pdf", "file_data": PDF_URL}
        assert image == {"type": "input_image", "image_url": PIXEL_URL}
    else:
        image, _text = entry["body"]["messages"][0]["content"]
        assert image["image_url"]["url"] == PIXEL_URL


@each_model
def test_images_in_results_reach_the_model_as_images(
    client: Anthropic, simulator: Simulator, mark: str, model: str
) -> None:
    """Each of them with the call that gave it, and as an image: never as text."""
    names = ("toolu_1", "toolu_2")
    calls = [{"type": "tool_use", "id": id_, "name": "get_weather", "input": {}} for id_ in names]
    results = [
        {"type": "tool_result", "tool_use_id": id_, "content": [{"type": "text", "text": id_}, IMAGE]}
        for id_ in names
    ]
    messages = [*user(mark), {"role": "assistant", "content": calls}, *user(results)]
    message = client.messages.create(model=model, max_tokens=500, messages=messages)
    assert "image/png of 70 bytes" in check(message)
    (body,) = sent(simulator, mark, 1)
    if model != GEMINI:
        expected = {"type": "input_image", "image_url": PIXEL_URL}
        given = [(id_, [{"type": "input_text", "text": id_}, expected]) for id_ in names]
        assert results_upstream(body) == given
    else:
        assert results_upstream(body) == [(id_, id_) for id_ in names]
        shown = body["messages"][-1]
        assert shown["role"] == "user"
        first, image, second, other = shown["content"]
        assert (names[0] in first["text"], names[1] in second["text"]) == (True, True)
        assert [part["image_url"]["url"] for part in (image, other)] == [PIXEL_URL, PIXEL_URL]
    assert simulator.only(mark)["headers"]["copilot-vision-request"] == "true"
    assert initiators(simulator, mark) == ["agent"]


CHOICES: list[tuple[Json, str, list[str]]] = [
    ({"type": "auto"}, "auto", ["get_weather", "get_time"]),
    ({"type": "any"}, "required", ["get_weather", "get_time"]),
    ({"type": "none"}, "none", []),
    ({"type": "tool", "name": "get_time"}, "get_time", ["get_time"]),
    ({"type": "any", "disable_parallel_tool_use": True}, "required", ["get_weather"]),
]


@pytest.mark.parametrize(("choice", "mode", "names"), CHOICES)
@one_of_each
def test_the_choice_of_a_tool_reaches_the_model(
    client: Anthropic,
    simulator: Simulator,
    mark: str,
    model: str,
    choice: Any,
    mode: str,
    names: list[str],
) -> None:
    message = client.messages.create(
        model=model,
        max_tokens=4000,
        messages=user(f"get_weather and get_time, {mark}"),
        tools=TOOLS,
        tool_choice=choice,
    )
    assert [call.name for call in of_type(message.content, "tool_use")] == names
    (body,) = sent(simulator, mark, 1)
    if mode == "get_time":
        forced = {"type": "function", "name": mode}
        nested = {"type": "function", "function": {"name": mode}}
        assert body["tool_choice"] == (forced if model == CODEX else nested)
    else:
        assert body["tool_choice"] == mode
    assert body.get("parallel_tool_calls", True) is not ("disable_parallel_tool_use" in choice)


@both_ways
@each_model
def test_thoughts_are_shown_and_go_back_to_who_had_them(
    client: Anthropic, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    """Upstream refuses encrypted reasoning that it has not given out itself."""
    given: Any = {"model": model, "tools": TOOLS, "thinking": THINKING}
    messages = user(f"get_weather in Paris, {mark}")
    message = ask(client, stream, messages=messages, **given)
    check(message, stop="tool_use")
    thought, call = message.content
    assert (thought.type, call.type) == ("thinking", "tool_use")
    assert THOUGHT in thought.thinking
    assert thought.signature
    messages += [{"role": "assistant", "content": message.content}, *user(answered([call]))]
    assert "result of get_weather" in check(ask(client, stream, messages=messages, **given))
    first, second = sent(simulator, mark, 2)
    if "input" in first:
        assert first["reasoning"] == {"effort": "low", "summary": "auto"}
        assert "reasoning.encrypted_content" in first["include"]
        (replayed,) = of_type(second["input"], "reasoning")
        assert replayed["encrypted_content"].startswith("gAAAA")
        assert [part["text"] for part in replayed["summary"]] == [thought.thinking]
        assert [item["type"] for item in second["input"]][1:3] == ["reasoning", "function_call"]
    else:
        assert first["thinking_budget"] == 2000
        replayed = second["messages"][1]
        assert replayed["reasoning_text"] == thought.thinking
        assert replayed["reasoning_opaque"].startswith("EqQB")


@each_model
def test_the_signatures_of_another_model_are_not_sent(
    client: Anthropic, simulator: Simulator, mark: str, model: str
) -> None:
    """One model's signatures are nothing to another, neither on the way there nor on the way back."""
    claude: Any = {"model": "claude-sonnet-4.5", "max_tokens": 4000, "thinking": THINKING}
    messages = user(f"Good morning {mark}")
    for given in (claude, claude | {"model": model}, claude):
        message = client.messages.create(messages=messages, **given)
        assert of_type(message.content, "thinking")
        messages += [{"role": "assistant", "content": message.content}, *user("Good night")]
    first, second, third = sent(simulator, mark, 3)
    assert "EqQB" not in json.dumps(second)
    assert "bridge1." not in json.dumps((first, second, third))
    assert [block["type"] for block in third["messages"][1]["content"]] == ["thinking", "text"]
    assert {block["type"] for block in third["messages"][3]["content"]} == {"text"}


@pytest.mark.parametrize(
    ("asked", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10_000}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 31_999}}, "high"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}}, "medium"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "xhigh"),
    ],
)
@one_of_each
def test_thinking_budgets_become_efforts(
    client: Anthropic, simulator: Simulator, mark: str, model: str, asked: Any, effort: str
) -> None:
    client.messages.create(model=model, max_tokens=32_000, messages=user(mark), **asked)
    (body,) = sent(simulator, mark, 1)
    if model == CODEX:
        assert body["reasoning"]["effort"] == effort
    else:
        assert body["reasoning_effort"] == {"xhigh": "high"}.get(effort, effort)  # it knows none above
        assert 256 <= body["thinking_budget"] < body["max_tokens"]


LEAST = {"gpt-5.3-codex": "none", "gemini-3.1-pro-preview": "low"}


@one_of_each
def test_disabled_thinking_is_the_least_effort(
    client: Anthropic, simulator: Simulator, mark: str, model: str
) -> None:
    """As little as the model can."""
    off: Any = {"type": "disabled"}
    client.messages.create(model=model, max_tokens=500, messages=user(mark), thinking=off)
    (body,) = sent(simulator, mark, 1)
    assert (body.get("reasoning") or {}).get("effort", body.get("reasoning_effort")) == LEAST[model]
    assert "thinking_budget" not in body


@each_model
def test_a_response_follows_its_schema(client: Anthropic, model: str) -> None:
    given: Any = {"model": model, "max_tokens": 4000, "messages": user("Tell me of 'Paris'")}
    parsed = client.messages.parse(output_format=City, **given).parsed_output
    assert isinstance(parsed, City)
    with client.messages.stream(output_format=City, **given) as stream:
        streamed = stream.get_final_message().parsed_output
    assert streamed == parsed
    assert parsed.name == "Paris"


STOPS = [
    (CODEX, "[[sim:length]] Hello World", "max_tokens"),
    (CODEX, "[[sim:refusal]] Hello World", "refusal"),
    (CODEX, "[[sim:content-filter]] Hello World", "refusal"),
    (CODEX, "[[sim:deltas-missing]] get_time in Paris", "tool_use"),
    (MINI, "[[sim:length]] Hello World", "max_tokens"),
    (MINI, "[[sim:unicode]]", "end_turn"),
    (GEMINI, "[[sim:length]] Hello World", "max_tokens"),
    (GEMINI, "[[sim:content-filter]] Hello World", "refusal"),
    (GEMINI, "[[sim:unicode]]", "end_turn"),
    (GEMINI, "[[sim:no-done]] Hello World", "end_turn"),
]


@pytest.mark.parametrize(("model", "prompt", "reason"), STOPS)
def test_stop_reasons_are_the_same_in_a_stream_and_in_one_piece(
    client: Anthropic, model: str, prompt: str, reason: str
) -> None:
    """The same in a stream and in one piece."""
    asked: Any = {"model": model, "messages": user(prompt), "tools": TOOLS}
    streamed = ask(client, True, **asked)
    text = check(streamed, stop=reason)
    if "no-done" in prompt or "deltas-missing" in prompt:
        return  # only a stream can do without
    whole = ask(client, False, **asked)
    assert check(whole, stop=reason) == text
    assert text
    assert whole.usage == streamed.usage


@each_model
def test_a_response_is_cut_off_at_the_limit(
    client: Anthropic, simulator: Simulator, mark: str, model: str
) -> None:
    prompt = f"Say it at length: {'word ' * 40} {mark}"
    message = client.messages.create(model=model, max_tokens=20, messages=user(prompt))
    check(message, stop="max_tokens")
    (body,) = sent(simulator, mark, 1)
    assert body.get("max_output_tokens", body.get("max_tokens")) == 20


@both_ways
@each_model
def test_usage_counts_as_anthropic_does_and_is_logged(bridge: Bridge, model: str, stream: bool) -> None:
    with connect_anthropic(bridge) as client:
        given: Any = {"model": model, "max_tokens": 4000, "messages": user("Hello World")}
        if stream:
            with client.messages.stream(thinking=THINKING, **given) as events:
                usage, id_ = events.get_final_message().usage, events.response.headers["x-request-id"]
        else:
            raw = client.messages.with_raw_response.create(thinking=THINKING, **given)
            usage, id_ = raw.parse().usage, raw.headers["x-request-id"]
    if model != GEMINI:  # which tells of its thoughts, but not of their number
        assert usage.output_tokens_details is not None
        assert 0 < usage.output_tokens_details.thinking_tokens < usage.output_tokens
    line = bridge.logged(id_)
    assert line["tokens_in"] == usage.input_tokens
    assert line["tokens_out"] == usage.output_tokens
    assert (line["dialect"], line["model"], line["outcome"]) == ("messages", model, "ok")


SESSIONS = ("user_1_account_2_session_abc-def", '{"device_id":"d","account_uuid":"","session_id":"abc-def"}')


@pytest.mark.parametrize("user_id", SESSIONS)
def test_a_conversation_finds_its_cache(
    by_http: Bridge, client: Anthropic, simulator: Simulator, mark: str, user_id: str
) -> None:
    """The input does not include cached tokens: Anthropic counts them apart."""
    raw = client.messages.with_raw_response.create(
        model=CODEX, max_tokens=500, messages=user(f"Hello {mark}"), metadata={"user_id": user_id}
    )
    usage = raw.parse().usage
    (body,) = sent(simulator, mark, 1)
    assert body["prompt_cache_key"] == "abc-def"
    read = usage.cache_read_input_tokens or 0
    assert read > 0
    assert usage.input_tokens - read in (0, 1)  # the simulator has half of them cached
    assert by_http.logged(raw.headers["x-request-id"])["tokens_in"] == usage.input_tokens + read


# Refusals of upstream, and who tells of them: name -> (exception, status, error.type).
ERRORS: dict[str, tuple[type[anthropic.APIStatusError], int, str]] = {
    "refuse name=weekly": (anthropic.RateLimitError, 429, "rate_limit_error"),
    "refuse name=quota": (anthropic.APIStatusError, 402, "billing_error"),
    "refuse name=content-policy-422": (anthropic.BadRequestError, 400, "invalid_request_error"),
    "refuse name=forbidden": (anthropic.PermissionDeniedError, 403, "permission_error"),
    "refuse name=entity-too-large": (anthropic.APIStatusError, 413, "request_too_large"),
    "refuse name=unicorn": (anthropic.InternalServerError, 502, "api_error"),
    "refuse name=overloaded": (anthropic.InternalServerError, 529, "overloaded_error"),
    "close-before-response": (anthropic.InternalServerError, 502, "api_error"),
}


@both_ways
@pytest.mark.parametrize("prompt", ERRORS)
@one_of_each
def test_each_error_is_its_own_exception(client: Anthropic, model: str, prompt: str, stream: bool) -> None:
    kind, status, name = ERRORS[prompt]
    with pytest.raises(kind) as caught:
        client.messages.create(model=model, max_tokens=500, messages=user(f"[[sim:{prompt}]]"), stream=stream)
    error_body: Any = caught.value.body
    assert caught.value.status_code == status
    assert (error_body["type"], error_body["error"]["type"]) == ("error", name)
    assert error_body["error"]["message"]
    assert error_body["request_id"] == caught.value.response.headers["x-request-id"]


def test_a_prompt_that_is_too_long_is_an_error_of_its_kind(client: Anthropic) -> None:
    """Claude Code compacts its conversation at exactly these words."""
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.create(model=GEMINI, max_tokens=500, messages=user("[[sim:refuse name=overflow]]"))
    error_body: Any = caught.value.body
    assert error_body["error"]["message"] == "prompt is too long: 138898 tokens > 64000 maximum"


def test_a_retry_after_is_kept(client: Anthropic) -> None:
    prompt = "[[sim:status code=429 retry-after=17]]"
    for model in PATHS:
        with pytest.raises(anthropic.RateLimitError) as caught:
            client.messages.create(model=model, max_tokens=500, messages=user(prompt), stream=True)
        assert caught.value.response.headers["retry-after"] == "17"


BROKEN = ("cut-in-frame after=6", "cut-between after=6", "reset after=6", "error-in-stream")


@pytest.mark.parametrize("cut", BROKEN)
@each_model
def test_a_broken_stream_raises(client: Anthropic, model: str, cut: str) -> None:
    texts: list[str] = []
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        client.messages.create(
            model=model, max_tokens=500, messages=user(f"[[sim:{cut}]] Hello World"), stream=True
        ) as stream,
    ):
        texts.extend(event.type for event in stream)
    error_body: Any = caught.value.body
    assert (error_body["type"], error_body["error"]["type"]) == ("error", "api_error")
    assert error_body["error"]["message"]
    assert texts[0] == "message_start"
    assert not {"message_delta", "message_stop"} & set(texts)


@each_model
def test_a_stream_that_breaks_is_an_error_for_who_wants_it_whole(client: Anthropic, model: str) -> None:
    """Upstream is asked for a stream all the same."""
    for cut in ("cut-between after=6", "error-in-stream"):
        with pytest.raises(anthropic.InternalServerError) as caught:
            client.messages.create(model=model, max_tokens=500, messages=user(f"[[sim:{cut}]] Hello World"))
        assert caught.value.status_code == 502


def test_a_broken_stream_raises_async(any_bridge: Bridge) -> None:
    async def use(client: AsyncAnthropic) -> None:
        for model in PATHS:
            with pytest.raises(anthropic.APIStatusError):
                async with client.messages.stream(
                    model=model, max_tokens=500, messages=user("[[sim:cut-between after=6]] Hello World")
                ) as stream:
                    await stream.get_final_message()
            with pytest.raises(anthropic.RateLimitError):
                await client.messages.create(
                    model=model, max_tokens=9, messages=user("[[sim:refuse name=weekly]]"), stream=True
                )

    run_anthropic(any_bridge, use)


SILENCES = ("slow-headers seconds=1.5", "stall after=6 seconds=1.5")


def test_a_silent_stream_does_not_time_out(brisk_bridge: Bridge) -> None:
    """Something comes before the read timeout of a second strikes, each time."""

    async def hear(client: AsyncAnthropic, model: str, silence: str) -> str:
        async with client.messages.stream(
            model=model, max_tokens=500, messages=user(f"[[sim:{silence}]] Hello World"), timeout=1.0
        ) as stream:
            return check(await stream.get_final_message())

    async def use(client: AsyncAnthropic) -> list[str]:
        both = (hear(client, model, silence) for model in (CODEX, GEMINI) for silence in SILENCES)
        return await asyncio.gather(*both)

    assert ["Hello World" in text for text in run_anthropic(brisk_bridge, use)] == [True] * 4


def test_pings_fill_a_silence(brisk_bridge: Bridge) -> None:
    cases = [(model, silence) for model in (CODEX, GEMINI) for silence in SILENCES]
    streams = []
    for model, silence in cases:
        messages = user(f"[[sim:{silence}]] Hello World")
        body = {"model": model, "max_tokens": 500, "stream": True, "messages": messages}
        streams.append(brisk_bridge.dial("POST", "/v1/messages", json.dumps(body).encode()))
    for stream in streams:
        names = [frame.raw.partition(b"\n")[0] for frame in stream.frames()]
        assert b"event: ping" in names[:-1]
        assert names[-1] == b"event: message_stop"
        assert all(name.startswith(b"event: ") for name in names)


def test_a_model_is_retrieved_by_its_id(client: Anthropic) -> None:
    for id_ in PATHS:
        model = client.models.retrieve(id_)
        assert (model.id, model.type) == (id_, "model")
        assert model.display_name


REFUSED: list[tuple[Any, str]] = [
    ([{"type": "container_upload", "file_id": "file_1"}], "messages.0.content.0"),
    ([{"type": "document", "source": {"type": "file", "file_id": "file_1"}}], "messages.0.content.0"),
]


@pytest.mark.parametrize(("content", "where"), REFUSED)
@one_of_each
def test_content_that_the_model_can_not_take_is_refused(
    client: Anthropic, model: str, content: Any, where: str
) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.create(model=model, max_tokens=500, messages=user(content))
    assert where in caught.value.message


@one_of_each
def test_sampling_reaches_the_models_that_take_it(
    client: Anthropic, simulator: Simulator, mark: str, model: str
) -> None:
    """Reasoning models of OpenAI's refuse to be told how to sample, and know no stop sequences."""
    client.messages.create(
        model=model,
        max_tokens=500,
        messages=user(mark),
        stop_sequences=["STOP"],
        extra_body={"temperature": 0.5, "top_p": 0.9},
    )
    (body,) = sent(simulator, mark, 1)
    sampling = {name: body[name] for name in ("temperature", "top_p", "stop") if name in body}
    assert sampling == ({} if model == CODEX else {"temperature": 0.5, "top_p": 0.9, "stop": ["STOP"]})


@one_of_each
def test_optional_fields_are_left_out(client: Anthropic, simulator: Simulator, mark: str, model: str) -> None:
    more: Any = {"top_k": 5, "context_management": {"edits": []}, "safeguards": [], "diagnostics": {}}
    message = client.messages.create(
        model=model,
        max_tokens=500,
        messages=user(f"Hello World {mark}"),
        metadata={"user_id": "me"},
        service_tier="auto",
        tools=[],
        extra_body=more,
    )
    assert "Hello World" in check(message)
    (body,) = sent(simulator, mark, 1)
    assert not body.keys() & {*more, "metadata", "service_tier", "tools"}
