"""The fitting of a body to Copilot: what each of its APIs needs besides the API's own rules."""

from collections.abc import Callable
from typing import NamedTuple

from copilot_bridge.dialects.chat.dialect import CHAT
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.completions.dialect import COMPLETIONS
from copilot_bridge.dialects.messages.dialect import MESSAGES
from copilot_bridge.dialects.responses.dialect import RESPONSES
from copilot_bridge.dialects.responses.tool_adapter import ToolAdapter
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.received import ReceivedRequest
from copilot_bridge.upstream.quirks import chat as chat_quirks
from copilot_bridge.upstream.quirks import messages as messages_quirks
from copilot_bridge.upstream.quirks import responses as responses_quirks
from copilot_bridge.upstream.quirks.messages import betas_for

Headers = dict[str, str]


class Fitted(NamedTuple):
    """The result of fitting.

    :param changed: whether anything in the body had to change.
    :param tool_adapter: undoes changes to tools in the response.
    """

    changed: bool
    tool_adapter: ToolAdapter | None = None


# Takes the body and the headers of Copilot's request, which it changes, the model, and the client's request.
Fitter = Callable[[JsonObject, Headers, Model, ReceivedRequest], Fitted]


def fit_chat(body: JsonObject, _headers: Headers, model: Model, _received: ReceivedRequest) -> Fitted:
    return Fitted(chat_quirks.adapt(body, model))


def fit_messages(body: JsonObject, headers: Headers, model: Model, received: ReceivedRequest) -> Fitted:
    betas = betas_for(received.headers.get("anthropic-beta", ""), body, model)
    headers["anthropic-version"] = "2023-06-01"
    if betas:
        headers["anthropic-beta"] = ",".join(betas)
    return Fitted(messages_quirks.adapt(body, model, frozenset(betas)))


def fit_responses(body: JsonObject, _headers: Headers, model: Model, received: ReceivedRequest) -> Fitted:
    profile = model.profile
    tool_adapter = ToolAdapter(profile.reserved_namespaces, free=profile.custom_tools)
    adapted = tool_adapter.adapt_request(body)
    changed = responses_quirks.adapt(body, model, received.context.bridge.upstream_item_ids)
    return Fitted(changed or adapted, tool_adapter if adapted else None)


def fit_completions(_body: JsonObject, headers: Headers, _model: Model, _received: ReceivedRequest) -> Fitted:
    headers["OpenAI-Organization"] = "github-copilot"
    headers["OpenAI-Intent"] = "copilot-ghost"
    return Fitted(changed=False)


# By the dialect of Copilot's API.
FITTERS: dict[str, Fitter] = {
    CHAT.name: fit_chat,
    MESSAGES.name: fit_messages,
    RESPONSES.name: fit_responses,
    COMPLETIONS.name: fit_completions,
}


def takes_documents(upstream: str, model: Model) -> bool:
    """Return whether documents can be sent; in Chat Completions only OpenAI's own models take them."""
    return upstream != CHAT.name or model.profile.documents_in_chat
