"""Anthropic's Messages API: https://docs.anthropic.com/en/api/messages."""

from flask import Blueprint, Response

from copilot_bridge.exchange.messages import CountRequest, MessagesRequest
from copilot_bridge.http.respond import respond

bp = Blueprint("messages", __name__)


@bp.post("/messages")
def create_message() -> Response:
    return respond(MessagesRequest)


@bp.post("/messages/count_tokens")
def count_tokens() -> Response:
    return respond(CountRequest)
