"""The hub's events -> a Responses stream, with the whole ladder of events that clients climb."""

from collections.abc import Callable
from typing import Any, ClassVar

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.events import (
    ArgumentsDelta,
    CallStarted,
    Event,
    Finished,
    ReasoningDelta,
    ReasoningSeal,
    Started,
    TextDelta,
    Usage,
)
from copilot_bridge.dialects.responses.errors import write_event
from copilot_bridge.dialects.responses.repair import Ended
from copilot_bridge.dialects.responses.turn import Names
from copilot_bridge.dialects.seal import seal
from copilot_bridge.errors import BridgeError

Json = dict[str, Any]

ENDS = {
    "stop": ("completed", None),
    "tool_calls": ("completed", None),
    "length": ("incomplete", {"reason": "max_output_tokens"}),
    "refusal": ("incomplete", {"reason": "content_filter"}),
}

MESSAGE = {"type": "message", "status": "in_progress", "role": "assistant", "content": []}
REFUSAL = -1  # the part that a refusal is


class Writer:
    """At most one output item is open: the one of the part that is being told.

    :param previous: the response that this one goes on from.
    :param ended: is told the whole response, once it is complete.
    """

    def __init__(
        self,
        *,
        answer_id: str,
        model: str,
        created: int,
        names: Names,
        previous: str | None = None,
        ended: Ended = lambda _response: None,
    ) -> None:
        self._answer = answer_id
        self._ended = ended
        self._names = names
        self._number = 0
        self._part: int | None = None
        self._told: list[str] = []  # of the open item, so far: its text, summary or arguments
        self._item: Json = {}
        self._output: list[Json] = []
        self._response: Json = {
            "id": f"resp_{answer_id}",
            "object": "response",
            "created_at": created,
            "status": "in_progress",
            "model": model,
            "output": [],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "previous_response_id": previous,
            "store": False,
            "usage": None,
        }

    def feed(self, event: Event) -> bytes:
        return self._ON[type(event)](self, event)

    def fail(self, error: BridgeError) -> bytes:
        return write_event(error, self._response, self._number)

    def _started(self, _event: Started) -> bytes:
        told = {"response": self._response}
        return self._write("response.created", told) + self._write("response.in_progress", told)

    def _text_delta(self, event: TextDelta) -> bytes:
        out = self._enter(event.part, MESSAGE)
        if out:
            part = {"type": "output_text", "text": "", "annotations": []}
            out += self._write("response.content_part.added", self._place(content_index=0, part=part))
        self._told.append(event.text)
        delta = self._place(content_index=0, delta=event.text, logprobs=[])
        return out + self._write("response.output_text.delta", delta)

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        out = self._enter(event.part, {"type": "reasoning", "summary": []})
        if not self._told:
            part = {"type": "summary_text", "text": ""}
            out += self._write(
                "response.reasoning_summary_part.added", self._place(summary_index=0, part=part)
            )
        self._told.append(event.text)
        delta = self._place(summary_index=0, delta=event.text)
        return out + self._write("response.reasoning_summary_text.delta", delta)

    def _seal(self, event: ReasoningSeal) -> bytes:
        out = self._enter(event.part, {"type": "reasoning", "summary": []})
        self._item["encrypted_content"] = seal(event.opaque, "responses")
        return out

    def _call(self, event: CallStarted) -> bytes:
        namespace, name, custom = self._names.of.get(event.name, (None, event.name, False))
        item: Json = {"type": "function_call", "status": "in_progress", "call_id": event.id, "name": name}
        item |= {"namespace": namespace} if namespace else {}
        item |= {"type": "custom_tool_call", "input": ""} if custom else {"arguments": ""}
        return self._enter(event.part, item)

    def _arguments(self, event: ArgumentsDelta) -> bytes:
        self._told.append(event.json)
        if self._item["type"] == "custom_tool_call":
            return b""  # the raw input is known when its wrapping is complete
        return self._write("response.function_call_arguments.delta", self._place(delta=event.json))

    def _finished(self, event: Finished) -> bytes:
        out = self._refuse(event.refusal) if event.refusal else b""
        out += self._leave(cut=event.reason == "length")
        status, details = ENDS["stop" if event.refusal else event.reason]
        self._response |= {"status": status, "incomplete_details": details, "output": self._output}
        self._response["usage"] = write_usage(event.usage)
        self._ended(self._response)
        return out + self._write(f"response.{status}", {"response": self._response})

    def _refuse(self, refusal: str) -> bytes:
        """OpenAI's form of it: the answer is complete, and says so in a message of its own."""
        out = self._enter(REFUSAL, MESSAGE)
        part = {"type": "refusal", "refusal": refusal}
        self._item["content"] = [part]
        told: dict[str, Json] = {
            "content_part.added": {"part": part | {"refusal": ""}},
            "refusal.delta": {"delta": refusal},
            "refusal.done": {"refusal": refusal},
            "content_part.done": {"part": part},
        }
        for kind, fields in told.items():
            out += self._write(f"response.{kind}", self._place(content_index=0, **fields))
        return out

    def _enter(self, part: int, item: Json) -> bytes:
        if part == self._part:
            return b""
        out, self._part, self._told = self._leave(), part, []
        prefix = {"message": "msg", "reasoning": "rs", "function_call": "fc"}.get(item["type"], "ctc")
        self._item = {"id": f"{prefix}_{self._answer}_{len(self._output)}", **item}
        added = {"output_index": len(self._output), "item": self._item}
        return out + self._write("response.output_item.added", added)

    def _leave(self, *, cut: bool = False) -> bytes:
        if self._part is None:
            return b""
        out = self._CLOSE[self._item["type"]](self)
        if "status" in self._item:
            self._item["status"] = "incomplete" if cut else "completed"
        out += self._write(
            "response.output_item.done", {"output_index": len(self._output), "item": self._item}
        )
        self._output.append(self._item)
        self._part = None
        return out

    def _close_message(self) -> bytes:
        if self._item["content"]:
            return b""  # a refusal, told in one go
        text = "".join(self._told)
        part = {"type": "output_text", "text": text, "annotations": []}
        self._item["content"] = [part]
        said = self._place(content_index=0, text=text, logprobs=[])
        out = self._write("response.output_text.done", said)
        return out + self._write("response.content_part.done", self._place(content_index=0, part=part))

    def _close_reasoning(self) -> bytes:
        if not self._told:
            return b""
        text = "".join(self._told)
        part = {"type": "summary_text", "text": text}
        self._item["summary"] = [part]
        said = self._place(summary_index=0, text=text)
        out = self._write("response.reasoning_summary_text.done", said)
        return out + self._write(
            "response.reasoning_summary_part.done", self._place(summary_index=0, part=part)
        )

    def _close_call(self) -> bytes:
        self._item["arguments"] = "".join(self._told) or "{}"
        said = self._place(arguments=self._item["arguments"])
        return self._write("response.function_call_arguments.done", said)

    def _close_custom(self) -> bytes:
        self._item["input"] = unwrap("".join(self._told))
        said = self._place(delta=self._item["input"])
        out = self._write("response.custom_tool_call_input.delta", said)
        done = self._place(input=self._item["input"])
        return out + self._write("response.custom_tool_call_input.done", done)

    def _place(self, **fields: Any) -> Json:
        return {"item_id": self._item["id"], "output_index": len(self._output)} | fields

    def _write(self, kind: str, fields: Json) -> bytes:
        event = {"type": kind, "sequence_number": self._number} | fields
        self._number += 1
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), codec.write(event))

    _ON: ClassVar[dict[type, Callable[[Any, Any], bytes]]] = {
        Started: _started,
        TextDelta: _text_delta,
        ReasoningDelta: _reasoning,
        ReasoningSeal: _seal,
        CallStarted: _call,
        ArgumentsDelta: _arguments,
        Finished: _finished,
    }
    _CLOSE: ClassVar[dict[str, Callable[[Any], bytes]]] = {
        "message": _close_message,
        "reasoning": _close_reasoning,
        "function_call": _close_call,
        "custom_tool_call": _close_custom,
    }


def unwrap(arguments: str) -> str:
    """The free text that was wrapped as {"input": "..."}; as it is if the model wrapped it otherwise."""
    try:
        told = codec.read(arguments.encode())
    except ValueError:
        return arguments
    return str(told["input"]) if isinstance(told, dict) and "input" in told else arguments


def write_usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_written},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.output,
    }
