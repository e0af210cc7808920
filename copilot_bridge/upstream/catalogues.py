"""The catalogue of each account, and the choice of the model that a client names."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

import orjson
from cachetools import LRUCache, TTLCache
from msgspec import Struct

from copilot_bridge.errors import BridgeError, ConfigError, ModelNotFound, StoreError, UpstreamRefused
from copilot_bridge.models.aliases import DEFAULT_ALIASES, Aliases, suggest, without_suffixes
from copilot_bridge.models.catalogue import MAX_NAME_LENGTH, Catalogue, Model
from copilot_bridge.upstream.auto import (
    AUTO,
    NAMES,
    TIERS,
    AutoPicks,
    AutoUnavailable,
    Pick,
    PickContext,
    tier_of,
)
from copilot_bridge.upstream.copilot import Copilot, mark_temporary
from copilot_bridge.upstream.github.accounts import Account
from copilot_bridge.upstream.github.api import TIMEOUT
from copilot_bridge.upstream.key_value_store import KeyValueStore
from copilot_bridge.upstream.single_flight import SingleFlight
from copilot_bridge.upstream.transport.bodies import read_whole

log = logging.getLogger(__name__)

CATALOGUE_TTL = 600.0  # seconds; the official client asks at most every ten minutes
MAX_AGE = 7 * 24 * 3600.0  # seconds; older catalogues are not used before they are renewed
RENEWAL_DELAY = 0.5  # seconds
STORED_FOR = 30 * 24 * 3600.0  # seconds
UNKNOWN_NAME_TTL = (
    60.0  # seconds; an unknown name may be new: then the catalogue is fetched, but not for each request
)

ContextSource = Callable[[], PickContext]


class ResolvedModel(Struct, frozen=True):
    """The model for a request.

    :param headers: to be sent with the request.
    :param effort: the reasoning effort in the name.
    :param auto: the tier by which Copilot picked the model; None: the client named it.
    :param discount: the part of the price that is taken off for that; None: not known.
    """

    model: Model
    headers: Mapping[str, str]
    effort: str | None = None
    auto: str | None = None
    discount: float | None = None


class ModelCatalogues:
    """The catalogue of each account, fetched on demand, and renewed after ten minutes.

    An old catalogue is used while it is renewed in the background, by one process for all.  It is kept in the
    store, so it is there after a restart.

    :param mapping: the operator's aliases; they replace the built-in ones and precede the catalogue.
    :param auto: picks the model for "auto".
    :param store: None: catalogues are kept in memory only.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        mapping: Mapping[str, str] | None = None,
        auto: AutoPicks | None = None,
        store: KeyValueStore | None = None,
        flights: SingleFlight[Catalogue] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._mapping = None if mapping is None else Aliases(mapping)
        self._catalogues: LRUCache[str, Catalogue] = LRUCache(256)
        self._auto = auto or AutoPicks(clock=clock)
        self._warned_outdated: TTLCache[str, bool] = TTLCache(256, float("inf"), timer=clock)
        self._store = store
        self._sleep = sleep
        self._flights = flights or SingleFlight()

    def catalogue(self, copilot: Copilot) -> Catalogue:
        """The catalogue.  If it is old, a renewal begins in the background, for the requests to come."""
        key = copilot.account.fingerprint
        known = self._known(copilot)
        if known is None:
            return self.renewed(copilot)
        if not self._is_fresh(known):
            background = copilot.for_background()
            self._flights.begin(f"{key} later", lambda: self._renew_later(background, known))
        return known

    def _renew_later(self, copilot: Copilot, known: Catalogue) -> Catalogue:
        """Renew a catalogue that is in use, after the request that noticed its age has been sent."""
        self._sleep(RENEWAL_DELAY)
        return self._renew(copilot, known)

    def renewed(self, copilot: Copilot, max_age: float = CATALOGUE_TTL) -> Catalogue:
        """The catalogue, at most `max_age` seconds old; older only if Copilot gives no new one."""
        known = self._known(copilot)
        if known and self._is_fresh(known, max_age):
            return known
        with copilot.waits.of("catalogue"):
            return self._flights.do(copilot.account.fingerprint, lambda: self._renew(copilot, known))

    def _is_fresh(self, catalogue: Catalogue, max_age: float = CATALOGUE_TTL) -> bool:
        return 0 <= self._clock() - catalogue.at < max_age

    def _known(self, copilot: Copilot) -> Catalogue | None:
        """The catalogue of this account at its present address, from memory or from the store."""
        key = copilot.account.fingerprint
        known = self._catalogues.get(key) or self._stored(key)
        if known is None or self._clock() - known.at > MAX_AGE or known.api != copilot.token().api:
            return None
        self._catalogues.setdefault(key, known)
        return known

    def _stored(self, key: str) -> Catalogue | None:
        content = self._store.read(f"catalogues/{key}") if self._store else None
        try:
            return (
                read_catalogue(content["rows"], float(content["at"]), str(content["api"]))
                if content
                else None
            )
        except (KeyError, TypeError, ValueError):  # written by another version, or damaged
            return None

    def _write(self, key: str, catalogue: Catalogue) -> None:
        """Store a catalogue.  If that fails, it is used by this process all the same."""
        if self._store is None:
            return
        rows = [dict(model.row) for model in catalogue.models.values()]
        try:
            self._store.write(f"catalogues/{key}", {"rows": rows, "at": catalogue.at, "api": catalogue.api})
            self._store.prune("catalogues/", STORED_FOR)
        except (StoreError, ConfigError) as error:
            log.warning("the list of models can't be stored, so it is kept in memory only: %s", error)

    def _lock(self, key: str) -> AbstractContextManager[object]:
        return self._store.lock(f"catalogue-{key}") if self._store else nullcontext()

    def cached(self, account: Account) -> Catalogue | None:
        """The last catalogue of any age, without a request."""
        return self._catalogues.get(account.fingerprint)

    def resolve_cached(self, catalogue: Catalogue, name: str) -> Model | None:
        """The model of the catalogue that a name means, without a request."""
        found = self._find(catalogue, self._target(name))
        return found[0] if found else None

    def _renew(self, copilot: Copilot, cached: Catalogue | None) -> Catalogue:
        key = copilot.account.fingerprint
        newer = self._catalogues.get(key)
        if newer and newer is not cached and self._is_fresh(newer) and newer.api == copilot.token().api:
            return newer
        try:
            self._catalogues[key] = self._fetch_once(copilot, cached)
        except BridgeError as error:
            cached = cached or self._catalogues.get(key)  # of the account's former address
            if not cached:
                raise mark_temporary(error) from error
            log.warning("the list of models could not be renewed; the old one is used meanwhile: %s", error)
            self._catalogues[key] = Catalogue(cached.models, self._clock(), cached.api)
        return self._catalogues[key]

    def _fetch_once(self, copilot: Copilot, cached: Catalogue | None) -> Catalogue:
        """Fetch the catalogue, unless another process has just done so."""
        key = copilot.account.fingerprint
        with self._lock(key):
            stored = self._stored(key)
            if stored and self._is_newer(stored, cached) and stored.api == copilot.token().api:
                return stored
            fetched = self._fetch(copilot)
            self._write(key, fetched)
            return fetched

    def _is_newer(self, stored: Catalogue, cached: Catalogue | None) -> bool:
        return self._is_fresh(stored) and (cached is None or stored.at > cached.at)

    def _fetch(self, copilot: Copilot) -> Catalogue:
        response = copilot.send("GET", "/models", timeout=TIMEOUT)
        try:
            rows = orjson.loads(read_whole(response)).get("data")
        except (orjson.JSONDecodeError, AttributeError) as error:
            raise UpstreamRefused("Copilot's list of models is not a JSON object") from error
        catalogue = read_catalogue(rows, self._clock(), copilot.token().api)
        self._warn_outdated(copilot, catalogue)
        return catalogue

    def _warn_outdated(self, copilot: Copilot, catalogue: Catalogue) -> None:
        """Warn once for each account."""
        if catalogue.outdated and copilot.account.fingerprint not in self._warned_outdated:
            self._warned_outdated[copilot.account.fingerprint] = True
            log.warning("%s. %s Copilot says: %s", OUTDATED, UPDATE, catalogue.outdated)

    def resolve(self, copilot: Copilot, name: str, context: ContextSource = PickContext) -> ResolvedModel:
        """Find the model that the client names.  Raises ModelNotFound, with suggestions.

        :param context: returns the context in which "auto" picks a model.
        """
        name = self._target(name)
        if (tier := tier_of(name)) is not None:
            return self._resolve_auto(copilot, tier, context())
        catalogue = self.catalogue(copilot)
        found = self._find(catalogue, name) or self._find(self.renewed(copilot, UNKNOWN_NAME_TTL), name)
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
        return ResolvedModel(model, model.headers, effort)

    def _target(self, name: str) -> str:
        if self._mapping is None or len(name) > MAX_NAME_LENGTH:
            return name
        return self._mapping.target(name) or name

    def _find(self, catalogue: Catalogue, name: str) -> tuple[Model, str | None] | None:
        aliases = DEFAULT_ALIASES if self._mapping is None else NO_ALIASES
        if model := catalogue.find(name, aliases):
            return model, None
        for base, effort in without_suffixes(name[: MAX_NAME_LENGTH + 1]):
            if (model := catalogue.find(base, aliases)) and takes_effort(model, effort):
                return model, effort or None
        return None

    def forget_pick(self, copilot: Copilot, resolved: ResolvedModel, context: PickContext) -> None:
        """Drop a pick of "auto" after Copilot has refused its session or its model."""
        if resolved.auto is not None:
            self._auto.forget(copilot, resolved.auto, context)

    def _resolve_auto(self, copilot: Copilot, tier: str, context: PickContext) -> ResolvedModel:
        if tier and tier not in TIERS:
            raise ModelNotFound(
                f"the model {AUTO}:{tier[:MAX_NAME_LENGTH]} does not exist; there are {', '.join(NAMES)}",
                param="model",
                code="model_not_found",
            )
        catalogue = self.catalogue(copilot)

        def fits(pick: Pick) -> bool:
            model = model_of(catalogue, pick)
            return not context.has_image or model is None or bool(model.supports.get("vision"))

        try:
            pick = self._auto.pick(copilot, tier, context, fits)
        except AutoUnavailable as error:
            raise without_auto(error, catalogue) from error
        model = model_of(catalogue, pick) or model_of(self.renewed(copilot, UNKNOWN_NAME_TTL), pick)
        if model is None:
            raise unknown(pick.model, catalogue)
        discount = model.auto_discount if pick.discount is None else pick.discount
        headers = {**model.headers, "Copilot-Session-Token": pick.session}
        return ResolvedModel(model, headers, auto=tier, discount=discount)


def takes_effort(model: Model, effort: str) -> bool:
    """Return whether a model accepts an effort; one with budgets only gets the budget that stands for it."""
    known = model.supports.get("reasoning_effort") or ()
    free = bool(model.supports.get("max_thinking_budget")) or model.profile.reasons
    return not effort or effort in known or (not known and free)


NO_ALIASES = Aliases({})
OUTDATED = "Copilot regards the bridge as an outdated client, and may offer it less"
UPDATE = "Update the bridge, or set COPILOT_BRIDGE_EDITOR_VERSION and COPILOT_BRIDGE_PLUGIN_VERSION."


def read_catalogue(rows: object, at: float, api: str) -> Catalogue:
    """Read the rows of a list of models; malformed rows are skipped."""
    models: dict[str, Model] = {}
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("id"):
            model = Model.read(row)
            models.setdefault(model.id, model)  # an id may occur twice; the first row counts
    return Catalogue(models, at, api)


def model_of(catalogue: Catalogue, pick: Pick) -> Model | None:
    """The picked model from the catalogue, else from the pick itself, if it has the row."""
    if listed := catalogue.find(pick.model, NO_ALIASES):
        return listed
    return Model.read(pick.row) if pick.row.get("capabilities") else None


def without_auto(error: BridgeError, catalogue: Catalogue) -> ModelNotFound:
    models = catalogue.models.values()
    names = [model.id for model in models if model.enabled and model.type == "chat"][:3]
    hint = f": name a model, like {', '.join(names)}" if names else ": name a model"
    return ModelNotFound(f"{error}{hint}", param="model", code="model_not_found")


def unknown(name: str, catalogue: Catalogue) -> ModelNotFound:
    names = suggest(
        name[:MAX_NAME_LENGTH],
        (model.id for model in catalogue.models.values() if model.enabled and model.dialects),
    )
    hint = f"; did you mean {', '.join(names)}?" if names else "; GET /v1/models lists what there is"
    shown = repr(name[:MAX_NAME_LENGTH])
    return ModelNotFound(f"the model {shown} does not exist{hint}", param="model", code="model_not_found")
