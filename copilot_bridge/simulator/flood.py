"""Pre-rendered streams for load: the simulator's own work must not be what is measured."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from copilot_bridge.simulator.catalogue import Row
from copilot_bridge.simulator.directives import MESSAGES, RESPONSES
from copilot_bridge.simulator.edits import write_events, write_named
from copilot_bridge.simulator.model_response import ModelResponse, Usage, filler
from copilot_bridge.simulator.refusals.forms import misuse
from copilot_bridge.simulator.refusals.refusal import Refused
from copilot_bridge.simulator.wording import AZURE, CLAUDE, Chunk

CREATED = 1_770_000_000  # unix s; a constant, so that a stream can be kept


def render(shape: str, events: int, size: int, row: Row) -> list[bytes]:
    """Renders a stream of `events` text events of `size` bytes of text each.

    :param shape: `clean`, `azure`, `claude` or one of the newer surfaces.
    """
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
    first = next(index for index, chunk in enumerate(chunks) if brings(chunk, text))
    return chunks[:first], chunks[first], chunks[first + 1 :]


def brings(chunk: Chunk, text: str) -> bool:
    return any(choice["delta"].get("content") == text for choice in chunk["choices"])


def clean(text: str, usage: Usage, model: str) -> list[Chunk]:
    """Chunks as OpenAI would send them: nothing has to be changed."""
    head = {"id": "chatcmpl-flood", "object": "chat.completion.chunk", "created": CREATED, "model": model}
    counted = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
    deltas = ({"role": "assistant", "content": ""}, {"content": text})
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    finish = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return [*chunks, finish, {**head, "choices": [], "usage": counted}]


def quirky(chunks: Callable[[ModelResponse, Row], list[Chunk]]) -> Callable[[str, Usage, str], list[Chunk]]:
    def write(text: str, usage: Usage, model: str) -> list[Chunk]:
        row = {"id": model, "version": model, "billing": {"multiplier": 1}, "capabilities": {"supports": {}}}
        return chunks(ModelResponse(text=text, one_line=True, usage=usage), row)

    return write


SHAPES: Mapping[str, Callable[[str, Usage, str], list[Chunk]]] = {
    "clean": clean,
    "azure": quirky(AZURE.chunks),
    "claude": quirky(CLAUDE.chunks),
}


def render_named(surface: str, wanted: Mapping[str, Any], row: Row) -> tuple[list[bytes], float]:
    """A clean stream of the responses or the messages surface, and the pause between its events in seconds.

    :raise Refused: another shape than `clean`.
    """
    if wanted["shape"] != "clean":
        raise Refused(misuse("flood has the shape clean only on this surface"))
    return list(_render_named(surface, wanted["events"], wanted["size"], row["id"])), wanted["gap"] / 1000


@lru_cache(maxsize=64)
def _render_named(surface: str, events: int, size: int, model: str) -> tuple[bytes, ...]:
    text, usage = filler(size), Usage(10, max(1, events * size // 4), 0)
    return tuple(map(write_named, NAMED[surface](text, events, usage, model)))


def responses(text: str, events: int, usage: Usage, model: str) -> Iterator[Chunk]:
    """Numbered, and the ids stay what they are."""
    for number, event in enumerate(response_events(text, events, usage, model)):
        yield event | {"sequence_number": number}


def response_events(text: str, events: int, usage: Usage, model: str) -> Iterator[Chunk]:
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    item = {"id": "msg_flood", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    response = {"id": "resp_flood", "object": "response", "created_at": CREATED, "model": model, "output": []}
    indices = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    whole_part = part | {"text": text * events}
    done = item | {"status": "completed", "content": [whole_part]}
    begun = response | {"status": "in_progress", "usage": None}
    counted = {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
    ended = response | {"status": "completed", "output": [done], "usage": counted}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    yield {"type": "response.output_item.added", "output_index": 0, "item": item}
    yield {"type": "response.content_part.added", **indices, "part": part}
    for _ in range(events):
        yield {"type": "response.output_text.delta", **indices, "delta": text, "logprobs": []}
    yield {"type": "response.output_text.done", **indices, "text": whole_part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **indices, "part": whole_part}
    yield {"type": "response.output_item.done", "output_index": 0, "item": done}
    yield {"type": "response.completed", "response": ended}


def messages(text: str, events: int, usage: Usage, model: str) -> Iterator[Chunk]:
    """Events as Anthropic would send them."""
    message = {"id": "msg_flood", "type": "message", "role": "assistant", "model": model, "content": []}
    begun = {"input_tokens": usage.prompt_tokens, "output_tokens": 1}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    unended = {"stop_reason": None, "stop_sequence": None, "usage": begun}
    yield {"type": "message_start", "message": message | unended}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for _ in range(events):
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    yield {"type": "content_block_stop", "index": 0}
    counted = {"output_tokens": usage.completion_tokens}
    yield {"type": "message_delta", "delta": end, "usage": counted}
    yield {"type": "message_stop"}


NAMED: Mapping[str, Callable[[str, int, Usage, str], Iterator[Chunk]]] = {
    RESPONSES: responses,
    MESSAGES: messages,
}
