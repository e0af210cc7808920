"""The preparation of a client's request: the model it means, the API to it, and a body fitted to both."""

import logging

from msgspec.structs import replace

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.dialect import TokenCounting
from copilot_bridge.dialects.registry import limits_of
from copilot_bridge.dialects.server_tools.functions import offer
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.attribution import Attribution
from copilot_bridge.pipeline.conversion import Conversion
from copilot_bridge.pipeline.drafting import adapt_content, pass_on, translate
from copilot_bridge.pipeline.fitting import FITTERS, Fitted
from copilot_bridge.pipeline.prepared import Draft, PreparedRequest, Route, Target, ToolOffer
from copilot_bridge.pipeline.received import ReceivedRequest
from copilot_bridge.pipeline.routing import find_route, path_of, resolve_model, with_learned_facts
from copilot_bridge.upstream.recovery.request_adapter import RequestAdapter

log = logging.getLogger(__name__)


def prepare(
    received: ReceivedRequest, attribution: Attribution, counting: TokenCounting | None = None
) -> PreparedRequest:
    """Prepare a request for Copilot.  Blocks while a token or the catalogue is fetched.

    :param counting: only the tokens of the request are to be counted.
    :raises BridgeError: there is no such model, or it can't be given what the request relies on.
    """
    resolved = resolve_model(received, attribution)
    route, tools = find_route(received, resolved.model, counting)
    headers = dict(resolved.headers)
    changed = adapt_content(received, resolved, headers)
    model = with_learned_facts(received, resolved.model, route)
    target = Target(model, route, headers, limits_of(route.upstream.name, model.vendor, model.id))
    if route.passthrough:
        return fit(received, target, pass_on(received, target.limits), changed=changed, counting=counting)
    prompt = received.client.read_prompt()
    if not tools:
        return fit(received, target, translate(received, target, prompt), counting=counting)
    prompt, named = offer(prompt, tools)
    return prepare_step(received, ToolOffer(target, prompt, named))


def prepare_step(received: ReceivedRequest, offered: ToolOffer) -> PreparedRequest:
    """Prepare a request to a model that is offered server tools.

    :raises BridgeError: the model can't be given what the request relies on.
    """
    target = offered.target._replace(headers=dict(offered.target.headers))
    prepared = fit(received, target, translate(received, target, offered.prompt))
    return replace(prepared, offer=offered)


def fit(
    received: ReceivedRequest,
    target: Target,
    draft: Draft,
    *,
    changed: bool = False,
    counting: TokenCounting | None = None,
) -> PreparedRequest:
    """Fit the body to Copilot.

    :param changed: whether the body differs from the client's already.
    """
    model, route, headers, _limits = target
    fields = sorted(draft.body) if log.isEnabledFor(logging.DEBUG) else []
    fitted = FITTERS[route.upstream.name](draft.body, headers, model, received)
    adapter = make_adapter(received, model, route)
    learned = adapter.prepare(draft.body, headers)
    conversion = make_conversion(received, route, draft, fitted, adapter)
    body, is_final = finish(draft.body, model, route, conversion, counting)
    if changed or draft.changed or fitted.changed or learned or not is_final:
        left_out = ", ".join(name for name in fields if name not in body)
        log.debug("adapted to %s; left out: %s", model.id, left_out or "nothing")
        data = codec.write(body)
    else:
        data = received.data
    path = path_of(route, model, counting)
    streamed = bool(body.get("stream"))
    return PreparedRequest(
        model, route.api.host, path, data, body, headers, streamed, draft.prompt, adapter, conversion
    )


def make_adapter(received: ReceivedRequest, model: Model, route: Route) -> RequestAdapter:
    """Return what applies the lessons of earlier refusals, and those of this request's."""
    account = received.context.account.fingerprint
    learned = received.context.bridge.learned
    return RequestAdapter(learned, account, route.upstream.name, model.id, received.dialect.name)


def make_conversion(
    received: ReceivedRequest, route: Route, draft: Draft, fitted: Fitted, adapter: RequestAdapter
) -> Conversion:
    """Return the conversion of the response."""
    conversion = Conversion(
        response=received.response,
        framing=received.framing,
        upstream=route.api,
        passthrough=route.passthrough,
        id=received.entry.id,
        created=int(received.entry.at),
        undo=draft.undo,
        by_tool=adapter.by_tool,
        filter=fitted.tool_adapter,
    )
    return conversion.after_refusals(adapter.stops, adapter.by_tool)


def finish(
    body: JsonObject, model: Model, route: Route, conversion: Conversion, counting: TokenCounting | None
) -> tuple[JsonObject, bool]:
    """Return the body for the purpose of the request, and whether it is unchanged.

    A whole response is requested as a stream if it has to be written anew, or may be too long for one piece.
    """
    if counting:
        return {name: value for name, value in body.items() if name not in counting.omitted}, False
    max_unstreamed = model.max_unstreamed_tokens
    is_too_long = max_unstreamed is not None and route.api.output_limit(body) > max_unstreamed
    if body.get("stream") or (conversion.passes and not is_too_long):
        return body, True
    body["stream"] = True
    return body, False
