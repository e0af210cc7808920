"""Responses over a WebSocket, as a client of Copilot's sees it."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from simulator_calls import Client
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

MODEL = "gpt-5.3-codex"
TERMINAL = ("error", "response.completed", "response.failed", "response.incomplete")
TOOL = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}


@dataclass
class Talk:
    """A connection under way."""

    socket: ClientConnection

    def say(self, asked: Any, model: str = MODEL, **more: Any) -> None:
        self.socket.send(json.dumps({"type": "response.create", "model": model, "input": asked, **more}))

    def events(self) -> list[dict[str, Any]]:
        """To the end of a turn."""
        found = [json.loads(self.socket.recv(timeout=10))]
        while found[-1]["type"] not in TERMINAL:
            found.append(json.loads(self.socket.recv(timeout=10)))
        return found

    def turn(self, asked: Any, model: str = MODEL, **more: Any) -> list[dict[str, Any]]:
        self.say(asked, model, **more)
        return self.events()

    def error(self, asked: Any, **more: Any) -> dict[str, Any]:
        """The error of a turn, after a look at its form."""
        (event,) = self.turn(asked, **more)
        assert event.keys() == {"type", "error", "copilot_quota_snapshots"}
        error: dict[str, Any] = event["error"]
        assert error.keys() == {"code", "message"}
        return error


@contextmanager
def talk(
    client: Client, persona: str = "demo", compression: str | None = None, **options: Any
) -> Iterator[Talk]:
    headers = {"Authorization": f"Bearer {client.github_token(persona, 'gho')}"}
    url = client.url.replace("http", "ws") + "/responses"
    with connect(url, additional_headers=headers, compression=compression, proxy=None, **options) as socket:
        yield Talk(socket)


def control(client: Client, path: str, **body: Any) -> None:
    body = {"github_token": client.github_token(prefix="gho"), **body}
    assert client.request("POST", f"/_simulator/{path}", json=body).status_code == 200


def said_in(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")


def test_a_turn_is_the_events_of_the_stream(client: Client) -> None:
    by_http = client.response("[[sim:say]] Hello there.", stream=True).content.split(b"\n\n")
    with talk(client) as live:
        events = live.turn("[[sim:say]] Hello there.", "gpt-5.2")
    assert said_in(events) == "Hello there."
    names = [event["type"] for event in events]
    assert names == [block.split(b"\n")[0].decode().removeprefix("event: ") for block in by_http if block]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert {event["headers"]["X-Copilot-WebSocket-Session-Id"] for event in events} != {""}


def test_a_turn_goes_on_from_an_earlier_one(client: Client) -> None:
    with talk(client) as live:
        first = live.turn("Please call look.", tools=[TOOL])
        (call,) = first[-1]["response"]["output"][1:]
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "a red panda"}
        before = first[-1]["response"]["id"]
        second = live.turn([output], tools=[TOOL], previous_response_id=before)
        assert "a red panda" in said_in(second)
        assert len(second[-1]["response"]["id"]) > 100


def test_only_its_own_connection_knows_a_response(client: Client) -> None:
    with talk(client) as live, talk(client) as other:
        before = live.turn("hello")[-1]["response"]["id"]
        assert other.error("more", previous_response_id=before)["code"] == "previous_response_not_found"
        assert live.turn("more", previous_response_id=before)[-1]["type"] == "response.completed"


def test_a_failed_continuation_forgets_its_parent(client: Client) -> None:
    with talk(client) as live:
        before = live.turn("hello")[-1]["response"]["id"]
        failed = live.error("[[sim:status code=500]]", previous_response_id=before)
        assert failed["code"] == "simulated_error"
        assert live.error("on", previous_response_id=before)["code"] == "previous_response_not_found"


def test_ids_of_items_are_bound_to_the_connection_and_sealed_thoughts_to_the_account(client: Client) -> None:
    with talk(client) as live:
        events = live.turn("hello", include=["reasoning.encrypted_content"])
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    anew = [item for item in done if item["type"] == "reasoning"]
    with talk(client) as other:
        asked = {"role": "user", "content": "more"}
        assert "does not belong to this connection" in other.error([*anew, asked])["message"]
        without = [{name: value for name, value in item.items() if name != "id"} for item in anew]
        assert other.turn([*without, asked])[-1]["type"] == "response.completed"


@pytest.mark.parametrize(
    ("asked", "more", "code"),
    [
        ("hello", {"generate": False}, "unsupported_value"),
        ("hello", {"type": "response.steer"}, "invalid_request_body"),
        ("hello", {"model": "claude-haiku-4.5"}, "unsupported_api_for_model"),
        ("hello", {"model": "gpt-nothing"}, "model_not_supported"),
        ("[[sim:refuse name=unavailable]]", {}, "service_unavailable"),
        ("[[sim:refuse name=weekly]]", {}, "user_weekly_rate_limited:business"),
        ("[[sim:gzip]]", {}, "simulator_misuse"),
    ],
)
def test_invalid_frames_are_refused(client: Client, asked: str, more: dict[str, Any], code: str) -> None:
    with talk(client) as live:
        assert live.error(asked, **more)["code"] == code
        assert live.turn("hello")[-1]["type"] == "response.completed"


def test_the_message_has_the_time_to_wait(client: Client) -> None:
    with talk(client) as live:
        assert "retry after 2733 seconds" in live.error("[[sim:refuse name=weekly]]")["message"]


def test_a_connection_has_an_age_limit(client: Client) -> None:
    control(client, "websockets", age=0.3)
    with talk(client) as live:
        assert live.turn("hello")[-1]["type"] == "response.completed"
        assert live.events()[0]["error"]["code"] == "websocket_connection_limit_reached"
        with pytest.raises(ConnectionClosed):
            live.events()
        assert live.socket.close_code == 1001


def test_an_idle_connection_is_closed(client: Client) -> None:
    control(client, "websockets", idle=0.2)
    with talk(client) as live:
        assert live.turn("hello")[-1]["type"] == "response.completed"
        with pytest.raises(ConnectionClosed):
            live.events()
        assert live.socket.close_code == 1001


@pytest.mark.parametrize("status", [404, 426])
def test_the_upgrade_can_be_refused(client: Client, status: int) -> None:
    control(client, "outages", paths={"ws:/responses": status})
    with pytest.raises(InvalidStatus) as refused, talk(client):
        pass
    assert refused.value.response.status_code == status


def test_the_upgrade_can_stay_unanswered(client: Client) -> None:
    control(client, "outages", paths={"ws:/responses": "never"})
    with pytest.raises(TimeoutError), talk(client, open_timeout=0.2):
        pass


def test_a_persona_has_no_websockets(client: Client) -> None:
    with pytest.raises(InvalidStatus) as refused, talk(client, "httponly"):
        pass
    assert refused.value.response.status_code == 426


def test_an_upgrade_has_to_be_a_whole_one(client: Client) -> None:
    headers = client.headers(Connection="Upgrade", Upgrade="websocket", Sec_WebSocket_Version="13")
    assert client.request("GET", "/responses", headers=headers).status_code == 400


def test_a_request_that_would_upgrade_has_its_body_read(client: Client) -> None:
    """gevent's server gives such a one the bare connection to read."""
    headers = client.headers(Connection="Upgrade", Upgrade="h2c")
    body = {"model": "gpt-5.2", "input": "hello"}
    assert client.request("POST", "/responses", json=body, headers=headers).status_code == 200


def test_a_plain_request_is_no_upgrade(client: Client) -> None:
    assert client.request("GET", "/responses", headers=client.headers()).status_code == 405


@pytest.mark.parametrize(
    ("fault", "code"), [("close-frame after=2 code=1013", 1013), ("cut-between", 1006), ("reset", 1006)]
)
def test_a_connection_can_break(client: Client, fault: str, code: int) -> None:
    with talk(client) as live:
        live.say(f"[[sim:{fault}]] hello")
        with pytest.raises(ConnectionClosed):
            live.events()
        assert live.socket.close_code in (code, None if code == 1006 else code)


def test_pings_are_answered_while_a_response_is_written(client: Client) -> None:
    with talk(client) as live:
        live.say("[[sim:stall after=1 seconds=0.5]] hello")
        assert live.socket.ping().wait(timeout=0.4)
        assert live.events()[-1]["type"] == "response.completed"


def test_a_client_who_leaves_is_noticed(client: Client) -> None:
    mark = secrets.token_hex(8)
    with talk(client) as live:
        live.say(f"[[sim:stall after=1 seconds=60]] {mark}")
        live.socket.recv(timeout=5)
    entry = client.ledger(mark, ended=1, timeout=5)[0]
    assert entry["outcome"] == "client-gone"


def test_binary_frames_are_not_taken(client: Client) -> None:
    with talk(client) as live:
        live.socket.send(b"{}")
        with pytest.raises(ConnectionClosed):
            live.events()
        assert live.socket.close_code == 1003


def test_the_ledger_has_each_frame_with_its_headers(client: Client) -> None:
    mark = secrets.token_hex(8)
    with talk(client) as live:
        live.turn(mark, initiator="user", headers={"X-Interaction-Type": "conversation-user"})
    (entry,) = client.ledger(mark)
    assert (entry["method"], entry["path"], entry["persona"]) == ("WEBSOCKET", "/responses", "demo")
    assert entry["headers"]["x-interaction-type"] == "conversation-user"
    assert entry["headers"]["authorization"].startswith("Bearer gho_")
    assert entry["body"]["initiator"] == "user"
    assert entry["outcome"] == "complete"


def test_only_the_agreed_compression_is_accepted(client: Client) -> None:
    with talk(client, compression="deflate") as live:
        assert "permessage-deflate" in accepted(live)
        assert said_in(live.turn("[[sim:say]] Hello there.")) == "Hello there."
    control(client, "websockets", compression="refuse")
    with talk(client, compression="deflate") as live:
        assert accepted(live) == ""
        assert said_in(live.turn("[[sim:say]] Hello there.")) == "Hello there."
        assert closed_after(live, b"\xc1\x80\0\0\0\0") == 1002
    control(client, "websockets", compression="both", memory=False, window=10)
    with talk(client, compression="deflate") as live:
        assert {"client_no_context_takeover", "client_max_window_bits=10"} <= set(accepted(live).split("; "))
        assert said_in(live.turn("[[sim:say]] Hello there.")) == "Hello there."
        assert said_in(live.turn("[[sim:say]] And again.")) == "And again."
        assert closed_after(live, b"\xc1\x84\0\0\0\0\xff\xff\xff\xff") == 1002


def accepted(live: Talk) -> str:
    assert live.socket.response is not None
    return live.socket.response.headers.get("Sec-WebSocket-Extensions", "")


def closed_after(live: Talk, frame: bytes) -> int | None:
    """The code with which the connection is closed after a frame that is none."""
    live.socket.socket.sendall(frame)
    with pytest.raises(ConnectionClosed):
        live.events()
    return live.socket.close_code


@pytest.mark.parametrize("body", [{"window": "10"}, {"level": 9}, {"memory": 1}])
def test_limits_that_are_none_are_refused(client: Client, body: dict[str, Any]) -> None:
    asked = {"github_token": client.github_token(prefix="gho"), **body}
    assert client.request("POST", "/_simulator/websockets", json=asked).status_code == 400
