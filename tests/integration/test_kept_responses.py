"""The rest of OpenAI's Responses: what is kept is shown, listed, deleted and cancelled; compaction."""

import json
import time
from typing import Any

import pytest
from integration.harness import PATIENCE, Bridge, Json, Response, Simulator, Start, Stream

PATH = "/v1/responses"
MODELS = ["gpt-5.3-codex", "claude-sonnet-4.5", "gpt-4o"]  # natively, and through both of the others
ASK = {"model": MODELS[0], "input": "hello"}
GONE = (404, "not_found")


def post(bridge: Bridge, path: str = PATH, status: int = 200, **body: Any) -> Json:
    response = bridge.request("POST", path, body)
    assert response.status == status, response.body
    found: Json = response.json
    return found


def get(bridge: Bridge, path: str) -> Json:
    response = bridge.request("GET", path)
    assert response.status == 200, response.body
    body: Json = response.json
    return body


def verdict(response: Response) -> tuple[int, Any]:
    return response.status, response.error["code"]


def poll(bridge: Bridge, id_: str) -> Json:
    """The response, as soon as it is not being made any more."""
    end = time.monotonic() + PATIENCE
    while (response := get(bridge, f"{PATH}/{id_}"))["status"] in ("queued", "in_progress"):
        assert time.monotonic() < end
        time.sleep(0.02)
    return response


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
def test_a_response_is_shown_again(bridge: Bridge, model: str, stream: bool) -> None:
    body = {"model": model, "input": [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}]}
    if stream:
        frames = bridge.dial("POST", PATH, json.dumps({**body, "stream": True}).encode()).all()
        response = json.loads(frames[-1].raw.partition(b"\ndata: ")[2])["response"]
    else:
        response = post(bridge, **body)
    path = f"{PATH}/{response['id']}"
    assert get(bridge, path) == response
    listed = get(bridge, f"{path}/input_items?order=asc")
    assert [item["content"] for item in listed["data"]] == [
        [{"type": "input_text", "text": "one"}],
        [{"type": "input_text", "text": "two"}],
    ]
    first, second = (item["id"] for item in listed["data"])
    page = get(bridge, f"{path}/input_items?limit=1")
    assert [item["id"] for item in page["data"]] == [second]
    assert page["has_more"] is True
    assert [item["id"] for item in get(bridge, f"{path}/input_items?after={second}")["data"]] == [first]
    assert bridge.request("DELETE", path).json == {
        "id": response["id"],
        "object": "response",
        "deleted": True,
    }
    for method in ("GET", "DELETE"):
        assert verdict(bridge.request(method, path)) == GONE


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{PATH}/resp_nothing"),
        ("DELETE", f"{PATH}/resp_nothing"),
        ("GET", f"{PATH}/resp_nothing/input_items"),
        ("POST", f"{PATH}/resp_nothing/cancel"),
        ("GET", "/v1/conversations/conv_nothing"),
        ("POST", "/v1/conversations/conv_nothing/items"),
        ("GET", "/v1/conversations/conv_nothing/items"),
        ("DELETE", "/v1/conversations/conv_nothing"),
    ],
)
def test_an_unknown_id_is_a_404(bridge: Bridge, method: str, path: str) -> None:
    assert verdict(bridge.request(method, path, {"items": []})) == GONE


@pytest.mark.parametrize(
    ("query", "param"),
    [("limit=0", "limit"), ("limit=x", "limit"), ("order=up", "order"), ("after=x", "after")],
)
def test_wrong_queries_are_named(bridge: Bridge, query: str, param: str) -> None:
    id_ = post(bridge, **ASK)["id"]
    response = bridge.request("GET", f"{PATH}/{id_}/input_items?{query}")
    assert (response.status, response.error["param"]) == (400, param)


def test_nobody_sees_what_another_caller_was_told(bridge: Bridge) -> None:
    mine, yours = {"Authorization": "Bearer mine"}, {"Authorization": "Bearer yours"}
    response = bridge.request("POST", PATH, ASK, mine).json["id"]
    conversation = bridge.request("POST", "/v1/conversations", {}, mine).json["id"]
    for path in (f"{PATH}/{response}", f"/v1/conversations/{conversation}"):
        for method in ("GET", "DELETE"):
            assert verdict(bridge.request(method, path, headers=yours)) == GONE
        assert bridge.request("GET", path, headers=mine).status == 200


def test_deleted_is_not_what_continues_from_it(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    first = post(bridge, model=MODELS[0], input=f"the secret word is {mark}")["id"]
    second = post(bridge, model=MODELS[0], input="go on", previous_response_id=first)["id"]
    assert bridge.request("DELETE", f"{PATH}/{first}").status == 200
    assert bridge.request("POST", PATH, {**ASK, "previous_response_id": first}).status == 400
    post(bridge, model=MODELS[0], input="and on", previous_response_id=second)
    assert "and on" in json.dumps(simulator.ledger(mark)[-1]["body"])


@pytest.mark.parametrize("model", MODELS)
def test_a_background_response_is_fetched_later(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    begun = post(bridge, model=model, input=f"hello {mark}", background=True)
    assert (begun["status"], begun["background"], begun["output"]) == ("queued", True, [])
    made = poll(bridge, begun["id"])
    assert (made["id"], made["status"], made["background"]) == (begun["id"], "completed", True)
    assert made["output"]
    assert made["usage"]["output_tokens"] > 0
    assert len(get(bridge, f"{PATH}/{made['id']}/input_items")["data"]) == 1
    cancelled = bridge.request("POST", f"{PATH}/{made['id']}/cancel")
    assert (cancelled.status, cancelled.error["message"]) == (400, f"the response {made['id']!r} is complete")
    post(bridge, model=model, input="go on", previous_response_id=made["id"])
    assert len(simulator.ledger(mark)) == 2


def test_a_running_one_is_cancelled(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    slow = f"[[sim:slow-body seconds=60]] {mark}"
    begun = post(bridge, model=MODELS[0], input=slow, background=True)
    simulator.ledger(mark, timeout=PATIENCE)
    for number in range(2):
        cancelled = post(bridge, f"{PATH}/{begun['id']}/cancel")
        assert (number, cancelled["status"], cancelled["error"]) == (number, "cancelled", None)
    assert get(bridge, f"{PATH}/{begun['id']}")["status"] == "cancelled"
    simulator.ended(mark)


def test_one_that_fails_says_why(bridge: Bridge) -> None:
    begun = post(bridge, model=MODELS[0], input="[[sim:error status=400]] hello", background=True)
    failed = poll(bridge, begun["id"])
    assert failed["status"] == "failed"
    assert failed["error"].keys() == {"code", "message"}


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"store": False}, "store"),
        ({"input": 5}, "input"),
        ({"model": ""}, "model"),
    ],
)
def test_a_wrong_request_is_refused_before_its_background_job_begins(
    bridge: Bridge, more: Json, param: str
) -> None:
    response = bridge.request("POST", PATH, {**ASK, "background": True, **more})
    assert (response.status, response.error["param"]) == (400, param)


def events_of(stream: Stream) -> list[Json]:
    assert stream.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(frame.raw.split(b"\n")[1][6:]) for frame in stream.all() if not frame.is_comment]
    stream.close()
    return events


def stream_again(bridge: Bridge, id_: str, query: str = "") -> list[Json]:
    return events_of(bridge.dial("GET", f"{PATH}/{id_}?stream=true{query}"))


@pytest.mark.parametrize("model", MODELS)
def test_a_response_in_the_background_is_streamed(bridge: Bridge, mark: str, model: str) -> None:
    body = {"model": model, "input": f"hello {mark}", "background": True, "stream": True}
    events = events_of(bridge.dial("POST", PATH, json.dumps(body).encode()))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.queued"]
    assert [event["sequence_number"] for event in events] == [*range(len(events))]
    whole = events[-1]["response"]
    assert (events[-1]["type"], whole["status"], whole["background"]) == (
        "response.completed",
        "completed",
        True,
    )
    ids = {event["response"]["id"] for event in events if "response" in event}
    assert ids == {whole["id"]}
    made = get(bridge, f"{PATH}/{whole['id']}")
    assert (made["id"], made["output"]) == (whole["id"], whole["output"])
    assert stream_again(bridge, whole["id"]) == events
    assert stream_again(bridge, whole["id"], "&starting_after=2") == events[3:]
    assert bridge.request("DELETE", f"{PATH}/{whole['id']}").status == 200
    assert bridge.request("GET", f"{PATH}/{whole['id']}?stream=true").status == 404


def test_a_stream_goes_on_without_its_client(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    slow = {"model": MODELS[0], "input": f"[[sim:slow-body seconds=1]] hello {mark}"}
    stream = bridge.dial("POST", PATH, json.dumps({**slow, "background": True, "stream": True}).encode())
    first = json.loads(next(stream.frames()).raw.split(b"\n")[1][6:])
    stream.close()
    id_ = first["response"]["id"]
    assert first["response"]["status"] == "queued"
    rest = stream_again(bridge, id_, "&starting_after=0")
    assert [event["sequence_number"] for event in rest] == [*range(1, len(rest) + 1)]
    assert rest[-1]["type"] == "response.completed"
    assert len(simulator.ledger(mark)) == 1


@pytest.mark.parametrize("fault", ["error status=400", "error-in-stream", "cut after=3"])
def test_a_stream_in_the_background_that_fails_says_why(bridge: Bridge, fault: str) -> None:
    body = {"model": MODELS[0], "input": f"[[sim:{fault}]] hello", "background": True, "stream": True}
    events = events_of(bridge.dial("POST", PATH, json.dumps(body).encode()))
    assert events[-1]["type"] == "response.failed"
    failed = get(bridge, f"{PATH}/{events[-1]['response']['id']}")
    assert (failed["status"], failed["error"]) == ("failed", events[-1]["response"]["error"])


def test_a_stream_that_is_cancelled_ends(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    body = {"model": MODELS[0], "input": f"[[sim:slow-body seconds=60]] {mark}", "background": True}
    stream = bridge.dial("POST", PATH, json.dumps({**body, "stream": True}).encode())
    id_ = json.loads(next(stream.frames()).raw.split(b"\n")[1][6:])["response"]["id"]
    simulator.ledger(mark, timeout=PATIENCE)
    assert post(bridge, f"{PATH}/{id_}/cancel")["status"] == "cancelled"
    assert not {event["type"] for event in events_of(stream)} & {"response.completed", "response.failed"}
    simulator.ended(mark)


def test_only_what_began_as_a_stream_is_streamed_again(bridge: Bridge) -> None:
    id_ = post(bridge, **ASK)["id"]
    for query, param in (("stream=true", "stream"), ("stream=true&starting_after=x", "starting_after")):
        response = bridge.request("GET", f"{PATH}/{id_}?{query}")
        assert (response.status, response.error["param"]) == (400, param)


def test_only_what_was_in_the_background_is_cancelled(bridge: Bridge) -> None:
    id_ = post(bridge, **ASK)["id"]
    response = bridge.request("POST", f"{PATH}/{id_}/cancel")
    assert (response.status, "background" in response.error["message"]) == (400, True)


@pytest.mark.parametrize("model", MODELS)
def test_a_conversation_of_its_own_keeps_its_items(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    message = {"type": "message", "role": "user", "content": f"the secret word is {mark}"}
    conversation = post(bridge, "/v1/conversations", items=[message], metadata={"topic": "words"})
    assert conversation.keys() == {"id", "object", "created_at", "metadata"}
    path = f"/v1/conversations/{conversation['id']}"
    for number, name in enumerate((conversation["id"], {"id": conversation["id"]})):
        response = post(bridge, model=model, input=f"number {number}", conversation=name)
        assert response["conversation"] == {"id": conversation["id"]}
    items = get(bridge, f"{path}/items?order=asc")["data"]
    assert [item["role"] for item in items if item["type"] == "message"] == [
        "user",
        *("user", "assistant"),
        *("user", "assistant"),
    ]
    assert len({item["id"] for item in items}) == len(items)
    sent_text = json.dumps(simulator.ledger(mark)[-1]["body"])
    assert sent_text.index(mark) < sent_text.index("number 0") < sent_text.index("number 1")
    added = post(bridge, f"{path}/items", items=[{"role": "assistant", "content": "so be it"}])
    (item,) = added["data"]
    assert item["content"] == [{"type": "output_text", "text": "so be it", "annotations": []}]
    assert get(bridge, f"{path}/items/{item['id']}") == item
    assert get(bridge, f"{path}/items?limit=1")["data"] == [item]
    assert bridge.request("DELETE", f"{path}/items/{item['id']}").json["id"] == conversation["id"]
    assert verdict(bridge.request("GET", f"{path}/items/{item['id']}")) == GONE
    assert post(bridge, path, metadata={"topic": "more"})["metadata"] == {"topic": "more"}
    assert bridge.request("DELETE", path).json["deleted"] is True
    response = bridge.request("POST", PATH, {**ASK, "conversation": conversation["id"]})
    assert (response.status, response.error["param"]) == (400, "conversation")


@pytest.mark.parametrize("model", MODELS)
def test_a_conversation_is_compacted(bridge: Bridge, simulator: Simulator, mark: str, model: str) -> None:
    messages = [
        {"role": "user", "content": f"the secret word is {mark}"},
        {"role": "assistant", "content": "I see."},
        {"role": "user", "content": "Remember it."},
    ]
    compacted = post(bridge, f"{PATH}/compact", model=model, input=messages)
    assert compacted["object"] == "response.compaction"
    *users, compaction = compacted["output"]
    assert [item["role"] for item in users] == ["user", "user"]
    assert compaction.keys() >= {"id", "type", "encrypted_content"}
    assert compacted["usage"]["output_tokens"] > 0
    asked = simulator.only(mark)
    assert asked["headers"]["x-initiator"] == "agent"
    assert "Write a summary" in json.dumps(asked["body"])
    goes_on = [*compacted["output"], {"role": "user", "content": "What was it?"}]
    again = post(bridge, f"{PATH}/compact", model=model, input=goes_on)["output"]
    assert [item["type"] for item in again] == ["message", "message", "message", "compaction"]
    for other in MODELS:
        post(bridge, model=other, input=goes_on)
        sent = json.dumps(simulator.ledger(mark)[-1]["body"])
        assert "Summary of the conversation so far" in sent
        assert "encrypted_content" not in sent.replace("reasoning.encrypted_content", "")


def test_a_kept_response_is_compacted_by_its_id(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    id_ = post(bridge, model=MODELS[0], input=f"hello {mark}")["id"]
    output = post(bridge, f"{PATH}/compact", model=MODELS[0], previous_response_id=id_)["output"]
    assert [item["type"] for item in output] == ["message", "compaction"]
    assert len(simulator.ledger(mark)) == 2
    response = bridge.request("POST", f"{PATH}/compact", {"model": MODELS[0]})
    assert (response.status, response.error["param"]) == (400, "input")


FUNCTION = {"type": "function", "name": "read", "parameters": {"type": "object", "properties": {}}}


@pytest.mark.parametrize("model", MODELS)
def test_a_compaction_of_codex_reaches_the_model(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    post(
        bridge,
        f"{PATH}/compact",
        model=model,
        input=mark,
        tools=[FUNCTION],
        parallel_tool_calls=True,
        reasoning={"effort": "low"},
        text={"verbosity": "low", "format": {"type": "text"}},
        stream=False,
        store=False,
        tool_choice="auto",
        include=["reasoning.encrypted_content"],
        metadata={"task": "1"},
        client_metadata={"thread": "1"},
        user="me",
        safety_identifier="me",
    )
    sent = simulator.only(mark)["body"]
    assert "read" in json.dumps(sent["tools"])
    assert sent["tool_choice"] in ("none", {"type": "none"})
    if model == MODELS[0]:
        assert (sent["reasoning"]["effort"], sent["text"]["verbosity"]) == ("low", "low")


def test_documented_settings_of_a_compaction_are_sent(
    bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    cache = {"prompt_cache_key": "a", "prompt_cache_retention": "24h"}
    post(bridge, f"{PATH}/compact", model=MODELS[0], input=mark, **cache)
    assert simulator.only(mark)["body"].items() >= cache.items()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stream", True),
        ("background", True),
        ("store", True),
        ("tool_choice", "required"),
        ("tool_choice", {"type": "function", "name": "read"}),
        ("truncation", "auto"),
        ("text.format", {"format": {"type": "json_object"}}),
        ("text.format.type", {"format": {}}),
        ("text", "brief"),
        ("max_output_tokens", 100),
        ("conversation", "conv_1"),
        ("include", ["message.output_text.logprobs"]),
        ("foo", {}),
    ],
)
def test_a_field_that_a_compaction_cannot_obey_is_refused(
    bridge: Bridge, simulator: Simulator, mark: str, field: str, value: Any
) -> None:
    body = {"model": MODELS[0], "input": mark, field.split(".")[0]: value}
    response = bridge.request("POST", f"{PATH}/compact", body)
    assert (response.status, response.error["param"]) == (400, field)
    assert simulator.ledger(mark) == []


@pytest.mark.parametrize("model", MODELS[1:])
def test_half_a_summary_is_no_compaction(bridge: Bridge, model: str) -> None:
    body = {"model": model, "input": "[[sim:length]] hello"}
    response = bridge.request("POST", f"{PATH}/compact", body)
    assert response.status == 502
    assert "did not finish the summary" in response.error["message"]


@pytest.mark.parametrize("model", MODELS)
def test_the_tokens_of_an_input_are_counted(bridge: Bridge, model: str) -> None:
    count = post(bridge, f"{PATH}/input_tokens", model=model, input="hello", instructions="Be brief.")
    assert count.keys() == {"object", "input_tokens"}
    assert count["object"] == "response.input_tokens"
    assert 5 < count["input_tokens"] < 40


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/messages/batches"),
        ("POST", "/v1/messages/batches"),
        ("GET", "/v1/messages/batches/msgbatch_1"),
        ("POST", "/v1/messages/batches/msgbatch_1/cancel"),
    ],
)
def test_anthropics_batches_are_told_to_be_missing(bridge: Bridge, method: str, path: str) -> None:
    response = bridge.request(method, path, {} if method == "POST" else None)
    assert response.status == 404
    assert (response.json["type"], response.json["error"]["type"]) == ("error", "not_found_error")


def test_without_a_store_nothing_can_be_fetched(start_bridge: Start) -> None:
    bridge = start_bridge(response_store_mb=0)
    id_ = post(bridge, **ASK)["id"]
    assert verdict(bridge.request("GET", f"{PATH}/{id_}")) == GONE
    assert bridge.request("POST", PATH, {**ASK, "background": True}).error["param"] == "background"
    assert bridge.request("POST", "/v1/conversations", {}).status == 400
    assert post(bridge, f"{PATH}/input_tokens", **ASK)["input_tokens"] > 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_references_become_the_items_that_they_mean(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    """As the AI SDK sends what is stored."""
    id_ = post(bridge, model=model, input="[[sim:say]] The duck is blue.")["id"]
    if stream:
        body = {"model": model, "input": "[[sim:say]] The duck is blue.", "stream": True}
        response = bridge.request("POST", PATH, body)
        data = response.body.decode().rstrip().rpartition("\ndata: ")[2]
        id_ = json.loads(data)["response"]["id"]
    output = get(bridge, f"{PATH}/{id_}")["output"]
    references = [{"type": "item_reference", "id": item["id"]} for item in output]
    untyped = {"id": output[-1]["id"]}
    messages = [{"role": "user", "content": "Which?"}, *references[:-1], untyped]
    for other in MODELS:
        goes_on = [*messages, {"role": "user", "content": f"{mark}{other}"}]
        third = post(bridge, model=other, input=goes_on)["id"]
        sent = json.dumps(simulator.only(f"{mark}{other}")["body"])
        assert "The duck is blue." in sent
        assert "item_reference" not in sent
        # The kept response has the items, too.
        post(bridge, model=MODELS[1], previous_response_id=third, input=f"{mark}{other}-then")
        assert "The duck is blue." in json.dumps(simulator.only(f"{mark}{other}-then")["body"])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("id_", ["msg_1", "fc_1", "", "msg_0123456789abcdef_7"])
def test_a_reference_to_an_item_that_is_not_kept_is_refused(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, id_: Any
) -> None:
    messages = [{"role": "user", "content": mark}, {"type": "item_reference", "id": id_}]
    response = bridge.request("POST", PATH, {"model": model, "input": messages})
    assert (response.status, response.error["param"]) == (400, "input.1")
    assert simulator.ledger(mark) == []


@pytest.mark.parametrize(
    "reference", [{"type": "item_reference"}, {"type": "item_reference", "id": 7}, {"id": None}]
)
def test_a_reference_without_an_id_is_refused(bridge: Bridge, reference: Json) -> None:
    response = bridge.request("POST", PATH, {"model": MODELS[0], "input": [reference]})
    assert (response.status, response.error["param"]) == (400, "input.0.id")
