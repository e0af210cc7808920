"""A template of chunks that differ in one text, by which most chunks are normalized without parsing."""

import re

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.chat.copilot_fields import REASONING_FIELDS
from copilot_bridge.dialects.codec import JsonObject

# The content of a JSON string: quotes and backslashes only in escapes.
STRING_CONTENT = re.compile(rb'[^"\\\n\r]*+(?:\\.[^"\\\n\r]*+)*+')
is_string_content = STRING_CONTENT.fullmatch

# The fields whose text may differ, and the names that backends give them.
NAMES = {"content": ("content",), "reasoning_content": REASONING_FIELDS, "arguments": ("arguments",)}

# The progress of Azure's filter, which differs in each chunk; the field is left out.
OFFSETS_KEY = b'"content_filter_offsets":{'

# The white space at the end of a call's arguments is counted, so such a chunk has to be parsed.
WHITESPACE_ENDS = (b" ", b"\\n", b"\\t", b"\\r")
ESCAPE_LENGTH = 6  # of \u0020


class ChunkTemplate:
    """A plain chunk without its text: the bytes around the text, before and after normalization."""

    __slots__ = (
        "_call",
        "_field",
        "_has_offsets",
        "_head",
        "_new_head",
        "_new_tail",
        "_start",
        "_tail",
        "_tail_length",
    )

    @classmethod
    def from_example(
        cls, block: bytes, chunk: JsonObject, normalized: list[JsonObject], out: bytes | None = None
    ) -> "ChunkTemplate | None":
        """Make a template of a chunk that has a text and nothing else, or None if the chunk has more.

        :param out: the normalized chunk as it is sent; None: the template only reads.
        """
        if len(normalized) != 1 or len(chunk["choices"]) != 1:
            return None
        if chunk["choices"][0].get("finish_reason") or chunk.get("usage"):
            return None
        delta = normalized[0]["choices"][0]["delta"]
        field, call = varying_field(delta)
        names = [name for name in NAMES.get(field, ()) for _ in range(block.count(key_of(name)))]
        if len(names) != 1 or (out is not None and (out.count(key_of(field)) != 1 or OFFSETS_KEY in out)):
            return None
        template = cls(block, names[0], out, field, call)
        return template if template.read(block) == delta else None

    @classmethod
    def after(
        cls,
        previous: "ChunkTemplate | None",
        block: bytes,
        chunk: JsonObject,
        normalized: list[JsonObject],
        out: bytes | None = None,
    ) -> "ChunkTemplate | None":
        """The template for the chunks after one that had to be parsed.

        The previous one still holds, unless the chunk may begin a tool call: then the same fragments belong
        to another call.
        """
        template = cls.from_example(block, chunk, normalized, out)
        return template or (None if b'"tool_calls"' in block else previous)

    def __init__(self, block: bytes, name: str, out: bytes | None, field: str, call: int | None) -> None:
        self._has_offsets = OFFSETS_KEY in block
        self._field, self._call = field, call
        self._head, self._tail = around_text(without_offsets(block), name)
        self._new_head, self._new_tail = (b"", b"") if out is None else around_text(out, field)
        self._start, self._tail_length = len(self._head), len(self._tail)

    def render(self, block: bytes) -> bytes | None:
        """Normalize a block, or return None if it does not match the template."""
        text = self._text_of(block)
        if text is None or not is_string_content(text):
            return None
        return self._new_head + text + self._new_tail

    def read(self, block: bytes) -> JsonObject | None:
        """Return the normalized delta of a block, or None if the block does not match the template."""
        text = self._text_of(block)
        if text is None:
            return None
        try:
            value = codec.read(b'"%b"' % text)
        except ValueError:
            return None
        if self._call is None:
            return {self._field: value}
        return {"tool_calls": [{"index": self._call, "function": {"arguments": value}}]}

    def _text_of(self, block: bytes) -> bytes | None:
        """Return the text at the place of the template's text."""
        if self._has_offsets:
            block = without_offsets(block)
        start, end = self._start, len(block) - self._tail_length
        # Slices are compared in less time than `startswith` is called.
        if end < start or block[:start] != self._head or block[end:] != self._tail:
            return None
        text = block[start:end]
        if self._call is not None and may_end_in_whitespace(text):
            return None
        return text


def without_offsets(block: bytes) -> bytes:
    """Cut out how far the filter has come, which holds only numbers; what has another form stays."""
    start = block.find(OFFSETS_KEY)
    end = block.find(b"}", start) + 1
    if start < 0 or not end or block.find(b"{", start + len(OFFSETS_KEY), end) >= 0:
        return block
    return block[:start] + block[end:]


def varying_field(delta: JsonObject) -> tuple[str, int | None]:
    """Return the only field of a delta, and the number of the call if it is a call's arguments.

    The field is "" if there are more.
    """
    if len(delta) != 1:
        return "", None
    ((field, value),) = delta.items()
    if field != "tool_calls":
        return field, None
    call = value[0]
    if len(value) != 1 or call.keys() != {"index", "function"} or call["function"].keys() != {"arguments"}:
        return "", None
    return "arguments", call["index"]


def may_end_in_whitespace(text: bytes) -> bool:
    """Return whether the last character of a JSON string's content is white space, or a rare escape."""
    if not text.endswith(WHITESPACE_ENDS):
        return b"\\u00" in text[-ESCAPE_LENGTH:]
    backslashes = len(text) - 1 - len(text[:-1].rstrip(b"\\"))
    return text.endswith(b" ") or backslashes % 2 == 1  # an even number: of an escaped backslash and a letter


def key_of(name: str) -> bytes:
    return b'"%b":"' % name.encode()


def around_text(block: bytes, name: str) -> tuple[bytes, bytes]:
    start = block.index(key_of(name)) + len(key_of(name))
    text = STRING_CONTENT.match(block, start)
    assert text is not None, "it matches the empty string"
    return block[:start], block[text.end() :]
