"""The steps before and after every view: the request's log entry, its origin and caller, headers, cleanup."""

import logging
from functools import partial

from flask import Flask, Response, g, request
from werkzeug.exceptions import NotFound

from copilot_bridge.access.origins import SECURITY_HEADERS
from copilot_bridge.http.body import has_unread_body, refuse_the_rest
from copilot_bridge.http.cleanup import CLOSERS, Closers
from copilot_bridge.http.context import bridge, spoken
from copilot_bridge.http.cors import allow_origin, preflight
from copilot_bridge.http.identification import identify, read_origin
from copilot_bridge.logs.entry import RequestLogEntry

# Asked for every few seconds by machines.
QUIET = ("/healthz", "/readyz", "/metrics", "/api/hello", "/api/event_logging/batch")

# Asked by whoever wants to know whether the bridge is there, and what it is: answered without a key.
OPEN = ("health", "openapi", None)

# The blueprint of what people see, and those within it: it has a door of its own.
PAGES = "web"


def begin() -> Response | None:
    """What is settled before any view: from where it comes, whether a page has sent it, and who asks.

    :raises BridgeError: it is not to be answered.
    """
    environ = request.environ
    policy = bridge().origin_policy
    origin = read_origin(environ)
    client, local = policy.locate(origin)
    record = g.record = RequestLogEntry(client, environ["REQUEST_METHOD"], request.path, dialect=spoken())
    if record.path in QUIET:
        record.level = logging.DEBUG
    if not record.path.isprintable():  # line ends, escapes, directions: no path of ours has any
        raise NotFound
    policy.check(origin)  # a page that the user visits may not spend their plan
    if record.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
        return preflight()
    blueprint = request.blueprint
    if blueprint not in OPEN and not blueprint.startswith(PAGES):
        identify(local)
    return None


def end(response: Response) -> Response:
    record: RequestLogEntry = g.record
    close_with(response)
    response.headers["X-Request-Id"] = record.id
    for name, value in SECURITY_HEADERS.items():
        response.headers.add(name, value)
    allow_origin(response)
    return response


def close_with(response: Response) -> None:
    """Have all that the request has opened closed with this answer to it."""
    record: RequestLogEntry = g.record
    closers: Closers = request.environ[CLOSERS]
    record.status = response.status_code
    if closers.attached:  # to an answer that could not be given
        response.call_on_close(closers.close)
        return
    closers.attached = True
    response.call_on_close(closers.close)
    if "call" in g:
        closers.add(g.call.leave)
        if "asks_a_model" in g:
            closers.add(partial(g.call.done, record))
    closers.add(record.write)
    if has_unread_body():
        refuse_the_rest(response, closers)


def init_app(app: Flask) -> None:
    app.before_request(begin)
    app.after_request(end)
