"""Whole responses of Copilot's Responses API that are no complete response."""

import json

import pytest

from copilot_bridge.dialects.accumulation import ReceivedResponse
from copilot_bridge.dialects.responses.response import normalize_response
from copilot_bridge.errors import StreamCut


def received(status: str) -> ReceivedResponse:
    body = {"object": "response", "id": "r", "status": status, "output": []}
    return ReceivedResponse.read(json.dumps(body).encode())


@pytest.mark.parametrize("status", ["queued", "in_progress"])
def test_a_response_that_is_still_made_is_an_error(status: str) -> None:
    with pytest.raises(StreamCut, match="before it was complete"):
        normalize_response(received(status))


@pytest.mark.parametrize("status", ["completed", "incomplete"])
def test_a_response_that_has_ended_is_returned(status: str) -> None:
    assert normalize_response(received(status))[0]["status"] == status
