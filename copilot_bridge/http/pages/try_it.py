"""A small chat with one model, or with two side by side, to try them."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import orjson
from flask import Blueprint, Response, g, request

from copilot_bridge.dialects.registry import CONVERSATIONS
from copilot_bridge.errors import BridgeError
from copilot_bridge.http.errors import error_response
from copilot_bridge.http.pages.auth import shared
from copilot_bridge.http.pages.i18n import spoken, tr
from copilot_bridge.http.pages.rendering import page
from copilot_bridge.http.pages.sentences import as_text, translate
from copilot_bridge.http.pages.trial import Trial, ask
from copilot_bridge.http.respond import respond
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline import RequestContext
from copilot_bridge.pipeline.operations import Generation

bp = Blueprint("try_it", __name__)

DIALECT = "chat"
ERROR = re.compile(rb'^data: (\{"error":.*\})\n\n', re.MULTILINE)  # an event
MAX_TOKENS = 1000  # of a response without a script, which is not streamed
MAX_CHARACTERS = 20_000


@bp.get("/models/try")
def show() -> Response:
    return shown()


@bp.post("/models/try")
def ask_models() -> Response:
    """Ask the models, and show their responses when they are whole: for browsers without scripts."""
    words = request.form.get("words", "").strip()
    models = [name for name in (request.form.get("model"), request.form.get("other")) if name]
    trials = [
        ask(RequestContext(shared(), g.visitor.caller), DIALECT, name, words, MAX_TOKENS, MAX_CHARACTERS)
        for name in models
    ]
    return shown(words, trials if words else [])


@bp.post("/models/try/stream")
def stream() -> Response:
    """Respond as `/v1/chat/completions` does; errors are in the reader's language."""
    g.entry.dialect = DIALECT
    request.environ.pop("copilot_bridge.socket_writer", None)  # or events would not pass `translated`
    try:
        response = respond(partial(Generation, CONVERSATIONS[DIALECT]))
        response.response = translated(response.iter_encoded(), spoken())
        return response
    except BridgeError as error:
        response = error_response(error)
        response.set_data(orjson.dumps({"error": {"message": as_text(str(error))}}))
        return response


def translated(pieces: Iterable[bytes], language: str) -> Iterator[bytes]:
    """A stream whose errors are in a language.  :param pieces: an event that is an error is whole in one."""
    for piece in pieces:
        yield ERROR.sub(lambda found: error_event(found[1], language), piece)


def error_event(content: bytes, language: str) -> bytes:
    event = orjson.loads(content)
    message = event["error"]["message"]
    event["error"]["message"] = translate(language, message) or message
    return b"data: " + orjson.dumps(event) + b"\n\n"


def shown(words: str = "", trials: list[Trial] | None = None) -> Response:
    offered, problem = offer()
    given = request.form if request.method == "POST" else request.args
    chosen = given.get("model") or (offered[0].id if offered else "")
    return page(
        "try_it.html",
        offered=offered,
        problem=problem,
        model=chosen,
        other=given.get("other", ""),
        words=words,
        trials=trials or [],
        price=price,
    )


def offer() -> tuple[list[Model], str]:
    """The chat models of the cached catalogue by their names, and why there are none."""
    context: RequestContext = g.context
    try:
        catalogue = context.models.cached(context.account) or context.models.catalogue(context.copilot())
    except BridgeError as error:
        return [], str(error)
    found = [model for model in catalogue.models.values() if model.holds_conversations]
    return sorted(found, key=lambda model: model.name.lower()), ""


def price(model: Model) -> dict[str, Any]:
    """The prices that the script computes the cost of a response by."""
    usual = model.prices.usual if model.prices else None
    return {
        "premium": "" if model.multiplier is None else model.multiplier,
        "given": usual.given if usual else "",
        "out": usual.out or "" if usual else "",
        "words": tr("models.included") if model.multiplier == 0 else "",
    }
