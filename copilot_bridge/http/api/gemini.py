"""The methods of models in Google's API.  The model and the method are in the path, the rest in the body.

https://ai.google.dev/api
"""

from functools import partial

from flask import Blueprint, Response, request

from copilot_bridge.dialects.gemini import embeddings
from copilot_bridge.dialects.gemini.client_request import GeminiRequest
from copilot_bridge.dialects.gemini.dialect import GEMINI
from copilot_bridge.http.respond import respond
from copilot_bridge.pipeline.embeddings import EmbeddingsRequest
from copilot_bridge.pipeline.operations import Generation, TokenCount

bp = Blueprint("gemini", __name__)


@bp.post("/models/<path:model>:generateContent")
def generate(model: str) -> Response:
    return respond(partial(Generation, GEMINI, read=partial(GeminiRequest.read_whole, model=model)))


@bp.post("/models/<path:model>:streamGenerateContent")
def stream(model: str) -> Response:
    as_events = request.args.get("alt") == "sse"
    read = partial(GeminiRequest.read_stream, model=model, as_events=as_events)
    return respond(partial(Generation, GEMINI, read=read))


@bp.post("/models/<path:model>:countTokens")
def count(model: str) -> Response:
    return respond(partial(TokenCount, GEMINI, read=partial(GeminiRequest.read_count, model=model)))


@bp.post("/models/<path:model>:embedContent")
def embed(model: str) -> Response:
    read = partial(embeddings.read_single, model=model)
    return respond(partial(EmbeddingsRequest, GEMINI, read=read, write=embeddings.write_single))


@bp.post("/models/<path:model>:batchEmbedContents")
def embed_batch(model: str) -> Response:
    read = partial(embeddings.read_batch, model=model)
    return respond(partial(EmbeddingsRequest, GEMINI, read=read, write=embeddings.write_batch))
