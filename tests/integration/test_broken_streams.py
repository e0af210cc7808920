"""A cut stream is never reported as a success, and silence never runs into a client's timeout."""

import itertools
import re
import time
from collections.abc import Iterator

import pytest
from integration.dialects import ALL_CELLS, ALL_DIALECTS, MESSAGES
from integration.harness import KEEPALIVE, Bridge, ReceivedStream, Simulator, Start, new_token, tool

MODELS = ("gpt-4o", "claude-sonnet-4.5")
WRITE = [tool("write_file", path="string", content="string")]
CUTS = ("cut-in-frame after=4", "cut-between after=4", "reset after=4", "error-in-stream", "finish-error")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("cut", CUTS)
def test_a_broken_stream_ends_in_an_error(
    any_bridge: Bridge, simulator: Simulator, mark: str, model: str, cut: str
) -> None:
    stream = any_bridge.stream(f"[[sim:{cut}]] one two three four five six {mark}", model)
    assert stream.status == 200
    received = ReceivedStream(
        stream.all()
    )  # the body ends properly: only the error says that something is wrong
    error = received.error
    assert error["message"]
    assert error["type"] == "server_error"
    assert "You said".startswith(received.text[:8])
    assert len(simulator.ledger(mark)) == 1, "no second try after the first byte"
    line = any_bridge.logged(stream.headers["x-request-id"])
    assert line["outcome"] not in ("ok", "client_disconnected")
    assert line["error"] == error["message"]
    assert line["status"] == 200


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("cut", ["cut-in-frame", "cut-between", "reset"])
@pytest.mark.parametrize("framing", ["", "[[sim:length-delimited]]"])
def test_a_stream_cut_within_a_tool_call_is_an_error(
    any_bridge: Bridge, model: str, cut: str, framing: str
) -> None:
    prompt = f"[[sim:{cut} after=5]]{framing} write_file 'a.txt' 'some longer content to be written'"
    received = any_bridge.receive_stream(prompt, model, tools=WRITE)
    assert received.error["type"] == "server_error"
    assert received.calls, "what had arrived before is there"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("cut", ["cut-in-frame", "cut-between"])
def test_a_cut_body_without_length_is_an_error(any_bridge: Bridge, model: str, cut: str) -> None:
    """Nothing on the wire tells this end from a good one, but no [DONE] and no finish_reason came."""
    received = any_bridge.receive_stream(
        f"[[sim:{cut} after=4]][[sim:close-delimited]] one two three four five", model
    )
    assert received.error["code"] == "stream_cut"


@pytest.mark.parametrize("code", ["internal_error", "rate_limited"])
def test_an_error_in_the_stream_keeps_its_message(bridge: Bridge, code: str) -> None:
    received = bridge.receive_stream(f"[[sim:error-in-stream code={code}]] hello")
    assert received.error["message"] == "The simulator was asked to break this stream."
    assert received.error["code"] == code


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("fault", ["error-in-stream", "finish-error"])
def test_text_that_arrives_with_an_error_is_sent_before_it(
    any_bridge: Bridge, model: str, fault: str
) -> None:
    """Text and error arrive in one read, and the text was paid for."""
    received = any_bridge.receive_stream(f"[[sim:{fault}]] one two three", model)
    assert received.error
    assert received.text.startswith("You")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("cut", ["cut-in-frame", "cut-between", "reset"])
def test_a_cut_before_any_text_is_an_error(any_bridge: Bridge, model: str, cut: str) -> None:
    stream = any_bridge.stream(f"[[sim:{cut} after=0]] hello", model)
    received = ReceivedStream(stream.all())
    assert received.error
    assert received.text == ""


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("cut", ["cut-in-frame after=0", "reset after=0", "cut-between after=0"])
@pytest.mark.parametrize("limit", [None, 500])
def test_a_whole_response_that_breaks_off_is_an_error(
    any_bridge: Bridge, simulator: Simulator, mark: str, model: str, cut: str, limit: int | None
) -> None:
    response = any_bridge.chat(f"[[sim:{cut}]] hello {mark}", model, max_tokens=limit)
    assert response.status == 502
    assert response.error["type"] == "server_error"
    assert len(simulator.ledger(mark)) == 1, "Copilot has worked on it already: no second try"


@pytest.mark.parametrize(
    "cut", ["cut-in-frame after=3", "cut-between after=3", "reset after=3", "finish-error"]
)
def test_a_folded_stream_that_breaks_off_is_an_error(bridge: Bridge, cut: str) -> None:
    """The client wants it whole, upstream streams it."""
    response = bridge.chat(f"[[sim:{cut}]] one two three four", "claude-sonnet-4.5")
    assert response.status == 502
    assert response.error["type"] == "server_error"
    assert "IncompleteRead" not in response.error["message"], "for people, not for us"


def cut_at_the_end(bridge: Bridge, model: str, upstream: str) -> str:
    """The directive that cuts a stream when nothing is missing but its end.

    In Messages `message_stop` is the end, and Copilot's `[DONE]` is behind it; how many events there are
    before is known from a response of as many words, uncut.
    """
    if upstream != "messages":
        return "[[sim:cut-between after=1000]]"  # before the last one, at the latest
    events = MESSAGES.events(MESSAGES.frames(bridge, "one two three four", model))
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    return f"[[sim:cut-between after={len(events) - 1 + UPSTREAM_PINGS}]]"


UPSTREAM_PINGS = 1  # in a response of the simulator; those of the bridge come when it has to wait


FRAMINGS = {"chunked": "", "sized": "[[sim:length-delimited]]", "open": "[[sim:close-delimited]]"}
# Where the body ends with its connection, a chat response with a finish_reason has its end.
UNENDED = [(*cell, how) for cell in ALL_CELLS for how in FRAMINGS if how != "open" or cell[2] != "chat"]


@pytest.mark.parametrize(("client", "model", "upstream", "framing"), UNENDED)
def test_a_cut_after_the_last_word_is_an_error(
    any_bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, upstream: str, framing: str
) -> None:
    """More was to come: nobody knows whether that would have been the end."""
    cut = cut_at_the_end(any_bridge, model, upstream)
    dialect = ALL_DIALECTS[client]
    body = dialect.body(f"{cut}{FRAMINGS[framing]} one two three {mark}", model)
    stream = dialect.ask(any_bridge, body)
    frames = stream.all()
    assert dialect.broken(frames)["message"]
    if client == upstream == "messages":
        assert MESSAGES.events(frames)[-2]["type"] == "message_delta", "it was not cut where it should be"
    assert any_bridge.logged(stream.headers["x-request-id"])["outcome"] == "stream_cut"
    assert len(simulator.ledger(mark)) == 1, "Copilot has worked on it already: no second try"


@pytest.mark.parametrize(("client", "model", "upstream", "framing"), UNENDED)
def test_a_whole_response_cut_after_the_last_word_is_an_error(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, upstream: str, framing: str
) -> None:
    """As far as it is folded from a stream: there a longer answer would look the same."""
    cut = cut_at_the_end(bridge, model, upstream)
    dialect = ALL_DIALECTS[client]
    text = f"{cut}{FRAMINGS[framing]} one two three {mark}"
    response = dialect.post(bridge, dialect.body(text, model, **{dialect.limit: 32_000}))
    assert response.status == 502
    assert dialect.error(response)["message"]
    assert len(simulator.ledger(mark)) == 1


@pytest.mark.parametrize("model", MODELS)
def test_close_before_the_response_is_tried_once_more(
    any_bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    received = any_bridge.receive_stream(f"[[sim:close-before-response once={mark}]] hello", model)
    assert received.text
    assert len(simulator.ledger(mark)) == 2


@pytest.mark.parametrize("stream", [True, False])
def test_close_before_each_response_is_an_error(
    any_bridge: Bridge, simulator: Simulator, mark: str, stream: bool
) -> None:
    response = any_bridge.chat(f"[[sim:close-before-response]] hello {mark}", stream=stream)
    assert response.status == 502
    assert response.error["code"] == "upstream_unreachable"
    assert len(simulator.ledger(mark)) == 2


@pytest.mark.parametrize("model", MODELS)
def test_a_whitespace_loop_is_stopped(
    any_bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    began = time.monotonic()
    received = any_bridge.receive_stream(f"[[sim:whitespace-loop]] write_file a {mark}", model, tools=WRITE)
    assert received.error["code"] == "degenerate_output"
    assert time.monotonic() - began < 15
    assert len(re.findall(r"\s", received.calls[0]["arguments"])) < 1000
    assert simulator.ended(mark)["outcome"] == "client-gone", "nobody pays for the rest"


def test_a_folded_whitespace_loop_is_stopped(any_bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """And upstream is let go at once, not when the garbage is collected: that put a dead connection back."""
    response = any_bridge.chat(
        f"[[sim:whitespace-loop]] write_file a {mark}", "claude-sonnet-4.5", tools=WRITE
    )
    assert response.status == 502
    assert response.error["code"] == "degenerate_output"
    assert simulator.ended(mark)["outcome"] == "client-gone"


@pytest.mark.parametrize(
    ("silence", "model"),
    [("slow-headers", "gpt-4o"), ("slow-body", "gpt-4o"), ("stall after=4", "claude-sonnet-4.5")],
)
def test_silence_is_filled_with_comments(brisk_bridge: Bridge, model: str, silence: str) -> None:
    """One in each 0.2 s; the first wait is for the headers, which are held back as long as that."""
    stream = brisk_bridge.stream(f"[[sim:{silence} seconds=0.7]] one two three four five six", model)
    received = ReceivedStream(stream.all())
    assert received.text.endswith("no model was asked.")
    comments = [frame for frame in received.frames if frame.is_comment]
    assert 2 <= len(comments) <= 4
    assert {frame.raw for frame in comments} == {b": keep-alive"}
    gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(received.frames)]
    assert max(gaps, default=0) < KEEPALIVE + 0.25
    assert stream.opened - stream.asked < KEEPALIVE + 0.25
    assert stream.ended_at - stream.asked < 0.7 + 0.5


def test_data_is_sent_on_as_it_arrives(any_bridge: Bridge) -> None:
    """Five events, 100 ms apart: none may wait for another.

    A busy machine may hold some up, but not each time.
    """
    tries = (gaps_of_a_slow_stream(any_bridge) for _ in range(5))
    assert any(min(gaps) > 0.05 and sum(gaps) < 0.65 for gaps in tries), "they came together, or late"


def gaps_of_a_slow_stream(bridge: Bridge) -> list[float]:
    stream = bridge.stream("[[sim:flood events=5 size=10 gap=100 shape=claude]]")
    frames = [frame for frame in stream.frames() if b'"content":"The quick ' in frame.raw]
    assert len(frames) == 5
    return [later.at - earlier.at for earlier, later in itertools.pairwise(frames)]


def test_a_cut_after_a_long_silence_is_an_error_event(brisk_bridge: Bridge) -> None:
    received = brisk_bridge.receive_stream(
        "[[sim:slow-headers seconds=0.4]][[sim:cut-between after=0]] hello"
    )
    assert received.error["type"] == "server_error"
    assert any(frame.is_comment for frame in received.frames)


@pytest.fixture(scope="module")
def impatient(_launch: Start, request: pytest.FixtureRequest) -> Iterator[Bridge]:
    bridge = _launch(server=request.param, read_timeout=0.4, github_token=new_token())
    yield bridge.warm()
    bridge.stop()


BOTH = pytest.mark.parametrize("impatient", ["gunicorn", "gevent"], indirect=True)


@BOTH
@pytest.mark.parametrize("silence", ["slow-body", "stall after=4"])
def test_a_stall_beyond_the_read_timeout_is_an_error(
    impatient: Bridge, simulator: Simulator, mark: str, silence: str
) -> None:
    stream = impatient.stream(f"[[sim:{silence} seconds=20]] one two three four {mark}")
    received = ReceivedStream(stream.all())
    assert received.error["code"] == "upstream_timeout"
    assert 0.35 < stream.ended_at - stream.asked < 1.2
    assert simulator.ended(mark)["outcome"] == "client-gone"


@BOTH
def test_headers_beyond_the_read_timeout_are_an_error(
    impatient: Bridge, simulator: Simulator, mark: str
) -> None:
    received = impatient.receive_stream(f"[[sim:slow-headers seconds=20]] hello {mark}")
    assert received.error["code"] == "upstream_timeout"
    assert len(simulator.ledger(mark)) == 1, "a silent upstream is not asked again"
    assert simulator.ended(mark)["outcome"] == "client-gone"


@BOTH
@pytest.mark.parametrize(
    ("silence", "model"),
    [("slow-headers", "gpt-4o"), ("slow-body", "gpt-4o"), ("slow-body", "claude-sonnet-4.5")],
)
def test_a_whole_response_beyond_the_read_timeout_is_a_504(
    impatient: Bridge, silence: str, model: str
) -> None:
    response = impatient.chat(f"[[sim:{silence} seconds=20]] hello", model)
    assert response.error["code"] == "upstream_timeout"
    assert response.status == 504
    assert "HTTPConnectionPool" not in response.error["message"], "for people, not for us"


@BOTH
def test_a_long_stream_outlives_the_read_timeout(impatient: Bridge) -> None:
    """The limit is on silence, not on the whole."""
    received = impatient.receive_stream("[[sim:flood events=6 size=10 gap=120]]")
    assert received.finish_reason == "stop"


def test_an_event_without_an_end_is_given_up(start_bridge: Start, mark: str) -> None:
    """In a stream an event says so, and a 502 where it is put together to one response."""
    bridge = start_bridge(server="gevent", response_limit_mb=1)
    text = f"[[sim:flood events=1 size=2000000]] {mark}"
    assert "larger than 1 MB" in bridge.receive_stream(text).error["message"]
    body = {"model": "gpt-4o", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
    response = bridge.request("POST", "/v1/messages", body)
    assert (response.status, response.json["type"]) == (502, "error")
    assert "larger than 1 MB" in response.json["error"]["message"]
    assert bridge.chat("hello").status == 200
