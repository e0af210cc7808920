"""OpenAI's Embeddings API: https://platform.openai.com/docs/api-reference/embeddings."""

from flask import Blueprint, Response

from copilot_bridge.exchange.embeddings import EmbeddingsRequest
from copilot_bridge.http.respond import respond

bp = Blueprint("embeddings", __name__)


@bp.post("/embeddings")
def create_embeddings() -> Response:
    return respond(EmbeddingsRequest)
