"""The page that shows what is in force: settings with their sources, pauses, lessons, store, versions."""

import platform
import sys
from typing import Any

from flask import Blueprint, Response, request, url_for
from msgspec import Struct

from copilot_bridge import __version__
from copilot_bridge.config.settings import option, settings, spell, variable
from copilot_bridge.errors import StoreError
from copilot_bridge.http.pages.auth import redirect_303, shared
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.rendering import page
from copilot_bridge.http.pages.sentences import about
from copilot_bridge.pipeline import Bridge
from copilot_bridge.redaction import Secret
from copilot_bridge.upstream.recovery.learned import describe

bp = Blueprint("settings", __name__)

NOTHING = "\N{EN DASH}"


class SettingRow(Struct, frozen=True):
    """A setting.  :param source: "" for the default."""

    name: str
    about: str
    value: str
    source: str


@bp.get("/settings")
def show() -> Response:
    bridge = shared()
    rows = [row_of(bridge, declared) for declared in settings()]
    return page(
        "settings.html",
        chosen=[row for row in rows if row.source],
        usual=[row for row in rows if not row.source],
        resting=bridge.rate_limiter.cooldowns.all(),
        learned=learned_of(bridge),
        describe=describe,
        store=store_of(bridge),
        versions=versions(),
        said=tr("settings.cooldowns_ended") if request.args.get("said") == "ended" else "",
    )


@bp.post("/settings/resting")
def end() -> Response:
    """End the pauses of a model or a path, or all: Copilot is then asked again.  Raises StoreError."""
    shared().rate_limiter.cooldowns.clear(request.form.get("name", ""))
    shared().health.recheck()
    return redirect_303(url_for("pages.settings.show", said="ended", _anchor="resting"))


@bp.post("/settings/learned")
def forget() -> Response:
    """Forget what Copilot's refusals have taught.  Raises StoreError."""
    shared().learned.forget()
    return redirect_303(url_for("pages.settings.show", _anchor="learned"))


def row_of(bridge: Bridge, declared: Any) -> SettingRow:
    value = getattr(bridge.config, declared.name)
    origin = bridge.config.origin(declared.name)
    flags = declared.metadata["flags"]
    return SettingRow(
        option(declared.name) if flags else variable(declared.name),
        about(declared.name, declared.metadata["about"]),
        shown(value, secret=declared.metadata["secret"]),
        "" if origin == "default" else origin,
    )


def shown(value: object, *, secret: bool) -> str:
    """The value as text.  Of a secret only whether there is one."""
    if secret or isinstance(value, Secret):
        return tr("settings.secret") if value and spell(value) else NOTHING
    if isinstance(value, bool):
        return tr("settings.on") if value else tr("settings.off")
    return spell(value) or NOTHING


def learned_of(bridge: Bridge) -> list[Any] | None:
    """The lessons, the newest first; None: the store can't be read."""
    try:
        return sorted(bridge.learned.read(), key=lambda entry: -entry.since)
    except StoreError:
        return None


def store_of(bridge: Bridge) -> dict[str, Any]:
    """Facts about the store.  `rows`: None if they can't be counted."""
    store, config = bridge.store, bridge.config
    try:
        rows = store.request_log.count()
    except StoreError:
        rows = None
    kind = "PostgreSQL" if store.shared else "SQLite" if store.database.persistent else tr("settings.memory")
    path = "" if store.shared or not store.database.persistent else str(config.store_path or config.home)
    size = sum(file.stat().st_size for file in config.home.glob("bridge.db*")) if path else 0
    return {"kind": kind, "path": path, "size": size, "rows": rows, "days": config.log_days}


def versions() -> dict[str, str]:
    return {
        "Copilot Bridge": __version__,
        "Python": sys.version.split()[0],
        tr("settings.system"): f"{platform.system()} {platform.release()}",
    }
