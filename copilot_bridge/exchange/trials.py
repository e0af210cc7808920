"""A tiny request in each dialect, to see that a model answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from copilot_bridge.exchange.chat import ChatRequest
from copilot_bridge.exchange.messages import MessagesRequest
from copilot_bridge.exchange.responses import ResponsesRequest


@dataclass(frozen=True)
class Way:
    """How a dialect asks, and where its answers have their text.

    :param limit, words: the fields for the most tokens, and for what is said.  :param more: its other fields.
    """

    path: str
    make: Callable[..., Any]
    limit: str
    words: str
    more: dict[str, Any]
    text: Callable[[Any], str]

    def body(self, model: str, words: str, most: int) -> dict[str, Any]:
        """:param most: tokens of the answer."""
        said = [{"role": "user", "content": words}]
        return {"model": model, self.limit: most, self.words: said, **self.more}


def of_chat(answer: Any) -> str:
    return "".join(each["message"].get("content") or "" for each in answer["choices"])


def of_messages(answer: Any) -> str:
    return "".join(each.get("text", "") for each in answer["content"])


def of_responses(answer: Any) -> str:
    parts = (part for item in answer["output"] if item["type"] == "message" for part in item["content"])
    return "".join(part.get("text", "") for part in parts)


WAYS = {
    "chat": Way("/v1/chat/completions", ChatRequest, "max_tokens", "messages", {}, of_chat),
    "messages": Way("/v1/messages", MessagesRequest, "max_tokens", "messages", {}, of_messages),
    "responses": Way(
        "/v1/responses", ResponsesRequest, "max_output_tokens", "input", {"store": False}, of_responses
    ),
}
