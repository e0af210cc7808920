"""The fast relay and the plain one give the same output, whatever upstream sends.

Upstream is a script here: each request names what it wants to be sent, to the byte and the cut.
"""

import contextlib
import gzip
import http.client
import itertools
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from integration.harness import PATIENCE, Bridge, Json, Start, environment

GOLDEN = Path(__file__).parents[1] / "golden"
LATER = 0.05  # seconds; for the bridge to have read what came before
STALL, KEEPALIVE = 2.0, 0.6  # seconds; a busy machine takes its time, too

# The dialect of a transcript -> where it is asked for, and the model that answers in it.
ASKED = {
    "chat": ("/v1/chat/completions", "chat-model"),
    "messages": ("/v1/messages", "messages-model"),
    "responses": ("/v1/responses", "responses-model"),
}
ENDPOINTS = {"chat": "/chat/completions", "messages": "/v1/messages", "responses": "/responses"}
MODELS = [
    {
        "id": model,
        "name": model,
        "version": model,
        "supported_endpoints": [ENDPOINTS[dialect]],
        "capabilities": {"type": "chat"},
    }
    for dialect, (_, model) in ASKED.items()
]

Step = bytes | float | Callable[[socket.socket], None]  # to be sent, to be waited for, to be done


def head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: text/event-stream", *lines, "", ""]).encode()


CHUNKED = head("Transfer-Encoding: chunked")
OPEN = head("Connection: close")
END = b"0\r\n\r\n"


def sized(data: bytes, *lines: str) -> bytes:
    return head(f"Content-Length: {len(data)}", *lines)


def frame(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def events(data: bytes) -> list[bytes]:
    """With the empty line that ends each."""
    return [block for block in re.split(rb"(?<=\n\n)", data) if block]


def close(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_RDWR)


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def in_time(pieces: list[bytes]) -> Iterator[Step]:
    """One by one, so that each is read by itself."""
    for piece in pieces:
        yield piece
        yield 0.002


def chunked(data: bytes) -> list[Step]:
    return [CHUNKED, *in_time([frame(event) for event in events(data)]), END]


def by_length(data: bytes) -> list[Step]:
    return [sized(data), *in_time(events(data))]


def until_close(data: bytes) -> list[Step]:
    return [OPEN, *in_time(events(data)), close]


def at_once(data: bytes) -> list[Step]:
    return [CHUNKED + b"".join(map(frame, events(data))) + END]


def bytewise(data: bytes) -> list[Step]:
    """Each byte is a chunk of its own, and each of its framing a write."""
    framed = b"".join(frame(data[at : at + 1]) for at in range(len(data)))
    return [CHUNKED, *(framed[at : at + 1] for at in range(len(framed))), END]


def in_sevens(data: bytes) -> list[Step]:
    """Chunks and writes that know nothing of events, nor of each other."""
    framed = b"".join(frame(data[at : at + 100]) for at in range(0, len(data), 100)) + END
    return [CHUNKED, *(framed[at : at + 7] for at in range(0, len(framed), 7))]


def with_crlf(data: bytes) -> list[Step]:
    return chunked(data.replace(b"\n", b"\r\n"))


def packed(data: bytes) -> list[Step]:
    small = gzip.compress(data)
    return [
        head("Content-Encoding: gzip", "Transfer-Encoding: chunked"),
        frame(small[:50]),
        frame(small[50:]) + END,
    ]


def packed_by_length(data: bytes) -> list[Step]:
    small = gzip.compress(data)
    return [sized(small, "Content-Encoding: gzip"), *in_time([small[:70], small[70:]])]


def by_http_1_0(data: bytes) -> list[Step]:
    return [b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", *in_time(events(data)), close]


def with_a_trailer(data: bytes) -> list[Step]:
    return [*chunked(data)[:-1], b"0\r\nX-Cost: 1\r\n\r\n"]


def with_a_long_comment(data: bytes) -> list[Step]:
    """More than any buffer on the way holds, and more than one read takes."""
    first, *rest = events(data)
    return [CHUNKED, frame(first), LATER, frame(b":" + b"x" * 300_000 + b"\n\n"), *map(frame, rest), END]


def cut_between(data: bytes) -> list[Step]:
    return [*chunked(data)[:7], LATER, close]


def cut_in_an_event(data: bytes) -> list[Step]:
    first, second, *_ = events(data)
    return [CHUNKED, frame(first), LATER, frame(second)[: len(second) // 2], LATER, close]


def cut_by_length(data: bytes) -> list[Step]:
    return [sized(data), *in_time(events(data)[:3]), LATER, close]


def cut_in_what_is_packed(data: bytes) -> list[Step]:
    small = gzip.compress(data)
    return [sized(small, "Content-Encoding: gzip"), small[:-20], LATER, close]


def cut_before_anything(_data: bytes) -> list[Step]:
    return [CHUNKED, LATER, close]


def cut_before_the_end(data: bytes) -> list[Step]:
    return [*chunked(data)[:-3], LATER, close]


def without_an_end(data: bytes) -> list[Step]:
    """All is said but for the last event, and the body ends as it should."""
    return [*chunked(b"".join(events(data)[:-1]))]


def reset_between(data: bytes) -> list[Step]:
    return [*chunked(data)[:7], LATER, reset]


def stalled(data: bytes) -> list[Step]:
    return [*chunked(data)[:5], STALL + KEEPALIVE + PATIENCE / 10, close]


def slow(data: bytes) -> list[Step]:
    first, *rest = events(data)
    return [CHUNKED, frame(first), 1.5 * KEEPALIVE, *map(frame, rest), END]


def trickling_on(data: bytes) -> list[Step]:
    """After its last event the body has no end; nobody waits for that."""
    return [*chunked(data)[:-1], LATER, frame(b": more\n\n"), 2.0, END]


FRAMINGS = (chunked, by_length, until_close, in_sevens)
FAULTS = (
    at_once,
    bytewise,
    with_crlf,
    packed,
    packed_by_length,
    by_http_1_0,
    with_a_trailer,
    with_a_long_comment,
    cut_between,
    cut_in_an_event,
    cut_by_length,
    cut_in_what_is_packed,
    cut_before_anything,
    cut_before_the_end,
    without_an_end,
    reset_between,
    stalled,
    slow,
    trickling_on,
)
EXAMPLES = (
    "chat-from-chat/azure-text",
    "messages-from-messages/thinking-and-text",
    "responses-from-responses/empty-output-and-done",
)


@dataclass(frozen=True)
class Case:
    """The bytes that upstream sends for a name."""

    name: str
    dialect: str  # the client's
    model: str  # which speaks upstream's
    steps: tuple[Step, ...]


def cases() -> Iterator[Case]:
    """Every transcript, in one of the framings each; and every fault in each dialect."""
    framings = itertools.cycle(FRAMINGS)
    passed = sorted(GOLDEN.glob("*-from-*/*/upstream.sse"))
    for path in passed:
        yield made(path.parts[-3], path, next(framings))
    for upstream in sorted(ASKED):
        for path in sorted(GOLDEN.glob(f"upstream-{upstream}/**/*.sse")):
            for client in sorted(ASKED.keys() - {upstream}):
                yield made(f"{client}-from-{upstream}", path, next(framings))
    for example in EXAMPLES:
        path = next(path for path in passed if path.parent.match(example))
        for fault in FAULTS:
            yield made(path.parts[-3], path, fault)


def made(pair: str, path: Path, framing: Callable[[bytes], list[Step]]) -> Case:
    client, upstream = pair.split("-from-")
    title = path.parent.name if path.stem == "upstream" else path.stem
    name = f"{pair}/{title}/{framing.__name__}"
    return Case(name, client, ASKED[upstream][1], tuple(framing(path.read_bytes())))


CASES = {case.name: case for case in cases()}
NAME = re.compile(rb"case:([\w/.-]+)")


class Upstream:
    """Copilot's API as a script.  :param context: of one that speaks TLS."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context:
                client = self._context.wrap_socket(client, server_side=True)
            self._open.add(client)
            with client:
                while request := read_request(client):
                    self._response(client, request)

    def _response(self, client: socket.socket, request: bytes) -> None:
        if request.startswith(b"GET /models"):
            listed = orjson.dumps({"data": MODELS})
            client.sendall(sized(listed) + listed)
            return
        asked = NAME.search(request)
        assert asked is not None
        for step in CASES[asked[1].decode()].steps:
            if isinstance(step, bytes):
                client.sendall(step)
            elif isinstance(step, float):
                self._stopped.wait(step)
            else:
                step(client)

    def stop(self) -> None:
        self._stopped.set()
        for sock in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE)


def read_request(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := client.recv(65536)):
            return b""
        data += more
    length = re.search(rb"(?i)content-length: (\d+)", data)
    end = data.index(b"\r\n\r\n") + 4 + int(length[1] if length else 0)
    while len(data) < end:
        data += client.recv(65536)
    return data


def body_of(case: Case) -> Json:
    prompt = [{"role": "user", "content": f"case:{case.name} "}]
    body: Json = {"model": case.model, "stream": True}
    if case.dialect == "responses":
        return body | {"input": prompt}
    return body | {"messages": prompt} | ({"max_tokens": 99} if case.dialect == "messages" else {})


# What a client is sent while it waits, as often as it has to wait.
SIGNS = re.compile(rb': keep-alive\n\n|event: ping\ndata: \{"type": ?"ping"\}\n\n')

# The bridge makes these up for each response if upstream has left them out.
OWN = re.compile(rb'("created(?:_at)?": ?)\d+')


def response(bridge: Bridge, case: Case) -> tuple[int, str, bytes, str, str | None]:
    """(status, type, body, outcome and error in the log), without what is no two responses' alike."""
    stream = bridge.dial("POST", ASKED[case.dialect][0], orjson.dumps(body_of(case)))
    received = stream.response()
    stream.close()
    id_ = received.headers["x-request-id"]
    body = received.body.replace(id_.encode(), b"ID").replace(id_.replace("-", "").encode(), b"ID")
    line = bridge.logged(id_)
    kind = received.headers["content-type"]
    return (
        received.status,
        kind,
        OWN.sub(rb"\g<1>0", SIGNS.sub(b"", body)),
        line["outcome"],
        line.get("error"),
    )


def responses(bridge: Bridge) -> dict[str, Any]:
    with ThreadPoolExecutor(16) as pool:
        return dict(zip(CASES, pool.map(lambda case: response(bridge, case), CASES.values()), strict=True))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    started = Upstream()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def secure_upstream(certificate: Path) -> Iterator[Upstream]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    started = Upstream(context)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def start(_launch: Start) -> Iterator[Start]:
    started: list[Bridge] = []

    def run(upstream: Upstream, **settings: Any) -> Bridge:
        times = {"keepalive": KEEPALIVE, "read_timeout": STALL}
        started.append(_launch(copilot_api_url=upstream.url, **times, **settings))
        return started[-1].warm()

    yield run
    for bridge in started:
        bridge.stop()


@pytest.fixture(scope="module")
def plain(start: Start, upstream: Upstream) -> dict[str, Any]:
    """The responses of the reference."""
    return responses(start(upstream, direct_socket_io=False))


# So that the log says how much was sent, if somebody wants to know.
LOGGING = {"GUNICORN_CMD_ARGS": "--access-logfile=- --access-logformat=%({x-request-id}o)s:%(B)s."}


@pytest.fixture(scope="module", params=["gunicorn", "gevent"])
def fast(request: pytest.FixtureRequest, start: Start, upstream: Upstream) -> Bridge:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("integration.harness.environment", lambda home: environment(home) | LOGGING)
        return start(upstream, server=request.param)


def test_the_fast_way_gives_the_same(fast: Bridge, plain: dict[str, Any]) -> None:
    compare(responses(fast), plain)


def test_the_fast_way_gives_the_same_over_tls(
    start: Start,
    secure_upstream: Upstream,
    certificate: Path,
    plain: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trusting = {"SSL_CERT_FILE": str(certificate)}
    monkeypatch.setattr("integration.harness.environment", lambda home: environment(home) | trusting)
    fast = responses(start(secure_upstream, server="gevent"))
    for name in CASES:
        if name.endswith("/reset_between"):  # OpenSSL takes it for an end like any other
            assert fast[name][3] == plain[name][3] == "stream_cut"
            fast[name] = plain[name]
    compare(fast, plain)


def compare(fast: dict[str, Any], plain: dict[str, Any]) -> None:
    differing = {name: (fast[name], plain[name]) for name in CASES if fast[name] != plain[name]}
    assert not differing, f"{len(differing)} of {len(CASES)}"


def test_the_reference_has_the_intended_outcomes(plain: dict[str, Any]) -> None:
    """Every response came, those that were to break off have done so, and no other."""
    broken = {name for name, outcome in plain.items() if outcome[3] != "ok"}
    meant = {
        "cut_between",
        "cut_in_an_event",
        "cut_by_length",
        "cut_in_what_is_packed",
        "cut_before_anything",
    }
    meant |= {"reset_between", "stalled"}
    assert {name for name in CASES if name.rpartition("/")[2] in meant} <= broken
    unmeant = {name for name in broken if name.rpartition("/")[2] not in (*meant, "cut_before_the_end")}
    assert all("mid-stream" in name for name in unmeant), "transcripts of what broke off"
    assert {outcome[0] for outcome in plain.values()} == {200}
    assert all(outcome[2].endswith(b"\n\n") for outcome in plain.values())


def test_a_connection_goes_on_after_a_stream(fast: Bridge) -> None:
    """And gunicorn's access log knows of what went past gunicorn."""
    case = CASES["messages-from-messages/thinking-and-text/slow"]
    connection = http.client.HTTPConnection(*fast.address, timeout=PATIENCE)
    with contextlib.closing(connection):
        for _ in range(3):
            connection.request("POST", ASKED["messages"][0], orjson.dumps(body_of(case)))
            response = connection.getresponse()
            body = response.read()
            assert body.endswith(b'data: {"type":"message_stop"}\n\n')
            assert not response.will_close
            if fast.server == "gunicorn":
                line = f"{response.headers['X-Request-Id']}:{len(body)}."
                assert fast.log.wait_for(partial(contains, line))
        assert connection.sock is not None


def contains(what: str, line: str) -> bool:
    return what in line
