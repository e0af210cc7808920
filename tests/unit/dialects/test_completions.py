"""OpenAI's legacy Completions: gaps in texts, with and without the marks of open models."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.dialects.test_response_round_trips import model_responses

from copilot_bridge.dialects.adaptation.gaps import as_gap, ask_in_words
from copilot_bridge.dialects.completions import request
from copilot_bridge.dialects.completions.fill_marks import FILL_MARKS, read_fill_prompt
from copilot_bridge.dialects.completions.prompt_reader import read_prompt
from copilot_bridge.dialects.completions.prompt_writer import write_prompt
from copilot_bridge.dialects.completions.reader import CompletionsReader
from copilot_bridge.dialects.completions.response import CompletionsAccumulator
from copilot_bridge.dialects.completions.writer import CompletionsWriter
from copilot_bridge.dialects.events import (
    Event,
    ReasoningDelta,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TokenUsage,
)
from copilot_bridge.dialects.prompt import Gap, Image, Message, Prompt, Text, ToolResult
from copilot_bridge.errors import InvalidRequest, StreamCut, Unsupported, UpstreamRefused


def read(**body: Any) -> dict[str, Any]:
    return request.read(json.dumps({"model": "m"} | body).encode())


# The marks.


@pytest.mark.parametrize("marks", FILL_MARKS, ids=lambda marks: marks.suffix.strip() + marks.middle.strip())
def test_a_marked_prompt_is_split(marks: Any) -> None:
    prefix_first = f"{marks.prefix}P\n{marks.suffix}\nS{marks.middle}"
    suffix_first = f"{marks.suffix}\nS{marks.prefix}P\n{marks.middle}"
    for prompt in [prefix_first, suffix_first] if marks.middle else [suffix_first]:
        found = read_fill_prompt(prompt)
        assert found is not None
        assert (found.prefix, found.suffix) == ("P\n", "\nS")
        assert marks.suffix.strip() in found.stops


CODE = st.text("ab{}()\n <|>[]", max_size=30)


@pytest.mark.parametrize("marks", FILL_MARKS, ids=lambda marks: marks.suffix.strip() + marks.middle.strip())
@given(prefix=CODE, suffix=CODE)
def test_any_text_between_marks_is_kept_as_it_is(marks: Any, prefix: str, suffix: str) -> None:
    marked = f"{marks.suffix}{suffix}{marks.prefix}{prefix}{marks.middle}"
    gap = read_prompt(read(prompt=marked)).gap
    assert gap == Gap(prefix, suffix)
    if gap.suffix:
        assert read_prompt(read(prompt=prefix, suffix=suffix)).gap == gap


def test_text_before_the_markers_belongs_to_the_prefix() -> None:
    found = read_fill_prompt("# other.py\n<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>\n")
    assert found is not None
    assert (found.prefix, found.suffix) == ("# other.py\nP", "S")


@pytest.mark.parametrize(
    "prompt",
    [
        "plain text",
        "<fim_suffix> alone",
        "<fim_prefix>P<fim_suffix>S",
        "[PREFIX]P[SUFFIX]S",
        "<fim_middle>",
        "",
    ],
)
def test_a_prompt_without_a_whole_set_of_marks_stays_as_it_is(prompt: str) -> None:
    assert read_fill_prompt(prompt) is None


def test_a_long_prompt_of_marks_takes_no_longer_than_any_other() -> None:
    assert read_fill_prompt("<fim_suffix><fim_prefix>" * 100_000) is None


# Requests.


@pytest.mark.parametrize("prompt", ["x", ["x"], None, ""])
def test_a_prompt_is_a_text_or_a_list(prompt: Any) -> None:
    assert read(prompt=prompt)["prompt"] == [prompt if isinstance(prompt, str) else "x" if prompt else ""]


@pytest.mark.parametrize(
    ("body", "error", "field"),
    [
        ({"prompt": 5}, InvalidRequest, "prompt"),
        ({"prompt": []}, InvalidRequest, "prompt"),
        ({"prompt": ["x", {}]}, InvalidRequest, "prompt.1"),
        ({"prompt": [1, 2]}, Unsupported, "prompt"),
        ({"prompt": [[1, 2]]}, Unsupported, "prompt"),
        ({"prompt": "x", "suffix": 1}, InvalidRequest, "suffix"),
        ({"prompt": "x", "max_tokens": 0}, InvalidRequest, "max_tokens"),
        ({"prompt": "x", "temperature": "hot"}, InvalidRequest, "temperature"),
        ({"prompt": "x", "stop": 5}, InvalidRequest, "stop"),
        ({"prompt": "x", "stop": ["a", 1]}, InvalidRequest, "stop.1"),
        ({"prompt": "x", "echo": "yes"}, InvalidRequest, "echo"),
        ({"prompt": "x", "logprobs": 2}, Unsupported, "logprobs"),
        ({"prompt": "x", "best_of": 3}, Unsupported, "best_of"),
        ({"prompt": "x", "n": 0}, InvalidRequest, "n"),
        ({"prompt": "x", "n": 2}, Unsupported, "n"),
        ({"prompt": ["x", "y"]}, Unsupported, "prompt"),
        ({"prompt": "x", "model": ""}, InvalidRequest, "model"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], error: type[Exception], field: str) -> None:
    with pytest.raises(error) as caught:
        read(**body)
    assert caught.value.param == field  # type: ignore[attr-defined]


def test_a_suffix_and_many_stop_sequences_are_read() -> None:
    stops = [f"stop {number}" for number in range(14)]
    prompt = read_prompt(read(prompt="def f(", suffix="return 1", stop=stops, max_tokens=20))
    assert prompt == Prompt(
        model="m", messages=(), gap=Gap("def f(", "return 1"), stop=tuple(stops), max_tokens=20
    )


def test_the_marks_of_a_prompt_end_the_text() -> None:
    prompt = read_prompt(read(prompt="<fim_prefix>P<fim_suffix>S<fim_middle>", stop="x"))
    assert prompt.gap == Gap("P", "S")
    assert prompt.stop[:4] == ("x", "<fim_prefix>", "<fim_suffix>", "<fim_middle>")


def test_marks_are_text_where_a_suffix_is_given() -> None:
    marked = "<fim_prefix>P<fim_suffix>S<fim_middle>"
    assert read_prompt(read(prompt=marked, suffix="!")).gap == Gap(marked, "!")


def test_a_completion_model_gets_prompt_and_suffix() -> None:
    prompt = Prompt(model="m", messages=(), gap=Gap("a", "b"), stop=("x",), temperature=0.1)
    assert write_prompt(prompt) == {
        "model": "m",
        "prompt": "a",
        "suffix": "b",
        "n": 1,
        "stream": True,
        "max_tokens": 500,
        "temperature": 0.1,
        "stop": ["x"],
    }


# In words.


def test_a_chat_model_is_shown_the_gap() -> None:
    prompt = ask_in_words(Prompt(model="m", messages=(), gap=Gap("def f(", "return 1")))
    system, user = prompt.messages
    assert prompt.gap is None
    assert "in place of the mark" in system.parts[0].text  # type: ignore[union-attr]
    assert user.parts == (Text("def f(<|cursor|>return 1"),)


def test_a_text_with_the_mark_gets_another() -> None:
    prompt = ask_in_words(Prompt(model="m", messages=(), gap=Gap("<|cursor|>", "b")))
    system, user = prompt.messages
    assert user.parts == (Text("<|cursor|><|cursor-2|>b"),)
    assert "<|cursor-2|>" in system.parts[0].text  # type: ignore[union-attr]


def test_a_text_without_a_suffix_is_shown_as_it_is() -> None:
    prompt = ask_in_words(Prompt(model="m", messages=(), gap=Gap("Once upon a time")))
    assert prompt.messages[1].parts == (Text("Once upon a time"),)


# Streams.


def chunk(text: str = "", reason: str | None = None, **more: Any) -> bytes:
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": reason}
    return json.dumps({"model": "engine", "choices": [choice]} | more).encode()


def events(*payloads: bytes) -> list[Event]:
    reader = CompletionsReader()
    found = [event for payload in payloads for event in reader.feed(payload)]
    return [*found, *reader.close()]


USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


@pytest.mark.parametrize("end", [(), (b"[DONE]",)])
def test_a_stream_is_read(end: tuple[bytes, ...]) -> None:
    usage = json.dumps({"choices": [], "usage": USAGE}).encode()
    assert events(chunk("a"), chunk("b"), chunk(reason="length"), usage, *end) == [
        ResponseStarted("engine"),
        TextDelta(0, "a"),
        TextDelta(0, "b"),
        ResponseFinished("length", TokenUsage(input=5, output=2)),
    ]


@pytest.mark.parametrize("payloads", [(), (chunk("a"),), (chunk("a"), b"[DONE]"), (b"[DONE]",)])
def test_a_stream_without_a_reason_is_cut(payloads: tuple[bytes, ...]) -> None:
    with pytest.raises(StreamCut):
        events(*payloads)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"error": {"message": "no", "code": "x"}}',
        b'{"choices": 5}',
        b'{"choices": [5]}',
        b'{"choices": [{"text": 5}]}',
        b'{"choices": [{"text": "a", "finish_reason": {}}]}',
        b'{"choices": [], "usage": 5}',
    ],
)
def test_an_error_or_an_unreadable_chunk_is_refused(payload: bytes) -> None:
    with pytest.raises(UpstreamRefused):
        events(payload)


def written(*found: Event, **options: Any) -> list[dict[str, Any]]:
    writer = CompletionsWriter(response_id="cmpl-1", model="m", created=1, **{"usage": True} | options)
    return [json.loads(json.dumps(payload)) for event in found for _, payload in writer.feed(event)]


def test_a_stream_is_written() -> None:
    first, last, usage = written(
        ResponseStarted(""),
        ReasoningDelta(0, "hm"),
        TextDelta(1, "a"),
        ResponseFinished("stop", TokenUsage(input=5, output=2)),
    )
    assert first == {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "text": "a", "logprobs": None, "finish_reason": None}],
    }
    assert last["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] == 7


def test_an_echo_comes_first() -> None:
    first, *_ = written(ResponseStarted(""), TextDelta(0, "b"), echo="a")
    assert first["choices"][0]["text"] == "a"


def whole(*found: Event) -> dict[str, Any]:
    accumulator = CompletionsAccumulator()
    for payload in written(*found):
        accumulator.add(payload)
    accumulator.end()
    return dict(json.loads(accumulator.result()[0]))


def test_a_whole_response_has_the_whole_text() -> None:
    usage = TokenUsage(input=5, output=2)
    response = whole(
        ResponseStarted(""), TextDelta(0, "a"), TextDelta(0, "!"), ResponseFinished("stop", usage)
    )
    assert response["choices"] == [{"index": 0, "text": "a!", "logprobs": None, "finish_reason": "stop"}]
    assert response["usage"]["total_tokens"] == 7


@given(events=model_responses)
def test_a_response_has_all_that_was_said_whole_and_as_a_stream(events: list[Event]) -> None:
    said = "".join(event.text for event in events if isinstance(event, TextDelta | RefusalDelta))
    chunks = [chunk["choices"][0] for chunk in written(*events) if chunk["choices"]]
    assert "".join(choice["text"] for choice in chunks) == said
    (choice,) = whole(*events)["choices"]
    assert (choice["text"], choice["finish_reason"]) == (said, chunks[-1]["finish_reason"])
    assert [choice["finish_reason"] for choice in chunks[:-1]] == [None] * (len(chunks) - 1)


def test_a_whole_response_without_an_end_is_cut() -> None:
    with pytest.raises(StreamCut):
        whole(ResponseStarted(""), TextDelta(0, "a"))


# Texts that are to be answered, for a model that only completes.


def test_a_text_to_be_answered_is_continued() -> None:
    messages = (Message("system", (Text("Brief."),)), Message("user", (Text("Hello"),)))
    prompt = as_gap(Prompt(model="m", messages=messages))
    assert (prompt.gap, prompt.messages) == (Gap("Brief.\n\nHello"), ())


@pytest.mark.parametrize(
    "message",
    [
        Message("user", (Text("Look"), Image("image/png", "aa"))),
        Message("assistant", (Text("Ho"),)),
        Message("user", (ToolResult("1", (Text("x"),)),)),
    ],
)
def test_prompts_with_more_than_text_are_refused(message: Message) -> None:
    with pytest.raises(Unsupported, match="only completes texts"):
        as_gap(Prompt(model="m", messages=(Message("user", (Text("Hi"),)), message)))


@pytest.mark.parametrize("stop", ["", ["a", ""], [""], None])
def test_an_empty_stop_sequence_stops_nothing(stop: Any) -> None:
    assert "" not in read_prompt(read(prompt="x", stop=stop)).stop


def test_an_effort_is_for_models_that_reason() -> None:
    prompt = read_prompt(read(prompt="x", reasoning_effort="high"))
    assert prompt.reasoning_effort == "high"
    assert "reasoning_effort" not in write_prompt(prompt)
