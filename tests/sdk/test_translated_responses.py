"""OpenAI's own package, its Responses, against models that Copilot offers through Messages or chat."""

import asyncio
import json
from collections import defaultdict
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
from integration.harness import Bridge, Json, Simulator, Start, new_token
from openai import AsyncOpenAI, OpenAI

# A budget for its thinking, thinking as it sees fit, and what speaks chat alone.
PATHS = {
    "claude-sonnet-4.5": "/v1/messages",
    "claude-opus-4.6": "/v1/messages",
    "gemini-3.1-pro-preview": "/chat/completions",
}
SONNET, OPUS, GEMINI = PATHS
PREFIXES = {"message": "msg_", "reasoning": "rs_", "function_call": "fc_"}
THINKING: Any = {"effort": "high", "summary": "auto"}

each_model = pytest.mark.parametrize("model", PATHS)
one_of_each = pytest.mark.parametrize("model", [OPUS, GEMINI])
both_ways = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def function(name: str) -> Any:
    return {"type": "function", "name": name, "parameters": CITY, "strict": True}


TOOLS = [function("get_weather"), function("get_time")]
IMAGE = {"type": "input_image", "image_url": PIXEL_URL}
FILE = {"type": "input_file", "filename": "plan.pdf", "file_data": PDF_URL}

ROWS_SHARE = {"client", "any_client"}


@pytest.fixture
def client(bridge: Bridge) -> Iterator[OpenAI]:
    with connect_openai(bridge) as client:
        yield client


def ask(client: OpenAI, stream: bool, **body: Any) -> Any:
    """The response, whichever way it comes."""
    if not stream:
        return client.responses.create(**body)
    with client.responses.create(stream=True, **body) as events:
        return check_events(list(events))


def check(response: Any, status: str = "completed") -> str:
    """The text of a whole response, after a look at its form."""
    assert response.object == "response"
    assert response.id.startswith("resp_")
    assert response.status == status
    assert response.store is False
    for item in response.output:
        assert item.id.startswith(PREFIXES[item.type])
        assert len(item.id) <= 64
    assert len({item.id for item in response.output}) == len(response.output)
    usage = response.usage
    assert min(usage.input_tokens, usage.output_tokens) > 0
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert usage.input_tokens_details.cached_tokens >= 0
    assert usage.input_tokens_details.cache_write_tokens >= 0
    assert usage.output_tokens_details.reasoning_tokens >= 0
    text: str = response.output_text
    return text


def check_events(events: list[Any]) -> Any:
    """The response of the last event; each item is opened, streamed and closed under one id."""
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] in ("response.completed", "response.incomplete")
    final = events[-1].response
    named: dict[int, set[str]] = defaultdict(set)
    for event in events:
        if hasattr(event, "output_index"):
            named[event.output_index].add(event.item_id if hasattr(event, "item_id") else event.item.id)
    assert named == {index: {item.id} for index, item in enumerate(final.output)}
    assert {event.response.id for event in events if hasattr(event, "response")} == {final.id}
    for kind in ("added", "done"):
        places = [event.output_index for event in events if event.type == f"response.output_item.{kind}"]
        assert places == list(range(len(final.output)))
    done = [event.item for event in events if event.type == "response.output_item.done"]
    assert [item.to_dict() for item in done] == [item.to_dict() for item in final.output]
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == final.output_text
    for index, item in enumerate(final.output):
        if item.type == "function_call":
            deltas = [
                event.delta
                for event in events
                if event.type == "response.function_call_arguments.delta" and event.output_index == index
            ]
            assert "".join(deltas) == item.arguments
    return final


def answered(calls: list[Any], **more: Any) -> list[Json]:
    """Results of calls, the last one first, as they come when the first one takes longest."""
    return [
        {
            "type": "function_call_output",
            "call_id": call.call_id,
            "output": f"result of {call.name}",
        }
        | more
        for call in reversed(calls)
    ]


def as_input(response: Any) -> list[Json]:
    return [item.to_dict() for item in response.output]


def calls_upstream(body: Json) -> list[tuple[str, str, Json]]:
    """[(id, name, arguments)] of all the calls that were replayed."""
    calls = [call for message in body["messages"] for call in message.get("tool_calls") or ()]
    if calls:
        return [
            (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in calls
        ]
    return [(block["id"], block["name"], block["input"]) for block in blocks_upstream(body, "tool_use")]


def results_upstream(body: Json) -> list[tuple[str, str]]:
    """[(id, text that the tool gave)]"""
    tools = [message for message in body["messages"] if message["role"] == "tool"]
    if tools:
        return [(message["tool_call_id"], message["content"]) for message in tools]
    return [
        (block["tool_use_id"], "".join(part["text"] for part in of_type(block["content"], "text")))
        for block in blocks_upstream(body, "tool_result")
    ]


def blocks_upstream(body: Json, kind: str) -> list[Json]:
    contents = (message["content"] for message in body["messages"] if isinstance(message["content"], list))
    return [block for content in contents for block in of_type(content, kind)]


@both_ways
@each_model
def test_a_text_gets_a_response(
    client: OpenAI, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    response = ask(client, stream, model=model, input=f"Hello {mark}")
    assert mark in check(response)
    assert response.model == model
    assert [item.type for item in response.output] == ["message"]
    entry = simulator.only(mark)
    assert entry["path"] == PATHS[model]
    assert entry["headers"]["x-initiator"] == "user"


@pytest.mark.parametrize("prompt", ["Hello World", "[[sim:unicode]]", "get_weather and get_time"])
@each_model
def test_the_stream_helper_collects_the_response(client: OpenAI, model: str, prompt: str) -> None:
    with client.responses.stream(model=model, input=prompt, tools=TOOLS, reasoning=THINKING) as stream:
        kinds = {event.type for event in stream}
        final: Any = stream.get_final_response()
    text = check(final)
    assert {"response.reasoning_summary_text.delta", "response.completed"} <= kinds
    calls = of_type(final.output, "function_call")
    if "get_" in prompt:
        assert [call.name for call in calls] == ["get_weather", "get_time"]
        assert all("city" in call.parsed_arguments for call in calls)
    else:
        assert text
        assert not calls


@each_model
def test_words_of_the_system_stay_in_their_place(
    client: OpenAI, simulator: Simulator, mark: str, model: str
) -> None:
    items: list[Any] = [
        {"role": "developer", "content": "Second."},
        *user(f"one {mark}"),
        {"role": "assistant", "content": "two"},
        {"role": "developer", "content": "Late."},
        *user("three"),
    ]
    client.responses.create(model=model, instructions="First.", input=items)
    (body,) = sent(simulator, mark, 1)
    if model == GEMINI:
        assert [(one["role"], one["content"]) for one in body["messages"]] == [
            ("system", "First."),
            ("system", "Second."),
            ("user", f"one {mark}"),
            ("assistant", "two"),
            ("system", "Late."),
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
    """Upstream refuses signatures that it has not made, and thoughts that were changed."""
    given: Any = {"model": model, "tools": TOOLS, "reasoning": THINKING}
    items: list[Any] = user(f"[[sim:tools]] in Paris, {mark}")
    response = ask(client, stream, input=items, **given)
    check(response)
    thought = response.output[0]
    assert thought.type == "reasoning"
    assert THOUGHT in thought.summary[0].text
    assert thought.encrypted_content
    calls = of_type(response.output, "function_call")
    assert [call.name for call in calls] == ["get_weather", "get_time"]
    assert len({call.call_id for call in calls}) == 2
    items += [*as_input(response), *answered(calls)]
    second = ask(client, stream, input=items, **given)
    response_text = check(second)
    assert response_text.index("result of get_time") < response_text.index("result of get_weather")
    items += [*as_input(second), *user("Good night")]
    assert "Good night" in check(ask(client, stream, input=items, **given))
    assert initiators(simulator, mark) == ["user", "agent", "user"]
    first, body, third = sent(simulator, mark, 3)
    for request in (body, third):
        expected = [(call.call_id, call.name, json.loads(call.arguments)) for call in calls]
        assert calls_upstream(request) == expected
        results = [(call.call_id, f"result of {call.name}") for call in reversed(calls)]
        assert results_upstream(request) == results
    if model == GEMINI:
        assert (first["reasoning_effort"], first["thinking_budget"]) == ("high", 31_999)
        replayed = body["messages"][1]
        assert replayed["reasoning_text"] == thought.summary[0].text
        assert replayed["reasoning_opaque"].startswith("EqQB")
        assert third["messages"][-2]["reasoning_opaque"].startswith("EqQB")
    else:
        asked = {"type": "enabled", "budget_tokens": 31_999}
        assert first["thinking"]["type"] == ("adaptive" if model == OPUS else "enabled")
        assert model == OPUS or first["thinking"] == asked
        replayed, text, *_calls = body["messages"][1]["content"]
        assert (replayed["type"], text["type"]) == ("thinking", "text")
        assert replayed["thinking"] == thought.summary[0].text
        assert replayed["signature"].startswith("EqQB")
        assert [block["type"] for block in third["messages"][3]["content"]] == ["thinking", "text"]


def test_thoughts_of_a_model_that_does_not_show_them_unasked(start_bridge: Start) -> None:
    bridge = start_bridge(github_token=new_token("individual"), server="gevent")
    with connect_openai(bridge) as client:
        response = client.responses.create(model="claude-opus-4.7", input="Hello World", reasoning=THINKING)
    assert "Hello World" in check(response)
    (thought,) = of_type(response.output, "reasoning")
    assert THOUGHT in thought.summary[0].text


def test_hidden_thoughts_come_back(client: OpenAI, simulator: Simulator, mark: str) -> None:
    given: Any = {"model": OPUS, "tools": TOOLS, "reasoning": THINKING}
    items: list[Any] = user(f"[[sim:redacted]] get_time in Paris, {mark}")
    response = client.responses.create(input=items, **given)
    items += [*as_input(response), *answered(of_type(response.output, "function_call"))]
    check(client.responses.create(input=items, **given))
    replayed = sent(simulator, mark, 2)[1]["messages"][1]["content"]
    kinds = [block["type"] for block in replayed]
    assert kinds == ["thinking", "redacted_thinking", "text", "tool_use"]


@pytest.mark.parametrize("model", [SONNET, OPUS])
def test_the_reasoning_of_another_model_is_not_sent(
    client: OpenAI, simulator: Simulator, mark: str, model: str
) -> None:
    """One model's goods are nothing to another, neither on the way there nor on the way back."""
    items: list[Any] = user(f"Good morning {mark}")
    for name in ("gpt-5-mini", model, "gpt-5-mini"):
        response = client.responses.create(model=name, input=items, reasoning=THINKING)
        assert of_type(response.output, "reasoning")
        items += [*as_input(response), *user("Good night")]
    first, second, third = sent(simulator, mark, 3)
    assert "gAAAA" not in json.dumps(second)
    assert "bridge1." not in json.dumps((first, second, third))
    assert len(of_type(third["input"], "reasoning")) == 1


@each_model
def test_images_and_documents_reach_the_model(
    client: OpenAI, simulator: Simulator, mark: str, model: str
) -> None:
    content = [FILE, IMAGE | {"detail": "original"}, {"type": "input_text", "text": f"what? {mark}"}]
    if model == GEMINI:  # chat has a place for documents with OpenAI's own models alone
        with pytest.raises(
            openai.BadRequestError, match=r"input\.\d+\.content\.\d+: .* does not accept documents"
        ):
            client.responses.create(model=model, input=user(content))
        content = content[1:]
    text = check(client.responses.create(model=model, input=user(content)))
    assert "image/png of 70 bytes" in text
    entry = simulator.only(mark)
    assert entry["headers"]["copilot-vision-request"] == "true"
    *files, image, _text = entry["body"]["messages"][0]["content"]
    if model == GEMINI:
        assert (files, image["image_url"]["url"]) == ([], PIXEL_URL)
    else:
        (file,) = files
        assert "application/pdf of 15 bytes" in text
        source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
        assert (file["type"], file["source"]) == ("document", source)
        assert image["source"] == {"type": "base64", "media_type": "image/png", "data": PIXEL}


@one_of_each
def test_tool_results_with_more_than_text_are_sent(
    client: OpenAI, simulator: Simulator, mark: str, model: str
) -> None:
    """Each of them with the call that gave it; a call that was broken off is an error."""
    names = ("call_1", "call_2")
    calls = [
        {"type": "function_call", "call_id": id_, "name": "get_weather", "arguments": "{}"} for id_ in names
    ]
    outputs = [
        {
            "type": "function_call_output",
            "call_id": id_,
            "output": [{"type": "input_text", "text": id_}, IMAGE],
        }
        for id_ in names
    ]
    outputs[1]["status"] = "incomplete"
    items: Any = [*user(mark), *calls, *outputs]
    assert "image/png of 70 bytes" in check(client.responses.create(model=model, input=items))
    entry = simulator.only(mark)
    assert (entry["headers"]["copilot-vision-request"], entry["headers"]["x-initiator"]) == ("true", "agent")
    body = entry["body"]
    if model == GEMINI:
        assert results_upstream(body) == [("call_1", "call_1"), ("call_2", "Error: call_2")]
        first, image, second, other = body["messages"][-1]["content"]
        assert (names[0] in first["text"], names[1] in second["text"]) == (True, True)
        assert [part["image_url"]["url"] for part in (image, other)] == [PIXEL_URL, PIXEL_URL]
    else:
        results = blocks_upstream(body, "tool_result")
        assert [block.get("is_error", False) for block in results] == [False, True]
        assert [block["content"][1]["source"]["data"] for block in results] == [PIXEL, PIXEL]


CHOICES: list[tuple[Any, Json, list[str]]] = [
    ("auto", {"type": "auto"}, ["get_weather", "get_time"]),
    ("required", {"type": "any"}, ["get_weather", "get_time"]),
    ("none", {"type": "none"}, []),
    ({"type": "function", "name": "get_time"}, {"type": "tool", "name": "get_time"}, ["get_time"]),
]


@pytest.mark.parametrize("parallel", [True, False], ids=["parallel", "one"])
@pytest.mark.parametrize(("choice", "of_claude", "names"), CHOICES)
@one_of_each
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
    response = client.responses.create(
        model=model,
        input=f"get_weather and get_time, {mark}",
        tools=TOOLS,
        tool_choice=choice,
        parallel_tool_calls=parallel,
    )
    calls = of_type(response.output, "function_call")
    assert [call.name for call in calls] == (names if parallel else names[:1])
    (body,) = sent(simulator, mark, 1)
    if model == GEMINI:
        nested = choice if isinstance(choice, str) else {"type": "function", "function": {"name": "get_time"}}
        assert (body["tool_choice"], body["parallel_tool_calls"]) == (nested, parallel)
    else:
        once = {} if parallel or choice == "none" else {"disable_parallel_tool_use": True}
        assert body["tool_choice"] == of_claude | once


@pytest.mark.parametrize("mode", ["auto", "required"])
@one_of_each
def test_only_the_allowed_tools_are_offered(
    client: OpenAI, simulator: Simulator, mark: str, model: str, mode: Any
) -> None:
    """No other API can say it: the others are not offered."""
    choice: Any = {"type": "allowed_tools", "mode": mode, "tools": [{"type": "function", "name": "get_time"}]}
    prompt = f"get_weather and get_time, {mark}"
    response = client.responses.create(model=model, input=prompt, tools=TOOLS, tool_choice=choice)
    assert [call.name for call in of_type(response.output, "function_call")] == ["get_time"]
    (body,) = sent(simulator, mark, 1)
    assert len(body["tools"]) == 1
    given_choice = mode if model == GEMINI else {"type": {"auto": "auto", "required": "any"}[mode]}
    assert body["tool_choice"] == given_choice


@each_model
def test_a_response_follows_its_schema(client: OpenAI, model: str) -> None:
    given: Any = {"model": model, "input": "Tell me of 'Paris'", "text_format": City}
    parsed = client.responses.parse(**given).output_parsed
    assert isinstance(parsed, City)
    with client.responses.stream(**given) as stream:
        assert stream.get_final_response().output_parsed == parsed


STOPS = [
    (OPUS, "[[sim:length]] Hello World", "max_output_tokens"),
    (SONNET, "[[sim:length]] Hello World", "max_output_tokens"),
    (GEMINI, "[[sim:length]] Hello World", "max_output_tokens"),
    (GEMINI, "[[sim:content-filter]] Hello World", "content_filter"),
]


@pytest.mark.parametrize(("model", "prompt", "reason"), STOPS)
def test_incomplete_reasons_are_the_same_in_a_stream_and_in_one_piece(
    client: OpenAI, model: str, prompt: str, reason: str
) -> None:
    """The same in a stream and in one piece."""
    whole, streamed = (ask(client, stream, model=model, input=prompt) for stream in (False, True))
    assert check(whole, "incomplete") == check(streamed, "incomplete")
    assert whole.incomplete_details.reason == streamed.incomplete_details.reason == reason
    assert whole.usage == streamed.usage


@both_ways
def test_a_refusal_keeps_its_text(client: OpenAI, stream: bool) -> None:
    """Claude tells that beside its response, OpenAI's models in a message."""
    response = ask(client, stream, model=OPUS, input="[[sim:refusal]] Hello World")
    assert (response.status, response.output_text) == ("completed", "")
    (part,) = response.output[-1].content
    assert part.type == "refusal"
    assert "can't help" in part.refusal
    with client.responses.stream(model=OPUS, input="[[sim:refusal]] Hello World") as events:
        refusal = "".join(event.delta for event in events if event.type == "response.refusal.delta")
    assert refusal == part.refusal


@each_model
def test_a_response_is_cut_off_at_the_limit(
    client: OpenAI, simulator: Simulator, mark: str, model: str
) -> None:
    prompt = f"Say it at length: {'word ' * 40} {mark}"
    response = client.responses.create(model=model, input=prompt, max_output_tokens=20)
    check(response, "incomplete")
    assert response.output[-1].to_dict()["status"] == "incomplete"
    (body,) = sent(simulator, mark, 1)
    assert body["max_tokens"] == 20


@both_ways
@each_model
def test_the_log_has_the_usage_of_the_response(bridge: Bridge, model: str, stream: bool) -> None:
    given: Any = {"model": model, "input": "Hello World", "reasoning": THINKING}
    with connect_openai(bridge) as client:
        if stream:
            with client.responses.create(stream=True, **given) as events:
                *_others, last = list(events)
                usage, id_ = last.response.usage, events.response.headers["x-request-id"]
        else:
            raw = client.responses.with_raw_response.create(**given)
            usage, id_ = raw.parse().usage, raw.headers["x-request-id"]
    line = bridge.logged(id_)
    assert (line["tokens_in"], line["tokens_out"]) == (usage.input_tokens, usage.output_tokens)
    assert (line["dialect"], line["model"], line["outcome"]) == ("responses", model, "ok")


# Refusals of upstream, and who tells of them: directive -> (exception, status, code).
ERRORS: dict[str, tuple[type[openai.APIStatusError], int, str | None]] = {
    "refuse name=weekly": (openai.RateLimitError, 429, "user_weekly_rate_limited"),
    "refuse name=quota": (openai.RateLimitError, 429, "insufficient_quota"),
    "refuse name=overflow": (openai.BadRequestError, 400, "context_length_exceeded"),
    "refuse name=prompt-too-long": (openai.BadRequestError, 400, "context_length_exceeded"),
    "refuse name=content-policy-422": (openai.BadRequestError, 400, "content_filter"),
    "refuse name=forbidden": (openai.BadRequestError, 400, None),
    "refuse name=entity-too-large": (openai.APIStatusError, 413, "request_too_large"),
    "refuse name=unicorn": (openai.InternalServerError, 502, None),
    "refuse name=overloaded": (openai.InternalServerError, 529, "overloaded"),
    "close-before-response": (openai.InternalServerError, 502, "upstream_unreachable"),
}


@both_ways
@pytest.mark.parametrize("prompt", ERRORS)
@one_of_each
def test_each_error_is_its_own_exception(client: OpenAI, model: str, prompt: str, stream: bool) -> None:
    kind, status, code = ERRORS[prompt]
    with pytest.raises(kind) as caught:
        client.responses.create(model=model, input=f"[[sim:{prompt}]]", stream=stream)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert caught.value.request_id
    assert caught.value.message


BROKEN = ("cut-in-frame after=6", "cut-between after=6", "reset after=6", "error-in-stream")


@pytest.mark.parametrize("cut", BROKEN)
@one_of_each
def test_a_broken_stream_says_so(client: OpenAI, model: str, cut: str) -> None:
    with client.responses.create(model=model, input=f"[[sim:{cut}]] Hello World", stream=True) as stream:
        events: list[Any] = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    *_others, last = events
    assert last.type == "response.failed"
    assert last.response.status == "failed"
    assert last.response.error.code
    assert last.response.error.message
    assert last.response.id == events[0].response.id


@one_of_each
def test_a_stream_that_breaks_is_an_error_for_who_wants_it_whole(client: OpenAI, model: str) -> None:
    """Upstream is asked for a stream all the same."""
    with pytest.raises(openai.InternalServerError) as caught:
        client.responses.create(model=model, input="[[sim:cut-between after=6]] Hello World")
    assert (caught.value.status_code, caught.value.code) == (502, "stream_cut")


def test_the_asynchronous_client_gets_calls_and_errors(any_bridge: Bridge) -> None:
    async def use(client: AsyncOpenAI) -> None:
        for model in (OPUS, GEMINI):
            given: Any = {"model": model, "input": "get_weather and get_time", "tools": TOOLS}
            events = [event async for event in await client.responses.create(stream=True, **given)]
            streamed = check_events(events)
            whole: Any = await client.responses.create(**given)
            for response in (streamed, whole):
                calls = of_type(response.output, "function_call")
                assert [call.name for call in calls] == ["get_weather", "get_time"]
            parsed = await client.responses.parse(model=model, input="'Paris'", text_format=City)
            assert isinstance(parsed.output_parsed, City)
            with pytest.raises(openai.RateLimitError):
                await client.responses.create(model=model, input="[[sim:refuse name=weekly]]", stream=True)

    run_openai(any_bridge, use)


SILENCES = ("slow-headers seconds=1.5", "stall after=6 seconds=1.5")


def test_a_silent_stream_does_not_time_out(brisk_bridge: Bridge) -> None:
    """Comments come before the read timeout of a second strikes, each time."""

    async def hear(client: AsyncOpenAI, model: str, silence: str) -> str:
        prompt = f"[[sim:{silence}]] Hello World"
        stream = await client.responses.create(model=model, input=prompt, stream=True, timeout=1.0)
        return str(check_events([event async for event in stream]).output_text)

    async def use(client: AsyncOpenAI) -> list[str]:
        return await asyncio.gather(
            *(hear(client, model, silence) for model in (OPUS, GEMINI) for silence in SILENCES)
        )

    assert ["Hello World" in text for text in run_openai(brisk_bridge, use)] == [True] * 4


# What no other API can say, and what would be another response without it.
REFUSED: list[tuple[Json, str]] = [
    ({"conversation": "conv_1"}, "conversation"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"include": ["message.output_text.logprobs"]}, "include"),
    ({"tools": [{"type": "shell"}]}, "tools.0"),
    ({"input": [{"type": "compaction", "encrypted_content": "gAAA"}]}, "input.0"),
]


@pytest.mark.parametrize(("field", "param"), REFUSED)
@one_of_each
def test_fields_that_the_target_lacks_are_refused(
    client: OpenAI, model: str, field: Json, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(**{"model": model, "input": "hello"} | field)
    assert caught.value.param == param
    assert param in caught.value.message


@one_of_each
def test_sampling_reaches_the_models_that_take_it(
    client: OpenAI, simulator: Simulator, mark: str, model: str
) -> None:
    check(client.responses.create(model=model, input=mark, temperature=0.5, top_p=0.9))
    (body,) = sent(simulator, mark, 1)
    sampling = {name: body[name] for name in ("temperature", "top_p") if name in body}
    assert sampling == ({"temperature": 0.5, "top_p": 0.9} if model == GEMINI else {"temperature": 0.5})


@one_of_each
def test_optional_fields_are_left_out(client: OpenAI, simulator: Simulator, mark: str, model: str) -> None:
    more: Any = {
        "store": True,
        "include": ["reasoning.encrypted_content"],
        "truncation": "auto",
        "metadata": {"a": "b"},
        "safety_identifier": "me",
        "service_tier": "auto",
        "prompt_cache_key": "a conversation",
        "text": {"verbosity": "low"},
    }
    response = client.responses.create(model=model, input=f"Hello World {mark}", **more)
    assert "Hello World" in check(response)
    (body,) = sent(simulator, mark, 1)
    assert not body.keys() & more.keys()
