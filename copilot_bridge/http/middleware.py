"""The steps before and after every view: the request's log entry, its origin and caller, headers, cleanup."""

import logging
from functools import partial

from flask import Flask, Response, g, request
from werkzeug.exceptions import NotFound

from copilot_bridge.access.origins import SECURITY_HEADERS
from copilot_bridge.http.body import discard_unread_body, has_unread_body
from copilot_bridge.http.cleanup import CLEANUP, Cleanup
from copilot_bridge.http.context import bridge, client_dialect
from copilot_bridge.http.cors import allow_origin, preflight
from copilot_bridge.http.identification import identify, read_origin
from copilot_bridge.logs.entry import RequestLogEntry

# Asked for every few seconds by machines.
POLLED_PATHS = ("/healthz", "/readyz", "/metrics", "/api/hello", "/api/event_logging/batch")

# Asked by whoever wants to know whether the bridge is there, and what it is: answered without a key.
OPEN_BLUEPRINTS = ("health", "openapi", None)

# The blueprint of what people see, and those within it: it has a door of its own.
PAGES_BLUEPRINT = "web"


def before_request() -> Response | None:
    """What is settled before any view: from where it comes, whether a page has sent it, and who asks.

    :raises BridgeError: it is not to be answered.
    """
    environ = request.environ
    policy = bridge().origin_policy
    origin = read_origin(environ)
    client, local = policy.locate(origin)
    record = g.record = RequestLogEntry(
        client, environ["REQUEST_METHOD"], request.path, dialect=client_dialect()
    )
    if record.path in POLLED_PATHS:
        record.level = logging.DEBUG
    if not record.path.isprintable():  # line ends, escapes, directions: no path of ours has any
        raise NotFound
    policy.check(origin)  # a page that the user visits may not spend their plan
    if record.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
        return preflight()
    blueprint = request.blueprint
    if blueprint not in OPEN_BLUEPRINTS and not blueprint.startswith(PAGES_BLUEPRINT):
        identify(local)
    return None


def after_request(response: Response) -> Response:
    record: RequestLogEntry = g.record
    attach_cleanup(response)
    response.headers["X-Request-Id"] = record.id
    for name, value in SECURITY_HEADERS.items():
        response.headers.add(name, value)
    allow_origin(response)
    return response


def attach_cleanup(response: Response) -> None:
    """Have all that the request has opened closed with this answer to it."""
    record: RequestLogEntry = g.record
    cleanup: Cleanup = request.environ[CLEANUP]
    record.status = response.status_code
    if cleanup.attached:  # to an answer that could not be given
        response.call_on_close(cleanup.close)
        return
    cleanup.attached = True
    response.call_on_close(cleanup.close)
    if "call" in g:
        cleanup.add(g.call.leave)
        if "is_model_request" in g:
            cleanup.add(partial(g.call.done, record))
    cleanup.add(record.write)
    if has_unread_body():
        discard_unread_body(response, cleanup)


def init_app(app: Flask) -> None:
    app.before_request(before_request)
    app.after_request(after_request)
