"""The processes under test, and a client that sees each byte and when it came.

The bridge runs as its users run it: a process of its own, settings from the environment, a real socket.
"""

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

import requests
from forks import Fork, fork_server
from processes import spawn

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0  # seconds; nothing that works takes so long, however busy the machine is
DONE = b"data: [DONE]"
SERVERS = ("gunicorn", "gevent")
GUNICORN = ("-m", "gunicorn", "-c", "python:copilot_bridge.serving.gunicorn_settings", "--bind")
# Whatever is not on loopback would go through here, and nobody listens.
NOWHERE = "http://127.0.0.1:9"
FORKING = sys.platform == "linux"

KEEPALIVE = 0.2  # seconds; short enough to be waited for

Json = dict[str, Any]


def environment(home: Path) -> dict[str, str]:
    """Nothing of the developer's own settings, proxies and logins."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}


class Lines:
    """What a process writes, line by line, as it comes."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._pipe:
            with self._news:
                self._lines.append(line.decode())
                self._news.notify_all()

    def all(self) -> list[str]:
        with self._news:
            return list(self._lines)

    def wait_for(self, fits: Callable[[str], bool], timeout: float = PATIENCE) -> str:
        """The first line that fits, as soon as it is there."""

        def found() -> str | None:
            return next(filter(fits, self._lines), None)

        with self._news:
            line = self._news.wait_for(found, timeout)
        assert line is not None, f"no such line within {timeout} s; there are: {self.all()[-20:]}"
        return line

    def close(self) -> None:
        """After the end of the process: reads what is left."""
        self._thread.join(PATIENCE)
        self._pipe.close()


@dataclass
class Simulator:
    """Plays GitHub and Copilot, and tells what it was sent."""

    url: str
    process: subprocess.Popen[bytes]
    session: requests.Session = field(default_factory=requests.Session)

    @classmethod
    def start(cls, home: Path) -> Self:
        command = [sys.executable, "-m", "copilot_bridge.simulator", "--pace", "0", "--exit-with-stdin"]
        process = spawn(
            command, cwd=home, env=environment(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the simulator has ended before it was up: what it has printed stands above"
        return cls(json.loads(line)["url"], process)

    def stop(self) -> None:
        self.session.close()
        self.process.communicate(timeout=PATIENCE)  # ends with its stdin

    def ledger(self, match: str = "", *, timeout: float = 0.0, **query: Any) -> list[Json]:
        """The requests with `match` in their body; waits up to `timeout` seconds for the first one."""
        response = self.session.get(
            f"{self.url}/_simulator/requests",
            params={"match": match, "timeout": timeout, **query},
            timeout=timeout + PATIENCE,
        )
        found: list[Json] = response.json()
        return found

    def only(self, match: str, **query: Any) -> Json:
        """The one request with `match` in its body."""
        found = self.ledger(match, timeout=PATIENCE, **query)
        assert len(found) == 1, f"{len(found)} requests instead of one"
        return found[0]

    def ended(self, match: str, timeout: float = PATIENCE) -> Json:
        """The request with `match` in its body, as soon as it has ended."""
        found = self.ledger(match, ended=1, timeout=timeout)
        assert found, f"upstream's side of the request did not end within {timeout} s"
        return found[0]

    def exchanges(self, github_token: str) -> list[Json]:
        """The token requests of a GitHub token."""
        asked = self.ledger(path="/copilot_internal/v2/token")
        return [entry for entry in asked if entry["headers"].get("authorization") == f"token {github_token}"]

    def calls(self, persona: str, path: str) -> list[Json]:
        return [entry for entry in self.ledger(path=path) if entry["persona"] == persona]

    def control(self, name: str, **body: Any) -> Json:
        """Ask something of `/_simulator`."""
        response = self.session.post(f"{self.url}/_simulator/{name}", json=body, timeout=PATIENCE)
        assert response.status_code == 200, response.text
        content: Json = response.json()
        return content

    def expire(self, github_token: str) -> int:
        """Its Copilot tokens are expired from now on; gives their number."""
        count: int = self.control("expire", github_token=github_token)["expired"]
        return count


@dataclass(frozen=True)
class Response:
    """A whole response.  Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Json:
        """The error, after a look at its form: OpenAI's, four fields and nothing else."""
        assert self.headers["content-type"] == "application/json"
        content = self.json
        assert content.keys() == {"error"}
        error: Json = content["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        assert isinstance(error["message"], str)
        assert error["message"]
        assert isinstance(error["type"], str)
        return error

    @property
    def message(self) -> Json:
        message: Json = self.json["choices"][0]["message"]
        return message


@dataclass(frozen=True)
class Frame:
    """A block of a stream.  `at`: when its last byte came, monotonic seconds."""

    raw: bytes
    at: float

    @property
    def is_comment(self) -> bool:
        return self.raw.startswith(b":")

    @property
    def is_done(self) -> bool:
        return self.raw == DONE

    @property
    def json(self) -> Any:
        assert self.raw.startswith(b"data: "), self.raw
        return json.loads(self.raw.removeprefix(b"data: "))


class Stream:
    """A response under way.  `asked`: when the request was sent; `opened`: when the headers came."""

    def __init__(self, sock: socket.socket) -> None:
        self.asked = time.monotonic()
        self._sock = sock
        self._response = http.client.HTTPResponse(sock)
        self._begun = False
        self._buffer = b""
        self.opened = 0.0
        self.ended_at = 0.0

    def begin(self) -> Self:
        """Wait for the headers."""
        if not self._begun:
            self._response.begin()
            self._begun = True
            self.opened = time.monotonic()
        return self

    @property
    def status(self) -> int:
        return self.begin()._response.status

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.begin()._response.getheaders()}

    def frames(self) -> Iterator[Frame]:
        """To the end of the body; IncompleteRead if the connection ends before it."""
        end = b"\n" if "ndjson" in self.headers.get("content-type", "") else b"\n\n"
        while piece := self._response.read1(65536):
            now = time.monotonic()
            *blocks, self._buffer = (self._buffer + piece).split(end)
            yield from (Frame(block, now) for block in blocks)
        assert not self._buffer, f"half a frame at the end: {self._buffer[:200]!r}"
        self.ended_at = time.monotonic()

    def all(self) -> list[Frame]:
        return list(self.frames())

    def response(self) -> Response:
        """For a response that is no stream."""
        self.begin()
        return Response(self.status, self.headers, self._response.read())

    def leave(self) -> float:
        """Hang up, as a process that ends; gives the unix time."""
        self._sock.shutdown(socket.SHUT_RDWR)
        self.close()
        return time.time()

    def close(self) -> None:
        self._response.close()
        self._sock.close()


@dataclass(frozen=True)
class ReceivedStream:
    """What a stream said, put together as a client does."""

    frames: list[Frame]

    @property
    def chunks(self) -> list[Json]:
        """All but comments and [DONE], of which there is exactly one, at the end."""
        spoken = [frame for frame in self.frames if not frame.is_comment]
        assert spoken, "an empty stream"
        assert spoken[-1].is_done, f"the stream does not end with [DONE] but with {spoken[-1].raw[-300:]!r}"
        assert sum(frame.is_done for frame in spoken) == 1
        return [frame.json for frame in spoken[:-1]]

    @property
    def error(self) -> Json:
        """The error event at the end of a broken stream: no success in it anywhere."""
        spoken = [frame for frame in self.frames if not frame.is_comment]
        assert spoken, "an empty stream"
        assert not any(frame.is_done for frame in spoken), "[DONE] says that all went well"
        *before, last = [frame.json for frame in spoken]
        reasons = [choice["finish_reason"] for chunk in before for choice in chunk["choices"]]
        assert not any(reasons), f"finish_reason {reasons} says that all went well"
        assert last.keys() == {"error"}
        error: Json = last["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        return error

    @property
    def deltas(self) -> list[Json]:
        spoken = [frame for frame in self.frames if frame.raw.startswith(b"data: {")]
        choices = [choice for frame in spoken for choice in frame.json.get("choices", ())]
        assert all(choice["index"] == 0 for choice in choices)
        return [choice["delta"] for choice in choices]

    def joined(self, key: str) -> str:
        return "".join(delta.get(key) or "" for delta in self.deltas)

    @property
    def text(self) -> str:
        return self.joined("content")

    @property
    def calls(self) -> list[Json]:
        """[{"id", "name", "arguments"}], keyed by index alone, as SDKs do."""
        calls: dict[int, Json] = {}
        for delta in self.deltas:
            for fragment in delta.get("tool_calls") or ():
                call = calls.setdefault(
                    fragment["index"], {"id": fragment.get("id"), "name": "", "arguments": ""}
                )
                call["name"] += fragment["function"].get("name") or ""
                call["arguments"] += fragment["function"].get("arguments") or ""
        assert sorted(calls) == list(range(len(calls)))
        return [calls[index] for index in sorted(calls)]

    @property
    def finish_reason(self) -> str:
        reasons = [
            choice["finish_reason"]
            for chunk in self.chunks
            for choice in chunk["choices"]
            if choice["finish_reason"]
        ]
        assert len(reasons) == 1, f"one finish_reason, not {reasons}"
        reason: str = reasons[0]
        return reason


Start = Callable[..., "Bridge"]


def start_server(
    server: str, home: Path, environ: Mapping[str, str], listener: int
) -> "subprocess.Popen[bytes] | Fork":
    """Start a server of that kind on the socket of that file descriptor."""
    if server == "gevent" and FORKING:
        return fork_server().start(home, environ, listener)
    gunicorn = (*GUNICORN, f"fd://{listener}", "copilot_bridge.app:create_app()")
    gevent = ("-m", "copilot_bridge.serving.gevent_server", str(listener))
    return spawn(
        [sys.executable, *(gunicorn if server == "gunicorn" else gevent)],
        cwd=home,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=[listener],
    )


class Bridge:
    """A running bridge, and requests to it."""

    def __init__(self, home: Path, server: str, github_token: str, settings: Mapping[str, object]) -> None:
        self.home = home
        self.server = server
        self.github_token = github_token
        self._streams: list[Stream] = []
        listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.address: tuple[str, int] = listener.getsockname()
        self.url = f"http://127.0.0.1:{self.address[1]}"
        given = {
            "home": home,
            "github_token": github_token,
            "server": server,
            "proxy": NOWHERE,
            "allowed_host": "bridge",
            **settings,
        }
        variables = {f"COPILOT_BRIDGE_{name.upper()}": str(value) for name, value in given.items()}
        environ = {**environment(home), **variables, "COPILOT_BRIDGE_ENV_FILE": ""}
        self.process = start_server(server, home, environ, listener.fileno())
        listener.close()  # or nobody would be refused when the bridge has stopped listening
        assert self.process.stderr is not None
        self.log = Lines(self.process.stderr)

    def warm(self) -> Self:
        """Wait until it is up and has its token and the list of models, for tests that look at the clock."""
        return self.warm_up("")

    def warm_up(self, key: str) -> Self:
        """The same where a key is needed."""
        try:
            response = self.request("GET", "/v1/models", headers={"x-api-key": key} if key else {})
        except OSError as error:
            self.stop()
            error.add_note(f"The bridge has printed: {''.join(self.log.all())}")
            raise
        assert response.status == 200, response.body
        return self

    def connect(self, **options: Any) -> socket.socket:
        return socket.create_connection(self.address, timeout=PATIENCE, **options)

    def dial(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Stream:
        """Send a request on a connection of its own; nothing is read yet."""
        sock = self.connect()
        sock.sendall(head(method, path, body, headers or {}) + (body or b""))
        return self.keep(Stream(sock))

    def keep(self, stream: Stream) -> Stream:
        """Closed with the bridge at the latest."""
        self._streams.append(stream)
        return stream

    def request(
        self,
        method: str,
        path: str,
        body: Json | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        sent = json.dumps(body).encode() if isinstance(body, dict) else body
        host, port = self.address
        connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, sent, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Response(response.status, names, response.read())

    def chat(self, text: str, model: str = "gpt-4o", **body: Any) -> Response:
        return self.request("POST", "/v1/chat/completions", chat_body(text, model, **body))

    def stream(self, text: str, model: str = "gpt-4o", **body: Any) -> Stream:
        """A streamed chat under way."""
        return self.ask(text, model, stream=True, **body)

    def ask(self, text: str, model: str = "gpt-4o", **body: Any) -> Stream:
        """A chat under way, whose response nobody waits for yet."""
        return self.dial("POST", "/v1/chat/completions", json.dumps(chat_body(text, model, **body)).encode())

    def receive_stream(self, text: str, model: str = "gpt-4o", **body: Any) -> ReceivedStream:
        """A streamed chat, to its end."""
        stream = self.stream(text, model, **body)
        assert stream.status == 200, stream.response().body
        frames = stream.all()
        stream.close()
        return ReceivedStream(frames)

    def logged(self, request_id: str, timeout: float = PATIENCE) -> Json:
        """The log's line on a request."""
        line: Json = json.loads(
            self.log.wait_for(lambda text: request_id in text and "request.done" in text, timeout)
        )
        return line

    def workers(self) -> list[int]:
        """The processes that serve: gunicorn's children, or the one process."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children] or [pid]

    def memory(self) -> int:
        """Bytes of memory that the serving processes hold."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.workers()]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")

    def ask_to_stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        self.process.send_signal(number)
        return time.monotonic()

    def wait(self, timeout: float = PATIENCE) -> int:
        """The exit code, when it has ended."""
        return self.process.wait(timeout)

    def stop(self) -> None:
        for stream in self._streams:
            stream.close()
        if self.process.poll() is None:
            # The master first, or it would replace its workers.  How it ends by itself is a test of its own.
            for pid in dict.fromkeys((self.process.pid, *self.workers())):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        self.log.close()


class Junction:
    """Passes connections on to an address, and counts them.  `delay`: seconds that each takes longer.

    `drop`: those that are there now stay open, and what comes on them is read and thrown away.
    `certificate`: clients speak TLS; the certificate and its key in one file.
    """

    def __init__(
        self, target: str, delay: float = 0.0, port: int = 0, certificate: Path | None = None
    ) -> None:
        host, number = target.removeprefix("http://").split(":")
        self.count = 0
        self._target = (host, int(number))
        self._delay = delay
        self._sockets: list[socket.socket] = []
        self._dropped: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._context: ssl.SSLContext | None = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._context:
                    near = self._context.wrap_socket(near, server_side=True)
                far = socket.create_connection(self._target)
                self.count += 1
                self._sockets += [near, far]
                for sock in (near, far):
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for one, other in ((near, far), (far, near)):
                    thread = threading.Thread(target=self._pump, args=(one, other), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        time.sleep(self._delay)  # the slowness itself, not a wait for something
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if one not in self._dropped:
                    other.sendall(data)
        with contextlib.suppress(OSError):
            if one not in self._dropped:
                other.shutdown(socket.SHUT_WR)

    def drop(self) -> None:
        self._dropped.update(self._sockets)

    def close(self) -> None:
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)


def head(method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
    given = {"Host": "bridge", "Content-Type": "application/json", **headers}
    if body is not None:
        given.setdefault("Content-Length", str(len(body)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode()


def chat_body(text: str, model: str, **more: Any) -> Json:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def initiator_of(entry: Json) -> str:
    """The initiator of a call, from the frame of a WebSocket or from a header."""
    initiator: str = entry["body"].get("initiator") or entry["headers"]["x-initiator"]
    return initiator


def new_token(persona: str = "demo", prefix: str = "ghu") -> str:
    """A GitHub token that no other test uses."""
    return f"{prefix}_sim_{persona}.{secrets.token_hex(8)}"


def new_mark() -> str:
    """A word that finds a request in the ledger."""
    return f"mark{secrets.token_hex(8)}"


def tool(name: str, **properties: str) -> Json:
    """A tool with string parameters."""
    fields = {key: {"type": kind} for key, kind in properties.items()} or {"path": {"type": "string"}}
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}
