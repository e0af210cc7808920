"""A client's Chat Completions request, and the response to it."""

from collections.abc import Iterator
from dataclasses import dataclass

from copilot_bridge.dialects.accumulation import ResponseAccumulator, WholeResponse
from copilot_bridge.dialects.adaptation.limits import OPENAI
from copilot_bridge.dialects.chat import prompt_reader, request, response
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.errors import error_frame
from copilot_bridge.dialects.chat.framing import FRAMING
from copilot_bridge.dialects.chat.normalize import ChatNormalizer
from copilot_bridge.dialects.chat.writer import ChatWriter
from copilot_bridge.dialects.client_request import ClientRequest, NormalizedResponse, ResponseOptions
from copilot_bridge.dialects.conversation import Conversation
from copilot_bridge.dialects.images import ImageHolder, ImagePart, ImageSource
from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.errors import BridgeError


@dataclass(frozen=True, slots=True)
class ChatResponse(NormalizedResponse):
    """Makes chat completions.

    :param model: the client's name of it.
    :param wants_usage: whether the client wants the usage chunk.
    """

    options: ResponseOptions
    model: str
    streaming: bool
    wants_usage: bool

    @property
    def id(self) -> str:
        return f"chatcmpl-{self.options.id}"

    def normalizer(self) -> ChatNormalizer:
        return ChatNormalizer(self._chunk_normalizer(), usage=self.wants_usage)

    def writer(self) -> ChatWriter:
        usage = self.wants_usage or not self.streaming
        return ChatWriter(answer_id=self.id, model=self.model, created=self.options.created, usage=usage)

    def accumulator(self) -> ResponseAccumulator:
        return response.ChatAccumulator(self._chunk_normalizer())

    def normalize(self, data: bytes) -> WholeResponse:
        return response.normalize_response(data, self._chunk_normalizer())

    def failed_stream(self, error: BridgeError) -> bytes:
        return FRAMING.encode([error_frame(error)])

    def _chunk_normalizer(self) -> ChunkNormalizer:
        options = self.options
        return ChunkNormalizer(
            model=self.model, created=options.created, answer_id=self.id, keep=options.keep
        )


class ChatRequest(ClientRequest):
    """The body of `POST /chat/completions`."""

    stop_field = "stop"

    @classmethod
    def read(cls, data: bytes) -> "ChatRequest":
        return cls(request.read(data))

    def response(self, options: ResponseOptions) -> ChatResponse:
        return ChatResponse(options, self.model, self.streaming, request.wants_usage(self.body))

    def conversation(self) -> Conversation:
        return request.read_conversation(self.body)

    def set_effort(self, effort: str) -> None:
        self.body["reasoning_effort"] = self.body.get("reasoning_effort") or effort

    def images(self) -> list[ImagePart]:
        return request.images(self.body)

    def image_holders(self) -> Iterator[ImageHolder]:
        return request.image_holders(self.body)

    def put_image(self, image: ImageHolder, source: ImageSource) -> bool:
        where, holder, shown = image
        before = holder["url"]
        holder["url"] = source.in_place(before, where, shown=shown)
        return bool(holder["url"] != before)

    def requires_translation(self, vendor: str) -> bool:
        """Return whether there are custom tools, which only OpenAI's models know."""
        return vendor not in OPENAI and request.has_custom_tools(self.body)

    def read_prompt(self) -> Prompt:
        return prompt_reader.read_prompt(self.body)
