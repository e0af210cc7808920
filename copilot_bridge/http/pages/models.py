"""The catalogue: what can be asked for, by which names, through which API, and at what price."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, g, request

from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.errors import BridgeError, LoginRequired
from copilot_bridge.http.api.models import index
from copilot_bridge.http.pages.auth import debug_logged, shared
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.negotiation import json_alternate
from copilot_bridge.http.pages.rendering import page
from copilot_bridge.models.catalogue import OUTDATED_CLIENT, Catalogue, Model
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.model_list import find_auto, names_by_model, offered, usable, ways

bp = Blueprint("models", __name__)

# Words of a notice that say that a model goes.
ENDING = ("deprecat", "retire", "sunset")


@dataclass(frozen=True)
class Entry:
    """A model, for people.

    :param names: of clients, that mean it.  :param ways: {API of a client: API of Copilot's}.
    :param notices: of Copilot's, in its words.
    :param discount: part of the price that is taken off where Copilot picks the model; of `auto` the most.
    """

    model: Model
    vendor: str
    names: tuple[str, ...]
    ways: Mapping[str, str]
    can: tuple[str, ...]
    efforts: tuple[str, ...]
    notices: tuple[str, ...]
    preview: bool
    ending: bool
    usable: bool
    discount: float

    @property
    def name(self) -> str:
        """The badge says what stands in brackets already."""
        return self.model.name.removesuffix(" (Preview)") if self.preview else self.model.name

    @property
    def words(self) -> str:
        """What a search looks at."""
        model = self.model
        supported = (name for name, has in model.supports.items() if has)
        words = (model.id, model.name, self.vendor, *self.names, *self.ways, *self.can, *supported)
        return " ".join(words).lower()


@bp.get("/models")
@json_alternate(index)
def show() -> Response:
    return page("models.html", **state(ask="fetch" in request.args))


@bp.get("/status/models")
@debug_logged
def part() -> Response:
    return page("_models.html", **state(ask=True))


def state(*, ask: bool) -> dict[str, Any]:
    """:param ask: Copilot, if what is known is old."""
    call: RequestContext = g.call
    catalogue, problem, nobody = None, "", False
    try:
        catalogue = call.models.cached(call.account)
        catalogue = call.models.catalogue(call.copilot()) if ask else catalogue
    except BridgeError as error:
        problem, nobody = str(error), isinstance(error, LoginRequired)
    wanted = request.args.get("q", "").strip()[:100]
    entries = entries_of(call, catalogue) if catalogue else []
    found = [each for each in entries if all(word in each.words for word in wanted.lower().split())]
    return {
        "query": wanted,
        "groups": groups_of(found),
        "number": len(entries),
        "found": len(found),
        "at": catalogue.at if catalogue else None,
        "problem": problem,
        "nobody": nobody,
        "asked": ask,
        "outdated": catalogue.outdated if catalogue else "",
        "own_mapping": call.bridge.config.model_mapping is not None,
        "api_name": api_name,
        "find_auto": find_auto,
    }


def entries_of(call: RequestContext, catalogue: Catalogue) -> list[Entry]:
    """Those that can be used first; of a vendor the newest of each family first."""
    names = names_by_model(shared(), catalogue)
    entries = [
        entry_of(
            model,
            tuple(names.get(model.id, ())),
            catalogue.auto_discount if find_auto(model.id) else model.auto_discount or 0.0,
        )
        for model in offered(call, catalogue)
    ]
    return sorted(entries, key=lambda each: (each.model.type != "chat", not each.usable, rank(each.model)))


def groups_of(entries: list[Entry]) -> list[tuple[str, list[Entry]]]:
    """(vendor, its models), the vendor with most of them first."""
    groups: dict[str, list[Entry]] = {}
    for each in entries:
        groups.setdefault(each.vendor, []).append(each)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def entry_of(model: Model, names: tuple[str, ...], discount: float = 0.0) -> Entry:
    notices = tuple(notices_of(model.row))
    told = " ".join(notices).lower()
    return Entry(
        model=model,
        vendor=model.vendor.removeprefix("Azure "),
        names=names,
        ways=ways(model),
        can=tuple(abilities(model)),
        efforts=tuple(str(each) for each in listed(model.supports.get("reasoning_effort"))),
        notices=notices,
        preview=model.row.get("preview") is True,
        ending=any(word in told for word in ENDING),
        usable=usable(model),
        discount=discount,
    )


def abilities(model: Model) -> list[str]:
    """By name of what the catalogue says, in the reader's language."""
    supports = model.supports
    thinks = any(supports.get(each) for each in ("thinking", "adaptive_thinking", "max_thinking_budget"))
    found = {
        tr("models.vision"): supports.get("vision"),
        tr("models.tools"): supports.get("tool_calls"),
        tr("models.thinking"): thinks or supports.get("reasoning_effort"),
        tr("models.json_schema"): supports.get("structured_outputs"),
    }
    return [name for name, has in found.items() if has]


def notices_of(row: Mapping[str, Any]) -> list[str]:
    notices = [*listed(row.get("warning_messages")), *listed(row.get("info_messages"))]
    told = (each for each in notices if isinstance(each, dict) and each.get("code") != OUTDATED_CLIENT)
    return [str(each["message"]) for each in told if each.get("message")]


def rank(model: Model) -> list[tuple[int, float, str]]:
    """Ids in the order of the alphabet, the numbers in them from the highest down."""
    parts = re.findall(r"\d+(?:\.\d+)?|\D+", model.id.lower())
    return [(1, -float(each), "") if each[0].isdigit() else (2, 0.0, each) for each in parts]


def api_name(dialect: str) -> str:
    return DIALECTS[dialect].title if dialect in DIALECTS else dialect


def listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
