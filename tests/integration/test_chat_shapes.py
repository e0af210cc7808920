"""Whatever shape upstream gives a stream, the client gets OpenAI's.  The numbers are those of the catalogue
of scenarios (Appendix A of the notes on Copilot's API)."""

import json
import re

import pytest
from integration.harness import Bridge, Json, ReceivedStream, Simulator, Start, tool

VENDORS = (
    "gpt-4o",
    "gpt-5.2",
    "claude-sonnet-4.5",
    "claude-opus-4.6",
    "gemini-3-pro-preview",
    "grok-code-fast-1",
)
REASONING = ("gpt-5-mini", "claude-sonnet-4.5", "gemini-3-pro-preview")
TOOLS = [tool("read_file"), tool("list_dir")]
USAGE = {"stream_options": {"include_usage": True}}
COPILOT_ONLY_FIELDS = re.compile(
    r'"(copilot_\w+|content_filter_\w+|prompt_filter_results|padding|cot_\w+|reasoning_text)"'
)


def check_form(received: ReceivedStream, *, usage: bool) -> None:
    """What OpenAI's SDKs rely on, chunk by chunk."""
    chunks = received.chunks
    counted = chunks.pop() if usage else None
    assert len({chunk["id"] for chunk in chunks}) == 1
    for chunk in chunks:
        assert chunk["id"]
        assert chunk["object"] == "chat.completion.chunk"
        assert chunk["created"] > 1_700_000_000
        assert chunk["model"]
        assert len(chunk["choices"]) == 1, "only the usage chunk has none"
        assert not chunk.get("usage")
        assert chunk["choices"][0]["index"] == 0
        assert "finish_reason" in chunk["choices"][0]
    assert received.deltas[0]["role"] == "assistant"
    assert not any("role" in delta for delta in received.deltas[1:])
    assert chunks[-1]["choices"][0]["finish_reason"] == received.finish_reason
    assert chunks[-1]["choices"][0]["delta"] == {}
    if counted:
        assert counted["choices"] == []
        assert counted["id"] == chunks[0]["id"]
        assert counted["usage"]["completion_tokens"] > 0
        assert counted["usage"]["prompt_tokens"] > 0
    for frame in received.frames:
        assert not COPILOT_ONLY_FIELDS.search(frame.raw.decode())


@pytest.mark.parametrize("model", VENDORS)
@pytest.mark.parametrize("usage", [True, False], ids=["usage", "no usage"])
def test_a_text_has_the_form_of_openai(bridge: Bridge, model: str, usage: bool) -> None:
    received = bridge.receive_stream("hello there", model, **(USAGE if usage else {}))
    check_form(received, usage=usage)
    assert received.text.startswith('You said: "hello there".')
    assert received.finish_reason == "stop"


@pytest.mark.parametrize("model", VENDORS)
@pytest.mark.parametrize("directive", ["think", "tools", "null-choices", "no-delta", "unicode"])
def test_every_kind_of_chunk_keeps_the_form(bridge: Bridge, model: str, directive: str) -> None:
    tools = {"tools": TOOLS} if directive == "tools" else {}
    received = bridge.receive_stream(f"[[sim:{directive}]] hello", model, **USAGE, **tools)
    check_form(received, usage=True)


def test_a_recording_of_azure_has_the_form_of_openai(bridge: Bridge) -> None:
    received = bridge.receive_stream("[[sim:scenario name=azure-text]]", "gpt-4o-mini", **USAGE)
    check_form(received, usage=True)
    assert received.text


def test_a_stream_has_the_headers_that_proxies_need(any_bridge: Bridge) -> None:
    stream = any_bridge.stream("hello")
    headers = stream.headers
    assert stream.status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-cache"
    assert headers["x-accel-buffering"] == "no"
    assert headers["x-quota-snapshot-chat"]
    assert headers["x-github-request-id"]
    assert not headers.keys() & {"content-length", "strict-transport-security", "x-github-backend"}
    stream.close()


def test_a_clean_stream_is_passed_on_byte_for_byte(any_bridge: Bridge) -> None:
    """The flood of shape "clean" is what OpenAI itself would send."""
    received = any_bridge.receive_stream("[[sim:flood events=50 size=30 shape=clean]]", "gpt-4o", **USAGE)
    text = [frame.raw for frame in received.frames if b'"content":"The quick' in frame.raw]
    assert len(text) == 50
    head = (
        b'data: {"id":"chatcmpl-flood","object":"chat.completion.chunk","created":1770000000,"model":"gpt-4o"'
    )
    delta = b'{"content":"The quick brown fox jumps over"},"finish_reason":null}'
    assert set(text) == {head + b',"choices":[{"index":0,"delta":' + delta + b"]}"}


def test_copilots_own_fields_stay_where_the_operator_wants_them(start_bridge: Start) -> None:
    kept = start_bridge(keep_copilot_fields="true")
    received = kept.receive_stream("hello", "gpt-4o", **USAGE)
    assert any(b"content_filter_results" in frame.raw for frame in received.frames)
    assert received.text.startswith("You said")
    assert "copilot_usage" in kept.chat("hello", "gpt-4o").json


@pytest.mark.parametrize("model", VENDORS)
def test_parallel_tool_calls_are_numbered(bridge: Bridge, model: str) -> None:
    received = bridge.receive_stream("read_file a.txt and list_dir b", model, tools=TOOLS, **USAGE)
    check_form(received, usage=True)
    calls = received.calls
    assert [call["name"] for call in calls] == ["read_file", "list_dir"]
    assert len({call["id"] for call in calls}) == 2
    assert all("path" in json.loads(call["arguments"]) for call in calls)
    assert received.finish_reason == "tool_calls"
    openings = [call for delta in received.deltas for call in delta.get("tool_calls", ()) if "id" in call]
    assert [(call["index"], call["type"]) for call in openings] == [(0, "function"), (1, "function")]


def test_two_tools_with_index_0_stay_two_calls(bridge: Bridge) -> None:
    received = bridge.receive_stream(
        "[[sim:scenario name=claude-parallel-tools]]", "claude-sonnet-4.5", tools=TOOLS
    )
    assert len(received.calls) == 2
    assert len({call["id"] for call in received.calls}) == 2
    paths = [json.loads(call["arguments"]) for call in received.calls]
    assert paths[0] != paths[1]
    assert received.finish_reason == "tool_calls"


def test_split_choices_are_merged(bridge: Bridge) -> None:
    response = bridge.chat(
        "[[sim:scenario name=claude-split]]", "claude-sonnet-4.5", max_tokens=1000, tools=TOOLS
    )
    choices = response.json["choices"]
    assert len(choices) == 1
    assert choices[0]["index"] == 0
    assert choices[0]["message"]["content"]
    assert len(choices[0]["message"]["tool_calls"]) == 1
    assert choices[0]["finish_reason"] == "tool_calls"
    assert not COPILOT_ONLY_FIELDS.search(response.body.decode())


@pytest.mark.parametrize("model", VENDORS)
@pytest.mark.parametrize("limit", [1000, None], ids=["whole", "default"])
def test_whole_responses_have_one_form(bridge: Bridge, model: str, limit: int | None) -> None:
    response = bridge.chat("read_file a.txt", model, tools=TOOLS, max_tokens=limit)
    assert response.status == 200
    body = response.json
    assert body["object"] == "chat.completion"
    assert body["id"]
    assert body["model"]
    assert body["created"] > 1_700_000_000
    (choice,) = body["choices"]
    assert choice["index"] == 0
    assert choice["finish_reason"] == "tool_calls"
    assert "content" in choice["message"], "null, but there"
    assert choice["message"]["role"] == "assistant"
    (call,) = choice["message"]["tool_calls"]
    assert call.keys() == {"id", "type", "function"}
    assert call["function"]["name"] == "read_file"
    assert "path" in json.loads(call["function"]["arguments"])
    assert body["usage"]["completion_tokens"] > 0
    assert not COPILOT_ONLY_FIELDS.search(response.body.decode())


@pytest.mark.parametrize("model", VENDORS)
def test_a_stream_and_a_whole_response_say_the_same(bridge: Bridge, model: str) -> None:
    prompt = "[[sim:unicode]][[sim:think]] hello"
    received, message = (
        bridge.receive_stream(prompt, model),
        bridge.chat(prompt, model, max_tokens=900).message,
    )
    assert message["content"] == received.text
    assert message["reasoning_content"] == received.joined("reasoning_content")
    assert message.get("reasoning_opaque", "") == received.joined("reasoning_opaque")


def test_a_long_unstreamed_response_of_claude_is_streamed_upstream(
    bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    """Claude says at most 16,000 tokens in one piece, and its limit is filled in with 32,000."""
    response = bridge.chat(f"hello {mark}", "claude-sonnet-4.5")
    assert response.message["content"].startswith(f'You said: "hello {mark}"')
    assert response.json["usage"]["completion_tokens"] > 0
    sent = simulator.only(mark)["body"]
    assert (sent["stream"], sent["max_tokens"]) == (True, 32000)


@pytest.mark.parametrize("model", REASONING)
def test_reasoning_is_called_reasoning_content(bridge: Bridge, model: str) -> None:
    received = bridge.receive_stream("[[sim:think]] hello", model)
    assert received.joined("reasoning_content").startswith("The user wants an answer.")
    assert received.text.startswith("You said")
    speaks = [bool(delta.get("content")) for delta in received.deltas]
    thinks = [bool(delta.get("reasoning_content")) for delta in received.deltas]
    assert thinks.index(True) < speaks.index(True)


def test_a_late_cot_id_is_dropped(bridge: Bridge) -> None:
    received = bridge.receive_stream("[[sim:scenario name=azure-reasoning]]", "gpt-5-mini", tools=TOOLS)
    check_form(received, usage=False)
    assert received.joined("reasoning_content")
    assert len(received.calls) == 1
    assert received.finish_reason == "tool_calls"


@pytest.mark.parametrize("model", ["claude-sonnet-4.5", "gemini-3-pro-preview"])
@pytest.mark.parametrize("extra", ["", "[[sim:think]]"])
def test_opaque_alone_is_kept(bridge: Bridge, model: str, extra: str) -> None:
    received = bridge.receive_stream(f"[[sim:opaque-alone]]{extra} hello", model)
    assert received.joined("reasoning_opaque").startswith("EqQBCkYI")
    assert received.text.startswith("You said")
    message = bridge.chat(f"[[sim:opaque-alone]]{extra} hello", model, max_tokens=500).message
    assert message["reasoning_opaque"] == received.joined("reasoning_opaque")


@pytest.mark.parametrize("model", REASONING)
def test_late_reasoning_does_not_become_text(bridge: Bridge, model: str) -> None:
    plain = bridge.receive_stream("hello", model).text
    received = bridge.receive_stream("[[sim:late-reasoning]] hello", model)
    assert received.text == plain
    assert received.joined("reasoning_content")


def test_reasoning_is_sent_back_to_its_model(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    response = bridge.chat("[[sim:think]] hello", "claude-sonnet-4.5", max_tokens=500).message
    for model in ("claude-sonnet-4.5", "gpt-4o"):
        messages = [
            {"role": "user", "content": "hello"},
            response,
            {"role": "user", "content": f"{mark} {model}"},
        ]
        sent = {"model": model, "messages": messages}
        assert bridge.request("POST", "/v1/chat/completions", sent).status == 200
    claude, openai = (entry["body"]["messages"][1] for entry in simulator.ledger(mark))
    assert claude["reasoning_text"] == response["reasoning_content"]
    assert claude["reasoning_opaque"] == response["reasoning_opaque"]
    assert "reasoning_content" not in claude
    assert not openai.keys() & {"reasoning_text", "reasoning_opaque", "reasoning_content", "refusal"}


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4.5"])
@pytest.mark.parametrize(
    "transport",
    [
        "bytewise",
        "pieces size=3",
        "crlf",
        "crlf]][[sim:bytewise",
        "comments",
        "comments]][[sim:crlf]][[sim:pieces size=5",
        "close-delimited",
        "length-delimited",
        "length-delimited]][[sim:bytewise",
        "gzip",
        "gzip]][[sim:pieces size=11",
        "gzip]][[sim:close-delimited",
        "no-done",
        "no-done]][[sim:close-delimited]][[sim:bytewise",
    ],
)
def test_any_transport_gives_the_same_response(bridge: Bridge, model: str, transport: str) -> None:
    received = bridge.receive_stream(f"[[sim:{transport}]][[sim:unicode]]", model, **USAGE)
    check_form(received, usage=True)
    assert received.text == bridge_text(bridge, model)
    assert "\u2028" in received.text
    assert any(frame.raw == b": of upstream" for frame in received.frames) == ("comments" in transport)


def bridge_text(bridge: Bridge, model: str) -> str:
    text: str = bridge.chat("[[sim:unicode]]", model, max_tokens=500).message["content"]
    return text


@pytest.mark.parametrize("shape", ["clean", "azure", "claude"])
@pytest.mark.parametrize("transport", ["", "[[sim:pieces size=1000]]", "[[sim:gzip]]"])
def test_a_line_of_two_megabytes_is_read(bridge: Bridge, shape: str, transport: str) -> None:
    received = bridge.receive_stream(f"[[sim:flood events=1 size=2000000 shape={shape}]]{transport}")
    assert len(received.text) == 2_000_000
    assert received.finish_reason == "stop"


@pytest.mark.parametrize(
    "framing", ["", "[[sim:close-delimited]]", "[[sim:gzip]]", "[[sim:pieces size=100]]"]
)
def test_a_large_whole_response_has_its_length(bridge: Bridge, framing: str) -> None:
    response = bridge.chat(f"[[sim:response-size bytes=300000]]{framing}", "gpt-5.2")
    assert len(response.message["content"]) == 300_000
    assert response.headers["content-length"] == str(len(response.body))
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize("model", VENDORS)
def test_a_stream_without_a_finish_reason_gets_one(bridge: Bridge, model: str) -> None:
    assert bridge.receive_stream("[[sim:no-finish]] hello", model).finish_reason == "stop"
    called = bridge.receive_stream("[[sim:no-finish]] read_file a", model, tools=TOOLS)
    assert called.finish_reason == "tool_calls"


@pytest.mark.parametrize("model", VENDORS)
@pytest.mark.parametrize(
    ("directive", "reason"), [("length", "length"), ("content-filter", "content_filter"), ("empty", "stop")]
)
def test_other_ends_of_a_stream(bridge: Bridge, model: str, directive: str, reason: str) -> None:
    received = bridge.receive_stream(f"[[sim:{directive}]] hello", model, **USAGE)
    check_form(received, usage=True)
    assert received.finish_reason == reason
    whole = bridge.chat(f"[[sim:{directive}]] hello", model, max_tokens=500).json["choices"][0]
    assert whole["finish_reason"] == reason
    assert (whole["message"]["content"] or "") == received.text


def test_no_usage_is_invented(bridge: Bridge) -> None:
    chunks: list[Json] = bridge.receive_stream("[[sim:no-usage]] hello", "gpt-4o", **USAGE).chunks
    assert all(chunk["choices"] for chunk in chunks)
    assert "usage" not in bridge.chat("[[sim:no-usage]] hello", "gpt-4o").json
