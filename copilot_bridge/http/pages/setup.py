"""The page that shows how to configure a client for this bridge."""

import re
from collections.abc import Mapping
from typing import Any

import gevent
from flask import Blueprint, Response, g, request, url_for
from msgspec import Struct

from copilot_bridge import clients
from copilot_bridge.admin.keys import make_key
from copilot_bridge.errors import BridgeError, InvalidRequest, UpstreamTimeout
from copilot_bridge.http.identification import is_local
from copilot_bridge.http.pages.auth import redirect_303, shared
from copilot_bridge.http.pages.i18n import text_of, tr
from copilot_bridge.http.pages.rendering import page
from copilot_bridge.http.pages.trial import Trial, ask
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline import RequestContext
from copilot_bridge.pipeline.model_list import named, offered
from copilot_bridge.store.keys import KEY

bp = Blueprint("setup", __name__)

# The placeholder of the key: the store has only hashes of keys.
YOUR_KEY = "YOUR_KEY"

SYSTEMS = {
    "linux": ("Linux, WSL · bash", ("linux", "bash")),
    "linux-fish": ("Linux, WSL · fish", ("linux", "fish")),
    "macos": ("macOS · zsh", ("macos", "zsh")),
    "macos-fish": ("macOS · fish", ("macos", "fish")),
    "windows": ("Windows · PowerShell", ("windows", "powershell")),
    "windows-cmd": ("Windows · cmd", ("windows", "cmd")),
}
# A browser's name for its system -> ours.
BROWSERS = {"Windows": "windows", "Mac OS": "macos"}

CATALOGUE_TIMEOUT = 4.0  # seconds; the page is useful without the catalogue, too
SPANS = ("", "30d", "90d", "365d")

MODEL = re.compile(r"[A-Za-z0-9][\w.:/@+-]{0,99}", re.ASCII)  # neither quotes nor blanks


class Choice(Struct, frozen=True):
    """The choices in the form.  :param model: "": the client's usual one.  :param system: key of SYSTEMS."""

    client: str
    model: str
    system: str


class PlanModels(Struct, frozen=True):
    """The chat models of the plan.  `problem`: why they are unknown."""

    models: tuple[Model, ...] = ()
    problem: str = ""

    def pick(self, wish: str, preferred: tuple[str, ...]) -> "clients.ModelInfo | str":
        """The wished model if the plan has it, else a preferred one; any wish if there is no catalogue."""
        found = {model.id: model for model in self.models}
        if not found:
            return wish or preferred[0]
        return named(found[wish if wish in found else clients.pick_model(list(found), preferred)])


@bp.get("/setup")
def show() -> Response:
    return shown(choice(request.args))


@bp.post("/setup/key")
def add_key() -> Response:
    """Make a key, which is shown only once.  Raises InvalidRequest: the bridge requires no keys."""
    if not shared().authenticator.requires_key:
        raise InvalidRequest(tr("setup.no_key"))
    name, span = request.form.get("name", "").strip(), request.form.get("expires", "")
    if span not in SPANS:
        raise InvalidRequest(tr("setup.bad_expiry"))
    try:
        secret = make_key(shared().store, name, KEY, expires=span)
    except BridgeError as error:
        g.entry.note_error(error)
        return shown(choice(request.form), 400, key_problem=str(error), key_name=name)
    return shown(choice(request.form), key=secret, key_name=name)


@bp.post("/setup/test")
def send_test() -> Response:
    """Send one request to the model, and show its result on the page."""
    chosen = choice(request.form)
    row = clients.CLIENTS[chosen.client]
    model = offer().pick(chosen.model, row.models)
    context = RequestContext(shared(), g.visitor.caller)
    return shown(chosen, trial=ask(context, row.dialect, model if isinstance(model, str) else model.id))


@bp.get("/setup/key")
@bp.get("/setup/test")
def again() -> Response:
    """Show the page when a browser reloads the result of a form."""
    return redirect_303(url_for("pages.setup.show"))


def choice(given: Mapping[str, str]) -> Choice:
    """Read the choices; unknown values count as missing."""
    agent = request.headers.get("User-Agent", "")
    usual_system = next((ours for theirs, ours in BROWSERS.items() if theirs in agent), "linux")
    client, model, system = (given.get(name, "").strip() for name in ("client", "model", "system"))
    return Choice(
        client if client in clients.CLIENTS else next(iter(clients.CLIENTS)),
        model if MODEL.fullmatch(model) else "",
        system if system in SYSTEMS else usual_system,
    )


def offer() -> PlanModels:
    late = UpstreamTimeout(tr("setup.github_silent", seconds=f"{CATALOGUE_TIMEOUT:g}"))
    try:
        with gevent.Timeout(CATALOGUE_TIMEOUT, late):
            models = offered(g.context, g.context.models.catalogue(g.context.copilot()))
    except BridgeError as error:
        return PlanModels(problem=str(error))
    return PlanModels(
        tuple(
            sorted(
                (model for model in models if model.holds_conversations), key=lambda model: model.name.lower()
            )
        )
    )


def shown(
    chosen: Choice,
    status: int = 200,
    *,
    key: str = "",
    key_name: str = "",
    key_problem: str = "",
    trial: Trial | None = None,
) -> Response:
    bridge, offered = shared(), offer()
    keyed = bridge.authenticator.requires_key
    return page(
        "setup.html",
        status,
        chosen=chosen,
        clients=clients.CLIENTS,
        systems={name: title for name, (title, _) in SYSTEMS.items()},
        offer=offered,
        **instruction_values(chosen, offered, (key or YOUR_KEY) if keyed else ""),
        keyed=keyed,
        key=key,
        key_name=key_name or chosen.client,
        key_problem=key_problem,
        your_key=YOUR_KEY,
        spans=spans(),
        trial=trial,
        manual=bridge.approval.wanted,
        lasting=bridge.store.database.persistent,
        nearby=is_local(),
    )


def instruction_values(chosen: Choice, offered: PlanModels, key: str) -> dict[str, Any]:
    """The values of the instructions for the template."""
    row, system = clients.CLIENTS[chosen.client], clients.System(*SYSTEMS[chosen.system][1])
    main = offered.pick(chosen.model, row.models)
    small = offered.pick("", row.small_models) if row.small_models else ""
    plan = tuple(map(named, offered.models))
    steps = clients.setup_instructions(chosen.client, base_url(), key, main, small, system, plan)
    return {
        "steps": steps,
        "by_hand": [text_of(sentence) % values for sentence, values in steps.steps],
        "values": [(text_of(name), value) for name, value in steps.values],
        "lasting_place": text_of(clients.SHELLS[system.shell].lasting),
        "proposed": offered.pick("", row.models),
        "multiplier": next(
            (known.multiplier for known in offered.models if known.id == steps.model.id), None
        ),
    }


def base_url() -> str:
    """The address under which the browser has reached the bridge.  Raises ConfigError."""
    return clients.clean_url(f"{request.host_url.rstrip('/')}{request.script_root}")


def spans() -> dict[str, str]:
    names = (tr("setup.never"), tr("setup.in_30_days"), tr("setup.in_90_days"), tr("setup.in_a_year"))
    return dict(zip(SPANS, names, strict=True))
