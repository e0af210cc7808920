"""The page with the models of the catalogue: their names, APIs, abilities and prices."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, g, request
from msgspec import Struct

from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.errors import BridgeError, LoginRequired
from copilot_bridge.http.api.models import index
from copilot_bridge.http.pages.auth import debug_logged, shared
from copilot_bridge.http.pages.i18n import tr
from copilot_bridge.http.pages.negotiation import json_alternate
from copilot_bridge.http.pages.rendering import page
from copilot_bridge.http.pages.speeds import Speed, speeds_of
from copilot_bridge.models.catalogue import OUTDATED_CLIENT, Catalogue, Model
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.model_list import find_auto, names_by_model, offered, usable, ways

bp = Blueprint("models", __name__)

MILLION = 1_000_000  # tokens of context

# Words in the notice of a model that will be retired.
ENDING = ("deprecat", "retire", "sunset")


class ListedModel(Struct, frozen=True):
    """A model as the page shows it.

    :param names: clients' names for it.  :param ways: {the client's dialect: the dialect spoken to Copilot}.
    :param notices: Copilot's notices.  :param chips: (text, kind) of what it is good for.
    :param speed: as the last requests have found it; None: there was none.
    :param discount: part of the price that is taken off where Copilot picks the model; for `auto` the most.
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
    chips: tuple[tuple[str, str], ...]
    speed: Speed | None

    @property
    def name(self) -> str:
        """The name, without the "(Preview)" that a badge shows already."""
        return self.model.name.removesuffix(" (Preview)") if self.preview else self.model.name

    @property
    def words(self) -> str:
        """The text that a search looks through."""
        model = self.model
        supported = (name for name, has in model.supports.items() if has)
        chips = (text for text, _ in self.chips)
        words = (model.id, model.name, self.vendor, *self.names, *self.ways, *self.can, *supported, *chips)
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
    """The values for the template.  :param ask: Copilot, if the cached catalogue is old."""
    context: RequestContext = g.context
    catalogue, problem, login_needed = None, "", False
    try:
        catalogue = context.models.cached(context.account)
        catalogue = context.models.catalogue(context.copilot()) if ask else catalogue
    except BridgeError as error:
        problem, login_needed = str(error), isinstance(error, LoginRequired)
    wanted = request.args.get("q", "").strip()[:100]
    entries = entries_of(context, catalogue) if catalogue else []
    found = [entry for entry in entries if all(word in entry.words for word in wanted.lower().split())]
    return {
        "query": wanted,
        "sort": chosen_sort(),
        "entries": in_order(found),
        "number": len(entries),
        "found": len(found),
        "at": catalogue.at if catalogue else None,
        "problem": problem,
        "login_needed": login_needed,
        "asked": ask,
        "outdated": catalogue.outdated if catalogue else "",
        "own_mapping": context.bridge.config.model_mapping is not None,
        "api_name": api_name,
        "find_auto": find_auto,
    }


def entries_of(context: RequestContext, catalogue: Catalogue) -> list[ListedModel]:
    """The models on offer: the usable ones first, and of each family the newest first."""
    names, speeds = names_by_model(shared(), catalogue), speeds_of(shared())
    entries = [
        entry_of(
            model,
            tuple(names.get(model.id, ())),
            catalogue.auto_discount if find_auto(model.id) else model.auto_discount or 0.0,
            speeds.get(model.id),
        )
        for model in offered(context, catalogue)
    ]
    return sorted(
        entries, key=lambda entry: (entry.model.type != "chat", not entry.usable, rank(entry.model))
    )


def chosen_sort() -> str:
    wanted = request.args.get("sort", "")
    return wanted if wanted in SORTS else ""


def in_order(entries: list[ListedModel]) -> list[ListedModel]:
    """The models by the column that the query names: the cheapest, the largest, the quickest first."""
    wanted = chosen_sort()
    return sorted(entries, key=SORTS[wanted]) if wanted else entries


NEVER = float("inf")

# The orders of the table; rows with unknown values come last.
SORTS: dict[str, Callable[[ListedModel], tuple[float, ...]]] = {
    "price": lambda entry: price_of(entry.model),
    "context": lambda entry: (-(entry.model.context or 0),),
    "speed": lambda entry: (entry.speed.median if entry.speed and entry.speed.median else NEVER,),
}


def price_of(model: Model) -> tuple[float, float]:
    """The price to sort by: premium requests, then AI units for a million tokens in and out."""
    prices = model.prices
    units = prices.usual.given + (prices.usual.out or 0.0) if prices else NEVER
    return (NEVER if model.multiplier is None and not prices else model.multiplier or 0.0), units


def chips_of(model: Model) -> list[tuple[str, str]]:
    """The chips of a model, as (text, kind): its abilities, and whether the plan includes it."""
    found = [(name, "") for name in abilities(model)]
    if model.multiplier == 0:
        found.insert(0, (tr("models.included"), "success"))
    if (model.context or 0) >= MILLION:
        found.append((tr("models.million"), "info"))
    return found


def entry_of(
    model: Model, names: tuple[str, ...], discount: float = 0.0, speed: Speed | None = None
) -> ListedModel:
    notices = tuple(notices_of(model.row))
    words = " ".join(notices).lower()
    return ListedModel(
        model=model,
        vendor=model.vendor.removeprefix("Azure "),
        names=names,
        ways=ways(model),
        can=tuple(abilities(model)),
        efforts=tuple(str(effort) for effort in listed(model.supports.get("reasoning_effort"))),
        notices=notices,
        preview=model.row.get("preview") is True,
        ending=any(word in words for word in ENDING),
        usable=usable(model),
        discount=discount,
        chips=tuple(chips_of(model)),
        speed=speed,
    )


def abilities(model: Model) -> list[str]:
    """The names of the model's abilities, in the reader's language."""
    supports = model.supports
    thinks = any(supports.get(field) for field in ("thinking", "adaptive_thinking", "max_thinking_budget"))
    found = {
        tr("models.vision"): supports.get("vision"),
        tr("models.tools"): supports.get("tool_calls"),
        tr("models.thinking"): thinks or supports.get("reasoning_effort"),
        tr("models.json_schema"): supports.get("structured_outputs"),
    }
    return [name for name, has in found.items() if has]


def notices_of(row: Mapping[str, Any]) -> list[str]:
    notices = [*listed(row.get("warning_messages")), *listed(row.get("info_messages"))]
    shown = (
        notice for notice in notices if isinstance(notice, dict) and notice.get("code") != OUTDATED_CLIENT
    )
    return [str(notice["message"]) for notice in shown if notice.get("message")]


def rank(model: Model) -> list[tuple[int, float, str]]:
    """A sort key that orders ids alphabetically, but the numbers in them from the highest to the lowest."""
    parts = re.findall(r"\d+(?:\.\d+)?|\D+", model.id.lower())
    return [(1, -float(part), "") if part[0].isdigit() else (2, 0.0, part) for part in parts]


def api_name(dialect: str) -> str:
    return DIALECTS[dialect].title if dialect in DIALECTS else dialect


def listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
