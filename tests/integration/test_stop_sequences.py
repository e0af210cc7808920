"""The bridge enforces stop sequences that the target does not accept."""

from typing import Any

import pytest
from integration.dialects import CHAT, DIALECTS, MESSAGES, Dialect
from integration.harness import Bridge, Json, ReceivedStream, Simulator

from tests.integration.adaptation import CODEX, GPT, MINI, SONNET, response_to

STOPS = {"chat": "stop", "messages": "stop_sequences"}


# Client dialect, model, and the number of stop sequences that the model is sent.
ENFORCED = [
    ("messages", CODEX, 0),
    ("chat", CODEX, 0),
    ("chat", MINI, 0),
    ("messages", GPT, 4),
    ("chat", GPT, 4),
]


SIX = ["END", "S2", "S3", "S4", "S5", "LAST"]


def say(text: str, mark: str, *, how: str = "") -> str:
    return f"{how}{mark} [[sim:say]] {text}"


def ending(dialect: Dialect, response: Json) -> tuple[Any, ...]:
    """Why a whole response ended, and by which stop sequence where the dialect has it."""
    if dialect is CHAT:
        return (response["choices"][0]["finish_reason"],)
    return response["stop_reason"], response["stop_sequence"]


def streamed(
    bridge: Bridge, dialect: Dialect, prompt: str, model: str, **more: Any
) -> tuple[str, tuple[Any, ...]]:
    frames = dialect.frames(bridge, prompt, model, **more)
    text = dialect.well_ended(frames)
    if dialect is CHAT:
        return text, (ReceivedStream(frames).finish_reason,)
    delta = MESSAGES.events(frames)[-2]["delta"]
    return text, (delta["stop_reason"], delta["stop_sequence"])


STOPPED = {"chat": lambda _stop: ("stop",), "messages": lambda stop: ("stop_sequence", stop)}


# Upstream's stream byte by byte costs a hundred times as much: each text once, and each client and model.
BYTES = "[[sim:bytewise]]"


EMOJI = "a 🙂🙃 b"


@pytest.mark.parametrize((
    "client", "model", "max_stops", "text", "stops", "kept_text", "stopped_by", "cut",
), [
    (client, model, max_stops, text, stops, kept_text, stopped_by, cut)
    for client, model, max_stops in ENFORCED
    for text, stops, kept_text, stopped_by in (
        ("one END two", ["END"], "one ", "END"),
        ("one LAST two END", SIX, "one ", "LAST"),
        (EMOJI, ["🙃"], "a 🙂", "🙃"),
        ("one ENDING two", ["ENDING", "END"], "one ", "END"),
        ("one two EN", ["END"], "one two EN", None),
    )
    if max_stops < len(stops)
    for cut in ("", *([BYTES] if model == GPT or text == EMOJI or (client, model) == ("chat", MINI) else []))
])  # fmt: skip
def test_a_stop_sequence_that_the_target_does_not_take_ends_the_response(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, max_stops: int, text: str,
    stops: list[str], kept_text: str, stopped_by: str | None, cut: str,
) -> None:  # fmt: skip
    dialect = DIALECTS[client]
    expected = (
        STOPPED[client](stopped_by)
        if stopped_by
        else {"chat": ("stop",), "messages": ("end_turn", None)}[client]
    )
    more = {STOPS[client]: stops}
    assert streamed(bridge, dialect, say(text, mark, how=cut), model, **more) == (kept_text, expected)
    response = response_to(bridge, dialect, dialect.body(say(text, f"{mark}2", how=cut), model, **more))
    assert (dialect.text(response), ending(dialect, response)) == (kept_text, expected)
    for entry in simulator.ledger(mark):
        assert entry["body"].get("stop", []) == stops[:max_stops]
        assert "stop_sequences" not in entry["body"]


# It would go on for minutes, or be more than a connection holds.
SLOW, BIG = "[[sim:flood events=6000 size=40 gap=10]]", "[[sim:flood events=1500 size=8000]]"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("client", "model", "stops", "flood"), [
    ("messages", CODEX, ["fox"], BIG), ("messages", GPT, [*SIX, "fox"], SLOW),
    ("chat", GPT, [*SIX, "fox"], SLOW), ("chat", MINI, ["fox"], SLOW),
])  # fmt: skip
def test_upstream_is_stopped_at_once(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, stops: list[str], flood: str,
    stream: bool,
) -> None:  # fmt: skip
    dialect = DIALECTS[client]
    text = bridge_text(bridge, dialect, f"{mark} {flood}", model, stream, **{STOPS[client]: stops})
    assert text
    assert "fox" not in text
    assert simulator.ended(mark)["outcome"] == "client-gone"


def bridge_text(
    bridge: Bridge, dialect: Dialect, messages: str, model: str, stream: bool, **more: Any
) -> str:
    if stream:
        return streamed(bridge, dialect, messages, model, **more)[0]
    return dialect.text(response_to(bridge, dialect, dialect.body(messages, model, **more)))


@pytest.mark.parametrize("stops", [[""], ["", "", "END"]])
@pytest.mark.parametrize(("client", "model"), [
    (client, model) for client in ("chat", "messages") for model in (CODEX, MINI, GPT, SONNET)
])  # fmt: skip
def test_an_empty_stop_sequence_ends_nothing(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, stops: list[str]
) -> None:
    dialect = DIALECTS[client]
    text, _ending = streamed(bridge, dialect, say("one END two", mark), model, **{STOPS[client]: stops})
    body = simulator.only(mark)["body"]
    sent = [*body.get("stop", []), *body.get("stop_sequences", [])]
    assert "" not in sent
    if "END" in stops:
        assert sent == ["END"] or text == "one "
    else:
        assert text == "one END two"
