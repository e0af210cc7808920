"""Responses in one piece."""

import base64
import json
import random
import time
from collections.abc import Sequence

from bench.arena import RESPONSE, Arena, Sheet, directive, quantile, rounds, weighed
from bench.load import Load, Response, WrongResponseError
from bench.report import Goal, Row
from bench.surfaces import body_of, chat, check_embeddings, check_whole, embed, get

IMAGE = 1_500_000  # bytes; 2 MB as base64
TEXTS = 1500
BIG_RESPONSE = 20_000_000  # bytes of text


def small(arena: Arena) -> list[Row]:
    """A short question and a short response in one piece."""
    scale, request = arena.scale, chat(directive(1, RESPONSE))
    counted = {"k instructions / request": Goal(2800)}
    alone = Sheet(arena.label("small chat, one at a time"), counted)
    crowd = Sheet(arena.label("small chat, 16 at a time"), counted | {"CPU ms / request": Goal(1.1)})
    with arena.targets() as targets:
        for target in rounds(arena.scale.repetitions, targets):
            load = Load(target.address, request, requests=scale.small)
            responses, cpu = weighed(arena, target, alone, load, scale.small, "request")
            verify(responses, RESPONSE)
            if target.server:
                alone.note(target, "CPU ms / request", cpu)
            for share in (0.5, 0.99):
                taken = quantile([response.ms for response in responses], share)
                alone.note(target, f"latency p{share * 100:.0f}, ms", taken)
            load = Load(target.address, request, lines=16, requests=scale.crowd // 16)
            began = time.monotonic()
            responses, cpu = weighed(arena, target, crowd, load, scale.crowd, "request")
            crowd.note(target, "requests / s", len(responses) / (time.monotonic() - began))
            verify(responses, RESPONSE)
            if target.server:
                crowd.note(target, "CPU ms / request", cpu)
    for name in ("p50", "p99"):
        alone.over_direct(f"latency {name}, ms", f"latency {name} over direct, ms")
    return alone.rows() + crowd.rows()


def verify(responses: Sequence[Response], size: int) -> None:
    for response in responses:
        check_whole(response, size)


def large(arena: Arena) -> list[Row]:
    """A prompt of 2 MB: a picture as a data URL."""
    sheet = Sheet("2 MB prompt with an image", {"CPU ms / request": Goal(6)})
    picture = base64.b64encode(random.Random(1).randbytes(IMAGE)).decode()
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    request = chat([{"type": "text", "text": directive(1, RESPONSE)}, image])
    count = arena.scale.large
    with arena.targets() as targets:
        for target in rounds(arena.scale.repetitions, targets):
            Load(target.address, request).run()
            load = Load(target.address, request, requests=count)
            responses, cpu = weighed(arena, target, sheet, load, count, "request")
            verify(responses, RESPONSE)
            if target.server:
                sheet.note(target, "CPU ms / request", cpu)
            sheet.note(target, "latency p50, ms", quantile([response.ms for response in responses], 0.5))
    return sheet.rows()


def long(arena: Arena) -> list[Row]:
    """A response of 20 MB in one piece.  Memory is the most that there was, over what there was before."""
    sheet = Sheet("20 MB reply, not streamed", {"CPU ms / reply": Goal(15), "MB over idle": Goal(10)})
    request, count = chat(directive(1, BIG_RESPONSE)), arena.scale.responses
    with arena.targets() as targets:
        for target in rounds(arena.scale.repetitions, targets):
            idle = target.server.rss() if target.server else 0
            if target.server:
                target.server.reset_peak()
            load = Load(target.address, request, requests=count)
            responses, cpu = weighed(arena, target, sheet, load, count, "reply")
            verify(responses, BIG_RESPONSE)
            sheet.note(target, "latency p50, ms", quantile([response.ms for response in responses], 0.5))
            if target.server:
                sheet.note(target, "CPU ms / reply", cpu)
                sheet.note(target, "MB over idle", (target.server.peak() - idle) / 1e6)
    return sheet.rows()


def embeddings(arena: Arena) -> list[Row]:
    """A response of 27 MB, of which nothing has to change but the frame around each vector."""
    goals = {"CPU ms / reply": Goal(1.3, ratio=True), "MB over idle": Goal(10)}
    sheet = Sheet("1,500 embeddings, 27 MB", goals)
    count = arena.scale.responses
    with arena.targets() as targets:
        for target in rounds(arena.scale.repetitions, targets):
            idle = target.server.rss() if target.server else 0
            if target.server:
                target.server.reset_peak()
            load = Load(target.address, embed(TEXTS), requests=count)
            responses, cpu = weighed(arena, target, sheet, load, count, "reply")
            for response in responses:
                check_embeddings(response, TEXTS)
            sheet.note(target, "latency p50, ms", quantile([response.ms for response in responses], 0.5))
            if target.server:
                sheet.note(target, "CPU ms / reply", cpu)
                sheet.note(target, "MB over idle", (target.server.peak() - idle) / 1e6)
    return sheet.rows()


def models(arena: Arena) -> list[Row]:
    """The list of models, again and again."""
    sheet = Sheet("GET /v1/models", {"k instructions / request": Goal(900)})
    count = arena.scale.lists
    with arena.targets() as targets:
        for target in rounds(arena.scale.repetitions, targets):
            load = Load(target.address, get("/v1/models"), requests=count)
            responses, cpu = weighed(arena, target, sheet, load, count, "request")
            for response in responses:
                if len(json.loads(body_of(response.raw)[0])["data"]) < 2:
                    raise WrongResponseError(f"no list of models: {response.raw[-300:]!r}")
            if target.server:
                sheet.note(target, "CPU ms / request", cpu)
            sheet.note(target, "latency p50, ms", quantile([response.ms for response in responses], 0.5))
    return sheet.rows()
