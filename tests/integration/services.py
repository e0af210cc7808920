"""A simulated systemd: what it passes to a service, and the notifications that it receives."""

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from integration.harness import NOWHERE, PATIENCE, Bridge, Lines, Simulator, environment, new_token
from processes import spawn

# Puts the socket where systemd does, and says whose it is.
HANDED = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.argv[2], sys.argv[2:])
"""
START = (sys.executable, "-m", "copilot_bridge", "start")


class Messages:
    """$NOTIFY_SOCKET: what the service says, in the order in which it says it."""

    def __init__(self) -> None:
        self._name = f"copilot-bridge-test-{secrets.token_hex(8)}"
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(f"\0{self._name}")
        self.address = f"@{self._name}"

    def wait_for(self, line: str, timeout: float = PATIENCE) -> list[str]:
        """The message with this line; those before it are taken as well."""
        end = time.monotonic() + timeout
        while (remaining := end - time.monotonic()) > 0:
            self._sock.settimeout(remaining)
            try:
                lines = self._sock.recv(4096).decode().split("\n")
            except TimeoutError:
                break
            if line in lines:
                return lines
        raise AssertionError(f"no {line!r} within {timeout} s")

    def waiting(self) -> list[str]:
        """All that has been said meanwhile."""
        self._sock.setblocking(False)
        lines: list[str] = []
        try:
            while True:
                lines += self._sock.recv(4096).decode().split("\n")
        except BlockingIOError:
            return lines

    def close(self) -> None:
        self._sock.close()


class Unit:
    """A service with its socket unit: the socket is systemd's, processes come and go."""

    def __init__(
        self,
        directory: Path,
        simulator: Simulator,
        listener: socket.socket | None = None,
        **settings: object,
    ) -> None:
        self.directory = directory
        self.messages = Messages()
        self.listener = listener or socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.runtime = directory / "runtime"
        self.runtime.mkdir(mode=0o700)
        hosts = {"github_url": simulator.url, "github_api_url": simulator.url, "proxy": NOWHERE}
        self.settings: dict[str, object] = {
            "github_token": new_token(),
            "allowed_host": "bridge",
            **hosts,
            **settings,
        }
        self.more: dict[str, str] = {}
        self.started: list[Service] = []

    def environ(self) -> dict[str, str]:
        """What systemd gives to each command: with the environment file as it is now."""
        variables = {f"COPILOT_BRIDGE_{name.upper()}": str(value) for name, value in self.settings.items()}
        return {
            **environment(self.directory),
            "STATE_DIRECTORY": str(self.directory / "state"),
            "RUNTIME_DIRECTORY": str(self.runtime),
            "COPILOT_BRIDGE_ENV_FILE": "",
            **variables,
            **self.more,
        }

    def start(self, **more: str) -> "Service":
        self.started.append(Service(self, self.environ() | {"NOTIFY_SOCKET": self.messages.address} | more))
        return self.started[-1]

    def up(self, **more: str) -> "Service":
        """Started, and ready."""
        service = self.start(**more)
        self.messages.wait_for("READY=1")
        return service

    def close(self) -> None:
        self.listener.close()
        for service in self.started:
            service.stop()
        self.messages.close()


MakeUnit = Callable[..., Unit]  # by the names of settings in Config


class Service(Bridge):
    """The unit's main process, and requests to it."""

    def __init__(self, unit: Unit, environ: Mapping[str, str]) -> None:
        self.unit = unit
        self.home = unit.directory / "state"
        self.server = str(unit.settings.get("server", "gunicorn"))
        self._streams = []
        self.address = unit.listener.getsockname()
        self.url = f"http://127.0.0.1:{self.address[1]}"
        fileno = unit.listener.fileno()
        self.process = spawn(
            [sys.executable, "-c", HANDED, str(fileno), *START],
            cwd=unit.directory,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[fileno],
        )
        assert self.process.stderr is not None
        self.log = Lines(self.process.stderr)

    def reload(self) -> subprocess.CompletedProcess[str]:
        """ExecReload, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "copilot_bridge.serving.reload_request", str(self.process.pid)],
            cwd=self.unit.directory,
            env=self.unit.environ(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def end(self) -> int:
        """As systemd stops it, with all that there is in its control group."""
        self.ask_to_stop(signal.SIGTERM)
        return self.wait()


class Load:
    """Requests without a pause, of three kinds; what becomes of each."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._over = threading.Event()
        self.answered = 0
        self.broken: list[str] = []
        kinds = (self._connecting, self._kept_alive, self._streaming)
        self._threads = [threading.Thread(target=self._repeat, args=(kind,)) for kind in kinds * 2]

    @contextmanager
    def running(self) -> Iterator[Self]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join(PATIENCE)

    def _repeat(self, kind: Any) -> None:
        try:
            kind()
        except Exception as error:  # noqa: BLE001 - whatever it is, a client would have seen it
            self.broken.append(f"{kind.__name__}: {error!r}")

    def _connecting(self) -> None:
        """A connection for each request."""
        while not self._over.is_set():
            with closing(self._connection()) as connection:
                self._ask(connection, stream=False)

    def _kept_alive(self) -> None:
        """One connection for as long as the server says that it may be used again."""
        connection = self._connection()
        while not self._over.is_set():
            if self._ask(connection, stream=False):
                connection.close()
                connection = self._connection()
            time.sleep(0.005)
        connection.close()

    def _streaming(self) -> None:
        while not self._over.is_set():
            with closing(self._connection()) as connection:
                self._ask(connection, stream=True)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self._address, timeout=PATIENCE)

    def _ask(self, connection: http.client.HTTPConnection, stream: bool) -> bool:
        """Whether the server closes the connection."""
        text = "[[sim:flood events=5 size=10 gap=20]]" if stream else "hello"
        body = {"model": "gpt-4o", "stream": stream, "messages": [{"role": "user", "content": text}]}
        sent = json.dumps(body)
        connection.request("POST", "/v1/chat/completions", sent, {"Content-Type": "application/json"})
        response = connection.getresponse()
        data = response.read()
        whole = data.rstrip().endswith(b"data: [DONE]") if stream else data.endswith(b"}")
        if response.status != 200 or not whole:
            self.broken.append(f"{response.status} {data[-200:]!r}")
        self.answered += 1
        return response.getheader("Connection", "").lower() == "close"


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def await_end(pid: int) -> None:
    """Until a process that is not our child is gone."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        import select

        assert select.select([handle], [], [], PATIENCE)[0], f"process {pid} lives on"
    finally:
        os.close(handle)
