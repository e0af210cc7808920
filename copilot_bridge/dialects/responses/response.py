"""Whole responses: taken from the last event of a stream, or normalized from Copilot's own."""

from copilot_bridge.dialects import codec, members
from copilot_bridge.dialects.accumulation import ReceivedResponse, WholeResponse
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.responses.item_ids import ItemIds
from copilot_bridge.dialects.responses.normalize import (
    FAILED_ENDS,
    FAILED_STATUSES,
    RUNNING_STATUSES,
    SUCCESSFUL_ENDS,
    without_copilot_fields,
)
from copilot_bridge.dialects.responses.usage import as_chat_usage
from copilot_bridge.dialects.stream_errors import as_stream_error, error_in, incomplete_response, is_error
from copilot_bridge.errors import UpstreamRefused


class ResponsesAccumulator:
    """Waits for the last event of a stream, which holds the whole response."""

    def __init__(self) -> None:
        self._response: JsonObject | None = None

    @property
    def done(self) -> bool:
        return self._response is not None

    def add(self, event: JsonObject) -> None:
        if is_error(event) or event.get("type") in FAILED_ENDS:
            raise as_stream_error(error_in(event))
        if event.get("type") in SUCCESSFUL_ENDS:
            self._response = members.object_in(event, "response")

    def end(self) -> None:
        """Ignore the end marker, which this dialect does not have."""

    def result(self) -> WholeResponse:
        if self._response is None:
            raise incomplete_response()
        return codec.write(self._response), as_chat_usage(self._response)


def normalize_response(
    received: ReceivedResponse, *, keep: bool = False, response_id: str = ""
) -> tuple[JsonObject, JsonObject | None, dict[str, str]]:
    """Normalize Copilot's whole response.

    :return: the response, its token usage as chat counts it, and upstream's item ids.
    :raises UpstreamRefused: it is not a response, or an error.
    :raises StreamCut: it is not complete.
    """
    response = received.body
    if response is not None and (is_error(response) or response.get("status") in FAILED_STATUSES):
        raise as_stream_error(error_in(response))
    if response is None or response.get("object") != "response":
        raise UpstreamRefused("Copilot's response is not a response of the Responses API")
    if response.get("status") in RUNNING_STATUSES:  # nobody could fetch the rest
        raise incomplete_response()
    ids = ItemIds(response_id)
    normalized = dict(response if keep else without_copilot_fields(response))
    normalized["id"] = ids.response_id(response.get("id"))
    output = members.objects_in(response, "output")
    normalized["output"] = [register_item(ids, index, item) for index, item in enumerate(output)]
    normalized.setdefault("store", False)
    if normalized.get("output_text") is None:
        normalized.pop("output_text", None)  # SDKs add it themselves
    return normalized, as_chat_usage(response), ids.upstream_item_ids


def register_item(ids: ItemIds, index: int, item: JsonObject) -> JsonObject:
    """Return an item with its ids, and keep upstream's own id of the item."""
    result = ids.with_ids(index, item)
    ids.upstream_item_ids[result["id"]] = str(item.get("id"))
    return result
