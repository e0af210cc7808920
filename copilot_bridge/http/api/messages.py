"""https://docs.anthropic.com/en/api/messages"""

from flask import Blueprint, Response

from copilot_bridge.exchange.messages import CountRequest, MessagesRequest
from copilot_bridge.http.respond import answer

bp = Blueprint("messages", __name__)


@bp.post("/messages")
def create_message() -> Response:
    return answer(MessagesRequest)


@bp.post("/messages/count_tokens")
def count_tokens() -> Response:
    return answer(CountRequest)
