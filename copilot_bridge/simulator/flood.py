"""Pre-rendered streams for load: the simulator's own work must not be what is measured."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from copilot_bridge.simulator.answers import Answer, Usage, filler
from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.edits import write_events
from copilot_bridge.simulator.wording import AZURE, CLAUDE, Chunk

CREATED = 1_770_000_000  # unix s; a constant, so that a stream can be kept


def render(shape: str, events: int, size: int, row: Row) -> list[bytes]:
    """A stream of `events` text events of `size` bytes of text each, in the shape `clean`, `azure` or
    `claude`."""
    return list(_render(shape, events, size, row["id"]))


@lru_cache(maxsize=64)
def _render(shape: str, events: int, size: int, model: str) -> tuple[bytes, ...]:
    text, usage = filler(size), Usage(10, max(1, events * size // 4), 0)
    before, first, after = split(SHAPES[shape](text, usage, model), text)
    # Claude's first chunk brings a usage of zeros, which the others lack.
    repeated = {name: value for name, value in first.items() if name != "usage" or not value}
    middle = write_events([repeated], done=False) * (events - 1)
    return (*write_events([*before, first], done=False), *middle, *write_events(after, done=True))


def split(chunks: list[Chunk], text: str) -> tuple[list[Chunk], Chunk, list[Chunk]]:
    """The chunks around the one that brings the text."""
    place = next(place for place, chunk in enumerate(chunks) if brings(chunk, text))
    return chunks[:place], chunks[place], chunks[place + 1 :]


def brings(chunk: Chunk, text: str) -> bool:
    return any(choice["delta"].get("content") == text for choice in chunk["choices"])


def clean(text: str, usage: Usage, model: str) -> list[Chunk]:
    """As OpenAI would send it: nothing to mend."""
    head = {"id": "chatcmpl-flood", "object": "chat.completion.chunk", "created": CREATED, "model": model}
    counted = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
    deltas = ({"role": "assistant", "content": ""}, {"content": text})
    said = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    finish = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return [*said, finish, {**head, "choices": [], "usage": counted}]


def quirky(chunks: Callable[[Answer, Row], list[Chunk]]) -> Callable[[str, Usage, str], list[Chunk]]:
    def write(text: str, usage: Usage, model: str) -> list[Chunk]:
        row = {"id": model, "version": model, "billing": {"multiplier": 1}, "capabilities": {"supports": {}}}
        return chunks(Answer(text=text, one_line=True, usage=usage), row)

    return write


SHAPES: Mapping[str, Callable[[str, Usage, str], list[Chunk]]] = {
    "clean": clean,
    "azure": quirky(AZURE.chunks),
    "claude": quirky(CLAUDE.chunks),
}
