"""The way to a model through one of Copilot's APIs: its path, what its bodies must look like, its stream.

A request takes the route of its own dialect where the model has it; else it is translated.
"""

import logging
import time
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from copilot_bridge.dialects.chat import prompt_writer as chat_prompt_writer
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.dialect import CHAT
from copilot_bridge.dialects.chat.reader import ChatReader
from copilot_bridge.dialects.events import EventReader
from copilot_bridge.dialects.messages import prompt_writer as messages_prompt_writer
from copilot_bridge.dialects.messages.dialect import MESSAGES
from copilot_bridge.dialects.messages.reader import MessagesReader
from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.dialects.responses import prompt_writer as responses_prompt_writer
from copilot_bridge.dialects.responses.dialect import RESPONSES
from copilot_bridge.dialects.responses.reader import ResponsesReader
from copilot_bridge.dialects.responses.tool_adapter import ToolAdapter
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.services import Bridge
from copilot_bridge.upstream.quirks import chat as chat_quirks
from copilot_bridge.upstream.quirks import messages as messages_quirks
from copilot_bridge.upstream.quirks import responses as responses_quirks
from copilot_bridge.upstream.quirks.messages import betas_for

log = logging.getLogger(__name__)

Body = dict[str, Any]
Headers = dict[str, str]


class Route(ABC):
    """:param betas: the client's `anthropic-beta`."""

    path: ClassVar[str]
    unsupported: ClassVar[tuple[str, ...]]  # fields of a prompt

    def __init__(self, bridge: Bridge, betas: str) -> None:
        self._bridge = bridge
        self._betas = betas
        self.tool_adapter: ToolAdapter | None = None  # of tools, to be taken off the answer

    @abstractmethod
    def write_prompt(self, prompt: Prompt) -> Body:
        """The body of a request that came in another dialect."""

    def takes_documents(self, _model: Model) -> bool:
        return True

    @abstractmethod
    def fit(self, body: Body, model: Model, headers: Headers) -> bool:
        """Make the body one that Copilot takes for this model.  True if anything had to change."""

    @abstractmethod
    def output_limit(self, body: Body) -> int:
        """Tokens; 0 if that is no matter."""

    @abstractmethod
    def event_reader(self, answer_id: str) -> EventReader:
        """For a stream that is translated.  `answer_id`: for an answer that has none."""


class ChatRoute(Route):
    path = CHAT.upstream_path
    unsupported = chat_prompt_writer.UNSUPPORTED_SETTINGS

    def write_prompt(self, prompt: Prompt) -> Body:
        return chat_prompt_writer.write_prompt(prompt)

    def takes_documents(self, model: Model) -> bool:
        """Only OpenAI's own models have a place for them in this API."""
        return model.profile.documents_in_chat

    def fit(self, body: Body, model: Model, _headers: Headers) -> bool:
        return chat_quirks.adapt(body, model)

    def output_limit(self, body: Body) -> int:
        return body.get("max_tokens") or body.get("max_completion_tokens") or 0

    def event_reader(self, answer_id: str) -> EventReader:
        return ChatReader(ChunkNormalizer(model="", created=int(time.time()), answer_id=answer_id))


class MessagesRoute(Route):
    path = MESSAGES.upstream_path
    unsupported = messages_prompt_writer.UNSUPPORTED_SETTINGS

    def write_prompt(self, prompt: Prompt) -> Body:
        body = messages_prompt_writer.write_prompt(prompt)
        if body.get("temperature", prompt.temperature) != prompt.temperature:
            log.debug("a temperature of %s is more than Claude takes", prompt.temperature)
        return body

    def fit(self, body: Body, model: Model, headers: Headers) -> bool:
        betas = betas_for(self._betas, body, model)
        headers["anthropic-version"] = "2023-06-01"
        if betas:
            headers["anthropic-beta"] = ",".join(betas)
        return messages_quirks.adapt(body, model, frozenset(betas))

    def output_limit(self, body: Body) -> int:
        return int(body.get("max_tokens") or 0)

    def event_reader(self, _answer_id: str) -> EventReader:
        return MessagesReader()


class ResponsesRoute(Route):
    path = RESPONSES.upstream_path
    unsupported = responses_prompt_writer.UNSUPPORTED_SETTINGS

    def write_prompt(self, prompt: Prompt) -> Body:
        return responses_prompt_writer.write_prompt(prompt)

    def fit(self, body: Body, model: Model, _headers: Headers) -> bool:
        profile = model.profile
        tool_adapter = ToolAdapter(profile.reserved_namespaces, free=profile.custom_tools)
        self.tool_adapter = tool_adapter if tool_adapter.adapt_request(body) else None
        return (
            responses_quirks.adapt(body, model, self._bridge.upstream_item_ids)
            or self.tool_adapter is not None
        )

    def output_limit(self, _body: Body) -> int:
        return 0  # no model is known to say less in one piece here

    def event_reader(self, _answer_id: str) -> EventReader:
        return ResponsesReader()


ROUTES: dict[str, type[Route]] = {"chat": ChatRoute, "messages": MessagesRoute, "responses": ResponsesRoute}
