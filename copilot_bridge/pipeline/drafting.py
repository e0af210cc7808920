"""The body of a request in the dialect of its target: translated from the prompt, or the client's own."""

import logging

from copilot_bridge.dialects.adaptation.adapt import Undo, adapt_prompt
from copilot_bridge.dialects.adaptation.limits import Limits
from copilot_bridge.dialects.adaptation.stop_sequences import split_stop_sequences
from copilot_bridge.dialects.dialect import Dialect
from copilot_bridge.dialects.images import omit_oldest_images
from copilot_bridge.dialects.prompt import (
    Prompt,
    first_document,
    refuse_unsupported,
    without_documents,
)
from copilot_bridge.errors import Unsupported
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.fitting import takes_documents
from copilot_bridge.pipeline.image_inlining import MAX_IMAGES, ModelImages
from copilot_bridge.pipeline.prepared import Draft, Headers, Target
from copilot_bridge.pipeline.received import ReceivedRequest
from copilot_bridge.upstream.catalogues import ResolvedModel

log = logging.getLogger(__name__)


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
    if document := first_document(prompt):
        where = document.location.path if document.location else client.field_path("conversation")
        raise Unsupported(f"{where}: {model.id!r} does not accept documents; send their text", param=where)
    return without_documents(prompt)


def pass_on(received: ReceivedRequest, limits: Limits) -> Draft:
    """Keep the client's body, except for stop sequences that the model does not take.

    :raises Unsupported: there would be no log probabilities then, since the response is written anew.
    """
    body, field = received.client.body, received.client.stop_field
    given = body.get(field)
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(stop, str) for stop in listed):
        return Draft(body, False)
    passed, enforced = split_stop_sequences(tuple(listed), limits)
    if [*passed] == listed:
        return Draft(body, False)
    if enforced and body.get("logprobs"):
        raise Unsupported(
            f"logprobs: not with these stop sequences, of which this model takes {len(passed)}",
            param="logprobs",
        )
    del body[field]
    if passed:
        body[field] = [*passed]
    return Draft(body, True, undo=Undo(stops=enforced))
