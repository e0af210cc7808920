"""Random damage to a recorded response on its way, of many kinds."""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

Json = dict[str, Any]

TESTS = Path(__file__).parents[1]
SCENARIOS = TESTS.parent / "copilot_bridge" / "simulator" / "scenarios"
DIALECTS = ("chat", "messages", "responses")

# Without any of these a stream has no end.
END_MARKS = {
    "chat": (rb'"finish_reason":\s*"', rb"\[DONE\]"),
    "messages": (rb"message_stop",),
    "responses": (rb"response\.completed", rb"response\.incomplete"),
}

# How an upstream tells of an error where an event should be.
ERRORS: tuple[bytes, ...] = (
    b'data: {"error":{"message":"it broke","code":"odd"}}',
    b'data: {"error":{"message":"it broke","type":"server_error"}}',
    b'data: {"error":"it broke"}',
    b'data: {"error":["it broke"]}',
    b'data: {"type":"error","error":{"type":"overloaded_error","message":"it broke"}}',
    b'data: {"type":"error","message":"it broke","code":"server_error"}',
    b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"it broke"}}',
    b'event: error\ndata: {"error":{"message":"it broke"}}',
    b'{"error":{"message":"it broke","code":"model_overloaded"}}',
    b'{\n  "error": {\n    "message": "it broke"\n  }\n}',
    b'event: error\ndata: {"message":"it broke"}',
    b"event: error\ndata: it broke",
)

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 10**30, 1.5, 1e300),
    *("", "x", "0", "12", "-1", "\ud800", "\n\ndata: x", "[DONE]", "function", "custom", "tool_use"),
    *([], [None], ["x"], [[]], [{}], {}, {"type": None}, {"type": {}}, {"type": "text"}, {"x": [1]}),
)


@cache
def streams(dialect: str) -> tuple[bytes, ...]:
    """All recorded ones that are whole."""
    golden = TESTS / "golden"
    paths = [
        *golden.glob(f"upstream-{dialect}/*.sse"),
        *golden.glob(f"{dialect}-from-{dialect}/*/upstream.sse"),
    ]
    paths += SCENARIOS.glob("*.sse") if dialect == "chat" else ()
    whole = [
        path for path in sorted(paths) if not re.search("mid-stream|nothing|no-finish|no-done", str(path))
    ]
    return tuple(path.read_bytes().replace(b"\r\n", b"\n") for path in whole)


@cache
def responses(dialect: str) -> tuple[bytes, ...]:
    """All recorded ones in one piece."""
    paths = [*(TESTS / "golden").glob(f"{dialect}-from-*/*/client.json")]
    paths += (TESTS / "golden").glob(f"{dialect}-from-{dialect}/*/upstream.json")
    paths += SCENARIOS.glob("*-*.json") if dialect == "chat" else ()
    return tuple(path.read_bytes() for path in sorted(paths) if "models" not in path.name)


def has_end(dialect: str, stream: bytes) -> bool:
    return any(re.search(mark, stream) for mark in END_MARKS[dialect])


class Event:
    """A block of a stream: its lines before the data, and the data."""

    def __init__(self, block: bytes) -> None:
        head, mark, data = block.rpartition(b"\ndata:")
        self.head = head + b"\n" if mark else b""
        self.raw = (data if mark else block.removeprefix(b"data:")).strip()
        try:
            self.content: Any = json.loads(self.raw)
        except ValueError:
            self.content = None

    def write(self) -> bytes:
        data = self.raw if self.content is None else json.dumps(self.content).encode()
        return self.head + b"data: " + data + b"\n\n"


def split(stream: bytes) -> list[Event]:
    return [Event(block) for block in stream.split(b"\n\n") if block.strip()]


def join(events: list[Event]) -> bytes:
    return b"".join(event.write() for event in events)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(what holds it, where) of each value within."""
    for key in [*value] if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def change_value(rng: Random, document: Any) -> None:
    """A value is missing, null, of another kind, or a number as a text."""
    found = [*places(document)] if isinstance(document, dict | list) else []
    if not found:
        return
    holder, key = rng.choice(found)
    old = holder[key]
    match rng.randrange(5):
        case 0:
            del holder[key]
        case 1:
            holder[key] = None
        case 2 if isinstance(old, int | float):
            holder[key] = rng.choice([str(old), old + 1, -old, float(old)])
        case 3 if isinstance(old, str):
            holder[key] = rng.choice([[old], {"text": old}, len(old), old * 2, old[: len(old) // 2]])
        case _:
            holder[key] = deepcopy(rng.choice(VALUES))


def change(rng: Random, events: list[Event]) -> None:
    event = rng.choice(events)
    if event.content is None:
        event.raw = event.raw[: rng.randrange(len(event.raw) + 1)]
    else:
        change_value(rng, event.content)


def change_index(rng: Random, events: list[Event]) -> None:
    """Doubled, missing, unhashable, or another's."""
    named = [
        (holder, key)
        for event in events
        if isinstance(event.content, dict)
        for holder, key in places(event.content)
        if isinstance(key, str) and key.endswith("index")
    ]
    if named:
        holder, key = rng.choice(named)
        holder[key] = deepcopy(rng.choice([0, 1, 2, 99, -1, "0", "1", None, {}, [], 1.0, True]))


def drop(rng: Random, events: list[Event]) -> None:
    if len(events) > 1:
        del events[rng.randrange(len(events))]


def double(rng: Random, events: list[Event]) -> None:
    index = rng.randrange(len(events))
    events.insert(rng.randrange(len(events) + 1), Event(events[index].write().strip()))


def move(rng: Random, events: list[Event]) -> None:
    event = events.pop(rng.randrange(len(events)))
    events.insert(rng.randrange(len(events) + 1), event)


def garble(rng: Random, events: list[Event]) -> None:
    event = rng.choice(events)
    data = event.write().removeprefix(event.head).removeprefix(b"data: ").strip()
    event.content = None
    offset = rng.randrange(len(data) + 1)
    event.raw = rng.choice(
        [data[:offset], data[:offset] + b"\x00" + data[offset:], data + data, b"NaN", b"[]"]
    )


CHANGES: tuple[Callable[[Random, list[Event]], None], ...] = (
    *(change,) * 6,
    *(change_index,) * 2,
    *(drop, double, move, garble),
)


def mutant(rng: Random, dialect: str) -> bytes:
    """A recorded stream with one to four changes, of which it may share events with another."""
    recorded = streams(dialect)
    events = split(rng.choice(recorded))
    if rng.random() < 0.1:
        other = split(rng.choice(recorded))
        events = events[: rng.randrange(len(events) + 1)] + other[rng.randrange(len(other)) :] or other
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 4])):
        rng.choice(CHANGES)(rng, events)
    return join(events)


def cut_off(rng: Random, dialect: str) -> bytes:
    """A stream, changed or not, that ends anywhere before its end event."""
    stream = mutant(rng, dialect) if rng.random() < 0.5 else rng.choice(streams(dialect))
    found = [match.start() for mark in END_MARKS[dialect] for match in re.finditer(mark, stream)]
    return stream[: rng.randrange(min(found, default=len(stream)) + 1)]


def with_error(rng: Random, dialect: str) -> bytes:
    """A whole stream with an error event before its end."""
    stream = rng.choice(streams(dialect))
    blocks = [block for block in stream.split(b"\n\n") if block.strip()]
    last = next(index for index, block in enumerate(blocks) if has_end(dialect, block))
    error = rng.choice(ERRORS)
    blocks.insert(rng.randrange(last + 1), error)
    kept = blocks if rng.random() < 0.7 else blocks[: blocks.index(error) + 1]
    return b"\n\n".join(kept) + rng.choice([b"\n\n", b"\n", b""])


def changed_response(rng: Random, dialect: str) -> bytes:
    document = json.loads(rng.choice(responses(dialect)))
    for _ in range(rng.choice([1, 1, 2, 3])):
        change_value(rng, document)
    data = json.dumps(document).encode()
    return data if rng.random() < 0.95 else data[: rng.randrange(len(data))]
