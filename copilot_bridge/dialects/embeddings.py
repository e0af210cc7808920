"""OpenAI's embeddings API.

Copilot takes only lists of strings, gives only floats, and leaves out `object` and `model`.
https://platform.openai.com/docs/api-reference/embeddings/create
"""

import base64
import re
import struct
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import orjson

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.chat.errors import write_error
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.dialect import Dialect
from copilot_bridge.dialects.request_body import MODEL, check_body, read_body
from copilot_bridge.dialects.validation import POSITIVE, STRING, Validator, Validators, list_of, one_of
from copilot_bridge.errors import InvalidRequest, Unsupported, UpstreamRefused

FIELDS: Validators = {"encoding_format": one_of("float", "base64"), "dimensions": POSITIVE}


def read(data: bytes) -> JsonObject:
    """Read a request body, and make its `input` a list of strings.

    :raises InvalidRequest, Unsupported: a field is wrong or not supported; the error names it.
    """
    body = read_body(data)
    check_body(REQUIRED, FIELDS, body)
    input_ = body["input"]
    body["input"] = [input_] if isinstance(input_, str) else input_
    return body


def check_input(where: str, value: Any) -> None:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        raise InvalidRequest(f"{where}: expected a string or a list of strings", param=where)
    for index, text in enumerate(texts):
        if isinstance(text, int | list):
            raise Unsupported(f"{where}: Copilot embeds texts, not lists of token ids", param=where)
        if not isinstance(text, str):
            raise InvalidRequest(f"{where}.{index}: expected a string", param=f"{where}.{index}")


INPUT = Validator(check_input, {"anyOf": [STRING.schema, list_of(STRING).schema | {"minItems": 1}]})
REQUIRED: Validators = {"model": MODEL, "input": INPUT}


def write(body: JsonObject, model: str, max_texts: int) -> list[bytes]:
    """Write the bodies of Copilot's requests, each with at most `max_texts` texts."""
    dimensions = {"dimensions": body["dimensions"]} if body.get("dimensions") else {}
    texts = body["input"]
    batches = (texts[start : start + max_texts] for start in range(0, len(texts), max_texts))
    return [codec.write({"model": model, "input": batch, **dimensions}) for batch in batches]


def sizes(body: JsonObject, max_texts: int) -> list[int]:
    """Return the number of texts in each of Copilot's requests."""
    count = len(body["input"])
    return [min(max_texts, count - start) for start in range(0, count, max_texts)]


class EmbeddingEntry(msgspec.Struct):
    """An entry of Copilot's response."""

    embedding: msgspec.Raw
    index: int | None = None


class Response(msgspec.Struct):
    """OpenAI's response.  Its numbers are not read: they are most of a response of megabytes."""

    data: list[EmbeddingEntry]


class Frame(msgspec.Struct):
    """Copilot's response without its entries."""

    data: list[msgspec.Raw]
    usage: JsonObject | None = None


DECODE_ENTRY = msgspec.json.Decoder(EmbeddingEntry).decode
DECODE_RESPONSE = msgspec.json.Decoder(Response).decode
DECODE_FRAME = msgspec.json.Decoder(Frame).decode

ENTRIES = re.compile(rb'"data"\s*:\s*\[')
SEPARATOR = re.compile(rb"[\s,]*")
# An entry around its vector, which is found by its brackets: to read its numbers takes ten times as long.
ENTRY_START = re.compile(rb'\{[^\[\]{}]*"embedding"\s*:\s*(?=\[)')
ENTRY_END = re.compile(rb"[^\[\]{}]*\}")
MAX_ENTRY = 4 * 1024 * 1024  # bytes of an entry, and of the bytes before the first one


class EntryReader:
    """Reads Copilot's response, which may be cut anywhere, entry by entry."""

    def __init__(self) -> None:
        self._buffer = b""
        self._frame = b""  # the response without its entries
        self._state = self._read_start

    def feed(self, data: bytes) -> Iterator[EmbeddingEntry]:
        """Yield the entries that a piece of the response completes.

        :raises ValueError: an entry can't be read.
        """
        self._buffer += data
        yield from self._state()
        if len(self._buffer) > MAX_ENTRY:
            raise ValueError("the entry is too long")

    def close(self) -> JsonObject:
        """Return the usage.

        :raises ValueError: the response is incomplete, or is something else.
        """
        return DECODE_FRAME(self._frame + self._buffer).usage or {}

    def _read_start(self) -> Iterator[EmbeddingEntry]:
        if start := ENTRIES.search(self._buffer):
            self._frame, self._buffer = self._buffer[: start.end()], self._buffer[start.end() :]
            self._state = self._read_entries
            yield from self._read_entries()

    def _read_entries(self) -> Iterator[EmbeddingEntry]:
        position = 0
        while True:
            start = SEPARATOR.match(self._buffer, position).end()  # type: ignore[union-attr]
            if self._buffer[start : start + 1] == b"]":
                self._state = self._read_end
                break
            entry, end = read_entry(self._buffer, start)
            if entry is None:
                break
            yield entry
            position = end
        self._buffer = self._buffer[start:]

    def _read_end(self) -> Iterator[EmbeddingEntry]:
        """The end is decoded with the start, when it is complete."""
        return iter(())


def read_entry(buffer: bytes, start: int) -> tuple[EmbeddingEntry | None, int]:
    """Return the entry that begins here, and where it ends; None: there is more to come."""
    head = ENTRY_START.match(buffer, start)
    if head is None:  # its vector may be base64
        end = buffer.find(b"}", start) + 1
        return (DECODE_ENTRY(buffer[start:end]), end) if end else (None, start)
    vector_end = buffer.find(b"]", head.end()) + 1
    tail = ENTRY_END.match(buffer, vector_end) if vector_end else None
    if tail is None:
        return None, start
    entry = DECODE_ENTRY(head[0] + b"[]" + tail[0])
    entry.embedding = msgspec.Raw(memoryview(buffer)[head.end() : vector_end])
    return entry, tail.end()


class ResponseWriter:
    """Writes OpenAI's response, as Copilot's responses come in.

    :param model: as the client named it.
    :param encoding_format: "float", "base64" or None.
    :ivar usage: the sum of the responses' usage.
    """

    def __init__(self, model: str, encoding_format: str | None) -> None:
        self._model = model
        self._encoding_format = encoding_format
        self._count = 0
        self.usage: JsonObject = {"prompt_tokens": 0, "total_tokens": 0}

    def add(self, pieces: Iterable[bytes], size: int) -> Iterator[Any]:
        """Yield what a response adds, as parts with a buffer of bytes.

        :param pieces: of the response.
        :param size: the number of its texts, so that a missing vector does not shift the others.
        :raises UpstreamRefused: it has no embeddings, or not all of them.
        """
        try:
            yield from self._parts(pieces, size)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error) as error:
            raise UpstreamRefused("Copilot's response lacks embeddings") from error

    def _parts(self, pieces: Iterable[bytes], size: int) -> Iterator[Any]:
        reader = EntryReader()
        waiting: dict[int, msgspec.Raw] = {}  # vectors that came before an earlier one
        read, written = 0, 0
        for piece in pieces:
            for entry in reader.feed(piece):
                waiting[read if entry.index is None else entry.index] = entry.embedding
                read += 1
                while written < size and written in waiting:
                    yield from self._entry(waiting.pop(written))
                    written += 1
        reported = reader.close()
        if written < size:
            raise LookupError(written)
        self.usage = {field: count + int(reported.get(field, 0)) for field, count in self.usage.items()}

    def _entry(self, vector: msgspec.Raw) -> Iterator[Any]:
        opening = "," if self._count else '{"object":"list","data":['
        yield f'{opening}{{"object":"embedding","index":{self._count},"embedding":'.encode()
        yield encode(vector, self._encoding_format)
        yield b"}"
        self._count += 1

    def end(self) -> bytes:
        """Return the end of the response."""
        return b'],"model":' + orjson.dumps(self._model) + b',"usage":' + orjson.dumps(self.usage) + b"}"


def encode(vector: msgspec.Raw, encoding_format: str | None) -> Any:
    """Encode a vector as OpenAI does in base64: 32-bit floats, little-endian.  The rest stays as it is.

    :return: JSON, as an object with a buffer.
    """
    written = memoryview(vector)
    if encoding_format != "base64" or bytes(written[:1]) == b'"':
        return written
    numbers = orjson.loads(written)
    return b'"' + base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)) + b'"'


DIALECT = Dialect(
    name="embeddings",
    title="Embeddings",
    descriptions=("embeddings_description",),
    endpoint="/embeddings",
    upstream_path="/embeddings",
    upstream_order=("embeddings",),
    write_error=write_error,
)
