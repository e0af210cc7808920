"""The catalogue, as OpenAI lists models."""

from datetime import UTC, datetime
from typing import Any

import orjson

from copilot_bridge.clients import ModelInfo
from copilot_bridge.dialects.registry import BY_UPSTREAM_PATH, CONVERSATIONS, DIALECTS
from copilot_bridge.exchange.bridge import Bridge
from copilot_bridge.exchange.call import Call
from copilot_bridge.models.aliases import DEFAULT_MAPPING
from copilot_bridge.models.catalogue import Catalogue, Model
from copilot_bridge.upstream.auto import AUTO, NAMES, tier_of

# Copilot lists it nowhere; its own clients add it to their lists.
AUTO_MODELS = tuple(
    Model.read(
        {
            "id": name,
            "name": f"Auto, {name.partition(':')[2]}" if ":" in name else "Auto",
            "vendor": "GitHub Copilot",
            "supported_endpoints": list(BY_UPSTREAM_PATH),
        }
    )
    for name in NAMES
)


def offered(call: Call, catalogue: Catalogue) -> list[Model]:
    """What the catalogue lists, and "auto" for whoever may use it."""
    auto = [each for each in AUTO_MODELS if catalogue.models and call.caller.may_use(each.id)]
    return [*catalogue.models.values(), *auto]


def list_models(call: Call) -> bytes:
    """{"object": "list", "data": [...]}: what a request can name, ready to be sent."""
    catalogue = call.models.catalogue(call.copilot())
    if "openai" not in catalogue.rendered:
        rows = [describe(call.bridge, model) for model in offered(call, catalogue) if usable(model)]
        catalogue.rendered["openai"] = orjson.dumps({"object": "list", "data": rows})
    return catalogue.rendered["openai"]


def list_for_anthropic(call: Call, limit: int, after: str | None, before: str | None) -> Any:
    """{"data": [...], "has_more", "first_id", "last_id"}: a page of the models that can be talked to."""
    catalogue = call.models.catalogue(call.copilot())
    found = {model.id: model for model in offered(call, catalogue) if can_talk(model)}
    ids = list(found)
    if after in ids:
        ids = ids[ids.index(after) + 1 :]
    if before in ids:
        ids = ids[: ids.index(before)]
    page = ids[-limit:] if before else ids[:limit]
    return {
        "data": [describe_for_anthropic(found[each]) for each in page],
        "has_more": len(page) < len(ids),
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
    }


def describe_for_anthropic(model: Model) -> dict[str, Any]:
    created = datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": "model", "id": model.id, "display_name": model.name, "created_at": created}


def can_talk(model: Model) -> bool:
    """In whichever API: the bridge translates."""
    return model.enabled and not CONVERSATIONS.keys().isdisjoint(model.dialects)


def talkers(bridge: Bridge) -> list[Model]:
    """The plan's models that a client can be set up with."""
    return [each for each in bridge.models.catalogue(bridge.copilot()).models.values() if can_talk(each)]


def named(model: Model) -> ModelInfo:
    """As far as a client has to be told."""
    return ModelInfo(model.id, model.name, model.context, model.max_prompt_tokens, model.max_output_tokens)


def usable(model: Model) -> bool:
    return model.enabled and not DIALECTS.keys().isdisjoint(model.dialects)


def ways(model: Model) -> dict[str, str]:
    """{API of a client: API of Copilot's that such a request goes through}: translated, if it is another."""
    if model.type == "embeddings":
        return {each: each for each in model.dialects}
    picked = {name: dialect.pick_upstream(model.dialects) for name, dialect in CONVERSATIONS.items()}
    return {client: spoken for client, spoken in picked.items() if spoken}


def names_by_model(bridge: Bridge, catalogue: Catalogue) -> dict[str, list[str]]:
    """{model: what the mapping in use calls it}; the operator's mapping stands in place of ours."""
    own = bridge.config.model_mapping
    found: dict[str, list[str]] = {}
    for name, target in (DEFAULT_MAPPING if own is None else own).items():
        model = bridge.models.meant(catalogue, target if "*" in name else name)
        if model and model.id != name:
            found.setdefault(model.id, []).append(name)
    return found


def find_model(call: Call, name: str) -> Model:
    """Raises ModelNotFound."""
    if auto := find_auto(name):
        return auto
    return call.models.choose(call.copilot(), name).model


def find_auto(name: str) -> Model | None:
    """Copilot is not asked to pick one just to be named."""
    tier = tier_of(name)
    wanted = f"{AUTO}:{tier}" if tier else AUTO
    return next((each for each in AUTO_MODELS if tier is not None and each.id == wanted), None)


def describe(bridge: Bridge, model: Model) -> dict[str, Any]:
    """Copilot gives neither `created` nor `owned_by`."""
    own = dict(model.row) if bridge.config.keep_copilot_fields else {}
    return own | {"id": model.id, "object": "model", "created": model.created, "owned_by": model.vendor}
