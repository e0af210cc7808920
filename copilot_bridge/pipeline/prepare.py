"""The preparation of a client's request: the model it means, the API to it, and a body fitted to both."""

import logging
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.adaptation.adapt import NO_CHANGES, Undo, adapt_prompt
from copilot_bridge.dialects.adaptation.limits import Limits
from copilot_bridge.dialects.adaptation.stop_sequences import split_stop_sequences
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.dialect import Dialect, TokenCounting, UpstreamApi
from copilot_bridge.dialects.images import omit_oldest_images
from copilot_bridge.dialects.prompt import (
    Prompt,
    ServerTool,
    first_document_message,
    refuse_unsupported,
    without_documents,
)
from copilot_bridge.dialects.registry import DIALECTS, limits_of
from copilot_bridge.dialects.server_tools.functions import offer
from copilot_bridge.errors import Unsupported
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.attribution import Attribution
from copilot_bridge.pipeline.conversion import Conversion
from copilot_bridge.pipeline.fitting import FITTERS, Fitted, takes_documents
from copilot_bridge.pipeline.image_inlining import MAX_IMAGES, ModelImages
from copilot_bridge.pipeline.received import ReceivedRequest
from copilot_bridge.upstream.auto import PickContext
from copilot_bridge.upstream.catalogues import ResolvedModel
from copilot_bridge.upstream.copilot import Host
from copilot_bridge.upstream.recovery.probed_facts import with_probed_facts
from copilot_bridge.upstream.recovery.request_adapter import RequestAdapter

log = logging.getLogger(__name__)

NO_SEARCH = "web search is switched off here, or for this key"

Headers = dict[str, str]


class PreparedRequest(Struct, frozen=True):
    """A request as it is sent to Copilot.

    :param host: the one of Copilot's hosts.  :param path: on that host.
    :param data: the body.  :param headers: those of this request alone.
    :param body: the body before it is written.
    :param streamed: Copilot's response is a stream.
    :param prompt: the request in neutral form; None: it is passed on in its own dialect.
    :param adapter: changes the body after refusals.
    :param conversion: what the response takes.
    :param offer: the server tools that the model was offered; None: the bridge has none to run.
    """

    model: Model
    host: Host
    path: str
    data: bytes
    body: JsonObject
    headers: Headers
    streamed: bool
    prompt: Prompt | None
    adapter: RequestAdapter
    conversion: Conversion
    offer: "ToolOffer | None" = None


class Route(NamedTuple):
    """The API in which a request is sent.

    :param upstream: its dialect.  :param api: how it is spoken.
    :param passthrough: whether the client's body is sent in its own form.
    """

    upstream: Dialect
    api: UpstreamApi
    passthrough: bool


class Draft(NamedTuple):
    """The body of a request before it is fitted to Copilot.

    :param prompt: None: the body is the client's own.
    :param undo: the changes that have to be undone in the response.
    """

    body: JsonObject
    changed: bool
    prompt: Prompt | None = None
    undo: Undo = NO_CHANGES


class Target(NamedTuple):
    """The model and the API of a request.

    :param headers: those of Copilot's request alone.  :param limits: of the API.
    """

    model: Model
    route: Route
    headers: Headers
    limits: Limits


class ToolOffer(NamedTuple):
    """The server tools that a model was offered, and the prompt with which it was.

    :param tools: by the names of their functions.
    """

    target: Target
    prompt: Prompt
    tools: Mapping[str, ServerTool]


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


def path_of(route: Route, model: Model, counting: TokenCounting | None) -> str:
    """Return the path of Copilot's API, which names the model in some of them."""
    path = counting.upstream_path if counting else route.upstream.upstream_path
    return path.replace("{model}", quote(model.id, safe="")) if "{" in path else path


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


def adapt_content(received: ReceivedRequest, resolved: ResolvedModel, headers: Headers) -> bool:
    """Put the effort of the model's name and the images into the body.  Returns whether it changed.

    :param headers: those of Copilot's request, to which one is added if there are images.
    """
    client, model = received.client, resolved.model
    if resolved.effort:
        client.set_effort(resolved.effort)
    max_images = model.profile.max_images or MAX_IMAGES
    omitted = omit_oldest_images(client.images(), max_images, client.text_part)
    changed = client.changed or omitted
    for image in client.image_holders():
        headers["Copilot-Vision-Request"] = "true"
        changed |= client.put_image(image, ModelImages(received.context.bridge.pictures, model))
    return changed


def with_learned_facts(received: ReceivedRequest, model: Model, route: Route) -> Model:
    """Return the model with the facts that refusals have shown."""
    context = received.context
    learned = context.bridge.learned.of(context.account.fingerprint, route.upstream.name, model.id)
    return with_probed_facts(model, learned)


def translate(received: ReceivedRequest, target: Target, prompt: Prompt) -> Draft:
    """Write a prompt in the dialect of Copilot's API.

    :raises InvalidRequest, Unsupported: the API lacks what the client relies on.
    """
    model, route = target.model, target.route
    prompt, undo = adapt_prompt(prompt, target.limits, received.dialect.name)
    refuse_unsupported(prompt, route.api.unsupported)
    if not takes_documents(route.upstream.name, model):
        prompt = omit_documents(prompt, received.dialect, model)
    body = route.api.write_prompt(prompt)
    if body.get("temperature", prompt.temperature) != prompt.temperature:
        log.debug("a temperature of %s is more than the model takes", prompt.temperature)
    return Draft(body, True, prompt, undo)


def omit_documents(prompt: Prompt, client: Dialect, model: Model) -> Prompt:
    """Replace documents from tools by a note, or the agent would be stuck.

    :raises Unsupported: a user shows one.
    """
    if first_document_message(prompt) is not None:
        where = client.field_path("conversation")
        raise Unsupported(f"{where}: {model.id!r} does not accept documents; send their text", param=where)
    return without_documents(prompt)


def pass_on(received: ReceivedRequest, limits: Limits) -> Draft:
    """Keep the client's body, except for stop sequences that the bridge has to enforce.

    :raises Unsupported: there would be no log probabilities then, since the response is written anew.
    """
    body, field = received.client.body, received.client.stop_field
    given = body.get(field)
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(stop, str) for stop in listed):
        return Draft(body, False)
    passed, enforced = split_stop_sequences(tuple(listed), limits)
    if not enforced:
        return Draft(body, False)
    if body.get("logprobs"):
        raise Unsupported(
            f"logprobs: not with these stop sequences, of which this model takes {len(passed)}",
            param="logprobs",
        )
    del body[field]
    if passed:
        body[field] = [*passed]
    return Draft(body, True, undo=Undo(stops=enforced))


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
