"""The error pages for people.  Programs get errors in their dialect."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from flask import Blueprint, Flask, Response, g, request, url_for
from werkzeug.exceptions import HTTPException

from copilot_bridge.errors import BridgeError, KindName, StoreError
from copilot_bridge.http.errors import error_response, http_error_response, internal_error_response
from copilot_bridge.http.pages.auth import local_url, operator_or_nobody, redirect_303
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.negotiation import wants_page
from copilot_bridge.http.pages.rendering import finish, page

log = logging.getLogger(__name__)

# Statuses of routing errors -> kinds; the others below 500 are "invalid_request".
KINDS: dict[int, KindName] = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}

LIVE = "X-Live"  # the header of requests for a part of a page


def title(status: int) -> str:
    titles = {
        400: tr("errors.bad_request"),
        401: tr("errors.please_sign_in"),
        403: tr("errors.forbidden"),
        404: tr("errors.not_found"),
        405: tr("errors.wrong_method"),
        413: tr("errors.too_large"),
        429: tr("errors.too_many_tries"),
        502: tr("errors.github_unreachable"),
        503: tr("errors.store_failed"),
        504: tr("errors.github_silent"),
    }
    return titles.get(status, tr("errors.something_went_wrong"))


def explanation(status: int) -> str:
    """Explain an error of routing, or of a form."""
    texts = {
        404: tr("errors.no_such_page"),
        405: tr("errors.wrong_method_hint"),
        413: tr("errors.too_large_hint"),
    }
    return texts.get(status, tr("errors.bad_request_hint"))


def show(error: BridgeError) -> Response:
    if not wants_page():
        return error_response(error)
    g.entry.note_error(error)
    status = 503 if isinstance(error, StoreError) else error.facts.status
    asks = error.kind == "authentication" and request.method == "GET" and LIVE not in request.headers
    if asks and request.endpoint != "pages.sign_in.show":
        next_one = local_url([*request.args.items(multi=True)])
        return redirect_303(url_for("pages.sign_in.show", next=next_one))
    message = tr("access.not_signed_in") if status == 401 else str(error)
    response = error_page(status, message)
    if status == 429:
        response.headers.update(error.headers)
    return response


def show_http(error: HTTPException) -> Response:
    if not wants_page():
        return http_error_response(error)
    code = error.code or 500
    kind = KINDS.get(code, "invalid_request" if code < 500 else "internal")
    if 300 <= code < 400:
        return Response(status=code, headers=dict(error.get_headers()))
    return show(BridgeError(explanation(code), kind=kind))


def show_internal(error: Exception) -> Response:
    response = internal_error_response(error)
    if not wants_page():
        return response
    return error_page(500, tr("errors.internal"))


def error_page(status: int, message: str) -> Response:
    return page(
        "error.html",
        status,
        title=title(status),
        message=message,
        id=g.entry.id,
        asks=status == 401,
        known=bool(g.get("visitor")),
    )


def show_missing(error: HTTPException) -> Response:
    """The 404 or 405 of a path that has no such endpoint: a page for browsers, wherever it is."""
    return of_no_page(error, show_http) if wants_page() else http_error_response(error)


def show_failure(error: Exception) -> Response:
    """A failure outside the pages: a page for browsers."""
    return of_no_page(error, show_internal) if wants_page() else internal_error_response(error)


def of_no_page(error: Any, show: Callable[[Any], Response]) -> Response:
    if "visitor" not in g:
        with suppress(StoreError):
            g.visitor = operator_or_nobody()  # for the navigation
    return finish(show(error))


def init_pages(bp: Blueprint) -> None:
    bp.register_error_handler(BridgeError, show)
    bp.register_error_handler(HTTPException, show_http)
    bp.register_error_handler(404, show_http)  # without it the application's handler would be called
    bp.register_error_handler(Exception, show_internal)


def init_app(app: Flask) -> None:
    app.register_error_handler(404, show_missing)
    app.register_error_handler(405, show_missing)
    app.register_error_handler(Exception, show_failure)
