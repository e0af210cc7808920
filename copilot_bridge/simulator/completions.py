"""`POST /v1/engines/<engine>/completions` on the host of code completion, which only streams.

The response shows what the model was given: the last line before the gap and the first line after it.
"""

from collections.abc import Iterator
from typing import Any

import orjson
from flask import Response, request

from copilot_bridge.simulator import catalogue
from copilot_bridge.simulator.directives import COMPLETIONS, Asked, read
from copilot_bridge.simulator.faults import refuse_if_asked
from copilot_bridge.simulator.gate import Caller
from copilot_bridge.simulator.ledger import parse
from copilot_bridge.simulator.limit_rules import many_stops
from copilot_bridge.simulator.model_response import words
from copilot_bridge.simulator.refusals.forms import invalid
from copilot_bridge.simulator.refusals.refusal import Refused
from copilot_bridge.simulator.transport import Faults, deliver
from copilot_bridge.simulator.world import world

HOST = "/proxy"
"""proxy.githubcopilot.com, as a path of our origin."""

CHARACTERS = 4  # a token's


def complete(caller: Caller, engine: str) -> Response:
    body = parse(request.get_data())
    if not isinstance(body, dict) or not isinstance(body.get("prompt"), str):
        raise Refused(invalid("failed to parse request body"))
    catalogue.pick(engine, caller, catalogue.COMPLETIONS, kind="completion")
    if problem := many_stops(body.get("stop")):
        raise Refused(invalid(problem))
    if not body.get("stream"):
        raise Refused(invalid("stream: must be true"))
    asked = read(body["prompt"], world().directives)
    asked.allow(COMPLETIONS, stream=True)
    refuse_if_asked(asked, body)
    return deliver(events(body, asked, engine), world().pace, Faults.asked(asked))


def events(body: dict[str, Any], asked: Asked, engine: str) -> Iterator[bytes]:
    """The SSE events of a completion: its text word by word, why it ended, the usage, [DONE]."""
    text, reason = cut(text_for(body, asked), body)
    head = {"id": "cmpl-EXAMPLE01", "object": "text_completion", "created": 1770000000, "model": engine}
    for word in words(text):
        yield event(head | {"choices": [{"text": word, "index": 0, "logprobs": None, "finish_reason": None}]})
    yield event(head | {"choices": [{"text": "", "index": 0, "logprobs": None, "finish_reason": reason}]})
    yield event(head | {"choices": [], "usage": usage_of(body, text)})
    yield b"data: [DONE]\n\n"


def event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def text_for(body: dict[str, Any], asked: Asked) -> str:
    if "say" in asked:
        return asked.text.strip()
    before, after = last_line(body["prompt"]), first_line(body.get("suffix") or "")
    return f"/* after {before!r}, before {after!r} */" if after else f"/* after {before!r} */"


def last_line(text: str) -> str:
    return text.rpartition("\n")[2].strip()


def first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip()


def cut(text: str, body: dict[str, Any]) -> tuple[str, str]:
    """The text up to its first stop sequence or its length limit, and why it ends."""
    given = body.get("stop") or []
    stops = [given] if isinstance(given, str) else given
    places = [text.find(stop) for stop in stops if stop in text]
    text = text[: min(places)] if places else text
    max_tokens = body.get("max_tokens")
    if isinstance(max_tokens, int) and len(text) > max_tokens * CHARACTERS:
        return text[: max_tokens * CHARACTERS], "length"
    return text, "stop"


def usage_of(body: dict[str, Any], text: str) -> dict[str, int]:
    given = len(body["prompt"]) + len(body.get("suffix") or "")
    prompt, completion = 1 + given // CHARACTERS, 1 + len(text) // CHARACTERS
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


ROUTES = (("POST", catalogue.COMPLETIONS, complete),)
