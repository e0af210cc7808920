"""The wire between the bridge and upstream, which can be cut, go mute, or be down."""

import contextlib
import socket
import struct
import threading
from typing import Self

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset


class Pair:
    """Two sockets that are one connection."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self._sockets = (near, far)
        self._muted = threading.Event()
        self.open = 2
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if not self._muted.is_set():
                    other.sendall(data)
        with contextlib.suppress(OSError):
            if not self._muted.is_set():
                other.shutdown(socket.SHUT_WR)
        self.open -= 1
        if self.open == 0:
            for sock in self._sockets:
                sock.close()

    def mute(self) -> None:
        """As behind a NAT that has forgotten it: nothing arrives, and neither end notices."""
        self._muted.set()

    def reset(self) -> None:
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                sock.shutdown(socket.SHUT_RDWR)


class Wire:
    def __init__(self, target: str) -> None:
        host, port = target.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._pairs: list[Pair] = []
        self.down = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self._pairs = [pair for pair in self._pairs if pair.open]
                if self.down:
                    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    near.close()
                    continue
                self._pairs.append(Pair(near, socket.create_connection(self._target)))

    def mute(self) -> None:
        for pair in list(self._pairs):
            pair.mute()

    def reset(self) -> None:
        for pair in list(self._pairs):
            pair.reset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        self.reset()
