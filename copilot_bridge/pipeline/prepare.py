"""The preparation of a client's request: the model it means, the API to it, and a body fitted to both."""

import logging
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.adaptation.adapt import NO_CHANGES, Undo, adapt_prompt
from copilot_bridge.dialects.adaptation.limits import Limits
from copilot_bridge.dialects.adaptation.stop_sequences import split_stop_sequences
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.dialect import Dialect, TokenCounting, UpstreamApi
from copilot_bridge.dialects.images import omit_oldest_images
from copilot_bridge.dialects.prompt import (
    Prompt,
    first_document_message,
    refuse_unsupported,
    without_documents,
)
from copilot_bridge.dialects.registry import DIALECTS, limits_of
from copilot_bridge.errors import Unsupported
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.attribution import Attribution
from copilot_bridge.pipeline.conversion import Conversion
from copilot_bridge.pipeline.fitting import FITTERS, Fitted, takes_documents
from copilot_bridge.pipeline.image_inlining import MOST_IMAGES, ModelImages
from copilot_bridge.pipeline.received import ReceivedRequest
from copilot_bridge.upstream.auto import PickContext
from copilot_bridge.upstream.catalogues import ResolvedModel
from copilot_bridge.upstream.copilot import Host
from copilot_bridge.upstream.recovery.probed_facts import with_probed_facts
from copilot_bridge.upstream.recovery.request_adapter import RequestAdapter

log = logging.getLogger(__name__)

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request as it is sent to Copilot.

    :param host: the one of Copilot's hosts.  :param path: on that host.
    :param data: the body.  :param headers: those of this request alone.
    :param body: the body before it is written.
    :param streamed: Copilot's response is a stream.
    :param prompt: the request in neutral form; None: it is passed on in its own dialect.
    :param adapter: changes the body after refusals.
    :param conversion: what the response takes.
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


def prepare(
    received: ReceivedRequest, attribution: Attribution, counting: TokenCounting | None = None
) -> PreparedRequest:
    """Prepare a request for Copilot.  Blocks while a token or the catalogue is fetched.

    :param counting: only the tokens of the request are to be counted.
    :raises BridgeError: there is no such model, or it can't be given what the request relies on.
    """
    choice = choose_model(received, attribution)
    route = find_route(received, choice.model)
    headers = dict(choice.headers)
    changed = adapt_content(received, choice, headers)
    model = with_learned_facts(received, choice.model, route)
    limits = limits_of(route.upstream.name, model.vendor, model.id)
    draft = pass_on(received, limits) if route.passthrough else translate(received, model, route, limits)
    fields = sorted(draft.body) if log.isEnabledFor(logging.DEBUG) else []
    fitted = FITTERS[route.upstream.name](draft.body, headers, model, received)
    adapter = make_adapter(received, model, route)
    learned = adapter.prepare(draft.body, headers)
    conversion = make_conversion(received, route, draft, fitted, adapter)
    body, is_final = finish(draft.body, model, route, conversion, counting)
    if changed or draft.changed or fitted.changed or learned or not is_final:
        left_out = ", ".join(name for name in fields if name not in body)
        log.debug("fitted to %s; left out: %s", model.id, left_out or "nothing")
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


def choose_model(received: ReceivedRequest, attribution: Attribution) -> ResolvedModel:
    """Find the model that the client means.

    :raises BridgeError: there is none, or the caller may not use it.
    """

    def occasion() -> PickContext:
        return attribution.occasion(next(received.client.image_holders(), None) is not None)

    context, name = received.context, received.client.model_name(received.headers)
    choice = context.models.resolve(context.copilot(), name, occasion)
    attribution.note_choice(choice)
    received.entry.model = choice.model.id
    return choice


def find_route(received: ReceivedRequest, model: Model) -> Route:
    """Find the nearest API in which Copilot offers the model.

    :raises Unsupported: it offers no conversations with it.
    """
    name = received.dialect.pick_upstream(model.dialects, received.client.nearest_dialect())
    api = DIALECTS[name].upstream if name else None
    if name is None or api is None:
        raise Unsupported(f"model {model.id!r} does not support chat", param="model")
    received.entry.upstream = name
    is_own = name == received.dialect.name
    return Route(DIALECTS[name], api, is_own and not received.client.requires_translation())


def adapt_content(received: ReceivedRequest, choice: ResolvedModel, headers: Headers) -> bool:
    """Put the effort of the model's name and the images into the body.  Returns whether it changed.

    :param headers: those of Copilot's request, to which one is added if there are images.
    """
    client, model = received.client, choice.model
    if choice.effort:
        client.set_effort(choice.effort)
    most = model.profile.max_images or MOST_IMAGES
    omitted = omit_oldest_images(client.images(), most, client.text_part)
    changed = client.changed or omitted
    for image in client.image_holders():
        headers["Copilot-Vision-Request"] = "true"
        changed |= client.put_image(image, ModelImages(received.context.bridge.pictures, model))
    return changed


def with_learned_facts(received: ReceivedRequest, model: Model, route: Route) -> Model:
    """Return the model with the facts that refusals have told about it."""
    context = received.context
    learned = context.bridge.learned.of(context.account.fingerprint, route.upstream.name, model.id)
    return with_probed_facts(model, learned)


def translate(received: ReceivedRequest, model: Model, route: Route, limits: Limits) -> Draft:
    """Write the request in the dialect of Copilot's API.

    :raises InvalidRequest, Unsupported: the API lacks what the client relies on.
    """
    prompt = received.client.read_prompt()
    prompt, undo = adapt_prompt(prompt, limits, received.dialect.name)
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
        raise Unsupported(f"{where}: {model.id!r} takes no documents, send their text", param=where)
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
    most = model.max_unstreamed_tokens
    is_too_long = most is not None and route.api.output_limit(body) > most
    if body.get("stream") or (conversion.passes and not is_too_long):
        return body, True
    body["stream"] = True
    return body, False
