"""Streams translated between dialects: their contents, and the rules of each dialect's streams."""

import json
from pathlib import Path

import pytest
from dialect_tables import READERS, WRITERS, Response
from golden.transcripts import check_stream, cut

from copilot_bridge.dialects.adaptation.adapt import NO_CHANGES, Undo
from copilot_bridge.dialects.gemini.signatures import decode_signature
from copilot_bridge.dialects.provider_details import decode_details, decode_reasoning
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.dialects.responses import prompt_reader as responses_prompt_reader
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.dialects.translation import Translation
from copilot_bridge.errors import StreamCut, UpstreamRefused

GOLDEN = Path(__file__).parents[2] / "golden"
SIZES = (1, 7, 64, 1 << 20)
MODEL = "the-model-asked-for"

CELLS = [(client, upstream) for upstream in READERS for client in WRITERS if client != upstream]


def translation(client, upstream, names=None, undo=NO_CHANGES):
    response = Response(model=MODEL, names=names or ToolNames())
    return Translation(READERS[upstream](), WRITERS[client](response), DIALECTS[client].framing, undo)


def translate(client, upstream, data, size=1 << 20, names=None, undo=NO_CHANGES):
    """To the end, as an exchange does it."""
    stream, out = translation(client, upstream, names, undo), b""
    for piece in cut(data, size):
        out += stream.feed(piece)
        if stream.failure:
            raise stream.failure
        if stream.done:
            return out
    return out + stream.close()


def broken(client, upstream, data, size=1 << 20):
    """(the stream of a response that ends in an error, the error)."""
    stream, out = translation(client, upstream), b""
    try:
        for piece in cut(data, size):
            out += stream.feed(piece)
            if stream.failure:
                raise stream.failure
        out += stream.close()
    except (StreamCut, UpstreamRefused) as error:
        return out + stream.fail(error), error
    raise AssertionError("this stream tells of no error")


def sent(dialect, case):
    """One of them says the mark of chat's end in its text, which the checks would take for that."""
    path = GOLDEN / f"{dialect}-from-{dialect}" / case / "upstream.sse"
    return path.read_bytes().replace(b"and [DONE],", b"and DONE,")


def events(stream):
    """The data of each event, and its name if it has one is that of its type."""
    assert stream.endswith(b"\n\n")
    received = []
    for block in stream[:-2].split(b"\n\n"):
        if block.startswith(b":") or not block:
            continue
        fields = [line.split(b": ", 1) for line in block.split(b"\n")]
        data = dict(fields)[b"data"]
        if data == b"[DONE]":
            continue
        event = json.loads(data)
        assert dict(fields).get(b"event", event.get("type", "").encode()) == event.get("type", "").encode()
        received.append(event)
    return received


# What each dialect promises, and what a client makes of the stream:
# {"text", "thoughts": [(text, goods)], "calls": [(id, name, arguments)], "end", "usage"}


def read_chat(stream):
    check_stream(stream, usage=True)
    *chunks, counted = events(stream)
    assert {chunk["model"] for chunk in chunks} == {MODEL}
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    calls = {}
    for fragment in (call for delta in deltas for call in delta.get("tool_calls") or ()):
        call = calls.setdefault(fragment["index"], [fragment.get("id"), "", ""])
        call[1] += fragment["function"].get("name", "")
        call[2] += fragment["function"]["arguments"]
    usage = counted["usage"]
    assert usage["prompt_tokens_details"].keys() == {"cached_tokens", "cache_write_tokens"}
    assert usage["completion_tokens_details"].keys() == {"reasoning_tokens"}
    thought = "".join(delta.get("reasoning_content", "") for delta in deltas)
    details = "".join(delta.get("reasoning_opaque", "") for delta in deltas)
    return {
        "text": "".join(delta.get("content") or "" for delta in deltas),
        "thoughts": [(thought, details)] if thought or details else [],
        "calls": [tuple(call) for call in calls.values()],
        "end": chunks[-1]["choices"][0]["finish_reason"],
        "usage": (usage["prompt_tokens"], usage["completion_tokens"]),
    }


def read_blocks(events_):
    """Blocks of Messages: one open at a time, numbered from 0."""
    blocks, decoded_reasoning = [], None
    for event in events_:
        if event["type"] == "content_block_start":
            assert decoded_reasoning is None, "blocks don't overlap"
            assert event["index"] == len(blocks)
            blocks.append({**event["content_block"], "json": ""})
            decoded_reasoning = event["index"]
            continue
        assert event["index"] == decoded_reasoning
        if event["type"] == "content_block_stop":
            decoded_reasoning = None
            continue
        assert event["type"] == "content_block_delta"
        kind = event["delta"]["type"]
        field = {
            "text_delta": "text",
            "thinking_delta": "thinking",
            "signature_delta": "signature",
            "input_json_delta": "partial_json",
        }[kind]
        block = blocks[-1]
        assert block["type"] == {"text": "text", "partial_json": "tool_use"}.get(field, "thinking")
        block["json" if field == "partial_json" else field] += event["delta"][field]
    assert decoded_reasoning is None
    return blocks


def read_messages(stream):
    assert b"[DONE]" not in stream
    started, *stream_events, delta, stopped = events(stream)
    assert (started["type"], delta["type"], stopped) == (
        "message_start",
        "message_delta",
        {"type": "message_stop"},
    )
    message = started["message"]
    assert (message["id"], message["model"], message["content"]) == ("msg_1", MODEL, [])
    assert message["role"] == "assistant"
    blocks, usage = read_blocks(stream_events), delta["usage"]
    calls = [block for block in blocks if block["type"] == "tool_use"]
    if delta["delta"]["stop_reason"] != "max_tokens":
        assert all(isinstance(json.loads(block["json"] or "{}"), dict) for block in calls)
    read = usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
    return {
        "text": "".join(block["text"] for block in blocks if block["type"] == "text"),
        "thoughts": [
            (block["thinking"], block["signature"]) for block in blocks if block["type"] == "thinking"
        ],
        "calls": [(block["id"], block["name"], block["json"]) for block in calls],
        "end": delta["delta"]["stop_reason"],
        "usage": (usage["input_tokens"] + read, usage["output_tokens"]),
    }


def check_ladder(events_):
    """One item after the other; the same id, text and arguments wherever they stand."""
    output = []
    for event in events_:
        index = len(output)
        if event["type"] == "response.output_item.added":
            assert event["output_index"] == index
            item, pieces = event["item"], ""
            assert item["id"].startswith(("msg_", "rs_", "fc_", "ctc_"))
        elif event["type"] == "response.output_item.done":
            assert (event["output_index"], event["item"]["id"]) == (index, item["id"])
            assert event["item"].get("status", "completed") != "in_progress"
            item_text = said_by(event["item"])
            assert item_text == pieces or (item_text == "{}" and not pieces)
            output.append(event["item"])
        else:
            assert (event["output_index"], event["item_id"]) == (index, item["id"])
            if event["type"].endswith(".delta"):
                pieces += event["delta"]
            elif "text" in event:
                assert event["text"] == pieces
    return output


def said_by(item):
    if item["type"] == "reasoning":
        return "".join(part["text"] for part in item["summary"])
    if item["type"] == "message":
        return "".join(part[part["type"].removeprefix("output_")] for part in item["content"])
    return item.get("arguments", item.get("input"))


def read_responses(stream):
    assert b"[DONE]" not in stream
    created, running, *stream_events, last = events(stream)
    numbers = [event["sequence_number"] for event in (created, running, *stream_events, last)]
    assert numbers == list(range(len(numbers)))
    assert (created["type"], running["type"]) == ("response.created", "response.in_progress")
    response = last["response"]
    assert last["type"] == f"response.{response['status']}"
    assert {event["response"]["id"] for event in (created, running, last)} == {"resp_1"}
    assert response["model"] == MODEL
    output = check_ladder(stream_events)
    assert response["output"] == output
    assert len({item["id"] for item in output}) == len(output)
    usage = response["usage"]
    assert usage["input_tokens_details"].keys() == {"cached_tokens", "cache_write_tokens"}
    assert usage["output_tokens_details"].keys() == {"reasoning_tokens"}
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    return {
        "text": "".join(said_by(item) for item in output if item["type"] == "message"),
        "thoughts": [
            (said_by(item), item.get("encrypted_content", ""))
            for item in output
            if item["type"] == "reasoning"
        ],
        "calls": [
            (item["call_id"], item["name"], item["arguments"])
            for item in output
            if item["type"] == "function_call"
        ],
        "end": (response.get("incomplete_details") or {}).get("reason", response["status"]),
        "usage": (usage["input_tokens"], usage["output_tokens"]),
    }


def read_gemini(stream):
    stream_events = events(stream)
    assert {(chunk["modelVersion"], chunk["responseId"]) for chunk in stream_events} == {(MODEL, "1")}
    candidates = [candidate for chunk in stream_events for candidate in chunk["candidates"]]
    assert len(candidates) == len(stream_events)
    assert all(candidate["content"]["parts"] for candidate in candidates)
    assert ["finishReason" in candidate for candidate in candidates] == [False] * (len(stream_events) - 1) + [
        True
    ]
    parts = [part for candidate in candidates for part in candidate["content"]["parts"]]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    shown = "".join(part["text"] for part in parts if part.get("thought"))
    signatures = [part["thoughtSignature"] for part in parts if "thoughtSignature" in part]
    usage = stream_events[-1].get("usageMetadata", {})
    return {
        "text": "".join(part.get("text", "") for part in parts if not part.get("thought")),
        "thoughts": [(shown, signature) for signature in signatures or ([""] if shown else [])],
        "calls": [(call["id"], call["name"], json.dumps(call["args"])) for call in calls],
        "end": candidates[-1]["finishReason"],
        "usage": (
            usage.get("promptTokenCount"),
            usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0),
        ),
    }


READ = {
    "chat": read_chat,
    "messages": read_messages,
    "responses": read_responses,
    "gemini": read_gemini,
}

# How each dialect names the ends, and what it gives for an end of ours.
STATUS_BY_REASON = {
    "chat": {
        "stop": "stop",
        "length": "length",
        "calls": "tool_calls",
        "refusal": "stop",
        "filtered": "content_filter",
    },
    "messages": {
        "stop": "end_turn",
        "length": "max_tokens",
        "calls": "tool_use",
        "refusal": "refusal",
        "filtered": "refusal",
    },
    "responses": {
        "stop": "completed",
        "length": "max_output_tokens",
        "calls": "completed",
        "refusal": "completed",
        "filtered": "content_filter",
    },
    "gemini": {
        "stop": "STOP",
        "length": "MAX_TOKENS",
        "calls": "STOP",
        "refusal": "SAFETY",
        "filtered": "SAFETY",
    },
}

THOUGHT = "**Planning**\n\nI will read the file."
ENCRYPTED = {"id": "BBBBopaque2==", "encrypted_content": "gAAAAABfake…"}
FILES = [
    ("tooluse_EXAMPLE-A", "read_file", {"path": "a.txt"}),
    ("tooluse_EXAMPLE-B", "read_file", {"path": "b.txt"}),
]

# (upstream, case) -> text, thoughts with their goods, calls, end, usage
SAID = {
    ("chat", "claude-reasoning"): (
        "Answer.",
        [("Let me think.", {"chat": "EqQBCkYIBhgCIkD…fake…=="})],
        [],
        "stop",
        (20, 12),
    ),
    ("chat", "claude-parallel-tools-index-0"): ("I'll check both files.", [], FILES, "calls", (2048, 122)),
    ("chat", "length"): ("And so", [], [], "length", None),
    ("chat", "content-filter"): ("And so", [], [], "filtered", None),
    ("messages", "thinking-and-text"): (
        "Hi!",
        [("The user greets.", {"messages": "EqQBfake=="})],
        [],
        "stop",
        None,
    ),
    ("messages", "refusal"): ("", [], [], "refusal", (5, 2)),
    ("messages", "tools-untouched"): (
        'Both: copilot_ and DONE, "message_stop".',
        [],
        [("toolu_vrtx_A", "read_file", {"path": "a.txt", "copilot_x": 1}), ("toolu_vrtx_B", "now", {})],
        "calls",
        (10, 44),
    ),
    ("responses", "tool-call"): (
        "",
        [(THOUGHT, {"responses": ENCRYPTED})],
        [("call_EXAMPLE1", "read_file", {"path": "a.txt"})],
        "calls",
        (512, 80),
    ),
    ("responses", "empty-output-and-done"): (
        "",
        [(THOUGHT, {"responses": ENCRYPTED})],
        [("call_EXAMPLE1", "read_file", {"path": "a.txt"})],
        "calls",
        (512, 80),
    ),
    ("responses", "text-incomplete"): ('say "item_id":"x" é 😀', [], [], "length", (3, 9)),
}


def decoded_reasoning(client, thought, details):
    """As they are read when they come back."""
    if client == "gemini":
        return [(reasoning.text, reasoning.provider_details) for reasoning in decode_signature(details)]
    return (decode_reasoning(details) if client == "chat" else []) or [
        (thought, decode_details(details, client))
    ]


@pytest.mark.parametrize("client", WRITERS)
@pytest.mark.parametrize(("upstream", "case"), SAID)
def test_events_become_the_clients_stream(client, upstream, case):
    if client == upstream:
        pytest.skip("passed through")
    text, thoughts, calls, end, usage = SAID[upstream, case]
    if client in ("responses", "gemini") and case == "refusal":  # a refusal is the text of its message
        text = "no"
    found = READ[client](translate(client, upstream, sent(upstream, case)))
    assert found["text"] == text
    assert [
        reasoning for thought in found["thoughts"] for reasoning in decoded_reasoning(client, *thought)
    ] == thoughts
    assert [(id_, name, json.loads(given or "{}")) for id_, name, given in found["calls"]] == calls
    assert found["end"] == STATUS_BY_REASON[client][end]
    if usage:
        assert found["usage"] == usage


def test_responses_have_the_text_of_a_refusal():
    """In a message of its own, as OpenAI's models do."""
    stream_events = events(translate("responses", "messages", sent("messages", "refusal")))
    kinds = [event["type"] for event in stream_events]
    assert kinds[2:] == [
        "response.output_item.added",
        "response.content_part.added",
        "response.refusal.delta",
        "response.refusal.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    (message,) = stream_events[-1]["response"]["output"]
    assert message["content"] == [{"type": "refusal", "refusal": "no"}]
    (read,) = responses_prompt_reader.read_prompt({"model": "m", "input": [message]}, ToolNames()).messages
    assert (read.role, [part.text for part in read.parts]) == ("assistant", ["no"])


@pytest.mark.parametrize("details", [b"null", b'{"explanation":null}', b'{"explanation":5}', b'"no"'])
def test_a_refusal_without_a_text_is_a_refusal(details):
    data = sent("messages", "refusal")
    start = data.index(b'"stop_details":') + len(b'"stop_details":')
    data = data[:start] + details + data[data.index(b"}", start) + 1 :]
    *_, last = events(translate("responses", "messages", data))
    (message,) = last["response"]["output"]
    assert message["content"] == [{"type": "refusal", "refusal": "The model refused to answer."}]
    assert last["response"]["incomplete_details"] is None


def blocks_of(*deltas):
    """The kinds of the blocks that Messages make of these deltas of chat, and the texts in them."""
    chunks = [{"id": "c", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    ending = {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    data = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in (*chunks, ending)).encode()
    _started, *stream_events, _delta, _stopped = events(
        translate("messages", "chat", data + b"data: [DONE]\n\n")
    )
    return [
        (block["type"], block.get("text", bool(block.get("signature"))))
        for block in read_blocks(stream_events)
    ]


def test_messages_do_not_end_in_reasoning_without_text():
    """Claude Code prints nothing of a response that does, and Anthropic's API has none."""
    sealed = {"reasoning_opaque": "sig=="}
    call = {"tool_calls": [{"index": 0, "id": "call", "function": {"name": "f", "arguments": "{}"}}]}
    text, thought = {"content": "Hello"}, {"reasoning_content": "Hm"}
    assert blocks_of(text, sealed) == [("text", "Hello")]
    assert blocks_of(sealed, text) == [("thinking", True), ("text", "Hello")]
    assert blocks_of(thought, sealed, text) == [("thinking", True), ("text", "Hello")]
    assert blocks_of(text, sealed, call) == [("text", "Hello"), ("thinking", True), ("tool_use", False)]
    twice = [sealed, sealed, text, sealed]
    assert blocks_of(*twice) == [("thinking", True), ("thinking", True), ("text", "Hello")]


STREAMS = [
    (upstream, path.parent.name)
    for upstream in READERS
    for path in sorted(GOLDEN.glob(f"{upstream}-from-{upstream}/*/upstream.sse"))
]


def outcome(client, upstream, data, size):
    """The whole stream, or how it fails; comments after the end are as welcome as not."""
    try:
        out, error = translate(client, upstream, data, size), ""
    except (StreamCut, UpstreamRefused):
        out, failure = broken(client, upstream, data, size)
        error = str(failure)
    return [block for block in out.split(b"\n\n") if block and not block.startswith(b":")], error


@pytest.mark.parametrize(("client", "upstream", "case"), [
    (client, upstream, case) for upstream, case in STREAMS for client in WRITERS if client != upstream
])  # fmt: skip
def test_the_translation_does_not_depend_on_the_cuts(client, upstream, case):
    data = sent(upstream, case)
    whole, *others = (outcome(client, upstream, data, size) for size in SIZES[::-1])
    assert all(result == whole for result in others)


def is_whole(case):
    try:
        translate("messages" if case[0] != "messages" else "chat", case[0], sent(*case))
    except (StreamCut, UpstreamRefused):
        return False
    return True


def test_nearly_every_transcript_is_complete():
    assert sum(map(is_whole, STREAMS)) > 0.8 * len(STREAMS)


@pytest.mark.parametrize(("client", "upstream", "case"), [
    (client, upstream, case) for upstream, case in STREAMS for client in WRITERS if client != upstream
])  # fmt: skip
def test_every_translation_keeps_the_rules_of_the_clients_dialect(client, upstream, case):
    if case == "half-surrogate":
        pytest.skip("its halves are told apart and said together")
    try:
        out = translate(client, upstream, sent(upstream, case))
    except (StreamCut, UpstreamRefused):
        return
    READ[client](out)


ERROR_EVENTS = {
    "chat": (
        "claude-reasoning",
        3,
        b'data: {"error":{"message":"it broke","code":"server_error"}}\n\n',
    ),
    "messages": (
        "thinking-and-text",
        4,
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"it broke"}}\n\n',
    ),
    "responses": (
        "tool-call",
        6,
        (
            b'event: response.failed\ndata: {"type":"response.failed","response":'
            b'{"status":"failed","error":{"code":"server_error","message":"it broke"}}}\n\n'
        ),
    ),
}


def beginning(upstream):
    """(the first events of a response, an event that tells of an error)."""
    case, count, error = ERROR_EVENTS[upstream]
    blocks = sent(upstream, case).split(b"\n\n")[:count]
    return b"\n\n".join(blocks) + b"\n\n", error


def check_failure(client, out):
    """The last event says so, and nothing says that all went well."""
    assert b"[DONE]" not in out
    *before, last = events(out)
    if client == "chat":
        assert last.keys() == {"error"}
        assert all(chunk["choices"][0]["finish_reason"] is None for chunk in before)
        return last["error"]["message"]
    if client == "gemini":
        assert last.keys() == {"error"}
        assert not any("finishReason" in chunk["candidates"][0] for chunk in before)
        return last["error"]["message"]
    if client == "messages":
        assert last["type"] == "error"
        assert not {"message_delta", "message_stop"} & {event["type"] for event in before}
        return last["error"]["message"]
    assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")
    assert [event["sequence_number"] for event in (*before, last)] == list(range(len(before) + 1))
    if before:
        assert last["response"]["id"] == before[0]["response"]["id"]
    return last["response"]["error"]["message"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("client", "upstream"), CELLS)
def test_an_error_in_the_stream_is_raised_after_the_events_before_it(client, upstream, size):
    begun, error = beginning(upstream)
    out, raised = broken(client, upstream, begun + error, size)
    assert isinstance(raised, UpstreamRefused)
    assert "it broke" in check_failure(client, out)
    assert len(events(out)) > 1, "what came before it is sent"


@pytest.mark.parametrize(("client", "upstream"), CELLS)
def test_a_stream_with_only_an_error_raises_it(client, upstream):
    out, raised = broken(client, upstream, beginning(upstream)[1])
    assert isinstance(raised, UpstreamRefused)
    assert "it broke" in check_failure(client, out)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("client", "upstream"), CELLS)
@pytest.mark.parametrize("half", [b"", b'data: {"id":"'], ids=["between", "inside"])
def test_a_stream_without_an_end_is_an_error(client, upstream, size, half):
    out, raised = broken(client, upstream, beginning(upstream)[0] + half, size)
    assert isinstance(raised, StreamCut)
    check_failure(client, out)


@pytest.mark.parametrize(("client", "upstream"), CELLS)
def test_a_stream_cut_after_any_event_is_no_success(client, upstream):
    """Up to the event that ends it: in chat the finish_reason, elsewhere the last."""
    case = ERROR_EVENTS[upstream][0]
    blocks = sent(upstream, case).rstrip().split(b"\n\n")
    last = {"chat": b"finish_reason", "messages": b"message_stop", "responses": b"response.completed"}[
        upstream
    ]
    end = next(index for index, block in enumerate(blocks) if last in block)
    for count in range(end):
        out, raised = broken(client, upstream, b"".join(block + b"\n\n" for block in blocks[:count]))
        assert isinstance(raised, StreamCut)
        check_failure(client, out)


@pytest.mark.parametrize(("client", "upstream"), CELLS)
def test_events_after_the_end_are_dropped(client, upstream):
    data = sent(upstream, ERROR_EVENTS[upstream][0])
    stream = translation(client, upstream)
    out = stream.feed(data)
    assert stream.done
    assert stream.finished
    assert stream.feed(data) == b""
    assert out == translate(client, upstream, data)


@pytest.mark.parametrize(("client", "upstream"), CELLS)
def test_comments_are_passed_on(client, upstream):
    stream = translation(client, upstream)
    comment = DIALECTS[client].framing.comment(b": keep-alive")
    assert comment
    assert stream.feed(b": keep-alive\n\n") == comment


@pytest.mark.parametrize(("client", "upstream"), CELLS)
def test_the_usage_is_counted_as_chat_counts(client, upstream):
    stream = translation(client, upstream)
    assert stream.usage is None
    stream.feed(sent(upstream, {"messages": "thinking-and-text"}.get(upstream, ERROR_EVENTS[upstream][0])))
    prompt = {"chat": 20, "messages": 4 + 300 + 9000, "responses": 512}[upstream]
    assert stream.usage["prompt_tokens"] == prompt


@pytest.mark.parametrize("upstream", ["chat", "messages"])
@pytest.mark.parametrize(("namespace", "custom"), [(None, True), ("files", False), ("files", True)], ids=str)
def test_calls_have_the_clients_names_and_namespaces(upstream, namespace, custom):
    """A free-form tool, and one in a namespace."""
    names = ToolNames()
    flat = names.add(namespace, "read_file")
    case = {"chat": "claude-parallel-tools-index-0", "messages": "tools-untouched"}[upstream]
    data = sent(upstream, case).replace(b'"read_file"', json.dumps(flat).encode())
    if custom:
        data = data.replace(b"path", b"input")
    undo = Undo(custom=frozenset({flat}) if custom else frozenset())
    last = events(translate("responses", upstream, data, names=names, undo=undo))[-1]
    call = next(item for item in last["response"]["output"] if item.get("name") == "read_file")
    assert call.get("namespace") == namespace
    if custom:
        assert (call["type"], call["input"]) == ("custom_tool_call", "a.txt")
        assert "arguments" not in call
    else:
        assert call["type"] == "function_call"
        assert json.loads(call["arguments"])["path"] == "a.txt"
