"""The part of the catalogue that a caller may use."""

from msgspec.structs import replace

from copilot_bridge.access.authentication import Caller
from copilot_bridge.errors import BridgeError
from copilot_bridge.models.catalogue import Catalogue, Model
from copilot_bridge.upstream.auto import PickContext
from copilot_bridge.upstream.catalogues import ContextSource, ModelCatalogues, ResolvedModel
from copilot_bridge.upstream.copilot import Copilot
from copilot_bridge.upstream.github.accounts import Account


class AuthorizedModels:
    """The models that a caller's key allows.  The check is on the model itself, not on the requested name."""

    def __init__(self, models: ModelCatalogues, caller: Caller) -> None:
        self._models = models
        self._caller = caller

    def catalogue(self, copilot: Copilot) -> Catalogue:
        """The allowed models of the plan.  Raises BridgeError."""
        return self._allowed(self._models.catalogue(copilot))

    def cached(self, account: Account) -> Catalogue | None:
        """The last catalogue, of any age, without asking Copilot."""
        whole = self._models.cached(account)
        return self._allowed(whole) if whole else None

    def resolve_cached(self, catalogue: Catalogue, name: str) -> Model | None:
        return self._models.resolve_cached(catalogue, name)

    def _allowed(self, whole: Catalogue) -> Catalogue:
        allowed = {name: model for name, model in whole.models.items() if self._caller.may_use(name)}
        return replace(whole, models=allowed)

    def resolve(
        self, copilot: Copilot, name: str, pick_context: ContextSource = PickContext
    ) -> ResolvedModel:
        """Return the model of this name.  Raises BridgeError "permission": the key may not use it."""
        resolved = self._models.resolve(copilot, name, pick_context)
        if not self._caller.may_use(resolved.model.id):
            raise BridgeError(
                f"this key may not use the model {resolved.model.id!r}; it may use "
                f"{', '.join(self._caller.models)}",
                kind="permission",
                param="model",
            )
        return resolved

    def forget_pick(self, copilot: Copilot, resolved: ResolvedModel, pick_context: PickContext) -> None:
        self._models.forget_pick(copilot, resolved, pick_context)
