"""Correction of Copilot's Chat Completions chunks.

Seen on the wire, 2025 to 2026: Azure's empty first chunk and its filter results, usage after the finish;
Claude's chunks without `object`, its response spread over two choices, both of two parallel tool calls
with index 0, later fragments without an id, `finish_reason` before the tool calls or not at all.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from copilot_bridge.dialects import members
from copilot_bridge.dialects.chat.copilot_fields import COPILOT_ONLY_FIELDS, REASONING_FIELDS
from copilot_bridge.dialects.chat.tool_calls import ToolCallNumbering
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.stream_errors import as_stream_error, error_in, is_error
from copilot_bridge.errors import StreamCut, UpstreamRefused

# The fields of each chunk that concern the whole response, and their types.
COMMON_FIELDS: dict[str, type] = {"id": str, "model": str, "created": int}

# The finish reasons of other vendors in lower case -> OpenAI's.  Clients know no others; an unlisted one is
# "stop".  Sources: Google's `FinishReason`, Anthropic's `stop_reason`, Mistral's, vLLM's and TGI's (2026).
FINISH_REASONS: Mapping[str, str] = {
    **{reason: reason for reason in ("stop", "length", "tool_calls", "function_call", "content_filter")},
    **dict.fromkeys(("max_tokens", "model_length", "model_context_window_exceeded"), "length"),
    **dict.fromkeys(("tool_use", "tool_call"), "tool_calls"),
    **dict.fromkeys(("safety", "recitation", "blocklist", "prohibited_content", "spii"), "content_filter"),
    **dict.fromkeys(("refusal", "language"), "content_filter"),
}

# Google's finish reasons of a call that the model made and nobody can run.  They are errors, since an agent
# would take "stop" for the end of its task.
FAILED_CALL = ("malformed_function_call", "unexpected_tool_call", "missing_thought_signature")

TEXT_FIELDS = ("role", "content", "refusal")

# The names of reasoning's signature in different backends' chunks.
SIGNATURE_FIELDS = ("reasoning_opaque", "signature")


class ChunkNormalizer:
    """Turns chunks from Copilot into chunks as OpenAI specifies them.

    :param model, created, response_id: for responses that lack them (`created` in Unix seconds).
    :param keep: whether to leave Copilot's own fields in.
    """

    def __init__(
        self, *, model: str, created: int, response_id: str = "chatcmpl-0", keep: bool = False
    ) -> None:
        self._keep = keep
        self._calls = ToolCallNumbering()
        self._started = False
        self._last_chunk: JsonObject | None = None
        self._usage_frame: JsonObject = {}
        self._response_id = response_id
        self._called_function = False  # in the form before tools
        self._common: JsonObject = {
            "id": "",
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self.finish_reason: str | None = None
        self.usage: JsonObject | None = None

    def normalize(self, chunk: JsonObject) -> Iterator[JsonObject]:
        """Normalize a chunk.

        :raises UpstreamRefused: the chunk is an error or can't be read.
        """
        if is_error(chunk) or chunk.get("error"):
            raise as_stream_error(error_in(chunk))
        if chunk.get("copilot_errors") and not self._started:
            errors = chunk["copilot_errors"]
            raise as_stream_error(errors[0] if isinstance(errors, list) else errors)
        common = self._common_fields(chunk)
        for choice in objects_of(chunk.get("choices")):
            delta = self._delta(choice)
            normalized = {
                **self._without_copilot_fields(choice),
                "index": 0,
                "delta": delta,
                "finish_reason": None,
            }
            normalized.pop("message", None)
            if reason := members.text(choice, "finish_reason"):
                no_logprobs = {"logprobs": None} if delta and "logprobs" in normalized else {}
                self._finish(reason, common, normalized | no_logprobs)
            if delta:
                with_role = self._with_role(delta)
                yield {**common, "id": self._common["id"], "choices": [{**normalized, "delta": with_role}]}

    def end(self) -> Iterator[JsonObject]:
        """Yield the chunk with the finish reason, which was held back until everything else had been sent.

        :raises StreamCut: the response is empty.
        :raises UpstreamRefused: the model made a call that can't be run, and no other.
        """
        if not self._started and self.finish_reason is None:
            raise StreamCut("Copilot's response is empty")
        if not self._started:
            opening = choice_with(self._with_role({"content": ""}))
            yield self._common | {"choices": [opening]}
        closing = self._last_chunk or self._common | {"choices": [choice_with({})]}
        closing["choices"][0]["finish_reason"] = self._correct_finish_reason()
        yield {**closing, "id": self._common["id"]}

    def usage_chunk(self) -> JsonObject | None:
        """Return the last chunk for clients that want the usage, or None if upstream gave none."""
        frame = {**(self._usage_frame or self._common), "id": self._common["id"]}
        return {**frame, "choices": [], "usage": self.usage} if self.usage else None

    def _common_fields(self, chunk: JsonObject) -> JsonObject:
        """Return the chunk without its choices' content.

        Missing fields are filled in from earlier chunks.
        """
        reported = chunk.get("usage")
        usage = members.normalize_usage(reported) if reported else reported
        if usage and any(usage.values()):  # all counts in Claude's first chunk are 0
            self.usage = usage
        fields = self._without_copilot_fields(chunk)
        if self._started:  # a response has one id, even if upstream sends it late or changes it
            fields["id"] = self._common["id"]
        for field, type_ in COMMON_FIELDS.items():
            if not fields.get(field) or not isinstance(fields[field], type_):
                fields[field] = self._common[field]
        fields["object"] = "chat.completion.chunk"
        self._common |= {field: fields[field] for field in ("id", "model", "created")}
        if "system_fingerprint" in fields:
            self._common["system_fingerprint"] = fields["system_fingerprint"]
        if not chunk.get("choices") and self.usage is usage:
            self._usage_frame = dict(fields)
        if reported:
            del fields["usage"]
        return fields

    def _without_copilot_fields(self, fields: JsonObject) -> JsonObject:
        if self._keep:
            return dict(fields)
        return {key: value for key, value in fields.items() if not COPILOT_ONLY_FIELDS.match(key)}

    def _delta(self, choice: JsonObject) -> JsonObject:
        """Return what a choice adds to the response; {} if nothing."""
        received = members.optional_object(choice, "delta") or members.optional_object(choice, "message")
        delta = self._without_copilot_fields(received)
        for field in TEXT_FIELDS:
            if field in delta:
                members.text(delta, field)
        reasoning = [members.text(delta, key) for key in REASONING_FIELDS if key in delta]
        signature = [members.text(delta, key) for key in SIGNATURE_FIELDS if key in delta]
        for key in (*REASONING_FIELDS, *SIGNATURE_FIELDS):
            delta.pop(key, None)
        if text := next(filter(None, reasoning), None):
            delta["reasoning_content"] = text
        if signature_text := next(filter(None, signature), None):
            delta["reasoning_opaque"] = signature_text
        delta.pop("cot_id", None)
        if "tool_calls" in delta:
            delta["tool_calls"] = self._numbered(delta, members.index(choice.get("index")) or 0)
            if not delta["tool_calls"]:
                del delta["tool_calls"]
        self._called_function |= bool(delta.get("function_call"))
        if self._started or not delta.get("role"):
            delta.pop("role", None)
        if not delta.get("content") and "role" not in delta and len(delta) > 1:
            delta.pop("content", None)  # null or "" beside another field
        return delta if any(value is not None and value != "" for value in delta.values()) else {}

    def _numbered(self, delta: JsonObject, choice_index: int) -> list[JsonObject]:
        response_id = self._response_id or self._common["id"]  # upstream's may be the same every time
        calls = members.objects_in(delta, "tool_calls")
        return [self._calls.number(choice_index, call, response_id) for call in calls]

    def _with_role(self, delta: JsonObject) -> JsonObject:
        """Add the role to the first delta."""
        if self._started:
            return delta
        self._started = True
        self._common["id"] = self._common["id"] or self._response_id
        return {"role": "assistant"} | delta

    def _finish(self, reason: str, common: JsonObject, choice: JsonObject) -> None:
        if reason == "error":
            raise UpstreamRefused("the model's response ended in an error", code="upstream_error")
        self.finish_reason = reason.lower()
        self._last_chunk = common | {"choices": [{**choice, "delta": {}}]}

    def _correct_finish_reason(self) -> str:
        """Return the finish reason.

        It is "tool_calls" (or "function_call", for the form before tools) exactly if there are calls and
        nothing cut the response off.

        :raises UpstreamRefused: the model made a call that can't be run, and no other.
        """
        if self.finish_reason in FAILED_CALL and not self._calls:
            raise UpstreamRefused(
                "the model made a tool call that can't be run: send the request again",
                code=self.finish_reason,
            )
        reason = FINISH_REASONS.get(self.finish_reason or "stop", "stop")
        if self._calls and reason not in ("length", "content_filter"):
            return "tool_calls"
        if reason in ("tool_calls", "function_call"):
            return "function_call" if self._called_function else "stop"
        return reason


def objects_of(values: Any) -> list[JsonObject]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def choice_with(delta: JsonObject) -> JsonObject:
    return {"index": 0, "delta": delta, "finish_reason": None}
