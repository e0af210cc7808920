"""The catalogue, as OpenAI lists models."""

from typing import Any

import orjson

from copilot_bridge.exchange.bridge import Bridge
from copilot_bridge.upstream.models import Model

# The APIs that the bridge can reach a model through.
SPOKEN = {"chat", "embeddings"}


def list_models(bridge: Bridge) -> bytes:
    """{"object": "list", "data": [...]}: what a request can name, ready to be sent."""
    catalogue = bridge.models.catalogue(bridge.copilot())
    rows = [describe(bridge, model) for model in catalogue.models.values() if usable(model)]
    return orjson.dumps({"object": "list", "data": rows})


def usable(model: Model) -> bool:
    return model.enabled and bool(SPOKEN.intersection(model.dialects))


def find_model(bridge: Bridge, name: str) -> Model:
    """Raises ModelNotFound."""
    return bridge.models.choose(bridge.copilot(), name).model


def describe(bridge: Bridge, model: Model) -> dict[str, Any]:
    """Copilot gives neither `created` nor `owned_by`."""
    own = dict(model.row) if bridge.config.keep_copilot_fields else {}
    return own | {"id": model.id, "object": "model", "created": model.created, "owned_by": model.vendor}
