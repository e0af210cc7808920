"""Whole Completions responses: accumulated from a stream's chunks, and merged."""

from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.accumulation import WholeResponse
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.errors import StreamCut


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
            raise StreamCut("Copilot's answer broke off before its end")
        text = "".join(self._texts)
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": self._reason}
        usage = {"usage": self._usage} if self._usage else {}
        return codec.write(self._head | {"choices": [choice]} | usage), self._usage


def merge_responses(responses: list[JsonObject]) -> JsonObject:
    """Merge whole responses with one choice each into one with all choices, and add up their usage."""
    choices = [
        {**choice, "index": index}
        for index, choice in enumerate(choice for response in responses for choice in response["choices"])
    ]
    usages = [response["usage"] for response in responses if "usage" in response]
    usage = {"usage": sum_usage(usages)} if len(usages) == len(responses) else {}
    return responses[0] | {"choices": choices} | usage


def sum_usage(usages: list[JsonObject]) -> JsonObject:
    """Add up the counts of several responses; details are left out."""
    counts: dict[str, Any] = {}
    for usage in usages:
        for name, count in usage.items():
            if isinstance(count, int):
                counts[name] = counts.get(name, 0) + count
    return counts
