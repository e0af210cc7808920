"""The simulator's process, and a client that speaks to it as the bridge would."""

import json
import secrets
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import requests
from processes import spawn

EDITOR = {"Editor-Version": "vscode/1.110.0", "Copilot-Integration-Id": "vscode-chat"}


@dataclass
class Client:
    """Talks to a running simulator.  Each test has its own GitHub tokens, and so its own counters."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)
    suffix: str = field(default_factory=lambda: f".{secrets.token_hex(6)}")

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=10, **more)

    def github_token(self, persona: str = "demo", prefix: str = "ghu") -> str:
        return f"{prefix}_sim_{persona}{self.suffix}"

    def exchange(self, persona: str = "demo") -> requests.Response:
        headers = {"Authorization": f"token {self.github_token(persona)}"}
        return self.request("GET", "/copilot_internal/v2/token", headers=headers)

    def headers(self, persona: str = "demo", **more: str | None) -> dict[str, str]:
        """The headers of a Copilot call; None takes one away."""
        bearer = f"Bearer {self.exchange(persona).json()['token']}"
        found = {
            "Authorization": bearer,
            **EDITOR,
            **{key.replace("_", "-"): value for key, value in more.items()},
        }
        return {name: value for name, value in found.items() if value is not None}

    def chat(
        self, text: str, model: str = "gpt-4o", *, stream: bool = False, **body: Any
    ) -> requests.Response:
        sent = {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}], **body}
        return self.request("POST", "/chat/completions", json=sent, headers=self.headers())

    def chunks(self, text: str, model: str = "gpt-4o", **body: Any) -> list[Any]:
        """The chunks of a stream; its last one is the string [DONE]."""
        return events_in(self.chat(text, model, stream=True, **body).content)

    def response(
        self, asked: object, model: str = "gpt-5.2", *, stream: bool = False, **body: Any
    ) -> requests.Response:
        """`asked` is a text or the items of the input."""
        sent = {"model": model, "stream": stream, "input": asked, **body}
        return self.request("POST", "/responses", json=sent, headers=self.headers())

    def message(
        self,
        asked: object,
        model: str = "claude-sonnet-4.5",
        *,
        stream: bool = False,
        betas: str | None = None,
        path: str = "/v1/messages",
        persona: str = "demo",
        **body: Any,
    ) -> requests.Response:
        """`asked` is a text or the messages.  A field that is None is left out."""
        messages = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
        sent = {"model": model, "stream": stream, "max_tokens": 2000, "messages": messages, **body}
        sent = {name: value for name, value in sent.items() if value is not None}
        headers = self.headers(persona, anthropic_beta=betas, Copilot_Vision_Request="true")
        home = "/individual" if persona == "individual" else ""
        return self.request("POST", home + path, json=sent, headers=headers)

    def dial(self, text: str, *, stream: bool = True, model: str = "gpt-4o") -> socket.socket:
        """A raw connection on which a chat request was sent."""
        body = json.dumps(
            {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}
        ).encode()
        headers = {**self.headers(), "Host": "sim", "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        host, port = self.url.removeprefix("http://").split(":")
        sock = socket.create_connection((host, int(port)), timeout=10)
        sock.sendall(f"POST /chat/completions HTTP/1.1\r\n{lines}\r\n".encode() + body)
        return sock

    def received(self, text: str) -> bytes:
        """All bytes that a chat request is answered with, as far as they come."""
        with closing(self.dial(text)) as sock:
            return read_to_end(sock)

    def ledger(self, match: str, **query: Any) -> list[dict[str, Any]]:
        return self.request("GET", "/_simulator/requests", params={"match": match, **query}).json()


def read_to_end(sock: socket.socket) -> bytes:
    """What comes until the connection ends or the response does."""
    found = b""
    while not found.endswith(b"\r\n0\r\n\r\n") and (piece := sock.recv(65536)):
        found += piece
    return found


def events_in(raw: bytes) -> list[Any]:
    found = [line.removeprefix(b"data: ") for line in raw.split(b"\n") if line.startswith(b"data: ")]
    return ["[DONE]" if one == b"[DONE]" else json.loads(one) for one in found]


def named_events(raw: bytes) -> list[dict[str, Any]]:
    """The events of a surface that names them; the name has to be the type."""
    found = []
    for frame in raw.decode().split("\n\n"):
        if frame and frame != "data: [DONE]":
            name, data = frame.split("\n")
            event = json.loads(data.removeprefix("data: "))
            assert name == f"event: {event['type']}"
            found.append(event)
    return found


def text_in(chunks: list[Any]) -> str:
    deltas = (choice["delta"] for chunk in chunks[:-1] for choice in chunk["choices"])
    return "".join(delta.get("content") or "" for delta in deltas)


def start(*arguments: str) -> tuple[subprocess.Popen[bytes], str]:
    command = [sys.executable, "-m", "copilot_bridge.simulator", *arguments]
    process = spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["url"]


def finish(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    """Ends it as its parent's death would; gives the exit code and all of stderr."""
    _out, err = process.communicate(timeout=10)
    return process.returncode, err
