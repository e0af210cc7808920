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

from copilot_bridge.dialects import codec, sse
from copilot_bridge.dialects.chat.errors import write_event
from copilot_bridge.dialects.told import told_error
from copilot_bridge.errors import BridgeError, StreamCut, UpstreamRefused

Chunk = dict[str, Any]

NOISE = re.compile(r"copilot_|content_filter_|prompt_filter_results$|padding$|intent_")

# What thinking is called by whom -> what OpenAI-compatible clients read.
REASONING = ("reasoning_text", "cot_summary", "thinking", "reasoning")
SIGNATURE = ("reasoning_opaque", "signature")

# The middle of a JSON string: no quote and no backslash but in escapes.
STRING = re.compile(rb'[^"\\\n\r]*+(?:\\.[^"\\\n\r]*+)*+')
CONTENT = b'"content":"'

# A model that has lost its way writes white space into a tool's arguments for ever.  Line ends and tabs
# are counted within one run of white space; between two tokens of JSON nobody needs so many.
MOST_LINE_ENDS = 20
MOST_SPACES = 1000
WHITESPACE = " \t\r\n"


class Whitespace:
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
        if self._line_ends > MOST_LINE_ENDS or self._spaces > MOST_SPACES:
            raise UpstreamRefused(
                "the model wrote nothing but white space into a tool call; the answer was stopped",
                code="degenerate_output",
            )


class Calls:
    """Numbers the tool calls of one answer from 0, whatever index upstream gave them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}  # id -> number
        self._open: dict[object, int] = {}  # upstream's (choice, index) -> the call it was used for last
        self._named: set[int] = set()
        self._whitespace: list[Whitespace] = []

    def __len__(self) -> int:
        return len(self._whitespace)

    def number(self, choice: object, fragment: Chunk, answer_id: str) -> Chunk:
        """A new id begins a new call; a fragment without one belongs to the last with its index."""
        place = (choice, fragment.get("index", 0))
        id_ = fragment.get("id") or None
        function = as_object(fragment.get("function"))
        known = self._numbers.get(id_) if id_ else self._open.get(place)
        if known is None and not id_ and self._open and not function.get("name"):
            known = len(self) - 1  # more of the last one, under another index
        elif known in self._named and not id_ and function.get("name"):
            known = None  # it has a name already: this is the next one, without an id of its own
        is_new = known is None
        number = len(self) if known is None else known
        if is_new:
            id_ = id_ or f"call_{answer_id}_{number}"
            self._numbers[id_] = number
            self._whitespace.append(Whitespace())
        self._open[place] = number
        self._whitespace[number].feed(function.get("arguments") or "")
        named = function.get("name") if number not in self._named else None
        if named:
            self._named.add(number)
        kept = {key: value for key, value in function.items() if key != "name" and not NOISE.match(key)}
        kept = ({"name": named} if named else {}) | kept | {"arguments": function.get("arguments") or ""}
        opening = {"id": id_, "type": "function"} if is_new else {}
        return {"index": number, **opening, "function": kept}


def as_object(value: Any) -> Chunk:
    return value if isinstance(value, dict) else {}


class Mender:
    """Chunks as Copilot sends them in, chunks as OpenAI promises them out.

    :param model, created, answer_id: for answers that carry none (`created` in unix seconds).
    :param keep: leave Copilot's own fields in.
    """

    def __init__(
        self, *, model: str, created: int, answer_id: str = "chatcmpl-0", keep: bool = False
    ) -> None:
        self._keep = keep
        self._calls = Calls()
        self._started = False
        self._closing: Chunk | None = None
        self._counting: Chunk = {}
        self._answer_id = answer_id
        self._common: Chunk = {
            "id": "",
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self.finish_reason: str | None = None
        self.usage: Chunk | None = None

    def mend(self, chunk: Chunk) -> Iterator[Chunk]:
        """Raises UpstreamRefused: the chunk tells of an error."""
        if chunk.get("error"):
            raise told_error(chunk["error"])
        if chunk.get("copilot_errors") and not self._started:
            raise told_error(next(iter(chunk["copilot_errors"])))
        frame = self._frame(chunk)
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                continue
            delta = self._delta(choice)
            mended = {**self._kept(choice), "index": 0, "delta": delta, "finish_reason": None}
            if reason := choice.get("finish_reason"):
                said = {"logprobs": None} if delta and "logprobs" in mended else {}
                self._finish(str(reason), frame, mended | said)
            if delta:
                opened = self._opened(delta)
                yield {**frame, "id": self._common["id"], "choices": [{**mended, "delta": opened}]}

    def end(self) -> Iterator[Chunk]:
        """The chunk with the finish_reason, held back until everything else has been said."""
        if not self._started:
            opening = choice_of(self._opened({"content": ""}))
            yield self._common | {"choices": [opening]}
        closing = self._closing or self._common | {"choices": [choice_of({})]}
        closing["choices"][0]["finish_reason"] = self._true_finish()
        yield {**closing, "id": self._common["id"]}

    def usage_chunk(self) -> Chunk | None:
        """The last chunk of those who asked for it; None if upstream gave no usage."""
        counting = {**(self._counting or self._common), "id": self._common["id"]}
        return {**counting, "choices": [], "usage": self.usage} if self.usage else None

    def _frame(self, chunk: Chunk) -> Chunk:
        """The chunk itself without its choices' content; gaps filled from what was seen before."""
        usage = chunk.get("usage")
        if isinstance(usage, dict) and any(usage.values()):  # Claude's first chunk counts nothing yet
            self.usage = usage
        kept = self._kept(chunk)
        if self._started:  # an answer has one id, even if upstream tells it late or not each time
            kept["id"] = self._common["id"]
        for field in ("id", "model", "created"):
            if not kept.get(field):
                kept[field] = self._common[field]
        kept["object"] = "chat.completion.chunk"
        self._common |= {field: kept[field] for field in ("id", "model", "created")}
        if "system_fingerprint" in kept:
            self._common["system_fingerprint"] = kept["system_fingerprint"]
        if not chunk.get("choices") and self.usage is usage:
            self._counting = dict(kept)
        if usage:
            del kept["usage"]
        return kept

    def _kept(self, fields: Chunk) -> Chunk:
        if self._keep:
            return dict(fields)
        return {key: value for key, value in fields.items() if not NOISE.match(key)}

    def _delta(self, choice: Chunk) -> Chunk:
        """What this choice adds to the answer; {} if that is nothing."""
        given = choice.get("delta")
        delta = self._kept(as_object(given))
        reasoning = [delta.pop(key) for key in REASONING if key in delta]
        signature = [delta.pop(key) for key in SIGNATURE if key in delta]
        if text := next(filter(None, reasoning), None):
            delta["reasoning_content"] = text
        if opaque := next(filter(None, signature), None):
            delta["reasoning_opaque"] = opaque
        delta.pop("cot_id", None)
        if "tool_calls" in delta:
            delta["tool_calls"] = self._numbered(delta["tool_calls"], choice.get("index", 0))
            if not delta["tool_calls"]:
                del delta["tool_calls"]
        if self._started or not delta.get("role"):
            delta.pop("role", None)
        if not delta.get("content") and "role" not in delta and len(delta) > 1:
            delta.pop("content", None)  # null or "" beside something else
        return delta if any(value is not None and value != "" for value in delta.values()) else {}

    def _numbered(self, calls: Any, place: object) -> list[Chunk]:
        given = [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
        return [self._calls.number(place, call, self._common["id"]) for call in given]

    def _opened(self, delta: Chunk) -> Chunk:
        """The first delta says who speaks."""
        if self._started:
            return delta
        self._started = True
        self._common["id"] = self._common["id"] or self._answer_id
        return {"role": "assistant"} | delta

    def _finish(self, reason: str, frame: Chunk, choice: Chunk) -> None:
        if reason == "error":
            raise UpstreamRefused("the model's answer ended in an error", code="upstream_error")
        self.finish_reason = reason
        self._closing = frame | {"choices": [{**choice, "delta": {}}]}

    def _true_finish(self) -> str:
        """A tool call is one, whatever else the reason says; but a cut-off one is cut off."""
        reason = self.finish_reason or "stop"
        if self._calls and reason not in ("length", "content_filter"):
            return "tool_calls"
        return reason


def choice_of(delta: Chunk) -> Chunk:
    return {"index": 0, "delta": delta, "finish_reason": None}


class Shape:
    """A plain text chunk with its text cut out: before, after, and both as they should be."""

    __slots__ = ("_head", "_new_head", "_new_tail", "_tail")

    @classmethod
    def learn(cls, block: bytes, chunk: Chunk, mended: list[Chunk], out: bytes) -> "Shape | None":
        """From a chunk that is text and nothing else, as it came and as it should be; None: it is not."""
        if len(mended) != 1 or mended[0]["choices"][0]["delta"].keys() != {"content"}:
            return None
        if len(chunk["choices"]) != 1 or chunk["choices"][0].get("finish_reason") or chunk.get("usage"):
            return None
        if not block.count(CONTENT) == out.count(CONTENT) == 1:
            return None
        shape = cls(block, out)
        return shape if shape.read(block) == mended[0]["choices"][0]["delta"]["content"] else None

    def __init__(self, block: bytes, mended: bytes) -> None:
        self._head, self._tail = around_text(block)
        self._new_head, self._new_tail = around_text(mended)

    def recast(self, block: bytes) -> bytes | None:
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


class Repair:
    """A stream's bytes in, cut anywhere; whole mended events out.

    :param usage: the client asked for the usage chunk.
    """

    stopped = False  # from here; only a stream that is read anew is

    def __init__(self, mender: Mender, *, usage: bool) -> None:
        self._mender = mender
        self._wants_usage = usage
        self._splitter = sse.Splitter()
        self._shape: Shape | None = None
        self.done = False
        self.failure: BridgeError | None = None
        self.outcome = "ok"

    @property
    def usage(self) -> Chunk | None:
        return self._mender.usage

    @property
    def finished(self) -> bool:
        """The answer itself is complete, though the stream may not be."""
        return self._mender.finish_reason is not None

    def feed(self, piece: bytes) -> bytes:
        """Raises UpstreamRefused: the stream tells of an error.

        What came before it in the same piece is given first; then the error is in `failure`.
        """
        if self._shape and self._splitter.is_empty and piece.endswith(b"\n\n"):
            alone = self._shape.recast(piece[:-2])  # the usual case, when a model writes at its own pace
            if alone is not None:
                return alone
        out = []
        try:
            for block in self._splitter.feed(piece):
                known = self._shape.recast(block) if self._shape else None
                out.append(self._mend(block) if known is None else known)
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
        out = self._mend(self._splitter.rest())
        if self.done:
            return out
        if not self.finished:
            raise StreamCut("Copilot's answer broke off before its end")
        return out + self._end()

    def fail(self, error: BridgeError) -> bytes:
        return write_event(error)

    def _mend(self, block: bytes) -> bytes:
        data = sse.read_data(block)
        if self.done or not data:
            return block + b"\n\n" if block.startswith(b":") and not self.done else b""
        if data.strip() == b"[DONE]":
            return self._end()
        chunk = read_chunk(data)
        if chunk is None:
            return b""
        mended = list(self._mender.mend(chunk))
        if mended == [chunk]:
            out = block + b"\n\n"
        else:
            out = b"".join(sse.write_data(codec.write(each)) for each in mended)
        # The first chunk is not like the others, and neither is the last.
        self._shape = Shape.learn(block, chunk, mended, out) or self._shape
        return out

    def _end(self) -> bytes:
        self.done, self._shape = True, None
        chunks = list(self._mender.end())
        usage = self._mender.usage_chunk()
        if self._wants_usage and usage:
            chunks.append(usage)
        return b"".join(sse.write_data(codec.write(chunk)) for chunk in chunks) + sse.DONE


def read_chunk(data: bytes) -> Chunk | None:
    """None for what is no JSON object; the official client drops that too."""
    try:
        chunk = codec.read(data)
    except ValueError:
        return None
    return chunk if isinstance(chunk, dict) else None
