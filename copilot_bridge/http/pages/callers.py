"""The callers of the bridge, and their names for people."""

from flask import g

from copilot_bridge.access.authentication import LOCAL_OPERATOR, Caller, configured_keys
from copilot_bridge.http.pages.auth import shared
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.rendering import FILTERS


def asking() -> Caller:
    """The caller who asks for data that a page shows, with a key of whatever rights."""
    found: Caller = g.context.caller
    return found


def caller_name(id_: str | None) -> str:
    """The name of a caller: of its key, or where it comes from.  :param id_: as in the log."""
    if not id_:
        return ""
    if id_ == LOCAL_OPERATOR.id:
        return tr("callers.local")
    return configured_names().get(id_) or id_.removeprefix("key:")


def configured_names() -> dict[str, str]:
    """The names of the keys of the settings, which have none of their own: by their order."""
    if "configured_names" not in g:
        keys = [known.caller.id for known in configured_keys(shared().config)]
        g.configured_names = {
            id_: (tr("callers.settings", number=index) if len(keys) > 1 else tr("callers.the_settings"))
            for index, id_ in enumerate(keys, 1)
        }
    found: dict[str, str] = g.configured_names
    return found


FILTERS["caller"] = caller_name
