"""The items of a request that its conversation's connection does not know yet.

Copilot remembers, for each connection, the items of the last request and of its response.  A request that
begins with them needs only the rest.  What decides is the content of the items as they go upstream, never
their number: a conversation that was edited, shortened or branched off begins anew.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from msgspec import Struct

from copilot_bridge.dialects import codec

Item = Mapping[str, Any]


class OutputItem(Struct, frozen=True):
    """An item of a response.

    :param meaning: a digest of what a client sends back of it.
    :param optional: whether clients may leave it out: those of other dialects do not keep reasoning.
    """

    meaning: bytes
    optional: bool


class Point(Struct, frozen=True):
    """The state of a connection after a response.

    :param response_id: Copilot's, which counts on this connection alone.
    :param count: the number of the request's items, and `digest` of all of them.
    """

    response_id: str
    count: int
    digest: bytes
    output: tuple[OutputItem, ...]


def point_after(response_id: str, digest: bytes, count: int, output: Sequence[Item]) -> Point:
    """Return the point after a response.

    :param digest: of the request's items, of which there are `count`.
    :param output: the items of the response, as Copilot has sent them.
    """
    read = tuple(OutputItem(digest_of(meaning(item)), is_optional(item)) for item in output)
    return Point(response_id, count, digest, read)


def known_items(point: Point | None, items: Sequence[Item]) -> tuple[int, bytes]:
    """Return how many of a request's first items are known, and a digest of all items.

    It is 0 if the request does not continue from the point, or has nothing to add.
    """
    hashed = blake2b(digest_size=16)
    known = 0
    for number, item in enumerate(items, 1):
        hashed.update(codec.write(item) + b"\n")
        if point is not None and number == point.count and hashed.digest() == point.digest:
            known = after_response(point, items)
    return known, hashed.digest()


def after_response(point: Point, items: Sequence[Item]) -> int:
    """Return the number of items up to the end of the response; 0: it is not among them, or is last."""
    index = point.count
    for item in point.output:
        given = items[index] if index < len(items) else None
        if given is not None and digest_of(meaning(given)) == item.meaning:
            index += 1
        elif not item.optional:
            return 0
    return index if index < len(items) else 0


def digest_of(content: object) -> bytes:
    return blake2b(codec.write(content), digest_size=16).digest()


def meaning(item: Item) -> list[Any]:
    """Return the parts of an item of the model's that come back from clients of all dialects.

    The rest of it, such as ids and the state, is known to Copilot, and differs between the dialects.
    """
    kind = str(item.get("type") or "message")
    if kind == "message":
        return [kind, item.get("role"), *text_of(item.get("content"))]
    if kind == "function_call":
        arguments = read_arguments(item.get("arguments"))
        return [kind, item.get("call_id"), item.get("name"), item.get("namespace"), arguments]
    if kind == "custom_tool_call":
        return [kind, item.get("call_id"), item.get("name"), item.get("input")]
    if kind == "reasoning":
        return [kind, item.get("encrypted_content")]
    return [kind, {name: value for name, value in item.items() if name not in ("id", "status")}]


def text_of(content: object) -> tuple[str, list[object]]:
    """Return the text of a message, and its parts of other kinds."""
    if not isinstance(content, list):
        return str(content or ""), []
    texts = [part.get("text") for part in content if isinstance(part, dict)]
    others = [part for part, text in zip(content, texts, strict=False) if not isinstance(text, str)]
    return "".join(text for text in texts if isinstance(text, str)), others


def read_arguments(written: object) -> object:
    """Return a call's arguments as data: clients of other dialects write them anew."""
    try:
        return sorted_members(codec.read(written)) if isinstance(written, str) and written else written
    except ValueError:
        return written


def sorted_members(value: Any) -> Any:
    if isinstance(value, dict):
        return [[name, sorted_members(value[name])] for name in sorted(value)]
    return [sorted_members(member) for member in value] if isinstance(value, list) else value


def is_optional(item: Item) -> bool:
    kind = item.get("type")
    return kind == "reasoning" or (kind == "message" and text_of(item.get("content")) == ("", []))
