"""Renders the templates, and sets the headers of all pages."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask import Response, current_app, g, request, url_for
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from copilot_bridge import __version__, threads
from copilot_bridge.errors import StoreError
from copilot_bridge.http.pages import assets, i18n, numbers, sentences, timezone
from copilot_bridge.http.pages.auth import (
    CHOICES,
    THEMES,
    VISIT,
    YEAR,
    csrf_token,
    local_url,
    remember,
    shared,
    signer,
)
from copilot_bridge.http.pages.disk_cache import DiskCache, TemplateCache
from copilot_bridge.http.pages.i18n import tr

TEMPLATES = Path(__file__).parent / "templates"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


# More names for the templates, from modules above this one.
GLOBALS: dict[str, Any] = {}
FILTERS: dict[str, Any] = {}


def navigation() -> list[tuple[str, str]]:
    """The entries of the navigation, as (endpoint, title)."""
    titles = (
        ("pages.home.show", tr("frame.home")),
        ("pages.usage.show", tr("frame.usage")),
        ("pages.requests.show", tr("frame.requests")),
        ("pages.approvals.show", tr("frame.approvals")),
        ("pages.keys.show", tr("keys.title")),
        ("pages.device.show", tr("frame.accounts")),
        ("pages.models.show", tr("frame.models")),
        ("pages.setup.show", tr("frame.setup")),
        ("pages.settings.show", tr("settings.title")),
        ("pages.docs.show", tr("frame.docs")),
    )
    return [(endpoint, title) for endpoint, title in titles if endpoint in current_app.view_functions]


def page(template: str, status: int = 200, **values: Any) -> Response:
    """A whole page, or a part of one that its script asks for."""
    return Response(render(template, **values), status, mimetype="text/html")


def render(template: str, **values: Any) -> str:
    home = data_directory()
    templates, kept = environment(home)
    text = templates.get_template(template).render(values)
    if kept.missed:  # after an installation
        kept.missed = False
        threads.start(lambda: threads.run_in_thread(compile_all, home))
    return text


def disk_cache() -> DiskCache:
    """The files that are made of templates."""
    return DiskCache(TEMPLATES, data_directory())


def data_directory() -> Path | None:
    config = shared().config
    return config.home if config.persist else None


@cache
def environment(home: Path | None) -> tuple[Environment, TemplateCache]:
    return make_environment(home)


def make_environment(home: Path | None) -> tuple[Environment, TemplateCache]:
    """The templates, and where they are kept compiled.  :param home: the data directory, or None."""
    kept = TemplateCache(DiskCache(TEMPLATES, home), __version__)
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        bytecode_cache=kept,
    )
    made.install_gettext_callables(i18n.text_of, i18n.text_for, newstyle=True)  # type: ignore[attr-defined]
    made.globals.update(
        asset=assets.url_of,
        csrf_token=csrf_token,
        g=g,
        here=here,
        icon=icon,
        languages=i18n.LANGUAGES,
        navigation=navigation,
        request=request,
        spoken=i18n.spoken,
        tag=lambda: i18n.TAGS[i18n.spoken()],
        theme=theme,
        themes=THEMES,
        url_for=url_for,
        version=__version__,
        waiting=waiting,
        zone_cookie=timezone.cookie,
        **GLOBALS,
    )
    made.filters.update(iso=iso, clock=clock, **numbers.FILTERS, **sentences.FILTERS, **FILTERS)
    return made, kept


def compile_all(home: Path | None) -> None:
    """Compile the templates that are not compiled yet, apart from those in use."""
    templates, _ = make_environment(home)
    for name in templates.list_templates(["html"]):
        templates.get_template(name)


def here(**chosen: str) -> str:
    """The URL of this page that chooses another language or theme."""
    if request.method != "GET" or not request.endpoint:
        return url_for("pages.home.show", **chosen)  # type: ignore[arg-type]
    kept = [(name, value) for name, value in request.args.items(multi=True) if name not in CHOICES]
    return local_url([*kept, *chosen.items()])


def theme() -> str:
    chosen = request.cookies.get("theme", "auto")
    return chosen if chosen in THEMES else "auto"


def waiting() -> int:
    """The number of requests that wait for the operator's approval."""
    if not g.get("visitor") or not shared().approval.wanted:
        return 0
    if "waiting" not in g:
        try:
            g.waiting = len(shared().store.approvals.waiting())
        except StoreError:
            g.waiting = 0
    number: int = g.waiting
    return number


def finish(response: Response) -> Response:
    """Set the headers that all pages and assets have."""
    if request.endpoint == "pages.static":
        response.headers.update(HEADERS)
        return response
    vary(response, ("Accept",))
    if response.mimetype == "text/html" or "visitor" in g:
        response.headers.update(HEADERS)
        response.headers["Cache-Control"] = "no-store"
        vary(response, ("Cookie", "Accept-Language"))
    if new := g.get("new_visit"):
        remember(response, VISIT, signer().sign("visit", new), YEAR)
    return assets.compressed(response) if response.mimetype == "text/html" else response


def vary(response: Response, names: Iterable[str]) -> None:
    response.vary.update(names)


def iso(moment: float | str | None) -> str:
    """Unix seconds in the format of HTML's <time>; a text is returned as it is."""
    if moment is None or isinstance(moment, str):
        return moment or ""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock(moment: float | str | None) -> str:
    """The time in UTC, for browsers without scripts; a date stays a date."""
    text = iso(moment)
    if len(text) <= len("2026-01-01"):
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def icon(kind: str, waiting: int) -> str:
    """The name of the icon of the browser's tab.  :param kind: of the status line."""
    if waiting:
        return "icon-waiting.svg"
    return f"icon-{kind}.svg" if kind in ("warning", "danger") else "icon.svg"
