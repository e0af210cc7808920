"""Responses on the wire: responses to clients, and the requests that reach Copilot."""

import json
from typing import Any

import pytest
from integration.harness import Bridge, Frame, Json, Response, Simulator, Start, Stream

PATH = "/v1/responses"
CODEX = "gpt-5.3-codex"
MINI = "gpt-5-mini"
ENCRYPTED = "reasoning.encrypted_content"
TOOL: Json = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}


def body_of(given: Any, model: str = CODEX, **more: Any) -> Json:
    return {"model": model, "input": given, **more}


def post(bridge: Bridge, body: Json, **headers: str) -> Response:
    return bridge.request("POST", PATH, body, headers)


def ask(bridge: Bridge, given: Any, model: str = CODEX, **more: Any) -> Stream:
    """A stream under way."""
    return bridge.dial("POST", PATH, json.dumps(body_of(given, model, stream=True, **more)).encode())


def event_of(frame: Frame) -> Json:
    """An event, whose name stands in the frame and in the data."""
    name, data = frame.raw.split(b"\n")
    event: Json = json.loads(data.removeprefix(b"data: "))
    assert name == b"event: " + event["type"].encode()
    return event


def events_of(stream: Stream) -> list[Json]:
    assert stream.status == 200, stream.response().body
    assert stream.headers["content-type"].startswith("text/event-stream")
    events = [event_of(frame) for frame in stream.all() if not frame.is_comment]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def sent(bridge: Bridge, simulator: Simulator, mark: str, body: Json) -> Json:
    """The one request that reached Copilot, of a client's request that got its response."""
    response = post(bridge, body)
    assert response.status == 200, response.body
    return simulator.only(mark)


# Streams.


@pytest.mark.parametrize("model", [CODEX, MINI])
@pytest.mark.parametrize(
    "how",
    ["", "[[sim:bytewise]]", "[[sim:crlf]]", "[[sim:gzip]]", "[[sim:pieces size=7]]", "[[sim:done-marker]]"],
)
def test_a_stream_has_openais_form(bridge: Bridge, model: str, how: str) -> None:
    stream = ask(bridge, f"{how} Hello World", model)
    events = events_of(stream)
    assert "copilot_" not in json.dumps(events)
    last = events[-1]
    assert last["type"] == "response.completed"
    assert last["response"]["usage"]["output_tokens"] > 0
    finished = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert last["response"]["output"] == finished
    ids = {event["output_index"]: set() for event in events if "output_index" in event}
    for event in events:
        if "output_index" in event:
            ids[event["output_index"]].add(event["item_id"] if "item_id" in event else event["item"]["id"])
    assert ids == {index: {item["id"]} for index, item in enumerate(finished)}
    line = bridge.logged(stream.headers["x-request-id"])
    assert (line["dialect"], line["model"], line["status"], line["outcome"]) == (
        "responses",
        model,
        200,
        "ok",
    )
    assert line["tokens_in"] == last["response"]["usage"]["input_tokens"]
    assert line["tokens_out"] == last["response"]["usage"]["output_tokens"]


def test_a_whole_response_has_openais_form(any_bridge: Bridge) -> None:
    response = post(any_bridge, body_of("Hello World", store=True))
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert response.json["store"] is False
    assert not response.json.keys() & {"copilot_usage", "output_text"}
    line = any_bridge.logged(response.headers["x-request-id"])
    assert line["dialect"] == "responses"
    assert line["tokens_out"] == response.json["usage"]["output_tokens"]


@pytest.mark.parametrize(
    "how", ["cut-in-frame after=7", "cut-between after=7", "reset after=7", "cut-in-frame after=0"]
)
def test_a_cut_stream_ends_with_failure(any_bridge: Bridge, how: str) -> None:
    stream = ask(any_bridge, f"[[sim:{how}]] one two three four")
    *before, last = events_of(stream)
    assert last["type"] == "response.failed"
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"].keys() == {"code", "message"}
    if before:
        assert last["response"]["id"] == before[0]["response"]["id"]
    assert not {event["type"] for event in before} & {"response.completed", "response.incomplete", "error"}
    assert any_bridge.logged(stream.headers["x-request-id"])["outcome"] == "stream_cut"


def test_a_failure_of_upstreams_own_is_passed_on(any_bridge: Bridge) -> None:
    stream = ask(any_bridge, "[[sim:failed]] one two")
    events = events_of(stream)
    assert [event["type"] for event in events].count("response.failed") == 1
    assert events[-1]["response"]["id"] == events[0]["response"]["id"]
    assert any_bridge.logged(stream.headers["x-request-id"])["outcome"] == "unavailable"


@pytest.mark.parametrize("slow", ["slow-headers", "slow-body"])
def test_comments_fill_the_silence(brisk_bridge: Bridge, slow: str) -> None:
    frames = ask(brisk_bridge, f"[[sim:{slow} seconds=0.7]] Hello World").all()
    assert [frame.is_comment for frame in frames[:2]] == [True, True]
    assert event_of(frames[-1])["type"] == "response.completed"


@pytest.mark.parametrize("streaming", [True, False], ids=["stream", "whole"])
def test_a_client_that_leaves_is_noticed(
    any_bridge: Bridge, simulator: Simulator, mark: str, streaming: bool
) -> None:
    how = "stall after=7 seconds=20" if streaming else "slow-headers seconds=20"
    body = json.dumps(body_of(f"[[sim:{how}]] one two {mark}", stream=streaming)).encode()
    stream = any_bridge.dial("POST", PATH, body)
    if streaming:
        assert next(stream.frames())
    entry = simulator.only(mark)
    left_at = stream.leave()
    ended = simulator.ended(mark)
    assert ended["outcome"] == "client-gone"
    assert ended["ended"] - left_at < 5
    line = any_bridge.logged(entry["headers"]["x-request-id"])
    assert (line["dialect"], line["outcome"]) == ("responses", "client_disconnected")


# What reaches Copilot.


def test_a_body_that_needs_no_change_is_passed_on(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    body = body_of(
        [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"hello {mark}"}]}],
        store=False,
        include=[ENCRYPTED],
        instructions="Be brief.",
        reasoning={"effort": "low", "summary": "auto"},
        tools=[TOOL],
        text={"verbosity": "low"},
        prompt_cache_key="a",
        parallel_tool_calls=False,
        max_output_tokens=500,
    )
    entry = sent(bridge, simulator, mark, body)
    assert entry["body"] == body
    assert entry["path"].endswith("/responses")
    assert entry["headers"]["x-initiator"] == "user"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"store": True}, {}),
        ({"service_tier": "auto"}, {}),
        ({"client_metadata": {"a": "b"}}, {}),
        ({"background": False}, {}),
        ({"previous_response_id": None}, {}),
        ({"conversation": None}, {}),
        ({"include": []}, {}),
        ({"include": ["file_search_call.results"]}, {"include": ["file_search_call.results", ENCRYPTED]}),
        ({"max_output_tokens": 1}, {"max_output_tokens": 16}),
        ({"max_output_tokens": 999_999}, {"max_output_tokens": 128_000}),
        ({"reasoning": {"effort": "minimal"}}, {"reasoning": {"effort": "none"}}),
        ({"reasoning": {"effort": "high", "context": "auto"}}, {"reasoning": {"effort": "high"}}),
    ],
    ids=str,
)
def test_a_body_is_adapted_to_copilot(
    bridge: Bridge, simulator: Simulator, mark: str, more: Json, expected: Json
) -> None:
    body = body_of(f"hello {mark}")
    expected_body = {**body, "store": False, "include": [ENCRYPTED], **expected}
    assert sent(bridge, simulator, mark, body | more)["body"] == expected_body


def test_references_to_unknown_items_are_refused(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """Ids are nobody's business but reasoning's, and only the genuine ones are."""
    locked = post(bridge, body_of("hello")).json["output"][0]["encrypted_content"]
    items = [
        {"type": "message", "id": "msg_1", "role": "user", "content": f"hello {mark}"},
        {"type": "item_reference", "id": "rs_1"},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": locked},
        {"type": "reasoning", "id": "rs_3", "summary": [{"type": "summary_text", "text": "Hm"}]},
        {"type": "function_call", "id": "x_3", "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "id": "o_1", "call_id": "call_1", "output": "21 degrees"},
    ]
    entry = sent(bridge, simulator, mark, body_of(items, tools=[TOOL]))
    assert not any("id" in item for item in entry["body"]["input"])
    assert [item["type"] for item in entry["body"]["input"]] == [
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
    ]
    assert entry["headers"]["x-initiator"] == "agent"


def test_refused_ids_renew_no_token(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    renewals = len(simulator.exchanges(bridge.github_token))
    response = post(bridge, body_of(f"[[sim:refuse name=item-id]] hello {mark}"))
    assert (response.status, response.error["type"]) == (400, "invalid_request_error")
    assert len(simulator.ledger(mark)) <= 2
    assert len(simulator.exchanges(bridge.github_token)) == renewals


def test_an_image_is_announced(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    parts = [
        {"type": "input_text", "text": f"hello {mark}"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGVsbG8="},
    ]
    entry = sent(bridge, simulator, mark, body_of([{"role": "user", "content": parts}]))
    assert entry["headers"]["copilot-vision-request"] == "true"
    parts[1]["image_url"] = "http://127.0.0.1:9/a.png"
    response = post(bridge, body_of([{"role": "user", "content": parts}]))
    assert (response.status, response.error["param"]) == (400, "input.0.content.1.image_url")


# Errors.


STATUSES: dict[str, tuple[int, str | None]] = {
    "weekly": (429, "user_weekly_rate_limited"),
    "quota": (429, "insufficient_quota"),
    "overflow": (400, "context_length_exceeded"),
    "context-window": (400, "context_length_exceeded"),
    "forbidden": (400, None),
    "model-not-allowed": (400, "model_not_allowed"),
    "overloaded": (529, "overloaded"),
    "unicorn": (502, None),
    "entity-too-large": (413, "request_too_large"),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("name", STATUSES)
def test_refusals_have_their_status_and_code(bridge: Bridge, name: str, stream: bool) -> None:
    response = post(bridge, body_of(f"[[sim:refuse name={name}]]", stream=stream))
    assert (response.status, response.error["code"]) == STATUSES[name]
    if name == "weekly":
        assert response.headers["retry-after"] == "2733"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": "gpt-nothing"}, "model"),
        ({"model": "text-embedding-3-small"}, "model"),
        ({"model": 5}, "model"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": ["hi"]}, "input.0"),
        ({"stream": "yes"}, "stream"),
        ({"store": "yes"}, "store"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"tools": {}}, "tools"),
        ({"include": ENCRYPTED}, "include"),
        ({"reasoning": "low"}, "reasoning"),
        ({"text": "low"}, "text"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"background": "yes"}, "background"),
    ],
    ids=str,
)
def test_a_wrong_field_is_a_400_that_names_it(bridge: Bridge, body: Json, param: str) -> None:
    """Codex would try anything else again, six times or thirty."""
    response = post(bridge, body_of("hello") | body)
    assert (response.status, response.error["param"]) == (400, param)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe{}", b"[" * 5000])
def test_a_body_that_is_not_a_json_object_is_refused(bridge: Bridge, body: bytes) -> None:
    response = bridge.request("POST", PATH, body)
    assert response.status == 400
    assert "JSON" in response.error["message"]


def test_a_get_without_upgrade_is_a_426(any_bridge: Bridge) -> None:
    """At this status, and no other, Codex goes on with POST at once."""
    response = any_bridge.request("GET", PATH)
    assert (response.status, response.error["type"]) == (426, "invalid_request_error")
    assert any_bridge.logged(response.headers["x-request-id"])["dialect"] == "responses"


def test_fields_can_be_kept(start_bridge: Start) -> None:
    bridge = start_bridge(keep_copilot_fields=1, server="gevent")
    assert "copilot_usage" in post(bridge, body_of("hello")).json
    assert "copilot_usage" in events_of(ask(bridge, "hello"))[-1]["response"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/responses/resp_1/output_items?limit=3", 404),
        ("GET", "/v1/chat/completions/chatcmpl-1", 404),
        ("POST", "/v1/chat/nothing", 404),
        ("POST", "/v1/models/gpt-4.1/pull", 405),
        ("GET", "/v1/messages/batches/b1", 404),
        ("DELETE", "/v1/responses", 405),
    ],
)
def test_unknown_paths_are_refused_in_their_dialect(
    bridge: Bridge, method: str, path: str, status: int
) -> None:
    """In the form of the dialect that is spoken there."""
    response = bridge.request(method, path, {} if method == "POST" else None)
    assert response.status == status
    body = json.loads(response.body)
    if "messages" in path:
        assert (body["type"], body["error"]["type"]) == ("error", "not_found_error")
    else:
        assert body["error"].keys() == {"message", "type", "param", "code"}
        assert path.partition("?")[0] in body["error"]["message"]
