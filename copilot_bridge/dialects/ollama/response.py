"""Whole responses of Ollama's API, accumulated from the lines of a stream."""

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.accumulation import WholeResponse
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.stream_errors import incomplete_response


class OllamaAccumulator:
    """Joins the lines of a chat or of a generation."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {"content": [], "response": [], "thinking": []}
        self._calls: list[JsonObject] = []
        self._last: JsonObject = {}
        self.done = False

    def add(self, payload: JsonObject) -> None:
        self._last = payload
        self.done = payload["done"]
        holder = payload.get("message", payload)
        for name, texts in self._texts.items():
            texts.append(holder.get(name) or "")
        self._calls += holder.get("tool_calls") or ()

    def end(self) -> None:
        """Do nothing: no marker follows the last line."""

    def result(self) -> WholeResponse:
        if not self.done:
            raise incomplete_response()
        joined = {name: "".join(texts) for name, texts in self._texts.items()}
        thinking = {"thinking": joined["thinking"]} if joined["thinking"] else {}
        if "message" in self._last:
            calls = {"tool_calls": self._calls} if self._calls else {}
            message = {"role": "assistant", "content": joined["content"], **thinking, **calls}
            whole = self._last | {"message": message}
        else:
            whole = self._last | {"response": joined["response"], **thinking}
        return codec.write(whole), usage_of(whole)


def usage_of(response: JsonObject) -> JsonObject:
    """Return the token usage as chat counts it."""
    return {
        "prompt_tokens": response["prompt_eval_count"],
        "completion_tokens": response["eval_count"],
    }
