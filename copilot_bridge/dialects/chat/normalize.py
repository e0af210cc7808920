"""What Copilot gets wrong in a Chat Completions stream, and how it is put right as it goes by.

`Mender` knows what is wrong: chunk in, mended chunks out.  `Repair` does that to a stream of bytes, and
learns the shape of plain text chunks, so that the many that differ in nothing but their text are
recast by cutting and pasting, or passed on untouched where nothing was wrong.

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

# What each chunk tells of the answer as a whole.
FRAME: dict[str, type] = {"id": str, "model": str, "created": int}

TEXTS = ("role", "content", "refusal")

# What thinking is called by whom -> what OpenAI-compatible clients read.
REASONING = ("reasoning_text", "cot_summary", "thinking", "reasoning", "reasoning_content")
SIGNATURE = ("reasoning_opaque", "signature")

# The middle of a JSON string: no quote and no backslash but in escapes.
STRING = re.compile(rb'[^"\\\n\r]*+(?:\\.[^"\\\n\r]*+)*+')
CONTENT = b'"content":"'

# A model that has lost its way writes white space into a tool's arguments for ever.  Line ends and tabs
# are counted within one run of white space; between two tokens of JSON nobody needs so many.
MAX_LINE_ENDS = 20
MAX_SPACES = 1000
WHITESPACE = " \t\r\n"


class WhitespaceLimit:
    """Counts the white space at the end of a tool call's arguments."""

    def __init__(self) -> None:
        self._line_ends = 0
        self._spaces = 0

    def feed(self, fragment: str) -> None:
        """Raises UpstreamRefused when the run does not end."""
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


# What a tool call is, and what its arguments are called in each kind.
KINDS = {"function": "arguments", "custom": "input"}
FRAGMENT = ("index", "id", "type", *KINDS)


def kind_of(fragment: JsonObject) -> str:
    custom = fragment.get("type") == "custom" or fragment.get("custom") is not None
    return "custom" if custom and fragment.get("function") is None else "function"


class ToolCallNumbering:
    """Numbers the tool calls of one answer from 0, whatever index upstream gave them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # id -> number of the last call that upstream called so
        self._open: dict[object, int] = {}  # upstream's (choice, index) -> the call it was used for last
        self._named: set[int] = set()
        self._kinds: list[str] = []
        self._whitespace: list[WhitespaceLimit] = []

    def __len__(self) -> int:
        return len(self._kinds)

    def number(self, choice: object, fragment: JsonObject, answer_id: str) -> JsonObject:
        """The fragment as OpenAI would have sent it."""
        place = (choice, members.index(fragment.get("index")) or 0)
        id_, kind = members.id_text(fragment, "id"), kind_of(fragment)
        given = members.object_in(fragment, kind)
        name = members.text(given, "name")
        number = self._known(place, id_, name)
        opening: JsonObject = {}
        if number is None:
            number = len(self)
            opening = {"id": self._begin(id_, kind, answer_id), "type": kind}
        self._open[place] = number
        if id_:
            self._numbers[id_] = number
        kind = self._kinds[number]
        told = self._told(number, name, given, KINDS[kind])
        extra = {
            key: each
            for key, each in fragment.items()
            if key not in FRAGMENT and not COPILOT_ONLY_FIELDS.match(key)
        }
        return {"index": number, **opening, **extra, kind: told}

    def _known(self, place: object, id_: str, name: str) -> int | None:
        """Which call this is more of; None: a new one.

        A new id begins a new call, and so does a name where there is one already, unless id and place are its
        own; a fragment without an id belongs to the last of its place.
        """
        known = self._numbers.get(id_) if id_ else self._open.get(place)
        if known is None and not id_ and self._open and not name:
            return len(self) - 1  # more of the last one, under another index
        again = known in self._named and name
        return None if again and not (id_ and self._open.get(place) == known) else known

    def _begin(self, id_: str, kind: str, answer_id: str) -> str:
        """The call's id: its own, if no other call has it."""
        self._kinds.append(kind)
        self._whitespace.append(WhitespaceLimit())
        return id_ if id_ and id_ not in self._numbers else f"call_{answer_id}_{len(self) - 1}"

    def _told(self, number: int, name: str, given: JsonObject, field: str) -> JsonObject:
        piece = members.json_text(given, field)
        if field == "arguments":
            self._whitespace[number].feed(piece)
        named = name if number not in self._named else ""
        if named:
            self._named.add(number)
        kept = {
            key: each for key, each in given.items() if key != "name" and not COPILOT_ONLY_FIELDS.match(key)
        }
        return ({"name": named} if named else {}) | kept | {field: piece}


class ChunkNormalizer:
    """Chunks as Copilot sends them in, chunks as OpenAI promises them out.

    :param model, created, answer_id: for answers that carry none (`created` in unix seconds).
    :param keep: leave Copilot's own fields in.
    """

    def __init__(
        self, *, model: str, created: int, answer_id: str = "chatcmpl-0", keep: bool = False
    ) -> None:
        self._keep = keep
        self._calls = ToolCallNumbering()
        self._started = False
        self._closing: JsonObject | None = None
        self._counting: JsonObject = {}
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
        """Raises UpstreamRefused: the chunk tells of an error, or can't be read."""
        if is_error(chunk) or chunk.get("error"):
            raise as_stream_error(error_in(chunk))
        if chunk.get("copilot_errors") and not self._started:
            told = chunk["copilot_errors"]
            raise as_stream_error(told[0] if isinstance(told, list) else told)
        frame = self._frame(chunk)
        for choice in dicts(chunk.get("choices")):
            delta = self._delta(choice)
            normalized = {**self._kept(choice), "index": 0, "delta": delta, "finish_reason": None}
            normalized.pop("message", None)
            if reason := members.text(choice, "finish_reason"):
                said = {"logprobs": None} if delta and "logprobs" in normalized else {}
                self._finish(reason, frame, normalized | said)
            if delta:
                opened = self._opened(delta)
                yield {**frame, "id": self._common["id"], "choices": [{**normalized, "delta": opened}]}

    def end(self) -> Iterator[JsonObject]:
        """The chunk with the finish_reason, held back until everything else has been said.

        :raises StreamCut: there is no answer.
        """
        if not self._started and self.finish_reason is None:
            raise StreamCut("Copilot's answer has nothing in it")
        if not self._started:
            opening = choice_of(self._opened({"content": ""}))
            yield self._common | {"choices": [opening]}
        closing = self._closing or self._common | {"choices": [choice_of({})]}
        closing["choices"][0]["finish_reason"] = self._true_finish()
        yield {**closing, "id": self._common["id"]}

    def usage_chunk(self) -> JsonObject | None:
        """The last chunk of those who asked for it; None if upstream gave no usage."""
        counting = {**(self._counting or self._common), "id": self._common["id"]}
        return {**counting, "choices": [], "usage": self.usage} if self.usage else None

    def _frame(self, chunk: JsonObject) -> JsonObject:
        """The chunk itself without its choices' content; gaps filled from what was seen before."""
        given = chunk.get("usage")
        usage = members.normalize_usage(given) if given else given
        if usage and any(usage.values()):  # Claude's first chunk counts nothing yet
            self.usage = usage
        kept = self._kept(chunk)
        if self._started:  # an answer has one id, even if upstream tells it late or not each time
            kept["id"] = self._common["id"]
        for field, kind in FRAME.items():
            if not kept.get(field) or not isinstance(kept[field], kind):
                kept[field] = self._common[field]
        kept["object"] = "chat.completion.chunk"
        self._common |= {field: kept[field] for field in ("id", "model", "created")}
        if "system_fingerprint" in kept:
            self._common["system_fingerprint"] = kept["system_fingerprint"]
        if not chunk.get("choices") and self.usage is usage:
            self._counting = dict(kept)
        if given:
            del kept["usage"]
        return kept

    def _kept(self, fields: JsonObject) -> JsonObject:
        if self._keep:
            return dict(fields)
        return {key: value for key, value in fields.items() if not COPILOT_ONLY_FIELDS.match(key)}

    def _delta(self, choice: JsonObject) -> JsonObject:
        """What this choice adds to the answer; {} if that is nothing."""
        given = members.optional_object(choice, "delta") or members.optional_object(choice, "message")
        delta = self._kept(given)
        for field in TEXTS:
            if field in delta:
                members.text(delta, field)
        reasoning = [members.text(delta, key) for key in REASONING if key in delta]
        signature = [members.text(delta, key) for key in SIGNATURE if key in delta]
        for key in (*REASONING, *SIGNATURE):
            delta.pop(key, None)
        if text := next(filter(None, reasoning), None):
            delta["reasoning_content"] = text
        if opaque := next(filter(None, signature), None):
            delta["reasoning_opaque"] = opaque
        delta.pop("cot_id", None)
        if "tool_calls" in delta:
            delta["tool_calls"] = self._numbered(delta, members.index(choice.get("index")) or 0)
            if not delta["tool_calls"]:
                del delta["tool_calls"]
        if self._started or not delta.get("role"):
            delta.pop("role", None)
        if not delta.get("content") and "role" not in delta and len(delta) > 1:
            delta.pop("content", None)  # null or "" beside something else
        return delta if any(value is not None and value != "" for value in delta.values()) else {}

    def _numbered(self, delta: JsonObject, place: int) -> list[JsonObject]:
        answer_id = self._common["id"] or self._answer_id
        calls = members.objects_in(delta, "tool_calls")
        return [self._calls.number(place, call, answer_id) for call in calls]

    def _opened(self, delta: JsonObject) -> JsonObject:
        """The first delta says who speaks."""
        if self._started:
            return delta
        self._started = True
        self._common["id"] = self._common["id"] or self._answer_id
        return {"role": "assistant"} | delta

    def _finish(self, reason: str, frame: JsonObject, choice: JsonObject) -> None:
        if reason == "error":
            raise UpstreamRefused("the model's answer ended in an error", code="upstream_error")
        self.finish_reason = reason
        self._closing = frame | {"choices": [{**choice, "delta": {}}]}

    def _true_finish(self) -> str:
        """A tool call is one, whatever else the reason says; but a cut-off one is cut off."""
        reason = self.finish_reason or "stop"
        if self._calls and reason not in ("length", "content_filter"):
            return "tool_calls"
        return reason if self._calls or reason != "tool_calls" else "stop"


def dicts(given: Any) -> list[JsonObject]:
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []


def choice_of(delta: JsonObject) -> JsonObject:
    return {"index": 0, "delta": delta, "finish_reason": None}


class ChunkTemplate:
    """A plain text chunk with its text cut out: before, after, and both as they should be."""

    __slots__ = ("_head", "_new_head", "_new_tail", "_tail")

    @classmethod
    def from_example(
        cls, block: bytes, chunk: JsonObject, normalized: list[JsonObject], out: bytes
    ) -> "ChunkTemplate | None":
        """From a chunk that is text and nothing else, as it came and as it should be; None: it is not."""
        if len(normalized) != 1 or normalized[0]["choices"][0]["delta"].keys() != {"content"}:
            return None
        if len(chunk["choices"]) != 1 or chunk["choices"][0].get("finish_reason") or chunk.get("usage"):
            return None
        if not block.count(CONTENT) == out.count(CONTENT) == 1:
            return None
        template = cls(block, out)
        return template if template.read(block) == normalized[0]["choices"][0]["delta"]["content"] else None

    def __init__(self, block: bytes, normalized: bytes) -> None:
        self._head, self._tail = around_text(block)
        self._new_head, self._new_tail = around_text(normalized)

    def render(self, block: bytes) -> bytes | None:
        """The mended block, None if it is of another shape."""
        head, tail = self._head, self._tail
        if not (block.startswith(head) and block.endswith(tail)):
            return None
        end = len(block) - len(tail)
        if not STRING.fullmatch(block, len(head), end):
            return None
        return b"%b%b%b" % (self._new_head, block[len(head) : end], self._new_tail)

    def read(self, block: bytes) -> Any:
        """The text of a block, None if it is of another shape."""
        if not (block.startswith(self._head) and block.endswith(self._tail)):
            return None
        try:
            return codec.read(b'"%b"' % block[len(self._head) : len(block) - len(self._tail)])
        except ValueError:
            return None


def around_text(block: bytes) -> tuple[bytes, bytes]:
    start = block.index(CONTENT) + len(CONTENT)
    text = STRING.match(block, start)
    assert text is not None, "it matches the empty string"
    return block[:start], block[text.end() :]


class StreamNormalizer:
    """A stream's bytes in, cut anywhere; whole mended events out.

    :param usage: the client asked for the usage chunk.
    """

    stopped = False  # from here; only a stream that is read anew is

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
        """The answer itself is complete, though the stream may not be."""
        return self._normalizer.finish_reason is not None

    def feed(self, piece: bytes) -> bytes:
        """Raises UpstreamRefused: the stream tells of an error.

        What came before it in the same piece is given first; then the error is in `failure`.
        """
        if self._template and self._splitter.is_empty and piece.endswith(b"\n\n"):
            alone = self._template.render(piece[:-2])  # the usual case, when a model writes at its own pace
            if alone is not None:
                return alone
        out = []
        try:
            for block in self._splitter.feed(piece):
                known = self._template.render(block) if self._template else None
                out.append(self._normalize(block) if known is None else known)
        except UpstreamRefused as error:
            if not out:
                raise
            self.failure = error
        return b"".join(out)

    def close(self) -> bytes:
        """What is still owed at the end of the stream.

        :raises StreamCut: the answer has no end.
        :raises UpstreamRefused: the end is an error.
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
            out = FRAMING.encode([("", each) for each in normalized])
        # The first chunk is not like the others, and neither is the last.
        self._template = ChunkTemplate.from_example(block, chunk, normalized, out) or self._template
        return out

    def _end(self) -> bytes:
        self.done, self._template = True, None
        chunks = list(self._normalizer.end())
        usage = self._normalizer.usage_chunk()
        if self._wants_usage and usage:
            chunks.append(usage)
        return FRAMING.encode([("", chunk) for chunk in chunks]) + FRAMING.end
