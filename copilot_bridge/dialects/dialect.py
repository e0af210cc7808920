"""The record of a dialect: what the rest of the bridge has to know about an API that clients speak."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct, field

from copilot_bridge.dialects.adaptation.limits import Limits, Override
from copilot_bridge.dialects.client_request import ClientRequest
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import EventReader
from copilot_bridge.dialects.framing.frames import Framing
from copilot_bridge.dialects.framing.sse import ServerSentEvents
from copilot_bridge.dialects.model_list import ModelList
from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.dialects.prompt_digests import PromptFields
from copilot_bridge.errors import BridgeError

ErrorResponse = tuple[int, dict[str, str], bytes]  # status, headers, body


class Probe(Struct, frozen=True):
    """A tiny request that shows whether a model responds.

    :param limit: the field of the token limit.
    :param conversation: the field of the messages.
    :param text: reads the text of a whole response.
    :param more: the request's other fields.
    """

    limit: str
    conversation: str
    text: Callable[[Any], str]
    more: Mapping[str, Any] = field(default_factory=dict)

    def body(self, model: str, words: str, max_tokens: int) -> JsonObject:
        """Return the body of the request.

        :param max_tokens: the token limit of the response.
        """
        messages = [{"role": "user", "content": words}]
        return {"model": model, self.limit: max_tokens, self.conversation: messages, **self.more}


class UpstreamApi(Struct, frozen=True, kw_only=True):
    """Copilot's side of a dialect: how a translated request is written, and its stream read.

    :param unsupported: the settings of a prompt that can't be written.
    :param output_limit: reads the token limit of a response from a body; 0: it does not matter whether the
        response comes in one piece.
    :param host: the one of Copilot's hosts that serves it.
    :param server_tools: the kinds of tools that Copilot runs itself for requests in this dialect.
    :param reader: returns a reader of the stream for (an id, unix seconds), for responses without them.
    :param prompt_fields: the parts of a prompt that models find in a cache; None: there is no cache.
    """

    write_prompt: Callable[[Prompt], JsonObject]
    unsupported: tuple[str, ...]
    output_limit: Callable[[JsonObject], int]
    reader: Callable[[str, int], EventReader]
    host: Literal["api", "completions"] = "api"
    prompt_fields: PromptFields | None = None
    server_tools: tuple[str, ...] = ()


class TokenCounting(Struct, frozen=True, kw_only=True):
    """The counting of a request's tokens.

    :param endpoint: the path that takes such requests, below each of the bridge's prefixes.
    :param write: writes the response with the number of tokens.
    :param upstream_path: Copilot's path of the same; "": the bridge always counts itself.
    :param omitted: the fields of a request that Copilot refuses there.
    """

    endpoint: str
    write: Callable[[int], JsonObject]
    upstream_path: str = ""
    omitted: frozenset[str] = frozenset()


class Dialect(Struct, frozen=True, kw_only=True):
    """An API that clients speak, and through which Copilot may offer models, too.

    :param name: of the dialect in the log, the metrics and the catalogue.  :param title: for people.
    :param endpoint: the path that takes requests, below each of the bridge's prefixes.  Dialects with a
        parameter in their paths, in braces here, have a blueprint of their own.
    :param path_pattern: a regular expression for the end or the middle of such paths; "": the endpoint.
    :param client_headers: headers that only clients of this dialect send: at a path of several dialects they
        decide which one is meant.
    :param key_parameter: the parameter of a query in which clients may send their key; "": there is none.
    :param request: reads the requests of conversations and makes their responses; None: there are none.
    :param upstream_path: Copilot's path of the same API, with {model} where the path names it; "": Copilot
        does not have it.
    :param upstream: how Copilot's API is spoken; None: no conversation is translated to it.
    :param upstream_order: the dialects that a request can be sent in, the nearest first.
    :param field_paths: what binds a response -> the fields for it in a request, the usual one first.
    :param strict_schemas: schemas bind the model though no request says so.
    :param framing: of its streams.
    :param write_error: (status, headers, body) of a refusal before the first byte; takes a request id.
    :param error_schema: the name of the body's schema in the description of the API.
    :param descriptions: the modules below `dialects/` that describe its endpoints, for `/openapi.json`; none:
        another dialect's describe them.  Names, so that a start loads none of them.
    :param probe: None: no model is tried in this dialect.
    :param limits: of the API where Copilot has it, and :param limit_overrides: where models have others.
    :param model_list: None: clients of the dialect are given the default one.
    :param counting: of the tokens of a request; None: the dialect has none.
    """

    name: str
    title: str
    endpoint: str
    write_error: Callable[[BridgeError, str], ErrorResponse]
    framing: Framing = ServerSentEvents()
    error_schema: str = "Error"
    descriptions: tuple[str, ...] = ()
    path_pattern: str = ""
    client_headers: tuple[str, ...] = ()
    key_parameter: str = ""
    request: type[ClientRequest] | None = None
    upstream_path: str = ""
    upstream: UpstreamApi | None = None
    upstream_order: tuple[str, ...] = ()
    field_paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    strict_schemas: bool = False
    probe: Probe | None = None
    limits: Limits = Limits()
    limit_overrides: tuple[Override, ...] = ()
    model_list: ModelList | None = None
    counting: TokenCounting | None = None

    @property
    def pattern(self) -> str:
        return self.path_pattern or re.escape(self.endpoint.removeprefix("/"))

    @property
    def has_parameter(self) -> bool:
        """Return whether a part of the request is in its path."""
        return "{" in self.endpoint

    @property
    def holds_conversations(self) -> bool:
        return "conversation" in self.field_paths

    def field_path(self, what: str) -> str:
        """Return the client's field for something that it relies on.

        If the dialect has no such field, `what` itself is returned.
        """
        return next(iter(self.field_paths.get(what, ())), what)

    def pick_upstream(self, offered: tuple[str, ...], nearest: str = "") -> str | None:
        """Return the dialect in which to send a request to a model.

        None: there is no translation to any offered dialect.

        :param nearest: the dialect of the request's body, if it is not the client's.
        """
        return next((name for name in (nearest, *self.upstream_order) if name in offered), None)
