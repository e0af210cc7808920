"""Responses over a WebSocket, as clients of the bridge know it: turns, errors, lanes, pings, the end."""

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from integration.harness import PATIENCE, Bridge, Json, Simulator, Start, new_mark, new_token
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

MODELS = ["gpt-5.3-codex", "claude-sonnet-4.5", "gpt-4o"]  # natively, and through both of the others
MODEL = MODELS[0]
TERMINAL = ("error", "response.completed", "response.failed", "response.incomplete")
TOOL = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
OPERATOR = "a-key-of-the-operators"
LONG = "[[sim:stall after=4 seconds=0.5]] [[sim:say]] one two three four"


class Talk:
    """A client on its connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, asked: Any, model: str = MODEL, **more: Any) -> None:
        self.socket.send(json.dumps({"type": "response.create", "model": model, "input": asked, **more}))

    def event(self) -> Json:
        event: Json = json.loads(self.socket.recv(timeout=PATIENCE))
        return event

    def events(self) -> list[Json]:
        """To the end of a turn."""
        found = [self.event()]
        while found[-1]["type"] not in TERMINAL:
            found.append(self.event())
        return found

    def turn(self, asked: Any, model: str = MODEL, **more: Any) -> Json:
        """The last event of a turn."""
        self.say(asked, model, **more)
        return self.events()[-1]

    def error(self, asked: Any, **more: Any) -> Json:
        """The error of a turn, after a look at its form: without a status Codex waits for minutes."""
        return checked(self.turn(asked, **more))


def checked(event: Json) -> Json:
    assert event.keys() - {"stream_id"} == {"type", "status", "error", "headers"}
    assert event["error"].keys() == {"message", "type", "param", "code"}
    assert isinstance(event["status"], int)
    return event


def text_of(event: Json) -> str:
    parts = [part for item in event["response"]["output"] for part in item.get("content") or ()]
    return "".join(part.get("text", "") for part in parts)


@contextmanager
def talk(bridge: Bridge, path: str = "/v1/responses", **headers: str) -> Iterator[Talk]:
    url = bridge.url.replace("http", "ws") + path
    with connect(url, additional_headers=headers, compression=None, proxy=None, max_size=None) as socket:
        yield Talk(socket)


@pytest.mark.parametrize("model", MODELS)
def test_a_conversation_goes_on_with_new_items_alone(
    any_bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    with talk(any_bridge) as client:
        first = client.turn(f"{mark} [[sim:tools]]", model, tools=[TOOL], store=False)
        (call,) = [item for item in first["response"]["output"] if item["type"] == "function_call"]
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "It rains."}
        before = first["response"]["id"]
        second = client.turn([result], model, tools=[TOOL], store=False, previous_response_id=before)
    assert second["type"] == "response.completed"
    assert second["response"]["previous_response_id"] == before
    assert "It rains." in json.dumps(simulator.ledger(mark)[-1]["body"])


def test_a_websockets_events_are_those_of_the_stream(bridge: Bridge) -> None:
    asked = {"model": MODEL, "input": "[[sim:think]] [[sim:say]] It is so."}
    stream = bridge.dial("POST", "/v1/responses", json.dumps({**asked, "stream": True}).encode())
    by_http = [json.loads(frame.raw.partition(b"\ndata: ")[2]) for frame in stream.all()]
    with talk(bridge) as client:
        client.say(asked["input"])
        events = client.events()
    assert [event["type"] for event in events] == [event["type"] for event in by_http]
    assert [event.keys() for event in events] == [event.keys() for event in by_http]
    assert text_of(events[-1]) == "It is so."


def test_each_turn_has_a_row_in_the_log(bridge: Bridge) -> None:
    with talk(bridge) as client:
        for number in range(2):
            client.turn(f"turn {number}")
        handshake = dict(client.socket.response.headers) if client.socket.response else {}
        assert bridge.request("GET", f"/requests/{handshake['x-request-id']}").status == 404
    deadline = time.monotonic() + PATIENCE  # a row is written after the turn's last event
    while len(turns := logged_turns(bridge)) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [(row["status"], row["outcome"], row["dialect"]) for row in turns] == [
        (200, "ok", "responses")
    ] * 2
    line = bridge.log.wait_for(lambda text: '"method":"WEBSOCKET"' in text)
    assert json.loads(line)["status"] == 200


def logged_turns(bridge: Bridge) -> list[Json]:
    """The two latest streamed requests of the Responses API in the request log."""
    rows: list[Json] = bridge.request("GET", "/requests", headers={"accept": "application/json"}).json["data"]
    return [row for row in rows if row["path"] == "/v1/responses" and row["streamed"]][:2]


ERRORS: dict[str, tuple[Json, int, str | None]] = {
    "refused by Copilot": ({"asked": "[[sim:status code=429 retry-after=seconds]]"}, 429, None),
    "a wrong field": ({"asked": "x", "max_output_tokens": "many"}, 400, None),
    "an unknown model": ({"asked": "x", "model": "gpt-0"}, 400, "model_not_found"),
    "an unknown response": (
        {"asked": "x", "previous_response_id": "resp_1"},
        400,
        "previous_response_not_found",
    ),
    "in the background": ({"asked": "x", "background": True}, 400, "unsupported_value"),
    "a wrong lane": ({"asked": "x", "stream_id": "a b"}, 400, "invalid_stream_id"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_has_its_status_and_is_not_the_end(many: Bridge, name: str) -> None:
    body, status, code = ERRORS[name]
    with talk(many, authorization=f"Bearer {new_token()}") as client:
        error = client.error(**body)
        assert (error["status"], code or error["error"]["code"]) == (status, error["error"]["code"])
        if status == 429:
            assert int(error["headers"]["retry-after"]) > 0
        else:
            assert client.turn("hello")["type"] == "response.completed"


@pytest.fixture(scope="module")
def many(_launch: Start) -> Iterator[Bridge]:
    """A bridge for accounts of the callers' own, so that no limit of one test concerns another."""
    bridge = _launch(allow_github_tokens=1, api_key=OPERATOR)
    yield bridge.warm_up(OPERATOR)
    bridge.stop()


def test_only_messages_that_are_no_turns_are_refused(bridge: Bridge) -> None:
    with talk(bridge) as client:
        steer = {"type": "response.steer", "stream_id": "main", "input": []}
        for text in ("no json", "[]", '{"type": "response.cancel"}', json.dumps(steer)):
            client.socket.send(text)
            error = checked(client.event())
            assert error["status"] == 400
        assert error["stream_id"] == "main"
        assert client.turn("hello")["type"] == "response.completed"
        client.socket.send(b"binary")
        with pytest.raises(ConnectionClosed) as closed:
            client.event()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1003


def test_steering_fails_without_an_end_of_the_response(bridge: Bridge) -> None:
    """The input comes back, as OpenAI's types have it; an error would end the response for the client."""
    with talk(bridge) as client:
        client.say(LONG)
        begun = client.event()
        steer = {"input": "and five", "previous_response_id": begun["response"]["id"]}
        client.socket.send(json.dumps({"type": "response.steer", **steer}))
        events = client.events()
    (failed,) = [event for event in events if event["type"] == "response.steer.failed"]
    assert failed["steer"] == steer
    assert failed["error"].keys() == {"code", "message", "type"}
    assert failed["error"]["code"] == "steering_not_supported"
    assert isinstance(failed["sequence_number"], int)
    assert text_of(events[-1]) == "one two three four"


@pytest.mark.parametrize("model", [MODEL, "gpt-4o"])
def test_a_warm_up_brings_the_beginning_of_a_conversation(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    """As Codex does: with real input, which the next turn relies on."""
    begun = [{"type": "message", "role": "developer", "content": f"Know {mark}."}]
    with talk(bridge) as client:
        client.say(begun, model, generate=False, tools=[TOOL], store=False, stream=True)
        events = client.events()
        assert [event["type"] for event in events] == ["response.created", "response.completed"]
        response = events[-1]["response"]
        assert (response["output"], response["status"], response["model"]) == ([], "completed", model)
        assert simulator.ledger(mark) == []
        last = client.turn("Go on.", model, previous_response_id=response["id"], store=False)
    assert last["type"] == "response.completed"
    sent_text = json.dumps(simulator.only(mark)["body"])
    assert sent_text.index(mark) < sent_text.index("Go on.")


def test_a_wrong_warm_up_is_refused_as_a_turn_is(bridge: Bridge) -> None:
    with talk(bridge) as client:
        assert client.error("x", generate=False, model="gpt-0")["error"]["code"] == "model_not_found"
        assert client.error("x", generate=False, max_output_tokens=0)["status"] == 400


def test_a_connection_is_no_conversation(bridge: Bridge) -> None:
    """openai-agents has one connection for all runs: a turn may name an earlier response than the last."""
    with talk(bridge) as client:
        marks = [new_mark() for _ in range(3)]
        firsts = [client.turn(f"[[sim:say]] I know {mark}", store=False) for mark in marks]
        for mark, first in zip(marks, firsts, strict=True):
            id_ = first["response"]["id"]
            assert client.turn("and now?", previous_response_id=id_, store=False)["response"]["output"]
            # It may be continued twice.
            again = client.turn("[[sim:say]] again", previous_response_id=id_, store=False)
            assert text_of(again) == "again", mark
    with talk(bridge) as other:
        assert other.error("x", previous_response_id=firsts[0]["response"]["id"])["status"] == 400


def test_lanes_run_side_by_side_and_each_in_its_order(bridge: Bridge) -> None:
    with talk(bridge) as client:
        client.say(LONG, stream_id="slow")
        client.say("[[sim:say]] second", stream_id="slow")
        client.say("[[sim:say]] quick", stream_id="quick")
        client.say("[[sim:say]] unnamed")
        ends: list[tuple[str | None, str]] = []
        while len(ends) < 4:
            event = client.event()
            if event["type"] in TERMINAL:
                ends.append((event.get("stream_id"), text_of(event)))
    assert ends[2:] == [("slow", "one two three four"), ("slow", "second")]
    assert sorted(ends[:2], key=str) == [("quick", "quick"), (None, "unnamed")]


def test_there_is_a_limit_to_lanes_and_to_turns_that_wait(bridge: Bridge) -> None:
    with talk(bridge) as client:
        for number in range(32):
            assert (
                client.turn("x", stream_id=f"lane-{number}", generate=False)["type"] == "response.completed"
            )
        error = client.error("x", stream_id="one-more", generate=False)
        assert error["error"]["code"] == "websocket_stream_limit_reached"
        assert error["stream_id"] == "one-more"
        client.say(LONG)
        for _ in range(9):
            client.say("x", generate=False)
        refused = next(event for event in iter(client.event, None) if event["type"] in TERMINAL)
        assert (checked(refused)["status"], refused["error"]["code"]) == (429, "rate_limit_exceeded")


def test_a_ping_is_answered_while_a_response_is_made(any_bridge: Bridge) -> None:
    with talk(any_bridge) as client:
        client.say(LONG.replace("0.5", "60"))
        client.event()
        assert client.socket.ping().wait(PATIENCE / 2), (
            "the answer would come only with the rest of the response"
        )


def test_a_client_that_leaves_ends_its_turn(any_bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """By a close frame, or without one, as Codex."""
    for leave in ("close", "drop"):
        with talk(any_bridge) as client:
            client.say(f"{mark} {leave} [[sim:stall after=4 seconds=30]] [[sim:say]] one two three")
            client.event()
            if leave == "drop":
                client.socket.socket.shutdown(2)
        assert simulator.ended(f"{mark} {leave}")["outcome"] == "client-gone"


def test_the_items_tell_whose_turn_it_is(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """The Copilot CLI says on the handshake alone that a person has begun."""
    with talk(bridge, **{"x-initiator": "user"}) as client:
        first = client.turn(f"{mark} [[sim:tools]]", "gpt-4o", tools=[TOOL])["response"]
        (call,) = [item for item in first["output"] if item["type"] == "function_call"]
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "done"}
        client.turn([result], "gpt-4o", tools=[TOOL], previous_response_id=first["id"])
    initiators = [entry["headers"]["x-initiator"] for entry in simulator.ledger(mark)]
    assert initiators == ["user", "agent"]


@pytest.mark.parametrize("server", ["gevent", "gunicorn"])
def test_the_connection_is_closed_with_1001_after_the_turn(start_bridge: Start, server: str) -> None:
    """At a stop, and under gunicorn also where another worker takes over."""
    bridge = start_bridge(server=server).warm()
    with talk(bridge) as client, talk(bridge) as idle:
        client.say(LONG)
        client.event()
        os.kill(bridge.workers()[0], signal.SIGHUP if server == "gunicorn" else signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            idle.event()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        assert text_of(client.events()[-1]) == "one two three four"
        with pytest.raises(ConnectionClosed) as closed:
            client.event()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


def test_access_is_as_everywhere(many: Bridge) -> None:
    with pytest.raises(InvalidStatus) as refused, talk(many):
        pass
    assert refused.value.response.status_code == 401
    key = {"authorization": f"Bearer {OPERATOR}"}
    with pytest.raises(InvalidStatus) as refused, talk(many, origin="https://evil.example", **key):
        pass
    assert b"permission_error" in refused.value.response.body
    with talk(many, **key) as client:
        assert client.turn("hello")["type"] == "response.completed"
    with talk(many, authorization="Bearer ghu_not_a_token_of_anybodys") as client:
        assert client.error("hello")["status"] in (400, 401)


def test_a_large_message_passes_and_a_larger_one_does_not(bridge: Bridge) -> None:
    with talk(bridge) as client:
        assert client.turn("x" * 17_000_000, "gpt-4o", generate=False)["type"] == "response.completed"
        with suppress(ConnectionClosed):
            client.socket.send("x" * (64 * 1024 * 1024 + 1))
        with pytest.raises(ConnectionClosed) as closed:
            client.event()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


def test_many_connections_are_served_at_once(any_bridge: Bridge) -> None:
    def ask(number: int) -> str:
        with talk(any_bridge) as client:
            return text_of(client.turn(f"[[sim:say]] {number} {number}", "gpt-4o"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(24))) == [f"{number} {number}" for number in range(24)]
