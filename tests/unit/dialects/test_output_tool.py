"""Output that a model gave as a tool's input, turned into text."""

from collections.abc import Iterable

import pytest

from copilot_bridge.dialects.events import (
    Event,
    Reason,
    ReasoningDelta,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    TokenUsage,
    ToolCallArgumentsDelta,
    ToolCallStarted,
)
from copilot_bridge.dialects.output_tool import OutputToolReader
from copilot_bridge.errors import UpstreamRefused

NAME = "bridge_final_answer"
RESPONSE = '{"n": 12345678901234567890123, "s": "\\u20ac"}'


class Scripted:
    """A reader that gives each event out by itself."""

    usage = TokenUsage()

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = list(events)

    def feed(self, _data: bytes) -> Iterable[Event]:
        return [self._events.pop(0)]

    def close(self) -> Iterable[Event]:
        events, self._events = self._events, []
        return events


def rewritten_events(*events: Event, reason: Reason = "tool_calls") -> list[Event]:
    """However they come: one by one, or all at the end."""
    script = [ResponseStarted("a"), *events, ResponseFinished(reason)]
    one_by_one, at_once = OutputToolReader(Scripted(script), NAME), OutputToolReader(Scripted(script), NAME)
    rewritten = [event for _ in script for event in one_by_one.feed(b"")]
    assert list(at_once.close()) == rewritten
    assert rewritten[0] == ResponseStarted("a")
    return rewritten[1:]


def response(part: int, *pieces: str) -> list[Event]:
    return [
        ToolCallStarted(part, f"id{part}", NAME),
        *(ToolCallArgumentsDelta(part, piece) for piece in pieces),
    ]


def own(part: int) -> list[Event]:
    return [ToolCallStarted(part, "id", "look"), ToolCallArgumentsDelta(part, '{"a": 1}')]


def test_the_tools_input_becomes_text_unchanged() -> None:
    """Numbers of any length, and whatever spaces there are."""
    assert rewritten_events(*response(0, *RESPONSE)) == [
        *(TextDelta(0, fragment) for fragment in RESPONSE),
        ResponseFinished("stop"),
    ]


def test_text_beside_the_output_is_left_out() -> None:
    events = [TextDelta(0, "Here "), TextDelta(0, "it is:"), TextDelta(1, "so")]
    assert rewritten_events(*events, *response(2, RESPONSE), TextDelta(3, "There you are.")) == [
        TextDelta(0, RESPONSE),
        ResponseFinished("stop"),
    ]


def test_reasoning_is_kept_and_parts_are_renumbered() -> None:
    events = [ReasoningDelta(0, "hm"), TextDelta(1, "so"), *response(2, RESPONSE)]
    assert rewritten_events(*events) == [
        ReasoningDelta(0, "hm"),
        TextDelta(1, RESPONSE),
        ResponseFinished("stop"),
    ]


def test_an_empty_input_becomes_an_empty_object() -> None:
    assert rewritten_events(*response(0)) == [TextDelta(0, "{}"), ResponseFinished("stop")]


def test_only_the_first_output_counts() -> None:
    assert rewritten_events(*response(0, "1"), *response(1, "2")) == [
        TextDelta(0, "1"),
        ResponseFinished("stop"),
    ]


def test_a_call_of_the_clients_tool_instead_of_output_is_passed_on() -> None:
    events = [TextDelta(0, "Let me look."), *own(1)]
    assert rewritten_events(*events) == [*events, ResponseFinished("tool_calls")]


def test_a_call_of_the_clients_tool_beside_output_is_passed_on() -> None:
    assert rewritten_events(*response(0, RESPONSE), *own(1)) == [
        TextDelta(0, RESPONSE),
        *own(1),
        ResponseFinished("tool_calls"),
    ]


def test_a_refusal_is_passed_on() -> None:
    """OpenAI's models stop when they have refused."""
    assert rewritten_events(RefusalDelta(0, "I can't"), reason="stop") == [
        RefusalDelta(0, "I can't"),
        ResponseFinished("stop"),
    ]


@pytest.mark.parametrize("reason", ["length", "refusal", "filtered"])
def test_text_is_passed_on_if_the_reason_explains_the_missing_output(reason: Reason) -> None:
    assert rewritten_events(TextDelta(0, "I can't"), reason=reason) == [
        TextDelta(0, "I can't"),
        ResponseFinished(reason),
    ]


def test_output_that_was_cut_off_ends_with_length() -> None:
    assert rewritten_events(*response(0, '{"a": '), reason="length") == [
        TextDelta(0, '{"a": '),
        ResponseFinished("length"),
    ]
    assert rewritten_events(*response(0), reason="length") == [ResponseFinished("length")]


@pytest.mark.parametrize("reason", ["stop", "tool_calls"])
def test_text_instead_of_output_is_an_error(reason: Reason) -> None:
    with pytest.raises(UpstreamRefused, match="form"):
        rewritten_events(TextDelta(0, "Sure!"), reason=reason)
