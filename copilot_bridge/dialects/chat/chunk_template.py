"""A template of text chunks, by which most chunks are normalized without parsing."""

import re
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject

# The content of a JSON string: quotes and backslashes only in escapes.
STRING_CONTENT = re.compile(rb'[^"\\\n\r]*+(?:\\.[^"\\\n\r]*+)*+')

CONTENT_KEY = b'"content":"'


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
