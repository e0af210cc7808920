"""Responses that are made in the background: the request, and the response while it is not complete.

https://platform.openai.com/docs/guides/background
"""

from functools import partial

from copilot_bridge.dialects.client_request import OnEnd, ResponseOptions
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.request_body import read_body
from copilot_bridge.dialects.responses import request
from copilot_bridge.dialects.responses.client_request import ResponsesRequest, ResponsesResponse
from copilot_bridge.dialects.responses.errors import error_frame
from copilot_bridge.errors import BridgeError, InvalidRequest


class BackgroundRequest(ResponsesRequest):
    """A request whose response is fetched later, under an id that is known from the beginning."""

    def __init__(self, body: JsonObject, id_: str) -> None:
        super().__init__(body)
        self.changed = True
        self._id = id_

    @classmethod
    def read_with_id(cls, data: bytes, *, id_: str) -> "BackgroundRequest":
        """Read a body.

        :raises InvalidRequest, Unsupported: a field is wrong or not supported; the error names it.
        """
        body = read_body(data)
        del body["background"]
        if body.get("store") is False:
            raise InvalidRequest("background: a response that is not kept can't be fetched", param="store")
        request.check(body)
        return cls(body, id_)

    def response(self, options: ResponseOptions) -> ResponsesResponse:
        on_end = partial(end_as, self._id, options.on_end)
        return super().response(options._replace(on_end=on_end))


def end_as(id_: str, on_end: OnEnd, response: JsonObject) -> None:
    on_end(response | {"id": id_, "background": True})


def queued_response(id_: str, created: int, body: JsonObject) -> JsonObject:
    """Return a response that has not begun.

    :param created: unix seconds.  :param body: of its request.
    """
    return {
        "id": id_,
        "object": "response",
        "created_at": created,
        "status": "queued",
        "background": True,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": body.get("metadata") or {},
        "model": body.get("model"),
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "store": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None,
    }


def failed_response(response: JsonObject, error: BridgeError) -> JsonObject:
    """Return a response that failed."""
    failed: JsonObject = error_frame(error, response, 0)[1]["response"]
    return failed
