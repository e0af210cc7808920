"""The requests of the clients, and the check of their responses, event by event."""

import bisect
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from bench.load import Response, WrongResponseError
from bench.scripts import ARGUMENTS, MODELS, STAMP, filler

Prompt = str | list[dict[str, Any]]
EventContent = tuple[str, bool]  # the text that an event brings, and whether it ends the response

PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}


def ask(surface: str, prompt: Prompt, *, model: str, stream: bool = True) -> bytes:
    """A whole HTTP request.  The same goes to the bridge, to nginx and to upstream itself."""
    turn = "input" if surface == "responses" else "messages"
    body = {"model": model, turn: [{"role": "user", "content": prompt}], "temperature": 0.1}
    body |= {"max_tokens": 4096} if surface == "messages" else {}
    data = json.dumps(body | ({"stream": True} if stream else {})).encode()
    return post(PATHS[surface], data)


def post(path: str, data: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        "Accept: application/json\r\nUser-Agent: OpenAI/Python 2.0.0\r\nAuthorization: Bearer none\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def embed(texts: int) -> bytes:
    body = {"model": MODELS["embeddings"], "input": ["a"] * texts}
    return post("/v1/embeddings", json.dumps(body).encode())


def chat(prompt: Prompt, *, model: str = "gpt-4o", stream: bool = False) -> bytes:
    return ask("chat", prompt, model=model, stream=stream)


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


@dataclass
class Event:
    """A text event: when its last byte came, ns, and its text."""

    at: int
    text: str

    @property
    def stamp(self) -> int:
        """When upstream sent it, if it was paced; ns."""
        return int(self.text[:STAMP])


def body_of(raw: bytes) -> tuple[bytes, list[int], list[int]]:
    """(payload, where its chunks begin in it, where they begin in the raw bytes)."""
    head, _, _ = raw.partition(b"\r\n\r\n")
    at = len(head) + 4
    if not head.startswith(b"HTTP/1.1 200"):
        raise WrongResponseError(f"not a 200: {raw[:600]!r}")
    if b"transfer-encoding: chunked" not in head.lower():
        return raw[at:], [0], [at]
    pieces: list[bytes] = []
    starts: list[int] = []
    origins: list[int] = []
    size = 0
    while True:
        line = raw.index(b"\r\n", at)
        length = int(raw[at:line], 16)
        at = line + 2
        if not length:
            return b"".join(pieces), starts, origins
        starts.append(size)
        origins.append(at)
        pieces.append(raw[at : at + length])
        size += length
        at += length + 2


def read_chat_event(event: dict[str, Any]) -> EventContent:
    text, ended = "", False
    for choice in event["choices"]:
        delta = choice["delta"]
        text += delta.get("content") or delta.get("reasoning_content") or ""
        text += "".join(call["function"].get("arguments") or "" for call in delta.get("tool_calls") or ())
        ended |= choice.get("finish_reason") in ("stop", "tool_calls")
    return without_frame(text), ended


def read_messages_event(event: dict[str, Any]) -> EventContent:
    if event["type"] != "content_block_delta":
        return "", event["type"] == "message_stop"
    delta = event["delta"]
    return without_frame(next((delta[name] for name in MESSAGES_TEXTS if name in delta), "")), False


def read_responses_event(event: dict[str, Any]) -> EventContent:
    text = event["delta"] if event["type"] in RESPONSES_TEXTS else ""
    return without_frame(text), event["type"] == "response.completed"


MESSAGES_TEXTS = ("text", "thinking", "partial_json")
RESPONSES_TEXTS = (
    "response.output_text.delta",
    "response.reasoning_summary_text.delta",
    "response.function_call_arguments.delta",
)


def without_frame(text: str) -> str:
    """Nothing, if it is what stands around a text in the arguments of a call."""
    return "" if text in ARGUMENTS else text


EVENT_READERS = {"chat": read_chat_event, "messages": read_messages_event, "responses": read_responses_event}


def read_events(response: Response, surface: str = "chat") -> Iterator[Event]:
    """The text events of a streamed response.  Raises WrongReplyError: it has no proper end."""
    raw = response.raw
    payload, starts, origins = body_of(raw)
    ends = list(itertools.accumulate(len(data) for _, data in response.arrivals))
    at, finished, read_event = 0, 0, EVENT_READERS[surface]
    while (end := payload.find(b"\n\n", at)) >= 0:
        data, at = payload[at:end].rpartition(b"data: ")[2], end + 2
        if data == b"[DONE]":
            break
        if data.startswith(b":"):
            continue
        text, ended = read_event(orjson.loads(data))
        finished += ended
        if text:
            chunk = bisect.bisect_right(starts, end + 1) - 1
            offset = origins[chunk] + end + 1 - starts[chunk]
            yield Event(response.arrivals[bisect.bisect_right(ends, offset)][0], text)
    done = surface != "chat" or payload.endswith(b"data: [DONE]\n\n")
    if finished != 1 or payload[at:] or not done:
        raise WrongResponseError(f"finished {finished} times, ends with {payload[-200:]!r}")


def check_whole(response: Response, size: int) -> None:
    """A response in one piece says what upstream said."""
    payload, _, _ = body_of(response.raw)
    said = orjson.loads(payload)["choices"][0]["message"]["content"]
    if said != filler(size):
        raise WrongResponseError(f"{len(said)} bytes of text instead of {size}: {said[:100]!r}")


def check_embeddings(response: Response, texts: int) -> None:
    payload, _, _ = body_of(response.raw)
    found = len(orjson.loads(payload)["data"])
    if found != texts:
        raise WrongResponseError(f"{found} vectors instead of {texts}")


def check_stream(
    response: Response, events: int, size: int, *, surface: str = "chat", stamped: bool = False
) -> list[Event]:
    """Every event is there, in one piece, with its text."""
    found = list(read_events(response, surface))
    skip = STAMP if stamped else 0
    expected = filler(size)[skip:]
    wrong = [event.text for event in found if event.text[skip:] != expected]
    if len(found) != events or wrong:
        raise WrongResponseError(f"{len(found)} events instead of {events}, {len(wrong)} wrong: {wrong[:1]}")
    return found


def lag_ms(event: Event) -> float:
    """From upstream's `send` to the client's `recv`."""
    return (event.at - event.stamp) / 1e6
