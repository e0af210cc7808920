"""A stream of server-sent events for each open page, with the page's changed parts as HTML.

    event: part
    data: {"name": "status", "html": "<div ...>"}

A part is a function that renders what it shows now.  The script of the pages puts it in place.
"""

import re
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import orjson
from flask import Blueprint, Response, request, stream_with_context

from copilot_bridge.errors import BridgeError, InvalidRequest, StoreError
from copilot_bridge.http.pages.auth import debug_logged, operator, shared

bp = Blueprint("live", __name__)

INTERVAL = 1.0  # seconds between two looks
CHECK_INTERVAL = 5.0  # seconds between two looks whether the reader may still see the pages
LIFETIME = 120.0  # seconds; the browser then connects again
KEEPALIVE = 15.0  # seconds; a comment is sent, or a browser that has gone would not be noticed
RETRY = b"retry: 2000\n\n"  # milliseconds after which a browser connects again

# CSRF tokens differ each time, which is no change of a part.
TOKEN = re.compile(r'name="csrf_token" value="[^"]*"')

Part = TypeVar("Part", bound=Callable[[], str])


class LivePart(NamedTuple):
    """A part.  :param every: s between two looks at it."""

    render: Callable[[], str]
    every: float


PARTS: dict[str, LivePart] = {}


def part(name: str, every: float = INTERVAL) -> Callable[[Part], Part]:
    """Register a part.  It reads its arguments from the query of the stream, and may raise BridgeError."""

    def register(render: Part) -> Part:
        PARTS[name] = LivePart(render, every)
        return render

    return register


@bp.get("/live")
@debug_logged
def stream() -> Response:
    """The stream; with `once`, the parts as one JSON object, for pages that nobody sees.

    :raises InvalidRequest: no part is named, or one that there is not.
    """
    names = request.args.getlist("part")
    if not names or not PARTS.keys() >= {*names}:
        raise InvalidRequest(f"part: expected some of {', '.join(sorted(PARTS))}", param="part")
    if "once" in request.args:
        return Response(
            orjson.dumps({name: PARTS[name].render() for name in names}), mimetype="application/json"
        )
    response = Response(stream_with_context(events(names)), mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def events(names: list[str]) -> Iterator[bytes]:
    """The parts, each when it has changed, until the stream is old or the process ends."""
    watched = [Watched(name, PARTS[name]) for name in names]
    began = checked = sent = time.monotonic()
    yield RETRY
    while time.monotonic() - began < LIFETIME and not shared().approval.stopping:
        now = time.monotonic()
        if now - checked > CHECK_INTERVAL:
            checked = now
            if not allowed():
                return
        news = b"".join(feed.news(now) for feed in watched) or (b":\n\n" if now - sent > KEEPALIVE else b"")
        if news:
            sent = now
            yield news
        time.sleep(INTERVAL)


class Watched:
    """A part as one page knows it."""

    def __init__(self, name: str, part: LivePart) -> None:
        self._name = name
        self._part = part
        self._seen = 0
        self._next = 0.0

    def news(self, now: float) -> bytes:
        """The event that shows the part; b"": it has not changed.  :param now: monotonic seconds."""
        if now < self._next:
            return b""
        self._next = now + self._part.every - INTERVAL / 2
        try:
            html = self._part.render()
        except BridgeError:  # the store can't be read just now: what is shown stays
            return b""
        digest = hash(TOKEN.sub("", html))
        if digest == self._seen:
            return b""
        self._seen = digest
        return b"event: part\ndata: " + orjson.dumps({"name": self._name, "html": html}) + b"\n\n"


def allowed() -> bool:
    """Tell whether the reader's key is still valid."""
    try:
        operator()
    except StoreError:
        return True
    except BridgeError:
        return False
    return True
