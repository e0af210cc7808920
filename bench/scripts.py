"""What upstream says: a stream is rendered once, so that sending it costs next to nothing."""

import json
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

STAMP = 16  # digits of the time of sending, with which a paced event's text begins

# Shape of a stream -> the API that it is of; and the model that answers so.
SURFACES = {
    "clean": "chat",
    "azure": "chat",
    "offsets": "chat",
    "claude": "chat",
    "arguments": "chat",
    "responses": "responses",
    "sequence": "responses",
    "messages": "messages",
    "thinking": "messages",
    "input": "messages",
}
MODELS = {
    "embeddings": "text-embedding-3-small",
    "clean": "gpt-4o",
    "azure": "gpt-4o",
    "offsets": "gpt-4o",
    "claude": "claude-sonnet-4.5",
    "arguments": "gpt-4o",
    "responses": "gpt-5.3-codex",
    "sequence": "gpt-5.3-codex",
    "messages": "claude-opus-4.6",
    "thinking": "claude-opus-4.6",
    "input": "claude-opus-4.6",
}
ENDPOINTS = {"chat": "/chat/completions", "responses": "/responses", "messages": "/v1/messages"}
WORDS = "the quick brown fox jumps over the lazy dog and naps "

HEADERS = (
    b"content-security-policy: default-src 'none'; sandbox\r\n"
    b"strict-transport-security: max-age=31536000\r\n"
    b"x-github-backend: Kubernetes\r\n"
    b"x-github-request-id: BE9C:0F1E:2D3C4B:5A6978:6A000000\r\n"
    b"x-copilot-service-request-id: 3f0f3b0e-6d1c-4a5e-9a51-000000000000\r\n"
    b"date: Sat, 21 Nov 2026 00:00:00 GMT\r\n"
)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + HEADERS
STREAM_HEAD += b"transfer-encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

# Placeholders in a template of events: the text, the event's number, and a text that differs in each event.
TEXT, NUMBER, NOISE = "\0", 987654321, "\1"

# A call's arguments before and after the text.
ARGUMENTS = ('{"text":"', '"}')

SEVERITIES = ("hate", "self_harm", "sexual", "violence")
SAFE = {name: {"filtered": False, "severity": "safe"} for name in SEVERITIES}
USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}
NAMED_USAGE = {"input_tokens": 10, "output_tokens": 20}

Chunk = dict[str, object]
Parts = tuple[list[Chunk], Chunk, list[Chunk]]  # what comes before the texts, a text, what comes after them


def filler(size: int) -> str:
    """A text of so many bytes, which does not end in white space."""
    return (WORDS * (size // len(WORDS) + 1))[:size].rstrip().ljust(size, ".")


def choice(delta: Chunk, **more: object) -> Chunk:
    return {"choices": [{"index": 0, "delta": delta, **more}]}


def clean(_words: str) -> Parts:
    """Nothing to mend."""
    head = {"id": "chatcmpl-b", "object": "chat.completion.chunk", "created": 1770000000, "model": "gpt-4o"}
    opening = head | choice({"role": "assistant", "content": ""}, finish_reason=None)
    text = head | choice({"content": TEXT}, finish_reason=None)
    closing = head | choice({}, finish_reason="stop")
    return [opening], text, [closing, head | {"choices": [], "usage": USAGE}]


def azure(_words: str) -> Parts:
    """Filter results on every chunk, a first one that says nothing, a null usage, a usage at the end."""
    head = {
        "created": 1770000000,
        "id": "chatcmpl-0123456789abcdef0123456789ab",
        "model": "gpt-4o-2024-11-20",
        "object": "chat.completion.chunk",
        "system_fingerprint": "fp_0123456789",
        "usage": None,
    }
    results: list[Chunk] = [{"prompt_index": 0, "content_filter_results": SAFE}]
    prompt_filter: Chunk = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}

    def chunk(delta: Chunk, found: Chunk, finish: str | None = None) -> Chunk:
        return choice(delta, content_filter_results=found, finish_reason=finish, logprobs=None) | head

    opening = chunk({"content": "", "refusal": None, "role": "assistant"}, {})
    usage = {"choices": []} | head | {"usage": USAGE}
    prompt_filter |= {"prompt_filter_results": results}
    return [prompt_filter, opening], chunk({"content": TEXT}, dict(SAFE)), [chunk({}, {}, "stop"), usage]


def offsets(words: str) -> Parts:
    """As `azure`, and each chunk tells how far the filter has come."""
    before, text, after = azure(words)
    moved = {"check_offset": NUMBER, "start_offset": NUMBER, "end_offset": NUMBER}
    choices: Any = text["choices"]
    return before, text | {"choices": [{"content_filter_offsets": moved} | choices[0]]}, after


def arguments(_words: str) -> Parts:
    """A tool call, in the form of Azure."""
    head = {"created": 1770000000, "id": "chatcmpl-b", "model": "gpt-4o-2024-11-20"}
    head |= {"object": "chat.completion.chunk", "system_fingerprint": "fp_0123456789"}

    def called(given: str, **more: object) -> Chunk:
        call = {"function": {"arguments": given}, "index": 0}
        return choice({"tool_calls": [call | more]}, finish_reason=None, logprobs=None) | head

    opening = {"function": {"arguments": "", "name": "write"}, "id": "call_b", "index": 0, "type": "function"}
    begun = choice({"content": None, "role": "assistant", "tool_calls": [opening]}, finish_reason=None) | head
    closing = choice({}, finish_reason="tool_calls") | head
    return [begun, called(ARGUMENTS[0])], called(TEXT), [called(ARGUMENTS[1]), closing]


def claude(_words: str) -> Parts:
    """No `object`, no `finish_reason` before the last chunk, the role on every one."""
    head = {"created": 1770000000, "id": "01234567-89ab-cdef-0123-456789abcdef", "model": MODELS["claude"]}
    text = choice({"content": TEXT, "role": "assistant"}) | head
    closing = choice({"content": None, "role": "assistant"}, finish_reason="stop") | head
    return [], text, [closing | {"usage": USAGE}]


def opaque(mark: str) -> str:
    """As long as Copilot's ids are on this API."""
    return mark * 100


def responses(words: str) -> Parts:
    """Other ids on every event.  `sequence_number` stands still: a text event is rendered once."""
    indices: Chunk = {"item_id": opaque("text"), "output_index": 0, "content_index": 0}
    part: Chunk = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    item: Chunk = {"id": opaque("item"), "type": "message", "role": "assistant", "status": "in_progress"}
    full = item | {"id": opaque("done"), "status": "completed", "content": [part | {"text": words}]}
    response: Chunk = {"id": opaque("made"), "object": "response", "created_at": 1770000000}
    begun = response | {"model": MODELS["responses"], "status": "in_progress", "output": [], "usage": None}
    counted = NAMED_USAGE | {"total_tokens": 30}
    ended = begun | {"id": opaque("over"), "status": "completed", "output": [full], "usage": counted}
    before: list[Chunk] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item | {"content": []}},
        {"type": "response.content_part.added", **indices, "part": part},
    ]
    text: Chunk = {"type": "response.output_text.delta", **indices, "delta": TEXT, "logprobs": []}
    after: list[Chunk] = [
        {"type": "response.output_text.done", **indices, "text": words, "logprobs": []},
        {"type": "response.content_part.done", **indices, "part": part | {"text": words}},
        {"type": "response.output_item.done", "output_index": 0, "item": full},
        {"type": "response.completed", "response": ended},
    ]
    numbered = [event | {"sequence_number": number} for number, event in enumerate([*before, text, *after])]
    middle = len(before)
    return numbered[:middle], numbered[middle], numbered[middle + 1 :]


def sequence(words: str) -> Parts:
    """As `responses`, with the number of each event, and a text of some length that hides its size."""
    before, text, after = responses(words)
    return before, text | {"sequence_number": NUMBER, "obfuscation": NOISE}, after


def messages(_words: str) -> Parts:
    """With Copilot's own fields at the end."""
    return messages_of({"type": "text", "text": ""}, {"type": "text_delta", "text": TEXT})


def thinking(_words: str) -> Parts:
    block: Chunk = {"type": "thinking", "thinking": "", "signature": ""}
    return messages_of(block, {"type": "thinking_delta", "thinking": TEXT})


def tool_input(_words: str) -> Parts:
    block: Chunk = {"type": "tool_use", "id": "toolu_b", "name": "write", "input": {}}
    before, text, after = messages_of(block, {"type": "input_json_delta", "partial_json": TEXT}, "tool_use")
    first, last = (text | {"delta": {"type": "input_json_delta", "partial_json": part}} for part in ARGUMENTS)
    return [*before, first], text, [last, *after]


def messages_of(block: Chunk, delta: Chunk, reason: str = "end_turn") -> Parts:
    message: Chunk = {"id": "msg_bdrk_b", "type": "message", "role": "assistant", "content": []}
    unended: Chunk = {"model": MODELS["messages"], "stop_reason": None, "stop_sequence": None}
    before: list[Chunk] = [
        {"type": "message_start", "message": message | unended | {"usage": NAMED_USAGE}},
        {"type": "content_block_start", "index": 0, "content_block": block},
    ]
    text: Chunk = {"type": "content_block_delta", "index": 0, "delta": delta}
    end: Chunk = {"delta": {"stop_reason": reason, "stop_sequence": None}, "usage": NAMED_USAGE}
    after: list[Chunk] = [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", **end, "copilot_usage": {"total_nano_aiu": 1}},
        {"type": "message_stop"},
    ]
    return before, text, after


SHAPES: dict[str, Callable[[str], Parts]] = {
    "clean": clean,
    "azure": azure,
    "offsets": offsets,
    "claude": claude,
    "arguments": arguments,
    "responses": responses,
    "sequence": sequence,
    "messages": messages,
    "thinking": thinking,
    "input": tool_input,
}


def framed(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


def chunk_data(chunk: Chunk) -> bytes:
    name = f"event: {chunk['type']}\n" if "type" in chunk else ""
    return f"{name}data: {json.dumps(chunk, separators=(',', ':'))}\n\n".encode()


class Script:
    """A stream, rendered: `before`, then `text()` for each event, then `after`.

    :param size: bytes of text in each event, at least `STAMP` if it is to be stamped.
    :param events: how many there are going to be, for an API that says everything again at the end.
    """

    def __init__(self, shape: str, size: int, events: int) -> None:
        before, text, after = SHAPES[shape](filler(size) * events)
        self.before = STREAM_HEAD + b"".join(framed(chunk_data(chunk)) for chunk in before)
        # The responses API is the one that lacks it; on messages it is one too many.
        done = b"" if shape == "responses" else framed(b"data: [DONE]\n\n")
        self.after = b"".join(framed(chunk_data(chunk)) for chunk in after) + done + LAST_CHUNK
        self._words = filler(size).encode()
        self._event = chunk_data(text).replace(b"%", b"%%")
        for name, mark in (("words", TEXT), ("number", NUMBER), ("noise", NOISE)):
            self._event = self._event.replace(
                json.dumps(mark).strip('"').encode(), b"%%(%b)b" % name.encode()
            )

    def event(self, number: int, words: bytes = b"") -> bytes:
        """Return an event.

        :param number: its position in the stream.
        """
        given = {b"words": words or self._words, b"number": b"%d" % number, b"noise": noise(number)}
        return framed(self._event % given)

    def stamped(self, number: int) -> bytes:
        return self.event(number, b"%016d%b" % (time.monotonic_ns(), self._words[STAMP:]))


def noise(number: int) -> bytes:
    """Up to 15 characters, which differ from one number to the next."""
    digits = b"%015x" % (number * 0x9E3779B97F4A7C15 % (1 << 60))
    return digits[: 4 + number % 12]


@cache
def script(shape: str, size: int, events: int) -> Script:
    return Script(shape, size, events)


@cache
def flood(shape: str, size: int, events: int) -> Sequence[bytes]:
    """Every write of a stream without gaps."""
    play = script(shape, size, events)
    return (play.before, *map(play.event, range(events)), play.after)


def whole(body: bytes, kind: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n%bcontent-length: %d\r\n\r\n"
    return head % (kind, HEADERS, len(body)) + body


@cache
def response(size: int) -> bytes:
    """A response in one piece, in the form of Azure."""
    message = {"content": filler(size), "padding": "0123456789abcdef", "role": "assistant"}
    only_choice = {"content_filter_results": SAFE, "finish_reason": "stop", "index": 0, "message": message}
    body = {
        "choices": [only_choice],
        "created": 1770000000,
        "id": "chatcmpl-0123456789abcdef",
        "usage": USAGE,
    }
    filters = [{"content_filter_results": SAFE, "prompt_index": 0}]
    body |= {"model": "gpt-4o-2024-11-20", "prompt_filter_results": filters}
    return whole(json.dumps(body).encode())


@cache
def embeddings(count: int) -> bytes:
    """Vectors of 1,536 numbers each, 18 kB of text."""
    numbers = [round(0.0123456789 + number / 1e6, 9) for number in range(1536)]
    data = [{"embedding": numbers, "index": index} for index in range(count)]
    usage = {"prompt_tokens": count, "total_tokens": count}
    return whole(json.dumps({"data": data, "usage": usage}, separators=(",", ":")).encode())


@cache
def catalogue() -> bytes:
    """Thirty models, as many as Copilot lists."""
    named = [
        ("gpt-4o", "Azure OpenAI", "chat"),
        ("claude-sonnet-4.5", "Anthropic", "chat"),
        (MODELS["responses"], "OpenAI", "responses"),
        (MODELS["messages"], "Anthropic", "messages"),
    ]
    named += [(f"other-{number}.{number % 3}", "Azure OpenAI", "chat") for number in range(26)]
    rows = [row(*model) for model in named]
    embedding = {"type": "embeddings", "limits": {"max_inputs": 2048}}
    about = {"object": "model", "supported_endpoints": ["/embeddings"], "capabilities": embedding}
    rows.append({"id": MODELS["embeddings"], **about})
    return whole(json.dumps({"data": rows, "object": "list"}).encode())


def row(name: str, vendor: str, surface: str) -> Chunk:
    limits = {"max_context_window_tokens": 128000, "max_output_tokens": 16384, "max_prompt_tokens": 128000}
    seen = {"max_prompt_image_size": 3145728, "max_prompt_images": 1}
    kinds = {"supported_media_types": ["image/jpeg", "image/png", "image/webp", "image/gif"]}
    capabilities = {
        "family": name,
        "limits": limits | {"vision": seen | kinds},
        "object": "model_capabilities",
        "supports": {"parallel_tool_calls": True, "streaming": True, "tool_calls": True, "vision": True},
        "tokenizer": "o200k_base",
        "type": "chat",
    }
    return {
        "billing": {"is_premium": False, "multiplier": 0},
        "capabilities": capabilities,
        "id": name,
        "model_picker_enabled": True,
        "name": name.title(),
        "object": "model",
        "policy": {"state": "enabled", "terms": ""},
        "supported_endpoints": [ENDPOINTS[surface]],
        "vendor": vendor,
        "version": f"{name}-2026-01-01",
    }


def account(refresh_in: int) -> dict[bytes, bytes]:
    """Target -> response, for all that is asked only now and then."""
    api: Chunk = {"endpoints": {}}  # the bench's settings say where the API is
    until = int(time.time()) + 86400
    token = api | {"token": f"tid=bench;exp={until}:mac", "expires_at": until, "refresh_in": refresh_in}
    user = api | {"login": "bench", "copilot_plan": "individual", "access_type_sku": "bench"}
    bodies: dict[bytes, Chunk] = {b"/copilot_internal/v2/token": token, b"/copilot_internal/user": user}
    bodies[b"/user"] = {"login": "bench", "id": 1}
    rendered = {path: whole(json.dumps(body).encode()) for path, body in bodies.items()}
    return rendered | {b"/models": catalogue(), b"/v1/models": catalogue()}
