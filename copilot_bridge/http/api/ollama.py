"""Ollama's endpoints besides chats and generations: the version, the models, and their download.

https://docs.ollama.com/api
"""

from functools import partial

from flask import Blueprint, Response, g

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.ollama import embeddings
from copilot_bridge.dialects.ollama.dialect import OLLAMA
from copilot_bridge.dialects.ollama.framing import FRAMING
from copilot_bridge.dialects.ollama.model_list import VERSION
from copilot_bridge.dialects.ollama.request import read_name
from copilot_bridge.errors import Unsupported
from copilot_bridge.http.body import read_body
from copilot_bridge.http.context import request_context
from copilot_bridge.http.respond import respond
from copilot_bridge.pipeline.embeddings import EmbeddingsRequest
from copilot_bridge.pipeline.model_list import describe_model, list_models

bp = Blueprint("ollama", __name__)

NOT_HERE = "the models are GitHub Copilot's: they can't be created, copied, uploaded or deleted here"


@bp.get("/api/version")
def version() -> JsonObject:
    return {"version": VERSION}


@bp.get("/api/tags")
def tags() -> Response:
    return Response(list_models(request_context(), OLLAMA.name), mimetype="application/json")


@bp.get("/api/ps")
def running() -> JsonObject:
    """List no models, because none runs on this machine."""
    return {"models": []}


@bp.post("/api/show")
def show() -> Response:
    model = read_name(read_body())["model"]
    return Response(describe_model(request_context(), model, OLLAMA.name), mimetype="application/json")


@bp.post("/api/pull")
def pull() -> Response:
    """Report a finished download: a model of the plan needs none."""
    body = read_name(read_body())
    describe_model(request_context(), body["model"], OLLAMA.name)
    status = {"status": "success"}
    if body.get("stream") is False:
        return as_json(status)
    return Response(FRAMING.encode([("", status)]), mimetype=FRAMING.media_type)


@bp.post("/api/embed")
def embed() -> Response:
    write = partial(embeddings.write_embed, elapsed=g.entry.elapsed)
    return respond(partial(EmbeddingsRequest, OLLAMA, read=embeddings.read_embed, write=write))


@bp.post("/api/embeddings")
def embed_one() -> Response:
    """Embed a single text, in the older form."""
    return respond(
        partial(EmbeddingsRequest, OLLAMA, read=embeddings.read_embeddings, write=embeddings.write_embeddings)
    )


@bp.post("/api/create")
@bp.post("/api/copy")
@bp.post("/api/push")
@bp.delete("/api/delete")
def refuse() -> Response:
    raise Unsupported(NOT_HERE)


def as_json(content: JsonObject) -> Response:
    return Response(codec.write(content), mimetype="application/json")
