"""OpenAI's Chat Completions API: https://platform.openai.com/docs/api-reference/chat."""

from flask import Blueprint, Response

from copilot_bridge.exchange.chat import ChatRequest
from copilot_bridge.http.respond import respond

bp = Blueprint("chat", __name__)


@bp.post("/chat/completions")
def create_chat_completion() -> Response:
    return respond(ChatRequest)
