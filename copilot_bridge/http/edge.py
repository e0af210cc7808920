"""Where requests come in and answers go out: one record for each request, errors in its dialect."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import gevent
from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException, NotFound

from copilot_bridge.access.callers import HEADERS as CREDENTIALS
from copilot_bridge.access.callers import NOBODY, credentials
from copilot_bridge.access.visits import HEADERS, Visit
from copilot_bridge.dialects.spoken import spoken_at, write_error
from copilot_bridge.errors import BridgeError, InvalidRequest, KindName, StoreError
from copilot_bridge.exchange import Bridge, Call, Exchange
from copilot_bridge.exchange.log_rows import interrupted_row
from copilot_bridge.http.closing import CLOSERS, Closers, throw_away
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.streaming.relay import ClientGoneError

log = logging.getLogger(__name__)

# nginx: pass events on as they come.
STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

# What routing and reading the body refuse, as our kinds of error.
KINDS: dict[int, tuple[KindName, str]] = {
    404: ("not_found", "there is nothing at {method} {path}"),
    405: ("method_not_allowed", "{path} does not take {method}"),
}
NOT_UNDERSTOOD: tuple[KindName, str] = ("invalid_request", "{method} {path} can't be understood")

# Prompts with images and PDFs make megabytes.
LARGEST_BODY = 64 * 1024 * 1024

# Asked for every few seconds by machines.
QUIET = ("/healthz", "/readyz", "/metrics", "/api/hello", "/api/event_logging/batch")

# A refused request's body of up to so many bytes is left to the server, which keeps the connection.
SMALL_BODY = 64 * 1024

UPLOAD_PATIENCE = 300.0  # seconds for a whole body

# nginx's status for a client that has closed its request.
CLIENT_GONE = 499


# A header's name in WSGI's environment.
KEYS = tuple("HTTP_" + name.upper().replace("-", "_") for name in CREDENTIALS)

# Asked by whoever wants to know whether the bridge is there, and what it is: answered without a key.
OPEN = ("health", "openapi", None)

# The blueprint of what people see, and those within it: it has a door of its own.
PAGES = "web"


def bridge() -> Bridge:
    """The one that all requests share."""
    shared: Bridge = current_app.extensions["copilot_bridge"]
    return shared


def call() -> Call:
    """This request, once it is known who asks."""
    mine: Call = g.call
    return mine


Make = Callable[[Call, RequestLogEntry, bytes, Any], Any]


def answer(make: Make) -> Response:
    """The answer to a request for a model; `make` reads the body.  Raises BridgeError."""
    record: RequestLogEntry = g.record
    g.asks_a_model = True
    data = read_body()
    asked = make(call(), record, data, request.headers)
    record.dialect, record.model, record.streamed = asked.dialect, asked.name, asked.streaming
    call().ask_first(record, asked.name, data)
    del data  # upstream will have it, and a stream goes on for minutes
    bridge().journal.begin(interrupted_row(record))
    environ = request.environ
    exchange = Exchange(
        bridge(),
        asked,
        record,
        client_socket(environ),
        environ.get("copilot_bridge.direct"),
        interim=environ.get("SERVER_PROTOCOL") == "HTTP/1.1",
    )
    environ[CLOSERS].add(exchange.close)  # runs even if the body was never started
    if exchange.streaming:
        exchange.open()
        body: Any = exchange.events()
    else:
        body = exchange.result()
    kind, extra = ("text/event-stream", STREAM_HEADERS) if exchange.streaming else ("application/json", {})
    return Response(body, headers=exchange.headers | extra, mimetype=kind)


def read_body() -> bytes:
    """Of a known length or chunked.  Raises BridgeError: too large, or packed; ClientGoneError."""
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise BridgeError(f"Content-Encoding {encoding!r} is not unpacked here", kind="media_type")
    coding = request.environ.get("HTTP_TRANSFER_ENCODING", "chunked")
    if coding.lower() != "chunked":
        raise BridgeError(f"Transfer-Encoding {coding!r} is not unpacked here", kind="media_type")
    announced = request.content_length
    if announced is None or announced <= LARGEST_BODY:
        body = read_input(LARGEST_BODY + 1 if announced is None else announced)
        if announced is not None and len(body) < announced:
            raise ClientGoneError
        if len(body) <= LARGEST_BODY:
            g.body_is_read = True
            return body
    raise BridgeError(f"the request's body is larger than {LARGEST_BODY:,} bytes", kind="too_large")


def read_input(most: int) -> bytes:
    """Raises ClientGoneError; InvalidRequest: its chunks are none."""
    try:
        with gevent.Timeout(UPLOAD_PATIENCE):
            body: bytes = request.environ["wsgi.input"].read(most)
    except (OSError, gevent.Timeout) as error:  # gevent's server tells so that the client has left
        raise ClientGoneError from error
    except Exception as error:
        raise InvalidRequest(f"the request's body can't be read: {error}") from error
    return body


def client_socket(environ: Mapping[str, Any]) -> Any:
    """As gunicorn and our own gevent server show it; None under a server that hides it."""
    return environ.get("gunicorn.socket") or environ.get("copilot_bridge.socket")


def spoken() -> str | None:
    """The dialect that a client speaks, told by the path; where that says nothing, as at `/models`, by the
    header that only Anthropic's clients send.
    """
    return spoken_at(request.path) or ("messages" if "anthropic-version" in request.headers else None)


def begin() -> Response | None:
    """What is settled before any view: from where it comes, whether a page has sent it, and who asks.

    :raises BridgeError: it is not to be answered.
    """
    environ = request.environ
    gatekeeper = bridge().gatekeeper
    visit = read_visit(environ)
    client, local = gatekeeper.whence(visit)
    record = g.record = RequestLogEntry(client, environ["REQUEST_METHOD"], request.path, dialect=spoken())
    if record.path in QUIET:
        record.level = logging.DEBUG
    if not record.path.isprintable():  # line ends, escapes, directions: no path of ours has any
        raise NotFound
    gatekeeper.check(visit)  # a page that the user visits may not spend their plan
    if record.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
        return preflight()
    blueprint = request.blueprint
    if blueprint not in OPEN and not blueprint.startswith(PAGES):
        identify(local)
    return None


def read_visit(environ: Mapping[str, Any]) -> Visit:
    """Out of the environment itself: werkzeug's view of the headers costs ten times as much."""
    return Visit(
        peer=environ.get("REMOTE_ADDR") or "",
        host=environ.get("HTTP_HOST", ""),
        scheme=environ["wsgi.url_scheme"],
        origin=environ.get("HTTP_ORIGIN", ""),
        fetch_site=environ.get("HTTP_SEC_FETCH_SITE", ""),
        fetch_mode=environ.get("HTTP_SEC_FETCH_MODE", ""),
        forwarded_for=environ.get("HTTP_X_FORWARDED_FOR") or environ.get("HTTP_X_REAL_IP", ""),
    )


def preflight() -> Response:
    """A browser asks whether a page may ask.  One that may not has been refused already."""
    asked = request.headers.get("Access-Control-Request-Headers", "")
    allowed = {"Access-Control-Allow-Methods": "GET, POST, OPTIONS", "Access-Control-Max-Age": "600"}
    if "Access-Control-Request-Private-Network" in request.headers:
        allowed["Access-Control-Allow-Private-Network"] = "true"
    return Response(status=204, headers=allowed | {"Access-Control-Allow-Headers": asked})


def identify(local: bool) -> None:
    """Who asks?  Raises BridgeError: nobody who is known."""
    given = credentials(map(request.environ.get, KEYS))
    caller = bridge().callers.find(given, local=local, address=g.record.caller)
    bridge().admit(caller, g.record.caller)
    g.call = Call(bridge(), caller)
    if caller is not NOBODY:
        g.record.caller_id = caller.id


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


def has_unread_body() -> bool:
    """A large one, or one of which nobody knows where it ends."""
    if "body_is_read" in g:
        return False
    chunked = "HTTP_TRANSFER_ENCODING" in request.environ
    return chunked or (request.content_length or 0) > SMALL_BODY


def refuse_the_rest(response: Response, closers: Closers) -> None:
    """End the connection with the answer: a server that reads on to its next request takes its time."""
    response.headers["Connection"] = "close"
    if (hang_up := request.environ.get("copilot_bridge.hang_up")) is not None:
        hang_up()
    if (sock := client_socket(request.environ)) is not None:
        closers.add(partial(throw_away, sock))


def end(response: Response) -> Response:
    record: RequestLogEntry = g.record
    close_with(response)
    response.headers["X-Request-Id"] = record.id
    for name, value in HEADERS.items():
        response.headers.add(name, value)
    origin = request.environ.get("HTTP_ORIGIN")
    if origin and bridge().gatekeeper.allows(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers.add("Vary", "Origin")
    return response


def told(error: BridgeError) -> Response:
    g.record.note_error(error)
    if isinstance(error, StoreError):
        log.error("request %s: %s", g.record.id, error)
        error = BridgeError(
            "the bridge can't use its store just now: its log says why", kind="unavailable", status=503
        )
    if error.unready:
        error.headers.setdefault("retry-after", str(bridge().watch.looks_again_in()))
    status, headers, body = write_error(g.record.dialect, error, g.record.id)
    return Response(body, status, headers, mimetype="application/json")


def told_http(error: HTTPException) -> Response:
    kind, text = KINDS.get(error.code or 500, NOT_UNDERSTOOD)
    response = told(BridgeError(text.format(method=request.method, path=request.path), kind=kind))
    if error.code in KINDS:  # a path is not a model: no dialect tells it otherwise
        response.status_code = error.code
    if error.code == 405:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    return response


def told_gone(_error: ClientGoneError) -> Response:
    """It may have ended only its own half of the connection, and still listen."""
    g.record.outcome = "client gone"
    error = InvalidRequest("the client has ended the request")
    _, headers, body = write_error(g.record.dialect, error, g.record.id)
    return Response(body, CLIENT_GONE, headers, mimetype="application/json")


def told_depth(_error: RecursionError) -> Response:
    """Nothing else here goes so deep."""
    return told(InvalidRequest("the request's body is nested too deeply"))


def told_internal(error: Exception) -> Response:
    log.error("internal error in request %s", g.record.id, exc_info=error)
    return told(BridgeError(f"internal error, request {g.record.id}: the log has more"))


def init_app(app: Flask) -> None:
    app.before_request(begin)
    app.after_request(end)
    app.register_error_handler(BridgeError, told)
    app.register_error_handler(HTTPException, told_http)
    app.register_error_handler(ClientGoneError, told_gone)
    app.register_error_handler(RecursionError, told_depth)
    app.register_error_handler(Exception, told_internal)
