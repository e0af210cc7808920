"""Lists of models for clients."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

import orjson
from msgspec.structs import replace

from copilot_bridge.dialects.model_list import ModelEntry, ModelList
from copilot_bridge.dialects.registry import CONVERSATIONS, DIALECTS, model_list_of
from copilot_bridge.errors import InvalidRequest
from copilot_bridge.models.aliases import DEFAULT_MAPPING, ROUTER_PREFIX
from copilot_bridge.models.catalogue import CONVERSATIONS as ENDPOINTS
from copilot_bridge.models.catalogue import Catalogue, Model
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.services import Bridge
from copilot_bridge.upstream.auto import AUTO, NAMES, tier_of

if TYPE_CHECKING:
    from copilot_bridge.clients import ModelInfo

NO_QUERY: Mapping[str, str] = MappingProxyType({})

PREFIX = "prefix"  # the field of the query
MAX_PREFIX = 40

# Copilot lists it nowhere; its own clients add it to their lists.  All models that it stands for call tools,
# and one is picked with regard to images.
AUTO_MODELS = tuple(
    Model.read(
        {
            "id": name,
            "name": f"Auto, {name.partition(':')[2]}" if ":" in name else "Auto",
            "vendor": "GitHub Copilot",
            "supported_endpoints": list(ENDPOINTS),
            "capabilities": {"supports": {"tool_calls": True, "vision": True}},
        }
    )
    for name in NAMES
)


def offered(context: RequestContext, catalogue: Catalogue) -> list[Model]:
    """Return the models of the catalogue, and "auto" for callers who may use it."""
    auto = [model for model in AUTO_MODELS if catalogue.models and context.caller.may_use(model.id)]
    return [*catalogue.models.values(), *auto]


def list_models(
    context: RequestContext, dialect: str | None = None, query: Mapping[str, str] = NO_QUERY, path: str = ""
) -> bytes:
    """Return the list of the models in the form of the client's dialect, or of the request's path.

    :raises InvalidRequest: the query is wrong.
    """
    prefix = read_prefix(query)
    catalogue, form = context.models.catalogue(context.copilot()), model_list_of(dialect, query, path)
    if form.is_paged or prefix:
        return write_list(context, catalogue, form, query)
    if form not in catalogue.rendered:
        catalogue.rendered[form] = write_list(context, catalogue, form, query)
    return catalogue.rendered[form]


def write_list(
    context: RequestContext, catalogue: Catalogue, form: ModelList, query: Mapping[str, str]
) -> bytes:
    entries = [entry_of(context.bridge, model) for model in offered(context, catalogue) if usable(model)]
    if prefix := read_prefix(query):
        entries = [replace(entry, id=f"{prefix}{entry.id}") for entry in entries]
    return orjson.dumps(form.write_list(entries, query))


def read_prefix(query: Mapping[str, str]) -> str:
    """Return the prefix that a client wants before the models' names; "": none.

    Some clients have models of the same names themselves.  The bridge understands names with such prefixes.

    :raises InvalidRequest: it would not be understood.
    """
    prefix = query.get(PREFIX, "")
    if not prefix:
        return ""
    prefix = f"{prefix.removesuffix('/')}/"
    if not ROUTER_PREFIX.fullmatch(prefix) or len(prefix) > MAX_PREFIX:
        raise InvalidRequest(f"{PREFIX}: expected letters, digits, dots and dashes, like cb/", param=PREFIX)
    return prefix


def describe_model(context: RequestContext, name: str, dialect: str | None, path: str = "") -> bytes:
    """Describe one model, in the form of the client's dialect, or of the request's path.

    :raises ModelNotFound: there is none of that name.
    """
    form = model_list_of(dialect, path=path)
    return orjson.dumps(form.write_model(entry_of(context.bridge, find_model(context, name))))


def entry_of(bridge: Bridge, model: Model) -> ModelEntry:
    created_at = datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    own = model.row if bridge.config.keep_copilot_fields else {}
    return ModelEntry(
        id=model.id,
        name=model.name,
        vendor=model.vendor,
        created=model.created,
        created_at=created_at,
        is_conversational=model.holds_conversations,
        copilot_fields=own,
        context=model.max_prompt_tokens or model.context,
        efforts=model.profile.efforts or (),
        reasons=bool(model.profile.efforts or model.supports.get("max_thinking_budget")),
        takes_images=bool(model.supports.get("vision")),
        takes_tools=bool(model.supports.get("tool_calls")),
        fills_gaps=model.type == "completion",
        parallel_tools=bool(model.supports.get("parallel_tool_calls")),
        max_output_tokens=model.max_output_tokens,
    )


def chat_models(bridge: Bridge) -> list[Model]:
    """Return the models of the plan that a client can be set up with."""
    return [
        model
        for model in bridge.models.renewed(bridge.copilot(), max_age=0.0).models.values()
        if model.holds_conversations
    ]


def named(model: Model) -> "ModelInfo":
    """Return what a client's settings need to know of a model."""
    from copilot_bridge.clients import ModelInfo  # only a page and `setup` need the clients

    return ModelInfo(model.id, model.name, model.context, model.max_prompt_tokens, model.max_output_tokens)


def usable(model: Model) -> bool:
    """Return whether to list the model.

    Models for code completion are left out, since most clients would offer them for chats.
    """
    return model.enabled and model.type != "completion" and not DIALECTS.keys().isdisjoint(model.dialects)


def ways(model: Model) -> dict[str, str]:
    """Return {the client's API: the API of Copilot in which its request is sent}."""
    if model.type == "embeddings":
        return {dialect: dialect for dialect in model.dialects}
    picked = {name: dialect.pick_upstream(model.dialects) for name, dialect in CONVERSATIONS.items()}
    return {client: spoken for client, spoken in picked.items() if spoken}


def names_by_model(bridge: Bridge, catalogue: Catalogue) -> dict[str, list[str]]:
    """Return {model: its aliases}; the operator's aliases replace the built-in ones."""
    own = bridge.config.model_mapping
    found: dict[str, list[str]] = {}
    for name, target in (DEFAULT_MAPPING if own is None else own).items():
        model = bridge.models.resolve_cached(catalogue, target if "*" in name else name)
        if model and model.id != name:
            found.setdefault(model.id, []).append(name)
    return found


def find_model(context: RequestContext, name: str) -> Model:
    """Return the model of a name.

    :raises ModelNotFound: there is none.
    """
    if auto := find_auto(name):
        return auto
    return context.models.resolve(context.copilot(), name).model


def find_auto(name: str) -> Model | None:
    """Return the entry of an "auto" model, without a pick by Copilot."""
    tier = tier_of(name)
    wanted = f"{AUTO}:{tier}" if tier else AUTO
    return next((model for model in AUTO_MODELS if tier is not None and model.id == wanted), None)
