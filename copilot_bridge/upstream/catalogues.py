"""The catalogue of each account, as Copilot gives it, and the model in it that a client means."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson
from cachetools import LRUCache, TTLCache

from copilot_bridge.errors import BridgeError, ModelNotFound, UpstreamRefused
from copilot_bridge.models.aliases import DEFAULT_ALIASES, Aliases, split_effort, suggest
from copilot_bridge.models.catalogue import MAX_NAME_LENGTH, Catalogue, Model
from copilot_bridge.upstream.auto import AUTO, NAMES, TIERS, AutoPicks, NotOffered, Occasion, Pick, tier_of
from copilot_bridge.upstream.copilot import Copilot, mark_temporary
from copilot_bridge.upstream.github.accounts import Account
from copilot_bridge.upstream.github.api import TIMEOUT
from copilot_bridge.upstream.single_flight import SingleFlight
from copilot_bridge.upstream.transport.bodies import read_whole

log = logging.getLogger(__name__)

LIFE = 600.0  # the official client asks at most every ten minutes
UNKNOWN_NAME_LIFE = 60.0  # a name that is not there may be new: then look again, but not for each request

Asking = Callable[[], Occasion]


@dataclass(frozen=True)
class Choice:
    """The model that a request goes to.

    :param headers: to be sent along.
    :param effort: how hard the name says that it should think.
    :param auto: the tier that it was picked by; None: the client has named it.
    :param discount: part of the price that is taken off for that; None: not told.
    """

    model: Model
    headers: Mapping[str, str]
    effort: str | None = None
    auto: str | None = None
    discount: float | None = None


class Models:
    """The catalogue of each account, fetched when it is needed and kept for ten minutes.

    :param mapping: the operator's own, in place of ours; it goes before what is listed.
    :param auto: which models "auto" is.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        mapping: Mapping[str, str] | None = None,
        auto: AutoPicks | None = None,
    ) -> None:
        self._clock = clock
        self._mapping = None if mapping is None else Aliases(mapping)
        self._catalogues: LRUCache[str, Catalogue] = LRUCache(256)
        self._auto = auto or AutoPicks(clock=clock)
        self._told_outdated: TTLCache[str, bool] = TTLCache(256, float("inf"), timer=clock)
        self._flights: SingleFlight[Catalogue] = SingleFlight()

    def catalogue(self, copilot: Copilot, life: float = LIFE) -> Catalogue:
        """At most `life` seconds old; older only if Copilot does not give a new one."""
        key = copilot.account.fingerprint
        held = self._catalogues.get(key)
        if held and 0 <= self._clock() - held.at < life and held.api == copilot.token().api:
            return held
        return self._flights.do(key, lambda: self._renewed(copilot, held))

    def known(self, account: Account) -> Catalogue | None:
        """The last one, of whatever age; nobody is asked."""
        return self._catalogues.get(account.fingerprint)

    def meant(self, catalogue: Catalogue, name: str) -> Model | None:
        """The model of the catalogue that a client means; nobody is asked."""
        found = self._find(catalogue, self._target(name))
        return found[0] if found else None

    def _renewed(self, copilot: Copilot, held: Catalogue | None) -> Catalogue:
        key = copilot.account.fingerprint
        if (newer := self._catalogues.get(key)) is not held and newer:
            return newer
        try:
            self._catalogues[key] = self._fetched(copilot)
        except BridgeError as error:
            if not held:
                raise mark_temporary(error) from error
            log.warning("the list of models could not be renewed, the old one serves on: %s", error)
            self._catalogues[key] = Catalogue(held.models, self._clock(), held.api)
        return self._catalogues[key]

    def _fetched(self, copilot: Copilot) -> Catalogue:
        response = copilot.send("GET", "/models", timeout=TIMEOUT)
        try:
            rows = orjson.loads(read_whole(response)).get("data")
        except (orjson.JSONDecodeError, AttributeError) as error:
            raise UpstreamRefused("Copilot's list of models is no JSON object") from error
        models: dict[str, Model] = {}
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict) and row.get("id"):
                model = Model.read(row)
                models.setdefault(model.id, model)  # ids occur twice; the first one counts
        catalogue = Catalogue(models, self._clock(), copilot.token().api)
        self._tell_outdated(copilot, catalogue)
        return catalogue

    def _tell_outdated(self, copilot: Copilot, catalogue: Catalogue) -> None:
        """Once for each account."""
        if catalogue.outdated and copilot.account.fingerprint not in self._told_outdated:
            self._told_outdated[copilot.account.fingerprint] = True
            log.warning("%s. %s Copilot says: %s", OUTDATED, UPDATE, catalogue.outdated)

    def choose(self, copilot: Copilot, name: str, occasion: Asking = Occasion) -> Choice:
        """The model that the client means.  Raises ModelNotFound, naming suggest ones.

        :param occasion: gives what "auto" picks one for.
        """
        name = self._target(name)
        if (tier := tier_of(name)) is not None:
            return self._choose_auto(copilot, tier, occasion())
        catalogue = self.catalogue(copilot)
        found = self._find(catalogue, name) or self._find(self.catalogue(copilot, UNKNOWN_NAME_LIFE), name)
        if found is None:
            raise unknown(name, catalogue)
        model, effort = found
        if not model.enabled:
            raise ModelNotFound(
                f"the model {model.id!r} is not enabled for this account: enable it at "
                "https://github.com/settings/copilot/features",
                param="model",
                code="model_not_found",
            )
        return Choice(model, model.headers, effort)

    def _target(self, name: str) -> str:
        if self._mapping is None or len(name) > MAX_NAME_LENGTH:
            return name
        return self._mapping.target(name) or name

    def _find(self, catalogue: Catalogue, name: str) -> tuple[Model, str | None] | None:
        mapping = DEFAULT_ALIASES if self._mapping is None else NOTHING
        if model := catalogue.find(name, mapping):
            return model, None
        base, effort = (split_effort(name) if len(name) <= MAX_NAME_LENGTH else None) or ("", "")
        model = catalogue.find(base, mapping)
        return (model, effort) if model and effort in (model.supports.get("reasoning_effort") or ()) else None

    def forget_pick(self, copilot: Copilot, choice: Choice, occasion: Occasion) -> None:
        """Call when Copilot refused the session of the model "auto", or what it had picked."""
        if choice.auto is not None:
            self._auto.forget(copilot, choice.auto, occasion)

    def _choose_auto(self, copilot: Copilot, tier: str, occasion: Occasion) -> Choice:
        if tier and tier not in TIERS:
            raise ModelNotFound(
                f"the model {AUTO}:{tier[:MAX_NAME_LENGTH]} does not exist; there are {', '.join(NAMES)}",
                param="model",
                code="model_not_found",
            )
        catalogue = self.catalogue(copilot)

        def fits(pick: Pick) -> bool:
            model = model_of(catalogue, pick)
            return not occasion.has_image or model is None or bool(model.supports.get("vision"))

        try:
            pick = self._auto.pick(copilot, tier, occasion, fits)
        except NotOffered as error:
            raise without_auto(error, catalogue) from error
        model = model_of(catalogue, pick) or model_of(self.catalogue(copilot, UNKNOWN_NAME_LIFE), pick)
        if model is None:
            raise unknown(pick.model, catalogue)
        discount = model.auto_discount if pick.discount is None else pick.discount
        headers = {**model.headers, "Copilot-Session-Token": pick.session}
        return Choice(model, headers, auto=tier, discount=discount)


NOTHING = Aliases({})
OUTDATED = "Copilot takes the client that the bridge says it is for an old one, and may offer it less"
UPDATE = "Update the bridge, or set COPILOT_BRIDGE_EDITOR_VERSION and COPILOT_BRIDGE_PLUGIN_VERSION."


def model_of(catalogue: Catalogue, pick: Pick) -> Model | None:
    """As listed; else as Copilot told of it when it picked it, if it did."""
    if listed_one := catalogue.find(pick.model, NOTHING):
        return listed_one
    return Model.read(pick.row) if pick.row.get("capabilities") else None


def without_auto(error: BridgeError, catalogue: Catalogue) -> ModelNotFound:
    names = [each.id for each in catalogue.models.values() if each.enabled and each.type == "chat"][:3]
    hint = f": name a model, like {', '.join(names)}" if names else ": name a model"
    return ModelNotFound(f"{error}{hint}", param="model", code="model_not_found")


def unknown(name: str, catalogue: Catalogue) -> ModelNotFound:
    names = suggest(
        name[:MAX_NAME_LENGTH],
        (each.id for each in catalogue.models.values() if each.enabled and each.dialects),
    )
    hint = f"; did you mean {', '.join(names)}?" if names else "; GET /v1/models lists what there is"
    shown = repr(name[:MAX_NAME_LENGTH])
    return ModelNotFound(f"the model {shown} does not exist{hint}", param="model", code="model_not_found")
