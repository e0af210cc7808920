"""Who may see a page and do what it offers: the operator, known by a key.

A browser gives the key once and then has a cookie.  It holds the key's digest, signed: each request looks
it up among the callers, so a key that was revoked opens nothing any more, and among the sessions that have
been signed out of.  What changes something has to
come from a form of ours, which a token proves (CSRF); a key in a header proves as much, because no other
site's page can send one.
"""

import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from flask import Response, current_app, g, request, url_for

from copilot_bridge.access.authentication import LOCAL_OPERATOR, Caller, read_credentials
from copilot_bridge.errors import BridgeError, StoreError
from copilot_bridge.http.identification import CREDENTIAL_VARIABLES, identify, is_local
from copilot_bridge.http.pages.i18n import LANGUAGES, tr
from copilot_bridge.http.pages.negotiation import wants_page
from copilot_bridge.http.pages.signing import Seals
from copilot_bridge.pipeline import Bridge, RequestContext
from copilot_bridge.store.keys import digest_of

SESSION, VISIT = "copilot_bridge_session", "copilot_bridge_visit"
SESSION_DAYS = 30
YEAR = 365 * 86_400  # s

FIELD, HEADER = "csrf_token", "X-CSRF-Token"
SAFE = ("GET", "HEAD", "OPTIONS")

THEMES = ("auto", "light", "dark")
# What a link may choose for this browser, by the name of the argument and of the cookie.
CHOICES = {"lang": ("language", tuple(LANGUAGES)), "theme": ("theme", THEMES)}

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Visitor:
    """:param session: what the tokens in forms are bound to; "": none yet.
    :param signed_in: by the cookie.  :param by_header: no form of ours is needed.
    """

    caller: Caller
    session: str = ""
    signed_in: bool = False
    by_header: bool = False


def login_exempt(view: View) -> View:
    """Marks a view that needs no key."""
    view.login_exempt = True  # type: ignore[attr-defined]
    return view


def debug_logged(view: View) -> View:
    """Marks a view that is asked for every few seconds: its requests are logged at DEBUG."""
    view.debug_logged = True  # type: ignore[attr-defined]
    return view


def shared() -> Bridge:
    """The bridge itself, as the operator sees it."""
    found: Bridge = current_app.extensions["copilot_bridge"]
    return found


def seals() -> Seals:
    if "copilot_bridge.seals" not in current_app.extensions:
        current_app.extensions["copilot_bridge.seals"] = Seals(shared().store.encryptor)
    found: Seals = current_app.extensions["copilot_bridge.seals"]
    return found


def authenticate_page() -> Any:
    """Before each page.  Raises BridgeError: it is not to be seen, or not to be done."""
    view: Any = current_app.view_functions[request.endpoint or ""]
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
        g.call = RequestContext(shared(), g.visitor.caller)
        if g.visitor.caller is not LOCAL_OPERATOR:
            g.entry.caller_id = g.visitor.caller.id
    if request.method not in SAFE:
        check_form()
    return None


def reject_cross_origin() -> None:
    """Who may use the APIs (--cors-origin) may not read these pages.  Raises BridgeError "permission"."""
    if shared().origin_policy.allows(request.headers.get("Origin", "")):
        raise BridgeError(tr("access.cross_site"), kind="permission")


def operator() -> Visitor:
    """Raises BridgeError: "authentication" for strangers, "permission" for other keys."""
    visitor = find_visitor()
    if not visitor.caller.operator:
        raise BridgeError(tr("sign_in.operator_only"), kind="permission")
    return visitor


def operator_or_nobody() -> Visitor | None:
    """On a page that anybody may see: its links to the others are for the operator alone.

    :raises StoreError:
    """
    try:
        return operator()
    except StoreError:
        raise
    except BridgeError:
        return None


def find_visitor() -> Visitor:
    """Raises BridgeError "authentication"."""
    given = read_credentials(map(request.environ.get, CREDENTIAL_VARIABLES))
    if given:
        caller = shared().authenticator.authenticate(given, local=is_local(), address=g.entry.caller)
        if caller is not LOCAL_OPERATOR:  # where no key is asked for, one that is given proves nothing
            return Visitor(caller, by_header=True)
    return signed_in() or Visitor(shared().authenticator.authenticate((), local=is_local()), visit())


def signed_in() -> Visitor | None:
    """By the cookie."""
    content = seals().open("session", request.cookies.get(SESSION, ""), SESSION_DAYS)
    if not isinstance(content, list) or len(content) != 2:
        return None
    digest, session = content
    caller = shared().authenticator.find_by_digest(bytes.fromhex(digest))
    if caller is None or shared().store.keys.is_ended(session):
        return None
    return Visitor(caller, session, signed_in=True)


def open_session(response: Response, key: str) -> Response:
    """The browser that gets this is signed in, for as long as the key is good."""
    content = [digest_of(key).hex(), secrets.token_urlsafe(16)]
    remember(response, SESSION, seals().seal("session", content), SESSION_DAYS * 86_400)
    return response


def close_session(response: Response) -> Response:
    """Also for whoever has a copy of the cookie.  Raises StoreError."""
    visitor: Visitor | None = g.visitor
    if visitor and visitor.signed_in:
        shared().store.keys.end_session(visitor.session, SESSION_DAYS * 86_400)
    response.delete_cookie(SESSION, path=root(), httponly=True, samesite="Strict")
    return response


def remember(response: Response, name: str, value: str, age: int) -> None:
    """:param age: seconds."""
    response.set_cookie(
        name, value, age, path=root(), httponly=True, samesite="Strict", secure=request.scheme == "https"
    )


def root() -> str:
    return request.script_root or "/"


def visit() -> str:
    """Names a browser that nobody has signed in with; "" before its first form."""
    found = seals().open("visit", request.cookies.get(VISIT, ""), 365)
    return found if isinstance(found, str) else ""


def csrf_token() -> str:
    """For a form's hidden field.  `frame.finish` gives the cookie to a browser that has none."""
    visitor: Visitor | None = g.get("visitor")
    session = (visitor.session if visitor else visit()) or g.get("new_visit")
    if not session:
        session = g.new_visit = secrets.token_urlsafe(16)
    return seals().seal("form", session)


def check_form() -> None:
    """Raises BridgeError "permission": no form of ours has sent this."""
    visitor: Visitor | None = g.visitor
    if visitor and visitor.by_header:
        return
    session = visitor.session if visitor else visit()
    given = request.headers.get(HEADER) or request.form.get(FIELD, "")
    sealed = seals().open("form", given, SESSION_DAYS)
    if not session or not isinstance(sealed, str) or not hmac.compare_digest(sealed, session):
        raise BridgeError(
            tr("errors.stale_form"),
            kind="permission",
            code="csrf",
        )


def choose() -> Response:
    """Language and theme, by a link: kept in a cookie, and the same page again."""
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in CHOICES]
    response = redirect_303(local_url(kept))
    for name, (cookie, values) in CHOICES.items():
        if request.args.get(name) in values:
            remember(response, cookie, request.args[name], YEAR)
    return response


def redirect_303(path: str) -> Response:
    """After a form, or to where a page is now: the browser asks for it with GET."""
    return Response(status=303, headers={"Location": path})


def local_url(arguments: list[tuple[str, str]]) -> str:
    """This page with these arguments."""
    path = quote(f"{request.script_root}{request.path}")
    return f"{path}?{urlencode(arguments)}" if arguments else path


def local_path(given: str) -> str:
    """Where to go next, if that is a path of ours; else the first page.  `//host` and `/\\host` are none."""
    parts = urlsplit(given)
    ours = given.startswith("/") and not given.startswith(("//", "/\\")) and given.isprintable()
    if not ours or parts.scheme or parts.netloc or "\\" in given:
        return url_for("pages.home.show")
    return given
