"""A client's chat or generation, and the response to it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.client_request import ClientRequest, ClientResponse, ResponseOptions
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.conversation import Conversation
from copilot_bridge.dialects.images import ImageHolder, ImagePart, ImageSource
from copilot_bridge.dialects.ollama import request
from copilot_bridge.dialects.ollama.errors import error_frame
from copilot_bridge.dialects.ollama.framing import FRAMING
from copilot_bridge.dialects.ollama.prompt_reader import read_chat_prompt, read_generate_prompt
from copilot_bridge.dialects.ollama.response import OllamaAccumulator
from copilot_bridge.dialects.ollama.writer import OllamaWriter, chat_members, generate_members
from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.dialects.validation import Validators
from copilot_bridge.errors import BridgeError


@dataclass(frozen=True, slots=True)
class OllamaResponse(ClientResponse):
    """Makes responses.

    :param model: the client's name of it.  :param members: writes a piece of the response.
    :param only_loads: whether the request only has the model loaded.
    """

    options: ResponseOptions
    model: str
    members: Callable[..., JsonObject]
    only_loads: bool

    def ready(self) -> bytes | None:
        """Return the response to a request without a prompt, which only has the model loaded."""
        return codec.write(self.writer().loaded()) if self.only_loads else None

    def writer(self) -> OllamaWriter:
        return OllamaWriter(
            model=self.model,
            members=self.members,
            elapsed=self.options.elapsed,
            now=self.options.now,
        )

    def accumulator(self) -> OllamaAccumulator:
        return OllamaAccumulator()

    def failed_stream(self, error: BridgeError) -> bytes:
        return FRAMING.encode([error_frame(error)])


class OllamaRequest(ClientRequest):
    """The body of a chat or a generation.

    :cvar fields: its optional fields.
    """

    fields: ClassVar[Validators]
    members: ClassVar[Callable[..., JsonObject]]

    @classmethod
    def read(cls, data: bytes) -> "OllamaRequest":
        return cls(request.read(data, cls.fields))

    def response(self, options: ResponseOptions) -> OllamaResponse:
        return OllamaResponse(options, self.model, type(self).members, request.is_load(self.body))

    def conversation(self) -> Conversation:
        return request.read_conversation(self.body)

    def set_effort(self, effort: str) -> None:
        if not isinstance(self.body.get("think"), str):
            self.body["think"] = effort

    def images(self) -> list[ImagePart]:
        return request.images(self.body)

    def image_holders(self) -> Iterator[ImageHolder]:
        return request.image_holders(self.body)

    def put_image(self, image: ImageHolder, source: ImageSource) -> bool:
        where, holder, shown = image
        given = holder["media_type"], holder["data"]
        holder["media_type"], holder["data"] = fitted = source.fit(*given, where, shown=shown)
        return fitted != given


class ChatRequest(OllamaRequest):
    """The body of `POST /api/chat`."""

    fields = request.CHAT_FIELDS
    members = staticmethod(chat_members)

    def read_prompt(self) -> Prompt:
        return read_chat_prompt(self.body)


class GenerateRequest(OllamaRequest):
    """The body of `POST /api/generate`."""

    fields = request.GENERATE_FIELDS
    members = staticmethod(generate_members)

    def read_prompt(self) -> Prompt:
        return read_generate_prompt(self.body)
