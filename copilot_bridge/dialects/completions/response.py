"""Whole Completions responses, accumulated from a stream's chunks."""

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.accumulation import WholeResponse
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.stream_errors import incomplete_response


class CompletionsAccumulator:
    """Joins the chunks that `CompletionsWriter` writes."""

    def __init__(self) -> None:
        self._head: JsonObject = {}
        self._texts: list[str] = []
        self._reason: str | None = None
        self._usage: JsonObject | None = None
        self.done = False

    def add(self, payload: JsonObject) -> None:
        self._head |= {key: value for key, value in payload.items() if key not in ("choices", "usage")}
        self._usage = payload.get("usage") or self._usage
        for choice in payload["choices"]:
            self._texts.append(choice["text"])
            self._reason = choice["finish_reason"] or self._reason

    def end(self) -> None:
        self.done = True

    def result(self) -> WholeResponse:
        if self._reason is None:
            raise incomplete_response()
        text = "".join(self._texts)
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": self._reason}
        usage = {"usage": self._usage} if self._usage else {}
        return codec.write(self._head | {"choices": [choice]} | usage), self._usage
