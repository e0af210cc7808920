"""The steps before and after every view: the request's log entry, its origin and caller, headers, cleanup."""

import logging
from functools import partial

from flask import Flask, Response, g, request
from werkzeug.exceptions import NotFound

from copilot_bridge.access.budgets import HEADER as BUDGET_HEADER
from copilot_bridge.access.origins import SECURITY_HEADERS
from copilot_bridge.http.body import discard_unread_body, has_unread_body
from copilot_bridge.http.cleanup import CLEANUP, Cleanup
from copilot_bridge.http.context import bridge, client_dialect
from copilot_bridge.http.cors import allow_origin, preflight
from copilot_bridge.http.identification import identify, read_origin
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.fallback import HEADER as FALLBACK_HEADER
from copilot_bridge.pipeline.fallback import header_of as fallback_header

# Paths that machines poll; their requests are logged at DEBUG.
POLLED_PATHS = ("/healthz", "/readyz", "/metrics", "/api/hello", "/api/event_logging/batch")

# Blueprints that need no key.  None: no route.
OPEN_BLUEPRINTS = ("health", "openapi", None)

# The blueprint of the pages, which authenticate their users themselves.
PAGES_BLUEPRINT = "pages"


def before_request() -> Response | None:
    """Starts the log entry, checks the origin and finds the caller, before any view runs.

    :raises BridgeError: the request is rejected.
    """
    environ = request.environ
    policy = bridge().origin_policy
    origin = read_origin(environ)
    client, local = policy.locate(origin)
    entry = g.entry = RequestLogEntry(
        client, environ["REQUEST_METHOD"], request.path, dialect=client_dialect()
    )
    if entry.path in POLLED_PATHS:
        entry.level = logging.DEBUG
    if not entry.path.isprintable():  # line ends, escapes, directions: no path of the bridge has any
        raise NotFound
    policy.check(origin)  # a page that the user visits must not spend the user's plan
    if entry.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
        return preflight()
    blueprint = request.blueprint
    if blueprint not in OPEN_BLUEPRINTS and not blueprint.startswith(PAGES_BLUEPRINT):
        identify(local)
    return None


def after_request(response: Response) -> Response:
    """Adds the headers of every response, and attaches the cleanup."""
    entry: RequestLogEntry = g.entry
    attach_cleanup(response)
    response.headers["X-Request-Id"] = entry.id
    if "context" in g and (budget := g.context.budget_header):
        response.headers[BUDGET_HEADER] = budget
    if instead := fallback_header(entry):
        response.headers[FALLBACK_HEADER] = instead
    for name, value in SECURITY_HEADERS.items():
        response.headers.add(name, value)
    allow_origin(response)
    return response


def attach_cleanup(response: Response) -> None:
    """Runs the cleanup when the server closes this response."""
    entry: RequestLogEntry = g.entry
    cleanup: Cleanup = request.environ[CLEANUP]
    entry.status = response.status_code
    if cleanup.attached:  # to a response that could not be sent
        response.call_on_close(cleanup.close)
        return
    cleanup.attached = True
    response.call_on_close(cleanup.close)
    if (context := g.get("context")) is not None:
        cleanup.add(context.release_limits)
        if "is_model_request" in g:
            cleanup.add(partial(context.write_log, entry))
    cleanup.add(entry.write)
    if has_unread_body():
        discard_unread_body(response, cleanup)


def init_app(app: Flask) -> None:
    app.before_request(before_request)
    app.after_request(after_request)
