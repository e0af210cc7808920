"""Events that are passed on without parsing are the same as if they were parsed."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from copilot_bridge.dialects.messages.normalize import MessagesNormalizer
from copilot_bridge.dialects.responses.normalize import ResponsesNormalizer

ADDED = {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "id": "long"}}
CALL = {"type": "function_call", "id": "longer", "call_id": "call"}
OTHER = ADDED | {"output_index": 10, "item": CALL}
DELTA = {"type": "response.output_text.delta", "item_id": "other", "output_index": 0, "delta": "Hi"}


def compact(event: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (
        event["type"].encode(),
        json.dumps(event, separators=(",", ":")).encode(),
    )


def spaced(event: dict[str, Any]) -> bytes:
    """As no event is passed on that has to be changed."""
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), json.dumps(event).encode())


def normalized(events: list[dict[str, Any]], write: Callable[[dict[str, Any]], bytes]) -> list[Any]:
    normalizer = ResponsesNormalizer()
    out = b"".join(normalizer.feed(write(event)) for event in events)
    return [json.loads(block.partition(b"data: ")[2]) for block in out.split(b"\n\n")[:-1]]


@pytest.mark.parametrize(
    "deltas",
    [
        pytest.param([DELTA, DELTA], id="of one item"),
        pytest.param([DELTA, DELTA | {"output_index": 10}, DELTA], id="of two in turn"),
        pytest.param([DELTA | {"item_id": 'a"b\\'}], id="an id with an escape"),
        pytest.param([DELTA | {"item_id": ""}], id="no id"),
        pytest.param([{"type": DELTA["type"], "output_index": 0, "delta": "Hi"}], id="none at all"),
        pytest.param([DELTA | {"delta": '"item_id":"x","output_index":10,'}], id="a text like its fields"),
        pytest.param([DELTA | {"delta": "\ndata: {"}], id="a text like a line"),
        pytest.param([DELTA | {"copilot_usage": 1}], id="a field of Copilot's own"),
        pytest.param([DELTA | {"output_index": 7}], id="an item that was not announced"),
    ],
)
def test_deltas_of_responses_do_not_depend_on_parsing(deltas: list[dict[str, Any]]) -> None:
    events = [ADDED, OTHER, *deltas]
    assert normalized(events, compact) == normalized(events, spaced)


TEXT = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"text":"Hi"}}\n\n'


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(TEXT * 3, id="plain"),
        pytest.param(TEXT + b"\n" + TEXT, id="a line too many"),
        pytest.param(b"\n" + TEXT, id="a line before"),
        pytest.param(TEXT.replace(b"\n", b"\r\n"), id="other line ends"),
        pytest.param(TEXT + b": comment\n\n", id="a comment"),
        pytest.param(TEXT + b'data: {"type":"ping","copilot_x":1}\n\n' + TEXT, id="a field of Copilot's own"),
        pytest.param(TEXT + b'data: {"type":"message_stop"}\n\ndata: [DONE]\n\n', id="the end"),
    ],
)
def test_pieces_of_messages_are_passed_on_unchanged(piece: bytes) -> None:
    whole, cut = MessagesNormalizer(), MessagesNormalizer()
    assert whole.feed(piece) == b"".join(cut.feed(bytes([byte])) for byte in piece)
    assert whole.done == cut.done
