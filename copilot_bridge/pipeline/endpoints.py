"""The endpoints of the dialects, and the requests that they take."""

from collections.abc import Callable
from typing import Any

from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.pipeline.chat import ChatRequest
from copilot_bridge.pipeline.embeddings import EmbeddingsRequest
from copilot_bridge.pipeline.messages import CountRequest, MessagesRequest
from copilot_bridge.pipeline.responses import ResponsesRequest

# By the dialect's name.
REQUESTS: dict[str, Callable[..., Any]] = {
    request.dialect: request
    for request in (ChatRequest, MessagesRequest, ResponsesRequest, EmbeddingsRequest)
}
COUNT_REQUESTS: dict[str, Callable[..., Any]] = {CountRequest.dialect: CountRequest}

ENDPOINTS: dict[str, Callable[..., Any]] = {
    **{DIALECTS[name].endpoint: request for name, request in REQUESTS.items()},
    **{DIALECTS[name].count_endpoint: request for name, request in COUNT_REQUESTS.items()},
}
