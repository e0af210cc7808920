"""Correction of Copilot's Chat Completions streams on their way to the client.

`ChunkNormalizer` knows the faults and turns chunks into correct ones.  `StreamNormalizer` applies it to a
stream of bytes.  Most chunks differ only in their text, so it learns a template of them: further chunks are
rendered from it without parsing, or passed on untouched if nothing was wrong.

Seen on the wire, 2025 to 2026: Azure's empty first chunk and its filter results, usage after the finish;
Claude's chunks without `object`, its answer spread over two choices, both of two parallel tool calls
with index 0, later fragments without an id, `finish_reason` before the tool calls or not at all.
"""

import re
from collections.abc import Iterator
from typing import Any

from copilot_bridge.dialects import codec, members
from copilot_bridge.dialects.chat.errors import error_frame
from copilot_bridge.dialects.chat.framing import FRAMING
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing import sse
from copilot_bridge.dialects.stream_errors import as_stream_error, error_in, is_error, read_stream_error
from copilot_bridge.errors import BridgeError, StreamCut, UpstreamRefused

COPILOT_ONLY_FIELDS = re.compile(r"copilot_|content_filter_|prompt_filter_results$|padding$|intent_")

# The fields of each chunk that concern the whole response, and their types.
COMMON_FIELDS: dict[str, type] = {"id": str, "model": str, "created": int}

TEXT_FIELDS = ("role", "content", "refusal")

# The names of reasoning, and of its signature, in different backends' chunks.
REASONING_FIELDS = ("reasoning_text", "cot_summary", "thinking", "reasoning", "reasoning_content")
SIGNATURE_FIELDS = ("reasoning_opaque", "signature")

# The content of a JSON string: quotes and backslashes only in escapes.
STRING_CONTENT = re.compile(rb'[^"\\\n\r]*+(?:\\.[^"\\\n\r]*+)*+')
CONTENT_KEY = b'"content":"'

# A degenerate model writes white space into a tool's arguments for ever.  Line ends and tabs are counted
# within one run of white space; no JSON needs so many between two tokens.
MAX_LINE_ENDS = 20
MAX_SPACES = 1000
WHITESPACE = " \t\r\n"


class WhitespaceLimit:
    """Stops a response in which a tool call's arguments end in too much white space."""

    def __init__(self) -> None:
        self._line_ends = 0
        self._spaces = 0

    def feed(self, fragment: str) -> None:
        """Count the white space at the end of the arguments.

        :raises UpstreamRefused: there is too much.
        """
        if not fragment:
            return
        run = fragment[len(fragment.rstrip(WHITESPACE)) :]
        if len(run) < len(fragment):
            self._line_ends = self._spaces = 0
        self._spaces += len(run)
        self._line_ends += len(run) - run.count(" ")
        if self._line_ends > MAX_LINE_ENDS or self._spaces > MAX_SPACES:
            raise UpstreamRefused(
                "the model wrote nothing but white space into a tool call; the answer was stopped",
                code="degenerate_output",
            )


# The types of tool calls, and the field of the arguments in each.
ARGUMENTS_FIELD = {"function": "arguments", "custom": "input"}
FRAGMENT_FIELDS = ("index", "id", "type", *ARGUMENTS_FIELD)


def kind_of(fragment: JsonObject) -> str:
    custom = fragment.get("type") == "custom" or fragment.get("custom") is not None
    return "custom" if custom and fragment.get("function") is None else "function"


class ToolCallNumbering:
    """Numbers the tool calls of a response from 0, whatever index upstream gave them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # upstream's id -> number of the last call with it
        self._open: dict[object, int] = {}  # upstream's (choice, index) -> number of the last call with it
        self._with_name: set[int] = set()
        self._kinds: list[str] = []
        self._whitespace: list[WhitespaceLimit] = []

    def __len__(self) -> int:
        return len(self._kinds)

    def number(self, choice: object, fragment: JsonObject, answer_id: str) -> JsonObject:
        """Return a fragment of a tool call as OpenAI would have sent it."""
        key = (choice, members.index(fragment.get("index")) or 0)
        id_, kind = members.id_text(fragment, "id"), kind_of(fragment)
        received = members.object_in(fragment, kind)
        name = members.text(received, "name")
        number = self._find_call(key, id_, name)
        opening: JsonObject = {}
        if number is None:
            number = len(self)
            opening = {"id": self._begin(id_, kind, answer_id), "type": kind}
        self._open[key] = number
        if id_:
            self._numbers[id_] = number
        kind = self._kinds[number]
        content = self._content(number, name, received, ARGUMENTS_FIELD[kind])
        other_fields = {
            key: value
            for key, value in fragment.items()
            if key not in FRAGMENT_FIELDS and not COPILOT_ONLY_FIELDS.match(key)
        }
        return {"index": number, **opening, **other_fields, kind: content}

    def _find_call(self, key: object, id_: str, name: str) -> int | None:
        """Return the number of the call that a fragment continues, or None for a new call.

        A new id begins a new call, and so does a name if the call has one already, unless both id and index
        are its own.  A fragment without an id belongs to the last call with its index.
        """
        known = self._numbers.get(id_) if id_ else self._open.get(key)
        if known is None and not id_ and self._open and not name:
            return len(self) - 1  # it continues the last call under another index
        has_second_name = known in self._with_name and name
        return None if has_second_name and not (id_ and self._open.get(key) == known) else known

    def _begin(self, id_: str, kind: str, answer_id: str) -> str:
        """Begin a call, and return its id: upstream's, if no other call has it."""
        self._kinds.append(kind)
        self._whitespace.append(WhitespaceLimit())
        return id_ if id_ and id_ not in self._numbers else f"call_{answer_id}_{len(self) - 1}"

    def _content(self, number: int, name: str, received: JsonObject, field: str) -> JsonObject:
        piece = members.json_text(received, field)
        if field == "arguments":
            self._whitespace[number].feed(piece)
        new_name = name if number not in self._with_name else ""
        if new_name:
            self._with_name.add(number)
        others = {
            key: value
            for key, value in received.items()
            if key != "name" and not COPILOT_ONLY_FIELDS.match(key)
        }
        return ({"name": new_name} if new_name else {}) | others | {field: piece}


class ChunkNormalizer:
    """Turns chunks from Copilot into chunks as OpenAI specifies them.

    :param model, created, answer_id: for responses that lack them (`created` in Unix seconds).
    :param keep: whether to leave Copilot's own fields in.
    """

    def __init__(
        self, *, model: str, created: int, answer_id: str = "chatcmpl-0", keep: bool = False
    ) -> None:
        self._keep = keep
        self._calls = ToolCallNumbering()
        self._started = False
        self._last_chunk: JsonObject | None = None
        self._usage_frame: JsonObject = {}
        self._answer_id = answer_id
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
        """
        if not self._started and self.finish_reason is None:
            raise StreamCut("Copilot's answer has nothing in it")
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
        """Return the chunk without its choices' content, with missing fields filled in from earlier
        chunks.
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
        if self._started or not delta.get("role"):
            delta.pop("role", None)
        if not delta.get("content") and "role" not in delta and len(delta) > 1:
            delta.pop("content", None)  # null or "" beside another field
        return delta if any(value is not None and value != "" for value in delta.values()) else {}

    def _numbered(self, delta: JsonObject, choice_index: int) -> list[JsonObject]:
        answer_id = self._common["id"] or self._answer_id
        calls = members.objects_in(delta, "tool_calls")
        return [self._calls.number(choice_index, call, answer_id) for call in calls]

    def _with_role(self, delta: JsonObject) -> JsonObject:
        """Add the role to the first delta."""
        if self._started:
            return delta
        self._started = True
        self._common["id"] = self._common["id"] or self._answer_id
        return {"role": "assistant"} | delta

    def _finish(self, reason: str, common: JsonObject, choice: JsonObject) -> None:
        if reason == "error":
            raise UpstreamRefused("the model's answer ended in an error", code="upstream_error")
        self.finish_reason = reason
        self._last_chunk = common | {"choices": [{**choice, "delta": {}}]}

    def _correct_finish_reason(self) -> str:
        """Return the finish reason: "tool_calls" exactly if there are calls and nothing cut the
        response off.
        """
        reason = self.finish_reason or "stop"
        if self._calls and reason not in ("length", "content_filter"):
            return "tool_calls"
        return reason if self._calls or reason != "tool_calls" else "stop"


def objects_of(values: Any) -> list[JsonObject]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def choice_with(delta: JsonObject) -> JsonObject:
    return {"index": 0, "delta": delta, "finish_reason": None}


class ChunkTemplate:
    """A plain text chunk without its text: the bytes around the text, before and after normalization."""

    __slots__ = ("_head", "_new_head", "_new_tail", "_tail")

    @classmethod
    def from_example(
        cls, block: bytes, chunk: JsonObject, normalized: list[JsonObject], out: bytes
    ) -> "ChunkTemplate | None":
        """Make a template of a chunk that has text and nothing else, or None if the chunk has more."""
        if len(normalized) != 1 or normalized[0]["choices"][0]["delta"].keys() != {"content"}:
            return None
        if len(chunk["choices"]) != 1 or chunk["choices"][0].get("finish_reason") or chunk.get("usage"):
            return None
        if not block.count(CONTENT_KEY) == out.count(CONTENT_KEY) == 1:
            return None
        template = cls(block, out)
        return template if template.read(block) == normalized[0]["choices"][0]["delta"]["content"] else None

    def __init__(self, block: bytes, normalized: bytes) -> None:
        self._head, self._tail = around_text(block)
        self._new_head, self._new_tail = around_text(normalized)

    def render(self, block: bytes) -> bytes | None:
        """Normalize a block, or return None if it does not match the template."""
        head, tail = self._head, self._tail
        if not (block.startswith(head) and block.endswith(tail)):
            return None
        end = len(block) - len(tail)
        if not STRING_CONTENT.fullmatch(block, len(head), end):
            return None
        return b"%b%b%b" % (self._new_head, block[len(head) : end], self._new_tail)

    def read(self, block: bytes) -> Any:
        """Return the text of a block, or None if it does not match the template."""
        if not (block.startswith(self._head) and block.endswith(self._tail)):
            return None
        try:
            return codec.read(b'"%b"' % block[len(self._head) : len(block) - len(self._tail)])
        except ValueError:
            return None


def around_text(block: bytes) -> tuple[bytes, bytes]:
    start = block.index(CONTENT_KEY) + len(CONTENT_KEY)
    text = STRING_CONTENT.match(block, start)
    assert text is not None, "it matches the empty string"
    return block[:start], block[text.end() :]


class StreamNormalizer:
    """Turns a stream of bytes, cut anywhere, into whole normalized events.

    :param usage: whether the client wants the usage chunk.
    """

    stopped = False  # whether the bridge ended the stream; only a translated stream can be

    def __init__(self, normalizer: ChunkNormalizer, *, usage: bool) -> None:
        self._normalizer = normalizer
        self._wants_usage = usage
        self._splitter = sse.Splitter()
        self._template: ChunkTemplate | None = None
        self.done = False
        self.failure: BridgeError | None = None
        self.outcome = "ok"

    @property
    def usage(self) -> JsonObject | None:
        return self._normalizer.usage

    @property
    def finished(self) -> bool:
        """Whether the response is complete, even if the stream is not."""
        return self._normalizer.finish_reason is not None

    def feed(self, piece: bytes) -> bytes:
        """Normalize a piece of the stream.

        If events come before an error in the same piece, they are returned, and the error is kept in
        `failure`.

        :raises UpstreamRefused: the stream contains an error.
        """
        if self._template and self._splitter.is_empty and piece.endswith(b"\n\n"):
            rendered = self._template.render(piece[:-2])  # the usual case: one event at a time
            if rendered is not None:
                return rendered
        out = []
        try:
            for block in self._splitter.feed(piece):
                rendered = self._template.render(block) if self._template else None
                out.append(self._normalize(block) if rendered is None else rendered)
        except UpstreamRefused as error:
            if not out:
                raise
            self.failure = error
        return b"".join(out)

    def close(self) -> bytes:
        """Return the rest of the stream.

        :raises StreamCut: the response has no end.
        :raises UpstreamRefused: the stream ended in an error.
        """
        if self.failure:
            raise self.failure
        out = self._normalize(self._splitter.rest())
        if self.done:
            return out
        if not self.finished:
            raise StreamCut("Copilot's answer broke off before its end")
        return out + self._end()

    def fail(self, error: BridgeError) -> bytes:
        return FRAMING.encode([error_frame(error)])

    def _normalize(self, block: bytes) -> bytes:
        data = sse.read_data(block)
        if self.done or not data:
            return block + b"\n\n" if block.startswith(b":") and not self.done else b""
        if data.strip() == b"[DONE]":
            return self._end()
        if sse.tells_error(block):
            raise read_stream_error(data)
        chunk = codec.read_object(data)
        if chunk is None:
            return b""
        normalized = list(self._normalizer.normalize(chunk))
        if normalized == [chunk]:
            out = block + b"\n\n"
        else:
            out = FRAMING.encode([("", chunk) for chunk in normalized])
        # The first and the last chunk differ from all others, so the template may change.
        self._template = ChunkTemplate.from_example(block, chunk, normalized, out) or self._template
        return out

    def _end(self) -> bytes:
        self.done, self._template = True, None
        chunks = list(self._normalizer.end())
        usage = self._normalizer.usage_chunk()
        if self._wants_usage and usage:
            chunks.append(usage)
        return FRAMING.encode([("", chunk) for chunk in chunks]) + FRAMING.end
