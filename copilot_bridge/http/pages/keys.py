"""The page of the API keys: who may use the bridge, for what, and what each has spent."""

import time
from typing import Any

from flask import Blueprint, Response, g, request, url_for
from msgspec import Struct

from copilot_bridge.admin.budgets import standings
from copilot_bridge.admin.keys import change_key, make_key
from copilot_bridge.billing.budgets import KEY as KEY_SCOPE
from copilot_bridge.billing.budgets import Standing, quantity
from copilot_bridge.errors import BridgeError, InvalidRequest, StoreError
from copilot_bridge.http.pages.auth import redirect_303, remember, root, shared
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.rendering import page
from copilot_bridge.store import Store
from copilot_bridge.store.keys import KEY, Key

bp = Blueprint("keys", __name__)

# The new key, encrypted, for as long as its page may be loaded again: after a change of theme or language.
COOKIE, SHOWN_FOR = "copilot_bridge_new_key", 600  # seconds
HOUR, DAY = 3600, 86_400
SPENT_WITHIN = 30 * DAY
SPANS = ("", "30d", "90d", "365d")
KEPT = "keep"  # as the expiry in the form of a key that exists
FIELDS = ("account", "models", "rate", "budget")


class ListedKey(Struct, frozen=True):
    """A key as the page shows it.  :param used_at: the hour of its last request, or None."""

    key: Key
    budgets: tuple[Standing, ...]
    requests: int
    dollars: float
    used_at: float | None

    @property
    def expired(self) -> bool:
        return 0 < self.key.expires <= time.time()

    @property
    def budget(self) -> str:
        """The key's budgets, in the words of the form."""
        return ", ".join(map(form_words, self.budgets))


class NewKey(Struct, frozen=True):
    name: str
    secret: str


@bp.get("/keys")
def show() -> Response:
    return shown()


@bp.post("/keys")
def add() -> Response:
    """Make a key.  It is shown on the page that follows, for some minutes."""
    given, span = form(), chosen_span()
    name = request.form.get("name", "").strip()
    try:
        secret = make_key(
            shared().store,
            name,
            KEY,
            **given,
            expires=span or "",
            operator=ticked("operator"),
            web=ticked("web"),
        )
    except BridgeError as error:
        g.entry.note_error(error)
        return shown(400, str(error), {**request.form, "name": name, "web": ticked("web")})
    return redirect_with_key(NewKey(name, secret))


@bp.post("/keys/change")
def change() -> Response:
    """Change the rights and limits of a key.  Raises BridgeError."""
    name = request.form.get("name", "")
    if not change_key(shared().store, name, KEY, **form(), expires=chosen_span(), web=ticked("web")):
        raise InvalidRequest(tr("keys.gone"))
    return redirect_303(url_for("pages.keys.show", said="changed", name=name))


@bp.post("/keys/rotate")
def rotate() -> Response:
    """Replace a key by a new one.  Raises InvalidRequest: there is no such key."""
    name = request.form.get("name", "")
    secret = shared().store.keys.rotate(name, KEY)
    if secret is None:
        raise InvalidRequest(tr("keys.gone"))
    return redirect_with_key(NewKey(name, secret))


@bp.post("/keys/revoke")
def revoke() -> Response:
    name = request.form.get("name", "")
    gone = shared().store.keys.revoke(name, KEY)
    return redirect_303(url_for("pages.keys.show", said="revoked" if gone else "gone", name=name))


@bp.post("/keys/seen")
def forget() -> Response:
    """The operator has copied the new key: it is not shown again."""
    response = redirect_303(url_for("pages.keys.show"))
    response.delete_cookie(COOKIE, path=root(), httponly=True, samesite="Strict")
    return response


def form() -> dict[str, str]:
    return {name: request.form.get(name, "").strip() for name in FIELDS}


def chosen_span() -> str | None:
    """Return the life of the key: "": for ever; None: as long as it is.  Raises InvalidRequest."""
    if other := request.form.get("span", "").strip():
        return other
    chosen = request.form.get("expires", "")
    if chosen not in (*SPANS, KEPT):
        raise InvalidRequest(tr("setup.bad_expiry"))
    return None if chosen == KEPT else chosen


def ticked(name: str) -> bool:
    return request.form.get(name) == "1"


def redirect_with_key(new: NewKey) -> Response:
    response = redirect_303(url_for("pages.keys.show"))
    encrypted = shared().store.encryptor.encrypt(f"{new.secret} {new.name}")
    remember(response, COOKIE, encrypted, SHOWN_FOR)
    return response


def new_key() -> NewKey | None:
    """The key that was made just now."""
    encrypted = request.cookies.get(COOKIE, "")
    opened = shared().store.encryptor.decrypt(encrypted) if encrypted else None
    secret, _, name = (opened or "").partition(" ")
    return NewKey(name, secret) if secret else None


def shown(status: int = 200, problem: str = "", given: dict[str, Any] | None = None) -> Response:
    bridge = shared()
    wanted = request.args.get("q", "").strip()[:100]
    entries = entries_of(bridge.store)
    new = new_key()
    found = [entry for entry in entries if wanted.lower() in words_of(entry.key)]
    return page(
        "keys.html",
        status,
        entries=found,
        number=len(entries),
        query=wanted,
        new=new,
        code=qr_code(new.secret) if new else "",
        base_url=f"{request.host_url.rstrip('/')}{request.script_root}",
        problem=problem,
        given=given or {},
        said=said(request.args.get("said", ""), request.args.get("name", "")),
        logins=[login.user for login in bridge.logins.all() if login.host == bridge.hosts.api],
        spans=dict(zip(SPANS, span_names(), strict=True)),
        lasting=bridge.store.database.persistent,
        keyed=bridge.authenticator.requires_key,
        configured=len(bridge.config.api_key) + len(bridge.config.share_token),
        quantity=quantity,
    )


def span_names() -> tuple[str, ...]:
    return tr("setup.never"), tr("setup.in_30_days"), tr("setup.in_90_days"), tr("setup.in_a_year")


def said(what: str, name: str) -> str:
    """The message about the last change; "" for an unknown one."""
    words = {
        "changed": tr("keys.changed", key=name),
        "revoked": tr("keys.revoked", key=name),
        "gone": tr("keys.gone"),
    }
    return words.get(what, "")


def words_of(key: Key) -> str:
    """The text that a search looks through."""
    return " ".join((key.name, key.account, *key.models, key.rate)).lower()


def entries_of(store: Store) -> list[ListedKey]:
    """The stored keys, with what each has used.  Raises StoreError: the keys can't be read."""
    keys = [key for key in store.keys.all() if key.kind == KEY]
    budgets = [one for one in standings(store) if one.budget.scope == KEY_SCOPE]
    spent, used = spent_by_key(store)
    return [
        ListedKey(
            key,
            tuple(one for one in budgets if one.subject == key.id and one.budget.subject == key.id),
            spent.get(key.id, {}).get("requests", 0),
            spent.get(key.id, {}).get("nano_cents", 0) / 1e11,
            used.get(key.id),
        )
        for key in keys
    ]


def spent_by_key(store: Store) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """The sums of the last 30 days, and the last use, by the id of the key; empty: the log can't be read."""
    now = int(time.time())
    start, hour = (now - SPENT_WITHIN) // DAY * DAY, now // HOUR * HOUR  # what was before is remembered
    spent: dict[str, dict[str, Any]] = {}
    try:
        for span in store.usage.spans([start, hour, now + 1], ("caller",)):
            for (caller,), sums in span.items():
                known = spent.setdefault(caller, {"requests": 0, "nano_cents": 0})
                spent[caller] = {name: known[name] + sums[name] for name in known}
        return spent, store.usage.last_uses()
    except StoreError:
        return {}, {}


def form_words(standing: Standing) -> str:
    """A budget as people type it: `500 ai-units/month`."""
    fields, limit = standing.as_fields(), standing.budget.limit
    return f"{fields['limit']} {limit.unit}/{limit.period}"


def qr_code(text: str) -> str:
    """A picture of the text that a phone reads, as SVG without styles of its own."""
    import segno  # only this page needs it, and seldom

    drawn: str = segno.make(text, micro=False, error="m").svg_inline(
        border=2, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True, title=None
    )
    return drawn
