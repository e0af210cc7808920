"""The ends and faults of chat streams, and the limits of the learned template.

What each vendor's chunks become is in `tests/golden`.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from golden.transcripts import CREATED, MODEL, check_stream, cut, data_of, normalize, normalizer
from hypothesis import example, given
from hypothesis import strategies as st

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.chat.chunk_template import ChunkTemplate
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.normalize import ChatNormalizer
from copilot_bridge.dialects.chat.tool_calls import MAX_LINE_ENDS, MAX_SPACES
from copilot_bridge.dialects.framing import sse
from copilot_bridge.errors import StreamCut, UpstreamRefused

Json = dict[str, Any]

HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_749_821_284, "model": "gpt-4o"}


def chunk(delta: Json | None = None, finish: str | None = None, **fields: Any) -> Json:
    choice = {"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    return {**HEAD, "choices": [choice], **fields}


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def event(value: Json | str | bytes) -> bytes:
    data = value if isinstance(value, str | bytes) else compact(value)
    return b"data: " + (data if isinstance(data, bytes) else data.encode()) + b"\n\n"


def events(*values: Json | str | bytes) -> bytes:
    return b"".join(map(event, values))


FIRST = chunk({"role": "assistant", "content": ""})
LAST = chunk(finish="stop")
DONE = "[DONE]"


def deltas(stream: bytes) -> list[Json]:
    chunks = [json.loads(data) for data in data_of(stream) if data != b"[DONE]"]
    return [choice["delta"] for chunk in chunks for choice in chunk["choices"]]


def texts(stream: bytes) -> list[str]:
    return [delta["content"] for delta in deltas(stream) if delta.get("content")]


def new(*, usage: bool = True) -> ChatNormalizer:
    return ChatNormalizer(normalizer(), usage=usage)


# The ends of a stream.


def test_a_successful_stream_is_done_and_finished() -> None:
    stream = new()
    assert (stream.finished, stream.done, stream.usage) == (False, False, None)
    stream.feed(events(FIRST, chunk({"content": "Hello"})))
    assert (stream.finished, stream.done) == (False, False)
    stream.feed(events(LAST))
    assert (stream.finished, stream.done) == (True, False)
    count = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    stream.feed(events({**HEAD, "choices": [], "usage": count}))
    assert stream.usage == count
    assert not stream.done
    assert stream.feed(events(DONE)).endswith(b"data: [DONE]\n\n")
    assert (stream.finished, stream.done) == (True, True)
    assert stream.close() == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b": ping\n\n",
        events(FIRST),
        events(FIRST, chunk({"content": "Hello"})),
        events(FIRST, chunk({"content": "Hello"}))[:-9],
        events(FIRST, chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]})),
        events(FIRST, {**HEAD, "choices": [], "usage": {"total_tokens": 1}}),
        events(FIRST, chunk({"content": "Hello"}, finish="")),
        events(FIRST, LAST)[:-20],
    ],
)
def test_a_stream_without_an_end_is_an_error(sent: bytes) -> None:
    stream = new()
    stream.feed(sent)
    assert not stream.finished
    with pytest.raises(StreamCut):
        stream.close()


@pytest.mark.parametrize("cut_off", [b"", b"\n", b"\n\n"])
@pytest.mark.parametrize("last", [events(FIRST, LAST), events(FIRST, LAST, DONE), events(FIRST, DONE)])
def test_a_complete_response_may_lack_its_done(last: bytes, cut_off: bytes) -> None:
    stream = new()
    out = stream.feed(last.removesuffix(b"\n\n") + cut_off)
    check_stream(out + stream.close(), usage=True)
    assert stream.done
    assert stream.close() == b"", "nothing is said twice"


LATE: list[bytes] = [
    events(chunk({"content": "late"})),
    events(chunk({"content": "Hello"})),
    events(chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]})),
    events(DONE),
    events(LAST, DONE),
    b": late\n\n",
    events({"error": {"message": "late"}}),
    b"data: cut off",
]


@pytest.mark.parametrize("whole", [True, False], ids=["in one piece", "in two"])
@pytest.mark.parametrize("late", LATE)
def test_chunks_after_the_end_are_dropped(late: bytes, whole: bool) -> None:
    """Not even text whose shape is known."""
    sent = events(FIRST, chunk({"content": "Hello"}), chunk({"content": " you"}), LAST, DONE)
    stream = new()
    out = stream.feed(sent + late) if whole else stream.feed(sent) + stream.feed(late)
    assert out + stream.close() == normalize(sent)


def test_a_client_that_does_not_ask_gets_no_usage_chunk() -> None:
    count = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    sent = events(FIRST, LAST, {**HEAD, "choices": [], "usage": count}, DONE)
    out = normalize(sent, usage=False)
    check_stream(out, usage=False)
    assert b"total_tokens" not in out


# What breaks a stream off.


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        ({"message": "Too long.", "code": "too_long"}, "Too long.", "too_long"),
        ({"message": "Too long.", "code": 400}, "Too long.", "400"),
        ({"message": "Too long."}, "Too long.", None),
        ({"code": "odd"}, "Copilot broke off with an error", "odd"),
        ({"message": None, "code": None}, "Copilot broke off with an error", None),
        ("Too long.", "Too long.", None),
        (["odd"], '["odd"]', None),
        ({"message": {"text": "Too long."}}, '{"text":"Too long."}', None),
    ],
)
def test_an_error_in_the_stream_is_raised(error: Any, message: str, code: str | None) -> None:
    stream = new()
    stream.feed(events(FIRST, chunk({"content": "Hello"})))
    with pytest.raises(UpstreamRefused) as refused:
        stream.feed(events({"error": error}))
    assert (str(refused.value), refused.value.code) == (message, code)
    assert refused.value.kind == "unavailable"


@pytest.mark.parametrize("error", [None, {}, ""])
def test_an_empty_error_is_no_error(error: Any) -> None:
    assert texts(normalize(events(FIRST, chunk({"content": "Hello"}, error=error), LAST, DONE))) == ["Hello"]


def finish_of(stream: bytes) -> str | None:
    *_, last = (json.loads(line[6:]) for line in stream.splitlines() if line.startswith(b"data: {"))
    return last["choices"][0]["finish_reason"]


@pytest.mark.parametrize(
    ("received", "sent"),
    [
        *((reason, reason) for reason in ("stop", "length", "content_filter")),
        *((reason, "stop") for reason in ("eos", "eos_token", "end_turn", "STOP", "abort", "tool_use")),
        *((reason, "length") for reason in ("max_tokens", "MAX_TOKENS", "model_length")),
        *((reason, "content_filter") for reason in ("SAFETY", "recitation", "refusal")),
    ],
)
def test_clients_get_only_the_finish_reasons_that_openai_has(received: str, sent: str) -> None:
    stream = events(FIRST, chunk({"content": "Hello"}), chunk(finish=received), DONE)
    assert finish_of(normalize(stream)) == sent


@pytest.mark.parametrize(
    "reason", ["malformed_function_call", "MALFORMED_FUNCTION_CALL", "unexpected_tool_call"]
)
def test_a_call_that_is_missing_is_an_error(reason: str) -> None:
    with pytest.raises(UpstreamRefused) as refused:
        normalize(events(FIRST, chunk({"content": "Let me look."}), chunk(finish=reason), DONE))
    assert refused.value.code == reason.lower()


def test_a_failed_call_beside_another_leaves_the_other() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    stream = events(FIRST, chunk({"tool_calls": [call]}), chunk(finish="malformed_function_call"), DONE)
    assert finish_of(normalize(stream)) == "tool_calls"


def test_the_finish_reason_error_is_an_error() -> None:
    with pytest.raises(UpstreamRefused):
        normalize(events(FIRST, chunk({"content": "Hello"}), chunk(finish="error"), DONE))


@pytest.mark.parametrize(
    "junk", ["", "[]", "null", "1", '"text"', "{", "<html>", b"\xff", b'{"choices":[\xff]}', "[DONE", "{} {}"]
)
def test_data_that_is_no_chunk_is_dropped(junk: str | bytes) -> None:
    sent = [FIRST, chunk({"content": "Hello"}), chunk({"content": " you"}), LAST, DONE]
    expected = normalize(events(*sent))
    for index in range(len(sent)):
        assert normalize(events(*sent[:index], junk, *sent[index:])) == expected


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"choices": None},
        {"choices": {}},
        {"choices": "text"},
        {"choices": [None, 1, "text"]},
        {"choices": [{}]},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": "text"}]},
        {"choices": [{"delta": {}}]},
        {"choices": [{"delta": {"content": None, "refusal": None, "role": None, "tool_calls": None}}]},
        {"choices": [{"delta": {"tool_calls": []}}]},
        {"choices": [], "copilot_references": [{}]},
        {"id": None, "model": None, "created": None, "object": None, "choices": []},
        {"usage": "many", "choices": []},
    ],
)
def test_empty_chunks_are_dropped(odd: Json) -> None:
    sent = [FIRST, chunk({"content": "Hello"}), chunk({"content": " you"}), LAST, DONE]
    expected = normalize(events(*sent))
    for index in range(len(sent)):
        assert normalize(events(*sent[:index], odd, *sent[index:])) == expected


def test_missing_fields_are_filled_in() -> None:
    out = normalize(events({"id": "1", "choices": [{"delta": {"content": "Hello"}}]}, DONE))
    check_stream(out, usage=True)
    first = json.loads(data_of(out)[0])
    assert (first["model"], first["created"]) == (MODEL, CREATED)


def test_the_id_is_never_empty_and_never_changes() -> None:
    """Azure tells its id only after the reasoning; clients gather a response's chunks by it."""
    nameless = {"id": "", "model": "", "choices": [{"index": 0, "delta": {"cot_summary": "Hm."}}]}
    check_stream(normalize(events(nameless, FIRST, chunk({"content": "Hello"}), LAST, DONE)), usage=True)


def test_copilots_fields_are_kept_in_the_usage_chunk_too() -> None:
    count = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    usage = {**HEAD, "choices": [], "usage": count, "copilot_usage": {"total_nano_aiu": 12}}
    assert b"total_nano_aiu" in normalize(events(FIRST, LAST, usage, DONE), keep=True)


CALL: Json = {"name": "f", "arguments": "{}"}


@pytest.mark.parametrize("reason", ["tool_calls", "function_call"])
@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ({"content": "Hello"}, "stop"),
        ({"content": "Hello", "function_call": None}, "stop"),
        ({"function_call": CALL}, "function_call"),
        ({"tool_calls": [{"index": 0, "id": "a", "function": CALL}]}, "tool_calls"),
    ],
)
def test_a_response_ends_with_a_call_only_if_there_is_one(delta: Json, reason: str, expected: str) -> None:
    out = normalize(events(FIRST, chunk(delta), chunk(finish=reason), DONE))
    chunks = [json.loads(data) for data in data_of(out) if data != b"[DONE]"]
    reasons = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]]
    assert [*filter(None, reasons)] == [expected]


# Tool calls whose fragments say little of where they belong.


def calls_of(*fragments: Json) -> list[tuple[str, str]]:
    """(name, arguments) of each call that a client puts together."""
    sent = [chunk({"tool_calls": [fragment]}) for fragment in fragments]
    out = normalize(events(*sent, chunk(finish="tool_calls"), DONE))
    check_stream(out, usage=True)
    calls: dict[int, list[str]] = {}
    for fragment in [call for delta in deltas(out) for call in delta.get("tool_calls", ())]:
        name, written = calls.setdefault(fragment["index"], ["", ""])
        function = fragment["function"]
        calls[fragment["index"]] = [name + function.get("name", ""), written + function["arguments"]]
    return [(name, written) for name, written in calls.values()]


def test_a_fragment_without_an_id_or_a_name_continues_the_last_call() -> None:
    opening = {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"a"'}}
    more = {"index": 5, "function": {"arguments": ":1}"}}
    assert calls_of(opening, more) == [("f", '{"a":1}')]
    assert calls_of(opening, {"function": {"arguments": ":1}"}}) == [("f", '{"a":1}')]


def test_a_name_without_an_id_begins_a_call() -> None:
    first, second = ({"index": 0, "function": {"name": name, "arguments": "{}"}} for name in "fg")
    assert calls_of(first, second) == [("f", "{}"), ("g", "{}")]
    assert calls_of(first, {**second, "index": 1}) == [("f", "{}"), ("g", "{}")]


def test_a_repeated_id_begins_no_call() -> None:
    fragments = ({"index": 0, "id": "a", "function": {"name": "f", "arguments": part}} for part in '{"a":1}')
    assert calls_of(*fragments) == [("f", '{"a":1}')]


# White space without end.

# The last fragment before which a stream is not yet broken off.
LINE_END = "\n" * MAX_LINE_ENDS
SPACES = " " * MAX_SPACES


def arguments(fragments: Iterable[str]) -> bytes:
    opening = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
    more = [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in fragments]
    return events(
        *(chunk(delta) for delta in [{"tool_calls": [opening]}, *more]), chunk(finish="tool_calls"), DONE
    )


def written(stream: bytes) -> str:
    calls = [call for delta in deltas(stream) for call in delta.get("tool_calls", ())]
    return "".join(call["function"]["arguments"] for call in calls)


@pytest.mark.parametrize(
    "fragments",
    [
        ["{", "\n" * 21],
        ["{", *"\n" * 21],
        ["{", *"\t" * 21],
        ["{", *" \n\t\n" * 30],
        ['{"a":', *" " * 1001],
        ['{"a":', " " * 1001],
        ['{"a": 1', *"\r\n" * 11],
        ["\n" * 21],
        ["{" + "\n" * 10, "\n" * 11],
    ],
)
def test_endless_white_space_in_a_call_is_an_error(fragments: list[str]) -> None:
    with pytest.raises(UpstreamRefused) as refused:
        normalize(arguments(fragments))
    assert refused.value.code == "degenerate_output"


DEEP = {"a": [{"b": {"c": [{"d": {"e": [{"f": ["g", {"h": None}]}]}}]}}] * 3}
LONG = {
    "text": "\n" * 500 + "\t" * 500 + " " * 900 + "end",
    "code": "def f():\n" + "\n".join(["\t" * 30] * 30),
}


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    "text",
    [
        json.dumps(DEEP, indent=30),
        json.dumps(DEEP, indent="\t"),
        json.dumps(DEEP, indent=4).replace("\n", "\r\n"),
        json.dumps(LONG, indent=2),
        json.dumps(LONG, separators=(",", ":")),
        "{" + "\n\n\n" * 6 + "}",
        "{" + LINE_END + '"a":' + LINE_END + "1" + LINE_END + "}",
        "{" + SPACES + '"a":' + SPACES + "1}",
    ],
    ids=range(8),
)
def test_normal_white_space_in_arguments_is_passed_on(text: str, size: int) -> None:
    fragments = [text[at : at + size] for at in range(0, len(text), size)]
    assert written(normalize(arguments(fragments))) == text
    assert json.loads(text) is not None


def test_calls_without_ids_get_others_in_each_response() -> None:
    """Even if upstream calls each response the same."""
    call = {"index": 0, "function": {"name": "f", "arguments": "{}"}}
    made = set()
    for response_id in ("a", "b"):
        own = ChunkNormalizer(response_id=response_id, created=CREATED, model=MODEL)
        (sent,) = own.normalize(chunk({"tool_calls": [call]}))
        made.add(sent["choices"][0]["delta"]["tool_calls"][0]["id"])
    assert len(made) == 2


def test_white_space_is_counted_for_each_call_by_itself() -> None:
    calls = [
        {"index": n, "id": f"call_{n}", "function": {"name": "f", "arguments": LINE_END}} for n in range(3)
    ]
    out = normalize(
        events(*(chunk({"tool_calls": [call]}) for call in calls), chunk(finish="tool_calls"), DONE)
    )
    assert written(out) == LINE_END * 3


def test_white_space_in_text_is_not_limited() -> None:
    assert texts(normalize(events(FIRST, *[chunk({"content": "\n\n"})] * 50, LAST, DONE))) == ["\n\n"] * 50


# The learned shape of plain text.


def slow(blocks: list[bytes]) -> bytes:
    """What comes out when every chunk is parsed and mended, and nothing is learned."""
    slow_normalizer = normalizer()
    out = b""
    for block in blocks:
        if block == b"[DONE]":
            counted = slow_normalizer.usage_chunk()
            return out + events(*slow_normalizer.end(), *([counted] if counted else []), DONE)
        parsed = codec.read_object(sse.read_data(b"data: " + block))
        out += events(*slow_normalizer.normalize(parsed)) if parsed else b""
    raise AssertionError("a stream ends with [DONE]")


def chunks_with_text(stream: bytes) -> list[Any]:
    """The meaning of a stream.  Empty text has none, and may be said or not."""
    parsed = [json.loads(data) for data in data_of(stream)[:-1]]
    return [
        chunk for chunk in parsed if not chunk["choices"] or chunk["choices"][0]["delta"] != {"content": ""}
    ]


def same(blocks: list[str], size: int = 1 << 20) -> None:
    data = [block.encode() for block in [*blocks, DONE]]
    assert chunks_with_text(normalize(events(*data), size)) == chunks_with_text(slow(data))


AZURE = {"content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}
WRITERS: dict[str, Callable[[str], Json]] = {
    "openai": lambda text: chunk({"content": text}),
    "azure": lambda text: {
        "choices": [
            {**AZURE, "delta": {"content": text}, "finish_reason": None, "index": 0, "logprobs": None}
        ],
        **HEAD,
        "usage": None,
    },
    "claude": lambda text: {
        "choices": [{"index": 0, "delta": {"content": text, "role": "assistant"}}],
        "created": 1_732_000_000,
        "id": "00000000-0000-4000-8000-000000000002",
        "model": "claude-sonnet-4.5",
    },
    "role first": lambda text: {"choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]},
    "another choice": lambda text: {**HEAD, "choices": [{"index": 1, "delta": {"content": text}}]},
}

# Unicode of every kind, and above all what looks like JSON; half a surrogate is in the golden cases.
JSON = [
    '"',
    "\\",
    "\\\\",
    '\\"',
    '"content":"',
    '","finish_reason":"stop"',
    "}}]}",
    "\\u0022",
    "\\ud83d",
    "data: [DONE]",
]
ODD = ["\n\n", "\r", "\x00", "\x1f", "\x7f", "\u2028", "😀", "漢", "é", "", " ", "\ufeff", "\ufffe"]
TRICKS = st.sampled_from([*JSON, *ODD])
TEXT = st.one_of(
    st.text(max_size=20),
    st.lists(TRICKS, max_size=5).map("".join),
    st.text(alphabet='"\\/bn:{}', max_size=12),
)


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_template_never_changes_the_result(write: Callable[[str], Json], ascii_only: bool) -> None:
    @given(st.lists(TEXT, min_size=1, max_size=8), st.integers(1, 400))
    @example(["a", "b", 'c"', "d\\", '\\"', '"content":"', "", "e"], 1 << 20)
    def check(parts: list[str], size: int) -> None:
        blocks = [json.dumps(write(part), ensure_ascii=ascii_only, separators=(",", ":")) for part in parts]
        same([*blocks, compact(LAST)], size)
        assert "".join(texts(normalize(events(*blocks, LAST, DONE), size))) == "".join(parts)

    check()


PLAIN = compact(chunk({"content": "Hello"}))


@pytest.mark.parametrize(
    "odd",
    [
        chunk({"content": "!"}, finish="stop"),
        chunk({"content": "!"}, finish="length"),
        chunk({"content": "!"}, usage={"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}),
        chunk({"content": "!", "reasoning_text": "Hm."}),
        chunk({"content": "!", "refusal": "No."}),
        chunk({"content": "!", "tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]}),
        chunk({"reasoning_text": "Hm.", "content": "!"}),
        chunk({"content": None}),
        chunk({"role": "assistant", "content": "!"}),
        chunk({"content": "!"}, id="another"),
        chunk({"content": "!"}, model="another"),
        chunk({"content": "!"}, content_filter_results={}),
        {**HEAD, "choices": [{"index": 0, "delta": {"content": "!"}, "finish_reason": None}]},
        {**HEAD, "choices": [{"index": 0, "delta": {"content": "!"}, "logprobs": {"content": []}}]},
        {**HEAD, "choices": [{"delta": {"content": "!"}, "index": 1, "logprobs": None}]},
        {**HEAD, "choices": [*chunk({"content": "a"})["choices"], *chunk({"content": "b"})["choices"]]},
        {**HEAD, "choices": [*chunk({"content": "a"})["choices"], None]},
        {"choices": chunk({"content": "!"})["choices"], **HEAD},
        {"choices": chunk({"content": "!"})["choices"]},
        {**chunk({"content": "!"}), "copilot_x": {"content": "x"}},
        {"copilot_x": {"content": "x"}, **chunk({"content": "!"})},
        {"content": "x", **chunk({"content": "!"})},
    ],
    ids=compact,
)
@pytest.mark.parametrize("times", [1, 3])
def test_a_chunk_that_does_not_match_the_template_is_parsed(odd: Json, times: int) -> None:
    same([PLAIN, PLAIN, PLAIN, *[compact(odd)] * times, PLAIN, PLAIN])
    same([*[compact(odd)] * times, PLAIN, PLAIN])


@pytest.mark.parametrize(
    "odd",
    [
        PLAIN.replace(":", ": "),
        PLAIN.replace(",", ", "),
        PLAIN.replace('"Hello"', ' "Hello" '),
        PLAIN.replace('"content"', '"cont\\u0065nt"'),
        PLAIN.replace('"Hello"', '"H","content":"W"'),
        PLAIN.replace('"Hello"', '"H\\'),
        PLAIN.replace('"Hello"', '"H\\"'),
        PLAIN.replace('"Hello"', '"'),
        PLAIN.replace("Hello", ""),
        PLAIN.replace("Hello", "\\u0048\\/\\b"),
        PLAIN.replace("Hello", "\\\\"),
        PLAIN[:-1],
        PLAIN[:-8],
        PLAIN + PLAIN,
        PLAIN + ",",
        PLAIN[1:],
    ],
)
def test_other_or_invalid_spellings_of_json_are_handled(odd: str) -> None:
    same([PLAIN, PLAIN, odd, odd, PLAIN])
    same([odd, odd, PLAIN])


@pytest.mark.parametrize("content", [["!"], 17, {"text": "!"}, True])
@pytest.mark.parametrize("field", ["content", "refusal", "reasoning_text", "reasoning_opaque"])
def test_content_that_is_no_string_is_refused(field: str, content: Any) -> None:
    for before in ([], [PLAIN, PLAIN]):
        with pytest.raises(UpstreamRefused, match=field):
            normalize(events(*before, chunk({field: content}), DONE))


def test_the_template_matches_the_content_field_only() -> None:
    """The only compact `"content":"` of this chunk is not the one that is the text."""
    odd = '{"copilot_x":{"content":"%s"},"id":"a","choices":[{"index":0,"delta":{"content": "Hello"}}]}'
    same([PLAIN, odd % "one", odd % "two", odd % "three"])


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_template_is_learned(write: Callable[[str], Json], monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the tests of it would be worth nothing."""
    render, known = ChunkTemplate.render, []

    def counted(self: ChunkTemplate, block: bytes) -> bytes | None:
        found = render(self, block)
        known.append(found is not None)
        return found

    monkeypatch.setattr(ChunkTemplate, "render", counted)
    normalize(events(*(write(text) for text in "abcdef"), DONE))
    assert sum(known) == 4, "all but the first, which says who speaks, and the one learned from"


@pytest.mark.parametrize("size", [1, 5, 1024])
def test_a_response_of_two_megabytes_is_linear_work(size: int) -> None:
    text = 'Grüße "漢"\n' * (200_000 if size > 5 else 1000)
    sent = events(FIRST, chunk({"content": text}), chunk({"content": text}), LAST, DONE)
    stream = new()
    assert texts(b"".join(map(stream.feed, cut(sent, size)))) == [text, text]
