"""The records of a prepared request: its route, its target, its body."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from copilot_bridge.dialects.adaptation.adapt import NO_CHANGES, Undo
from copilot_bridge.dialects.adaptation.limits import Limits
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.dialect import Dialect, UpstreamApi
from copilot_bridge.dialects.prompt import Prompt, ServerTool
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.conversion import Conversion
from copilot_bridge.upstream.copilot import Host
from copilot_bridge.upstream.recovery.request_adapter import RequestAdapter

Headers = dict[str, str]


class PreparedRequest(Struct, frozen=True):
    """A request as it is sent to Copilot.

    :param host: the one of Copilot's hosts.  :param path: on that host.
    :param data: the body.  :param headers: those of this request alone.
    :param body: the body before it is written.
    :param streamed: Copilot's response is a stream.
    :param prompt: the request in neutral form; None: it is passed on in its own dialect.
    :param adapter: changes the body after refusals.
    :param conversion: how the response becomes the client's.
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
