"""`previous_response_id`: a conversation goes on from what the bridge keeps, for its caller alone."""

import json
from typing import Any

import pytest
from integration.harness import Bridge, Json, Response, Simulator, Start

PATH = "/v1/responses"
MODELS = ["gpt-5.3-codex", "claude-sonnet-4.5", "gpt-4o"]  # natively, and through both of the others
TOOL: Json = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
GONE = (400, "previous_response_not_found", "previous_response_id")


def post(bridge: Bridge, given: Any, headers: dict[str, str] | None = None, **more: Any) -> Response:
    return bridge.request("POST", PATH, {"model": MODELS[0], "input": given, **more}, headers or {})


def completed(bridge: Bridge, given: Any, stream: bool, **more: Any) -> Json:
    """The response, in one piece or as its stream's last event has it."""
    if not stream:
        response = post(bridge, given, **more)
        assert response.status == 200, response.body
        return dict(response.json)
    body = {"model": MODELS[0], "input": given, "stream": True, **more}
    last = last_event(bridge, body)
    assert last["type"] == "response.completed"
    return dict(last["response"])


def last_event(bridge: Bridge, body: Json) -> Json:
    frame = bridge.dial("POST", PATH, json.dumps(body).encode()).all()[-1]
    data: Json = json.loads(frame.raw.partition(b"\ndata: ")[2])
    return data


def refused(response: Response) -> tuple[int, Any, Any]:
    return response.status, response.error["code"], response.error["param"]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("model", MODELS)
def test_a_conversation_goes_on(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, stream: bool
) -> None:
    first = completed(bridge, f"the secret word is {mark}", stream, model=model)
    assert first["previous_response_id"] is None
    second = completed(bridge, "what next?", stream, model=model, previous_response_id=first["id"])
    assert second["previous_response_id"] == first["id"]
    assert second["store"] is False
    third = completed(
        bridge,
        [{"role": "user", "content": "and then?"}],
        stream,
        model=model,
        previous_response_id=second["id"],
    )
    sent_text = json.dumps(simulator.ledger(mark)[-1]["body"])
    places = [sent_text.index(text) for text in (mark, "what next?", "and then?")]
    assert places == sorted(places)
    texts = [
        part["text"] for item in second["output"] if item["type"] == "message" for part in item["content"]
    ]
    assert texts
    assert all(json.dumps(text)[1:-1] in sent_text for text in texts)
    assert third["id"] not in (first["id"], second["id"])


@pytest.mark.parametrize("model", MODELS)
def test_a_tools_result_is_all_that_has_to_be_sent(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    first = completed(bridge, f"[[sim:tools]] the weather in {mark}", False, model=model, tools=[TOOL])
    call = next(item for item in first["output"] if item["type"] == "function_call")
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
    answered = completed(bridge, [result], False, model=model, tools=[TOOL], previous_response_id=first["id"])
    assert answered["status"] == "completed"
    entry = simulator.ledger(mark)[-1]
    assert entry["headers"]["x-initiator"] == "agent"
    assert json.dumps(entry["body"]).count(call["call_id"]) == 2  # the call and its result


def test_an_unknown_response_is_refused(bridge: Bridge) -> None:
    assert refused(post(bridge, "hello", previous_response_id="resp_nothing")) == GONE


def test_a_response_of_another_caller_can_not_be_continued(bridge: Bridge) -> None:
    mine, yours = {"Authorization": "Bearer mine"}, {"Authorization": "Bearer yours"}
    id_ = post(bridge, "hello", mine).json["id"]
    assert refused(post(bridge, "go on", yours, previous_response_id=id_)) == GONE
    assert refused(post(bridge, "go on", {"x-api-key": "mine"}, previous_response_id=id_)) == GONE
    assert post(bridge, "go on", mine, previous_response_id=id_).status == 200


def test_store_false_stores_nothing(bridge: Bridge) -> None:
    id_ = post(bridge, "hello", store=False).json["id"]
    assert refused(post(bridge, "go on", previous_response_id=id_)) == GONE


def test_a_response_that_broke_off_is_not_kept(bridge: Bridge) -> None:
    body = {"model": MODELS[0], "input": "[[sim:cut-between after=7]] one two three", "stream": True}
    last = last_event(bridge, body)
    assert last["type"] == "response.failed"
    assert refused(post(bridge, "go on", previous_response_id=last["response"]["id"])) == GONE


def test_the_memory_can_be_switched_off(start_bridge: Start) -> None:
    bridge = start_bridge(response_store_mb=0)
    id_ = post(bridge, "hello").json["id"]
    assert refused(post(bridge, "go on", previous_response_id=id_)) == GONE


@pytest.mark.parametrize("given", [5, "", ["resp_1"]], ids=str)
def test_a_malformed_id_is_refused(bridge: Bridge, given: Any) -> None:
    response = post(bridge, "hello", previous_response_id=given)
    assert (response.status, response.error["param"]) == (400, "previous_response_id")
