"""The handshake of a WebSocket, after which the connection is no longer the server's."""

from collections.abc import Iterable
from typing import Any

from flask import Response, current_app, g, request
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from copilot_bridge.dialects import codec
from copilot_bridge.errors import BridgeError
from copilot_bridge.http.context import bridge, client_socket
from copilot_bridge.http.identification import given_credentials, is_local
from copilot_bridge.http.respond import lower_case_headers
from copilot_bridge.http.taken_over import SESSIONS, TakenOver
from copilot_bridge.http.websocket.client_socket import ClientSocket
from copilot_bridge.http.websocket.session import Session
from copilot_bridge.http.websocket.sessions import Sessions
from copilot_bridge.http.websocket.turn import SocketClient, TurnRunner

SWITCHING_PROTOCOLS, UPGRADE_REQUIRED = 101, 426
OF_A_BODY = ("content-type", "content-length")


class Upgrade(Response):
    """Switches the connection to a WebSocket, and serves it to its end.

    :param accepted: the headers that the handshake asks for.
    """

    def __init__(self, accepted: Iterable[tuple[str, str]], session: Session, sessions: Sessions) -> None:
        super().__init__(status=SWITCHING_PROTOCOLS)
        self._accepted = list(accepted)
        self._session = session
        self._sessions = sessions

    def __call__(self, environ: Any, _start_response: Any) -> Iterable[bytes]:
        sock = client_socket(environ)
        environ["copilot_bridge.hang_up"]()
        ours = [(name, value) for name, value in self.headers.items() if name.lower() not in OF_A_BODY]
        lines = "".join(f"{name}: {value}\r\n" for name, value in (*self._accepted, *ours))
        try:
            sock.sendall(f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode("latin-1"))
            self._sessions.serve(self._session)
        except OSError:
            pass  # the client has left
        finally:
            self.close()
        return TakenOver()


def upgrade() -> Response:
    """Accepts a WebSocket, or refuses it by status 426, after which clients go on by HTTP.

    :raises BridgeError: this is no handshake.
    """
    sock = client_socket(request.environ)
    if not bridge().config.client_websocket or sock is None:
        return refuse_upgrade()
    sessions: Sessions = current_app.extensions[SESSIONS]
    headers = Headers([*request.headers])
    response = ServerProtocol().accept(Request(request.path, headers))
    if response.status_code != SWITCHING_PROTOCOLS:
        raise BridgeError("this is not a WebSocket handshake", kind="invalid_request")
    client = ClientSocket(sock)
    runner = TurnRunner(bridge(), visitor(), client)
    return Upgrade(response.headers.raw_items(), Session(client, runner), sessions)


def visitor() -> SocketClient:
    return SocketClient(
        g.entry.caller, is_local(), request.path, lower_case_headers(request.environ), given_credentials()
    )


def refuse_upgrade() -> Response:
    """Refuses a WebSocket by the only status after which Codex continues with POST at once."""
    detail = {"message": "send a POST request", "type": "invalid_request_error", "param": None, "code": None}
    return Response(codec.write({"error": detail}), UPGRADE_REQUIRED, mimetype="application/json")
