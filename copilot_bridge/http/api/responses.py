"""OpenAI's Responses: those that are made at once or in the background, and those that are kept.

https://platform.openai.com/docs/api-reference/responses
"""

from functools import partial
from typing import Any

from flask import Blueprint, Response, g, request

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.registry import DEFAULT
from copilot_bridge.dialects.responses.compaction import CompactionRequest
from copilot_bridge.dialects.responses.dialect import RESPONSES
from copilot_bridge.dialects.responses.item_lists import shown_items, write_page
from copilot_bridge.dialects.responses.request import as_items
from copilot_bridge.errors import BridgeError, InvalidRequest
from copilot_bridge.http.body import read_body
from copilot_bridge.http.context import bridge, request_context
from copilot_bridge.http.respond import STREAM_HEADERS, lower_case_headers, respond
from copilot_bridge.pipeline import background
from copilot_bridge.pipeline.event_log import remove_events
from copilot_bridge.pipeline.operations import Generation
from copilot_bridge.pipeline.received import owner

bp = Blueprint("responses", __name__)
kept = Blueprint("kept_responses", __name__)


@bp.post("/responses")
def create() -> Response:
    data = read_body()
    if not background.is_wanted(data):
        return respond(partial(Generation, RESPONSES), data)
    begun = background.begin(request_context(), g.entry, data, headers())
    return as_stream(begun["id"]) if codec.read(data).get("stream") else as_json(begun)


@kept.post("/responses/compact")
def compact() -> Response:
    return respond(partial(Generation, RESPONSES, read=CompactionRequest.read))


@kept.get("/responses/<id_>")
def show(id_: str) -> Response:
    response, _input = find(id_)
    if request.args.get("stream") == "true":
        return as_stream(id_, read_position(request.args.get("starting_after")))
    return as_json(response)


@kept.get("/responses/<id_>/input_items")
def show_input(id_: str) -> Response:
    items = find(id_)[1]
    return as_json(write_page(shown_items(id_, items), request.args))


@kept.delete("/responses/<id_>")
def delete(id_: str) -> Response:
    use_openai_errors()
    mine = owner(request_context(), headers())
    if (job := bridge().background_jobs.get(id_)) and background.find_unfinished(
        request_context(), headers(), id_
    ):
        job.cancel()
    removed = [bridge().kept_objects.remove(mine, id_), bridge().response_store.remove(mine, id_)]
    remove_events(bridge().kept_objects, mine, id_)
    if not any(removed):
        raise not_found(id_)
    return as_json({"id": id_, "object": "response", "deleted": True})


@kept.post("/responses/<id_>/cancel")
def cancel(id_: str) -> Response:
    use_openai_errors()
    if (response := background.cancel(request_context(), headers(), id_)) is None:
        raise not_found(id_)
    return as_json(response)


def find(id_: str) -> tuple[JsonObject, list[JsonObject]]:
    """The response and the items of its request.  Raises BridgeError "not_found"."""
    use_openai_errors()
    if state := background.find_unfinished(request_context(), headers(), id_):
        return state["response"], as_items(state.get("input") or [])
    stored = bridge().response_store.find(owner(request_context(), headers()), id_)
    if stored is None or not stored.response_body:
        raise not_found(id_)
    return stored.response(), stored.input_items()


def not_found(id_: str) -> BridgeError:
    return BridgeError(f"the response {id_[:200]!r} is not kept (any more)", kind="not_found")


def use_openai_errors() -> None:
    """Sets OpenAI's own statuses for errors: those of Responses are for Codex, which only makes responses."""
    g.entry.dialect = DEFAULT.name


def headers() -> dict[str, str]:
    return lower_case_headers(request.environ)


def read_position(given: str | None) -> int:
    """Read the number of the last event that a client has; -1: it has none."""
    if given is None:
        return -1
    if not given.isdecimal():
        raise InvalidRequest("starting_after: expected the number of an event", param="starting_after")
    return int(given)


def as_stream(id_: str, after: int = -1) -> Response:
    """Stream a response in the background.  It goes on if the client leaves."""
    framing = RESPONSES.framing
    events = background.stream(request_context(), headers(), id_, after)
    encoded = (framing.encode([(event["type"], event)]) if event else framing.keepalive for event in events)
    return Response(encoded, headers=STREAM_HEADERS, mimetype=framing.media_type)


def as_json(content: Any) -> Response:
    return Response(codec.write(content), mimetype="application/json")
