"""The model that a request means, the API to it, and the server tools that the bridge runs for it."""

from urllib.parse import quote

from copilot_bridge.dialects.dialect import TokenCounting
from copilot_bridge.dialects.prompt import (
    ServerTool,
)
from copilot_bridge.dialects.registry import DIALECTS
from copilot_bridge.errors import Unsupported
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.attribution import Attribution
from copilot_bridge.pipeline.prepared import Route
from copilot_bridge.pipeline.received import ReceivedRequest
from copilot_bridge.upstream.auto import PickContext
from copilot_bridge.upstream.catalogues import ResolvedModel
from copilot_bridge.upstream.recovery.probed_facts import with_probed_facts

NO_SEARCH = "web search is switched off here, or for this key"


def resolve_model(received: ReceivedRequest, attribution: Attribution) -> ResolvedModel:
    """Find the model that the client means.

    :raises BridgeError: there is none, or the caller may not use it.
    """

    def pick_context() -> PickContext:
        return attribution.pick_context(next(received.client.image_holders(), None) is not None)

    context, name = received.context, received.client.model_name(received.headers)
    resolved = context.models.resolve(context.copilot(), name, pick_context)
    attribution.note_resolved(resolved)
    received.entry.model = resolved.model.id
    return resolved


def find_route(
    received: ReceivedRequest, model: Model, counting: TokenCounting | None = None
) -> tuple[Route, tuple[ServerTool, ...]]:
    """Find the nearest API in which Copilot offers the model, and the server tools that the bridge runs.

    :raises Unsupported: it offers no conversations with it.
    """
    name = received.dialect.pick_upstream(model.dialects, received.client.nearest_dialect())
    api = DIALECTS[name].upstream if name else None
    if name is None or api is None:
        raise Unsupported(f"model {model.id!r} does not support chat", param="model")
    received.entry.upstream = name
    passes = name == received.dialect.name and not received.client.requires_translation()
    tools = () if counting else tools_to_run(received, api.server_tools if passes else ())
    return Route(DIALECTS[name], api, passes and not tools), tools


def tools_to_run(received: ReceivedRequest, native: tuple[str, ...]) -> tuple[ServerTool, ...]:
    """Return the server tools of a request that the bridge runs.

    :param native: the kinds that Copilot runs itself for this request.
    :raises Unsupported: the request demands one that may not run.
    """
    requested = received.client.server_tools()
    allowed = {tool.kind for tool in requested if received.context.may_run(tool.kind)}
    for tool in requested:
        if tool.kind not in allowed and tool.kind in native:
            received.client.drop_server_tools()
        elif tool.kind not in allowed and tool.demanded_by:
            raise Unsupported(f"{tool.demanded_by}: {NO_SEARCH}", param=tool.demanded_by)
    return tuple(tool for tool in requested if tool.kind in allowed and tool.kind not in native)


def with_learned_facts(received: ReceivedRequest, model: Model, route: Route) -> Model:
    """Return the model with the facts that refusals have shown."""
    context = received.context
    learned = context.bridge.learned.of(context.account.fingerprint, route.upstream.name, model.id)
    return with_probed_facts(model, learned)


def path_of(route: Route, model: Model, counting: TokenCounting | None) -> str:
    """Return the path of Copilot's API, which names the model in some of them."""
    path = counting.upstream_path if counting else route.upstream.upstream_path
    return path.replace("{model}", quote(model.id, safe="")) if "{" in path else path
