"""A Copilot that costs next to nothing: pre-rendered bytes, one process, one epoll loop, no library.

A prompt says what it wants, anywhere in it: `[[bench events=2000 size=40 gap=0 shape=azure]]` is a
stream of 2,000 text events of 40 bytes of text each, `gap` seconds apart.  Each event is a chunk and a
`send` of its own, as from a server that flushes.  With a gap each text begins with its time of sending:
16 digits, nanoseconds of the monotonic clock.

Its cost (a shared 2-core machine): 2 to 3 microseconds an event flat out, 30 paced (a heap, a stamp, a
send, a nap), 30 a small request.  So 5,000 paced events a second take some 15 % of its core.
While streams are paced it looks at its sockets twice a millisecond: a first byte may be that much late.

`python -m bench.upstream FD` serves on the listening socket FD until it is ended.
"""

import heapq
import json
import re
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache

READ_AT_ONCE = 1 << 20
NAP = 0.0005  # s; the longest sleep between two looks at the sockets while streams are paced
STAMP = 16  # digits
SPREAD = 0.618034  # of a gap, from one stream to the next: no two streams keep the same beat

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
DIRECTIVE = re.compile(rb"\[\[bench ([^\]]*)\]\]")
STREAMED = re.compile(rb'"stream"\s*:\s*true')

MODELS = {"clean": "gpt-4o", "azure": "gpt-4o", "claude": "claude-sonnet-4.5"}
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
TEXT = "\0"  # stands where an event's text goes

SEVERITIES = ("hate", "self_harm", "sexual", "violence")
SAFE = {name: {"filtered": False, "severity": "safe"} for name in SEVERITIES}
USAGE = {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}

Chunk = dict[str, object]


def filler(size: int) -> str:
    """A text of so many bytes."""
    return (WORDS * (size // len(WORDS) + 1))[:size]


def choice(delta: Chunk, **more: object) -> Chunk:
    return {"choices": [{"index": 0, "delta": delta, **more}]}


def clean() -> tuple[list[Chunk], Chunk, list[Chunk]]:
    """Nothing to mend: what comes before the texts, a text, what comes after them."""
    head = {"id": "chatcmpl-b", "object": "chat.completion.chunk", "created": 1770000000, "model": "gpt-4o"}
    opening = head | choice({"role": "assistant", "content": ""}, finish_reason=None)
    text = head | choice({"content": TEXT}, finish_reason=None)
    closing = head | choice({}, finish_reason="stop")
    return [opening], text, [closing, head | {"choices": [], "usage": USAGE}]


def azure() -> tuple[list[Chunk], Chunk, list[Chunk]]:
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
    nobody: Chunk = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}

    def said(delta: Chunk, found: Chunk, finish: str | None = None) -> Chunk:
        return choice(delta, content_filter_results=found, finish_reason=finish, logprobs=None) | head

    opening = said({"content": "", "refusal": None, "role": "assistant"}, {})
    usage = {"choices": []} | head | {"usage": USAGE}
    nobody |= {"prompt_filter_results": results}
    return [nobody, opening], said({"content": TEXT}, dict(SAFE)), [said({}, {}, "stop"), usage]


def claude() -> tuple[list[Chunk], Chunk, list[Chunk]]:
    """No `object`, no `finish_reason` before the last chunk, the role on every one."""
    head = {"created": 1770000000, "id": "01234567-89ab-cdef-0123-456789abcdef", "model": MODELS["claude"]}
    text = choice({"content": TEXT, "role": "assistant"}) | head
    closing = choice({"content": None, "role": "assistant"}, finish_reason="stop") | head
    return [], text, [closing | {"usage": USAGE}]


SHAPES: dict[str, Callable[[], tuple[list[Chunk], Chunk, list[Chunk]]]] = {
    "clean": clean,
    "azure": azure,
    "claude": claude,
}


def framed(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


def told(chunk: Chunk) -> bytes:
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


class Script:
    """A stream, rendered: `before`, then `text()` for each event, then `after`.

    :param size: bytes of text in each event, at least `STAMP` if it is to be stamped.
    """

    def __init__(self, shape: str, size: int) -> None:
        before, text, after = SHAPES[shape]()
        self.before = STREAM_HEAD + b"".join(framed(told(chunk)) for chunk in before)
        self.after = b"".join(framed(told(chunk)) for chunk in after)
        self.after += framed(b"data: [DONE]\n\n") + LAST_CHUNK
        mark = json.dumps(TEXT)[1:-1].encode()
        words = filler(size).encode()
        self.event = framed(told(text).replace(mark, words))
        start = self.event.index(words)
        self._head, self._tail = self.event[:start], self.event[start + STAMP :]

    def stamped(self) -> bytes:
        return b"%b%016d%b" % (self._head, time.monotonic_ns(), self._tail)


@cache
def script(shape: str, size: int) -> Script:
    return Script(shape, size)


@cache
def flood(shape: str, size: int, events: int) -> Sequence[bytes]:
    """Every write of a stream without gaps."""
    play = script(shape, size)
    return (play.before, *[play.event] * events, play.after)


def whole(body: bytes, kind: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n%bcontent-length: %d\r\n\r\n"
    return head % (kind, HEADERS, len(body)) + body


@cache
def reply(size: int) -> bytes:
    """An answer in one piece, as Azure words it."""
    message = {"content": filler(size), "padding": "0123456789abcdef", "role": "assistant"}
    said = {"content_filter_results": SAFE, "finish_reason": "stop", "index": 0, "message": message}
    answer = {"choices": [said], "created": 1770000000, "id": "chatcmpl-0123456789abcdef", "usage": USAGE}
    filters = [{"content_filter_results": SAFE, "prompt_index": 0}]
    answer |= {"model": "gpt-4o-2024-11-20", "prompt_filter_results": filters}
    return whole(json.dumps(answer).encode())


@cache
def catalogue() -> bytes:
    """Thirty models, as many as Copilot lists."""
    named = [("gpt-4o", "Azure OpenAI"), ("claude-sonnet-4.5", "Anthropic")]
    named += [(f"other-{number}.{number % 3}", "Azure OpenAI") for number in range(28)]
    return whole(json.dumps({"data": [row(*each) for each in named], "object": "list"}).encode())


def row(name: str, vendor: str) -> Chunk:
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
        "supported_endpoints": ["/chat/completions"],
        "vendor": vendor,
        "version": f"{name}-2026-01-01",
    }


def account(port: int) -> dict[bytes, bytes]:
    """Target -> reply, for all that is asked only now and then."""
    api: Chunk = {"endpoints": {"api": f"http://127.0.0.1:{port}"}}
    until = int(time.time()) + 86400
    token = api | {"token": f"tid=bench;exp={until}:mac", "expires_at": until, "refresh_in": 80000}
    user = api | {"login": "bench", "copilot_plan": "individual", "access_type_sku": "bench"}
    replies: dict[bytes, Chunk] = {b"/copilot_internal/v2/token": token, b"/copilot_internal/user": user}
    replies[b"/user"] = {"login": "bench", "id": 1}
    rendered = {path: whole(json.dumps(body).encode()) for path, body in replies.items()}
    return rendered | {b"/models": catalogue()}


def asked(body: bytes) -> tuple[str, int, int, float]:
    """(shape, size in bytes, events, gap in seconds) of a prompt."""
    found = DIRECTIVE.search(body)
    words = dict(pair.split("=", 1) for pair in (found[1].decode().split() if found else ()))
    shape, gap = words.get("shape", "clean"), float(words.get("gap", 0))
    return shape, int(words.get("size", 40)), int(words.get("events", 1)), gap


class Connection:
    """One client.  `waiting`: writes that its socket has no room for yet."""

    __slots__ = ("blocked", "inbox", "need", "sock", "waiting")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.inbox = bytearray()
        self.need = 0  # bytes of the request that is coming in, 0 while its head is incomplete
        self.waiting: Iterator[bytes] = iter(())
        self.blocked = b""

    def requests(self) -> Iterator[tuple[bytes, bytes]]:
        """(head, body) of each request that is complete."""
        while self.inbox:
            if not self.need:
                end = self.inbox.find(b"\r\n\r\n") + 4
                if end < 4:
                    return
                length = CONTENT_LENGTH.search(self.inbox, 0, end)
                self.need = end + (int(length[1]) if length else 0)
            if len(self.inbox) < self.need:
                return
            request = bytes(self.inbox[: self.need])
            del self.inbox[: self.need]
            self.need = 0
            head, _, body = request.partition(b"\r\n\r\n")
            yield head, body

    def write(self, data: bytes) -> bool:
        """False: there is no room, the rest is kept."""
        if self.blocked:
            self.blocked += data
            return False
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        self.blocked = data[sent:]
        return not self.blocked

    def pump(self) -> bool:
        """Write what waits.  True: there is more, and no room for it."""
        if data := self.blocked:
            self.blocked = b""
            if not self.write(data):
                return True
        return not all(self.write(data) for data in self.waiting)


class Upstream:
    """The event loop."""

    def __init__(self, listener: socket.socket) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._fixed = account(listener.getsockname()[1])
        self._epoll = select.epoll()
        self._epoll.register(listener, select.EPOLLIN)
        self._connections: dict[int, Connection] = {}
        self._due: list[tuple[float, int, Connection, Script, float, int]] = []
        self._streams = 0

    def serve(self) -> None:
        while True:
            for fileno, event in self._epoll.poll(0 if self._due else -1):
                self._handle(fileno, event)
            if self._due:
                self._play()

    def _play(self) -> None:
        """Send what is due, then sleep until something else is, though not for long."""
        due = self._due
        while due and due[0][0] <= time.monotonic():
            at, number, connection, play, gap, left = heapq.heappop(due)
            if connection.sock.fileno() < 0:
                continue
            try:
                connection.write(play.stamped() if left else play.after)
            except OSError:
                self._drop(connection)
                continue
            if left:
                heapq.heappush(due, (at + gap, number, connection, play, gap, left - 1))
        if due:
            time.sleep(min(NAP, max(0.0, due[0][0] - time.monotonic())))

    def _handle(self, fileno: int, event: int) -> None:
        connection = self._connections.get(fileno)
        if connection is None:
            self._accept()
            return
        try:
            if event & ~select.EPOLLOUT:
                self._read(connection)
            elif not connection.pump():
                self._epoll.modify(fileno, select.EPOLLIN)
        except OSError:
            self._drop(connection)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections[sock.fileno()] = Connection(sock)
            self._epoll.register(sock, select.EPOLLIN)

    def _read(self, connection: Connection) -> None:
        data = connection.sock.recv(READ_AT_ONCE)
        if not data:
            self._drop(connection)
            return
        connection.inbox += data
        for head, body in connection.requests():
            self._answer(connection, head, body)

    def _answer(self, connection: Connection, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path in self._fixed:
            connection.waiting = iter((self._fixed[path],))
        else:
            shape, size, events, gap = asked(body)
            if not STREAMED.search(body):
                connection.waiting = iter((reply(size),))
            elif not gap:
                connection.waiting = iter(flood(shape, size, events))
            else:
                self._pace(connection, script(shape, size), events, gap)
        if connection.pump():
            self._epoll.modify(connection.sock, select.EPOLLIN | select.EPOLLOUT)

    def _pace(self, connection: Connection, play: Script, events: int, gap: float) -> None:
        """The first event at once, the others to a beat of the stream's own."""
        connection.write(play.before + play.stamped())
        self._streams += 1
        beat = time.monotonic() + gap * (0.5 + self._streams * SPREAD % 1)
        heapq.heappush(self._due, (beat, self._streams, connection, play, gap, events - 1))

    def _drop(self, connection: Connection) -> None:
        self._connections.pop(connection.sock.fileno(), None)
        connection.sock.close()  # epoll forgets it by itself


if __name__ == "__main__":
    Upstream(socket.socket(fileno=int(sys.argv[1]))).serve()
