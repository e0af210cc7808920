"""The Flask application and the gevent server around it."""

import socket
from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import partial
from time import time
from typing import Any
from uuid import uuid4

from flask import Blueprint, Flask, Response, g, request
from gevent.pywsgi import WSGIHandler, WSGIServer
from werkzeug.exceptions import HTTPException

from copilot_bridge.simulator import (
    auto,
    catalogue,
    chat,
    completions,
    control,
    device,
    embeddings,
    github,
    live,
    mcp,
    messages,
    quota,
    responses,
)
from copilot_bridge.simulator.gate import Caller, admit, admit_to_completion
from copilot_bridge.simulator.ledger import CLIENT_GONE, COMPLETE, Entry
from copilot_bridge.simulator.outages import NEVER, refuse_with
from copilot_bridge.simulator.refusals.refusal import Refused
from copilot_bridge.simulator.transport import DELIVERY, never_respond
from copilot_bridge.simulator.world import World, world

HOST = "127.0.0.1"  # and no other: the simulator gives tokens to anybody
BACKLOG = 2048  # a thousand clients may come at once
ENTRY = "simulator.entry"  # key of the WSGI environment
OUTCOME = "simulator.outcome"

HOSTS = ("", "/individual", "/business", "/enterprise")
"""The Copilot API's hosts: api.githubcopilot.com and those of the plans, as paths of our origin."""

Route = tuple[str, str, Callable[..., Response]]
Gate = Callable[[str], Caller]
SURFACES: tuple[Iterable[Route], ...] = (
    catalogue.ROUTES,
    auto.ROUTES,
    chat.ROUTES,
    responses.ROUTES,
    messages.ROUTES,
    embeddings.ROUTES,
    mcp.ROUTES,
    live.ROUTES,
)

ALWAYS = {
    "x-github-backend": "Kubernetes",
    "content-security-policy": "default-src 'none'; sandbox",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "x-copilot-api-exp-assignment-context": "5133j383:1109202;",
}


def create_app(origin: str, pace: float) -> Flask:
    """Makes the Flask app.

    :param origin: its own URL.  :param pace: seconds between the text events of an ordinary stream.
    """
    app = Flask(__name__, static_folder=None)
    app.extensions["simulator"] = World(origin, pace)
    app.extensions["simulator.devices"] = device.Devices()
    app.before_request(write_down)
    app.register_error_handler(HTTPException, not_served)
    hosts = (copilot_host(path, SURFACES, admit) for path in HOSTS)
    completion = copilot_host(completions.HOST, (completions.ROUTES,), admit_to_completion)
    for blueprint in (github.bp, device.bp, control.bp, *hosts, completion):
        app.register_blueprint(blueprint)
    return app


def write_down() -> None:
    """Opens the ledger's entry; the handler closes it."""
    if not request.path.startswith(control.PREFIX):
        headers = {name.lower(): value for name, value in request.headers.items()}
        owner = world().owner(headers.get("authorization", ""))
        name = owner.name if owner else None
        entry = world().ledger.open(request.method, request.path, headers, request.get_data(), name)
        request.environ[ENTRY] = g.entry = entry


def copilot_host(path: str, surfaces: Iterable[Iterable[Route]], gate: Gate) -> Blueprint:
    """One host of the Copilot API, at `path`."""
    bp = Blueprint(f"copilot{path.replace('/', '-')}", __name__, url_prefix=path or None)
    for routes in surfaces:
        for method, rule, view in routes:
            add_route(bp, method, rule, guarded(partial(gate, path), method, rule, view))
    bp.add_url_rule("/_ping", "ping", ping)
    bp.register_error_handler(Refused, say_no)
    bp.after_request(sign)
    return bp


def add_route(bp: Blueprint, method: str, rule: str, view: Callable[..., Response]) -> None:
    """An upgrade to a WebSocket is a GET, and no other GET is served there."""
    if method == live.METHOD:
        bp.add_url_rule(rule, f"{method} {rule}", view, methods=["GET"], websocket=True)
    else:
        bp.add_url_rule(rule, f"{method} {rule}", view, methods=[method])


def ping() -> Response:
    """Clients ask it whether the host can be reached, without a bearer."""
    return Response("OK\n", mimetype="text/plain")


def not_served(error: HTTPException) -> Response:
    """A path or method that is not ours, in one line as the real one says it.

    Clients take a 404 without GitHub's request id for a proxy's.
    """
    headers = {"x-github-request-id": github.support_id()}
    return Response(f"{error.code} {error.name.lower()}\n", error.code, headers, mimetype="text/plain")


def guarded(
    gate: Callable[[], Caller], method: str, rule: str, view: Callable[..., Response]
) -> Callable[..., Response]:
    """The view behind the gate, if there is no outage; it gets the caller first."""

    name = f"ws:{rule}" if method == live.METHOD else rule

    def guard(**arguments: str) -> Response:
        caller = gate()
        state = world().outages.at(name, caller.github_token, caller.persona)
        if state == NEVER:
            return never_respond()
        if isinstance(state, int):
            refuse_with(state)
        return view(caller, **arguments)

    return guard


def say_no(refused: Refused) -> Response:
    refusal = refused.refusal
    response = Response(refusal.content(), refusal.status, refusal.all_headers())
    if refusal.edge:
        request.environ["simulator.edge"] = True
    return response


def sign(response: Response) -> Response:
    """Add the headers of every response of the Copilot API.  The edge's own lack those of the service."""
    headers = response.headers
    headers["x-request-id"] = request.headers.get("X-Request-Id") or str(uuid4())
    headers["x-github-request-id"] = github.support_id()
    if request.environ.get("simulator.edge"):
        return response
    headers["x-copilot-service-request-id"] = str(uuid4())
    headers.update(ALWAYS)
    if owner := world().owner(request.headers.get("Authorization", "")):
        headers.update(quota.headers(owner.plan.quota, windows=owner.plan.individual))
    return response


class Handler(WSGIHandler):  # type: ignore[misc]  # gevent has no types
    """Hands the socket to a delivery where there is one, and notes in the ledger how each request ended."""

    def get_environ(self) -> dict[str, Any]:
        """Gives the body of an upgrade an end: gevent gives the bare connection to read, which has none."""
        environ: dict[str, Any] = super().get_environ()
        environ["wsgi.input"], environ["wsgi.input_terminated"] = self.wsgi_input, True
        return environ

    def process_result(self) -> None:
        delivery = self.environ.get(DELIVERY)
        if delivery is None:
            super().process_result()
        else:
            self.environ[OUTCOME] = delivery.run(self)

    def handle_one_response(self) -> None:
        super().handle_one_response()
        entry: Entry | None = self.environ.get(ENTRY)
        if entry:
            failed = CLIENT_GONE if self.code < 0 else COMPLETE
            self.application_world().ledger.close(entry, self.environ.get(OUTCOME, failed))

    def application_world(self) -> World:
        found: World = self.server.application.extensions["simulator"]
        return found

    def log_request(self) -> None:
        if self.server.verbose:
            super().log_request()


class Server(WSGIServer):  # type: ignore[misc]  # gevent has no types
    """Serves on an open socket; `verbose` writes an access log on stderr."""

    handler_class = Handler

    def __init__(self, listener: socket.socket, app: Flask, verbose: bool) -> None:
        # A given name spares a reverse look-up of 127.0.0.1, which may take seconds.
        super().__init__(listener, app, environ={"SERVER_NAME": HOST})
        self.verbose = verbose

    def handle(self, sock: Any, address: Any) -> None:
        # Each event must leave at once: a delayed one would be measured as the bridge's lag.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle(sock, address)

    def loop_date(self) -> bytes:
        return formatdate(time(), usegmt=True).encode()


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes a free one."""
    return socket.create_server((HOST, port), backlog=BACKLOG)


def build(listener: socket.socket, pace: float, verbose: bool) -> Server:
    return Server(listener, create_app(url(listener), pace), verbose)


def url(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"
