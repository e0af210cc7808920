"""Checks that send a request to the cheapest model, through each API."""

from collections.abc import Iterable

from copilot_bridge.access.authentication import LOCAL_OPERATOR
from copilot_bridge.admin.search_trial import try_search
from copilot_bridge.cli.doctor.check import CheckContext, Finding, failed, ok, warning
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline import RequestContext
from copilot_bridge.pipeline.dialect_probes import DIALECT_PROBES, UPSTREAM_PROBES, probe_model
from copilot_bridge.search import OFF
from copilot_bridge.search.query import SearchFailed

ENGINE_NAMES = {"/responses": "a model of the plan", "/mcp/readonly": "GitHub's MCP server"}
PROMPT = "Say ok"
CENTS_OF_A_PREMIUM_REQUEST = 200  # for a million tokens of a model whose multiplier was 1
MAX_TOKENS = 16  # tokens; the least that Responses accepts


def cheapest(models: Iterable[Model], dialect: str) -> Model | None:
    """The cheapest model; among equals, one that Copilot serves through this API."""
    return min(
        (model for model in models if model.dialects),
        key=lambda model: (
            relative_cost(model),
            dialect not in model.dialects,
            model.id,
        ),
        default=None,
    )


def relative_cost(model: Model) -> float:
    """The cost of a small request in premium requests, to compare models by."""
    if model.multiplier is not None:
        return model.multiplier
    return model.prices.usual.given / CENTS_OF_A_PREMIUM_REQUEST if model.prices else 1.0


def costs(context: CheckContext) -> Finding:
    """Report the cost of the requests that follow, before they are sent."""
    chosen = [(dialect, cheapest(context.models, dialect)) for dialect in UPSTREAM_PROBES]
    parts = [f"{dialect} {model.id} ({cost(model)})" for dialect, model in chosen if model]
    return ok(f"{len(parts)} requests follow: {', '.join(parts)}")


def cost(model: Model) -> str:
    if model.multiplier is not None:
        return f"{model.multiplier:g}x"
    return f"{model.prices.usual.given:g} AI units a million tokens" if model.prices else "cost unknown"


def live(dialect: str, context: CheckContext) -> Finding:
    """Send a request as the server would, without its authentication."""
    model = cheapest(context.models, dialect)
    if model is None:  # the step before has failed then
        return failed("there is no model", "copilot-bridge models")
    entry = RequestLogEntry("doctor", "POST", DIALECT_PROBES[dialect].path)
    probe_model(RequestContext(context.bridge, LOCAL_OPERATOR), entry, dialect, model.id, PROMPT, MAX_TOKENS)
    return ok(f"{model.id} has responded")


def web_search(context: CheckContext) -> Finding:
    """Search the web once, as for a model."""
    if context.config.web_search == OFF:
        return ok("web search is switched off")
    try:
        path, found = try_search(context.bridge)
    except SearchFailed as error:
        return warning(f"no search works: {error}", "copilot-bridge start --web-search off")
    return ok(f"{ENGINE_NAMES[path]} found {len(found.sources)} pages")
