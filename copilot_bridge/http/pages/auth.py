"""Authenticates the users of the pages: only the operator may see them.

A browser sends the key once and then has a session cookie, which holds the signed digest of the key and the
session's id.  Each request looks up both, so a revoked key and a session that was signed out of are rejected.
A request that changes something needs a CSRF token from one of our forms, or a key in a header, which a page
of another site can't send.
"""

import hmac
import logging
import secrets
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from flask import Response, current_app, g, request, url_for
from msgspec import Struct

from copilot_bridge.access.authentication import LOCAL_OPERATOR, Caller, read_credentials
from copilot_bridge.errors import BridgeError, StoreError
from copilot_bridge.http.identification import CREDENTIAL_VARIABLES, identify, is_local
from copilot_bridge.http.pages.i18n import LANGUAGES, tr
from copilot_bridge.http.pages.negotiation import wants_page
from copilot_bridge.http.pages.signing import Signer
from copilot_bridge.pipeline import Bridge, RequestContext
from copilot_bridge.store.keys import digest_of

SESSION, VISIT = "copilot_bridge_session", "copilot_bridge_visit"
SESSION_DAYS = 30
YEAR = 365 * 86_400  # seconds

FIELD, HEADER = "csrf_token", "X-CSRF-Token"
SAFE = ("GET", "HEAD", "OPTIONS")
MAX_FORM = 1_000_000  # bytes; flask would read a form of any size into memory

THEMES = ("auto", "light", "dark")
# Settings that a link can change: query argument -> (cookie, values).
CHOICES = {"lang": ("language", tuple(LANGUAGES)), "theme": ("theme", THEMES)}

View = TypeVar("View", bound=Callable[..., Any])


class Visitor(Struct, frozen=True):
    """The user of a page.

    :param session: the id that CSRF tokens are bound to; "": none yet.
    :param signed_in: the session cookie is valid.  :param by_header: the key came in a header.
    """

    caller: Caller
    session: str = ""
    signed_in: bool = False
    by_header: bool = False


def login_exempt(view: View) -> View:
    """Mark a view that needs no key."""
    view.login_exempt = True  # type: ignore[attr-defined]
    return view


def debug_logged(view: View) -> View:
    """Mark a view that browsers request every few seconds: its requests are logged at DEBUG."""
    view.debug_logged = True  # type: ignore[attr-defined]
    return view


def shared() -> Bridge:
    """The bridge of the current application."""
    found: Bridge = current_app.extensions["copilot_bridge"]
    return found


def signer() -> Signer:
    if "copilot_bridge.signer" not in current_app.extensions:
        current_app.extensions["copilot_bridge.signer"] = Signer(shared().store.encryptor)
    found: Signer = current_app.extensions["copilot_bridge.signer"]
    return found


def authenticate_page() -> Any:
    """Authenticate the user before a page's view runs.  Raises BridgeError."""
    view: Any = current_app.view_functions[request.endpoint or ""]
    request.max_content_length = MAX_FORM
    if getattr(view, "debug_logged", False) or request.endpoint == "pages.static":
        g.entry.level = logging.DEBUG
    if request.endpoint == "pages.static":
        return None
    if not wants_page() and (alternate := getattr(view, "alternate", None)):
        if view.alternate_key:
            identify(is_local())
        return alternate(**(request.view_args or {}))
    reject_cross_origin()
    if request.method == "GET" and request.args.keys() & CHOICES.keys():
        return choose()
    if getattr(view, "login_exempt", False):
        g.visitor = operator_or_nobody()
    else:
        g.visitor = operator()
        g.context = RequestContext(shared(), g.visitor.caller)
        if g.visitor.caller is not LOCAL_OPERATOR:
            g.entry.caller_id = g.visitor.caller.id
    if request.method not in SAFE:
        check_form()
    return None


def reject_cross_origin() -> None:
    """Reject the origins of --cors-origin, which may use the APIs only.

    :raises BridgeError: "permission".
    """
    if shared().origin_policy.allows(request.headers.get("Origin", "")):
        raise BridgeError(tr("access.cross_site"), kind="permission")


def operator() -> Visitor:
    """The operator, who sends this request.

    :raises BridgeError: "authentication": no valid key.  "permission": the key is not an operator's.
    """
    visitor = find_visitor()
    if not visitor.caller.operator:
        raise BridgeError(tr("sign_in.operator_only"), kind="permission")
    return visitor


def operator_or_nobody() -> Visitor | None:
    """The operator; None for anybody else, who does not see the links to the other pages.

    :raises StoreError:
    """
    try:
        return operator()
    except StoreError:
        raise
    except BridgeError:
        return None


def find_visitor() -> Visitor:
    """The user, by a key in a header or by the session.  Raises BridgeError "authentication"."""
    given = read_credentials(map(request.environ.get, CREDENTIAL_VARIABLES))
    if given:
        caller = shared().authenticator.authenticate(given, local=is_local(), address=g.entry.caller)
        if caller is not LOCAL_OPERATOR:  # without required keys any key is accepted, so it proves nothing
            return Visitor(caller, by_header=True)
    return signed_in() or Visitor(shared().authenticator.authenticate((), local=is_local()), visit())


def signed_in() -> Visitor | None:
    """The user whom the session cookie names; None: it is missing or invalid."""
    content = signer().verify("session", request.cookies.get(SESSION, ""), SESSION_DAYS)
    if not isinstance(content, list) or len(content) != 2:
        return None
    digest, session = content
    caller = shared().authenticator.find_by_digest(bytes.fromhex(digest))
    if caller is None or shared().store.keys.is_ended(session):
        return None
    return Visitor(caller, session, signed_in=True)


def open_session(response: Response, key: str) -> Response:
    """Set the session cookie, which is valid as long as the key is."""
    content = [digest_of(key).hex(), secrets.token_urlsafe(16)]
    remember(response, SESSION, signer().sign("session", content), SESSION_DAYS * 86_400)
    return response


def close_session(response: Response) -> Response:
    """End the session in the store, so that copies of its cookie are invalid too.  Raises StoreError."""
    visitor: Visitor | None = g.visitor
    if visitor and visitor.signed_in:
        shared().store.keys.end_session(visitor.session, SESSION_DAYS * 86_400)
    response.delete_cookie(SESSION, path=root(), httponly=True, samesite="Strict")
    return response


def remember(response: Response, name: str, value: str, age: int) -> None:
    """Set a cookie that scripts can't read.  :param age: seconds."""
    response.set_cookie(
        name, value, age, path=root(), httponly=True, samesite="Strict", secure=request.scheme == "https"
    )


def root() -> str:
    return request.script_root or "/"


def visit() -> str:
    """The id of a browser without a session, to which CSRF tokens are bound; "" before its first form."""
    found = signer().verify("visit", request.cookies.get(VISIT, ""), 365)
    return found if isinstance(found, str) else ""


def csrf_token() -> str:
    """The token for a form's hidden field.  `rendering.finish` sets the cookie that it is bound to."""
    visitor: Visitor | None = g.get("visitor")
    session = (visitor.session if visitor else visit()) or g.get("new_visit")
    if not session:
        session = g.new_visit = secrets.token_urlsafe(16)
    return signer().sign("form", session)


def check_form() -> None:
    """Check the CSRF token.  Raises BridgeError "permission": missing, expired, or of another session."""
    visitor: Visitor | None = g.visitor
    if visitor and visitor.by_header:
        return
    session = visitor.session if visitor else visit()
    given = request.headers.get(HEADER) or request.form.get(FIELD, "")
    bound_to = signer().verify("form", given, SESSION_DAYS)
    if not session or not isinstance(bound_to, str) or not hmac.compare_digest(bound_to, session):
        raise BridgeError(
            tr("errors.stale_form"),
            kind="permission",
            code="csrf",
        )


def choose() -> Response:
    """Store the language or theme that a link chooses in a cookie, and redirect to the page without it."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in CHOICES]
    response = redirect_303(local_url(kept))
    for name, (cookie, values) in CHOICES.items():
        if request.args.get(name) in values:
            remember(response, cookie, request.args[name], YEAR)
    return response


def redirect_303(path: str) -> Response:
    """A redirect that the browser follows with GET."""
    return Response(status=303, headers={"Location": path})


def local_url(arguments: list[tuple[str, str]]) -> str:
    """The URL of this page with these query arguments."""
    path = quote(f"{request.script_root}{request.path}")
    return f"{path}?{urlencode(arguments)}" if arguments else path


def local_path(given: str) -> str:
    """The path if it is of this site, else the home page's.  `//host` and `/\\host` lead to other sites."""
    parts = urlsplit(given)
    ours = given.startswith("/") and not given.startswith(("//", "/\\")) and given.isprintable()
    if not ours or parts.scheme or parts.netloc or "\\" in given:
        return url_for("pages.home.show")
    return given
