"""The response to a client's Chat Completions request."""

from dataclasses import dataclass

from copilot_bridge.dialects.accumulation import ReceivedResponse, ResponseAccumulator, WholeResponse
from copilot_bridge.dialects.chat import response
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.errors import error_frame
from copilot_bridge.dialects.chat.framing import FRAMING
from copilot_bridge.dialects.chat.functions import FunctionCallWriter
from copilot_bridge.dialects.chat.normalize import ChatNormalizer
from copilot_bridge.dialects.chat.writer import ChatWriter
from copilot_bridge.dialects.client_request import NormalizedResponse, ResponseOptions
from copilot_bridge.dialects.framing.frames import FrameWriter
from copilot_bridge.errors import BridgeError


@dataclass(frozen=True, slots=True)
class ChatResponse(NormalizedResponse):
    """Makes chat completions.

    :param model: the client's name of it.
    :param wants_usage: whether the client wants the usage chunk.
    :param as_function_call: whether a call has the form before tools.
    """

    options: ResponseOptions
    model: str
    streaming: bool
    wants_usage: bool
    as_function_call: bool = False

    @property
    def id(self) -> str:
        return f"chatcmpl-{self.options.id}"

    def normalizer(self) -> ChatNormalizer:
        return ChatNormalizer(self._chunk_normalizer(), usage=self.wants_usage)

    def writer(self) -> FrameWriter:
        usage = self.wants_usage or not self.streaming
        writer = ChatWriter(response_id=self.id, model=self.model, created=self.options.created, usage=usage)
        return FunctionCallWriter(writer) if self.as_function_call else writer

    def accumulator(self) -> ResponseAccumulator:
        return response.ChatAccumulator(self._chunk_normalizer())

    def normalize(self, received: ReceivedResponse) -> WholeResponse:
        return response.normalize_response(received, self._chunk_normalizer())

    def failed_stream(self, error: BridgeError) -> bytes:
        return FRAMING.encode([error_frame(error)])

    def _chunk_normalizer(self) -> ChunkNormalizer:
        options = self.options
        return ChunkNormalizer(
            model=self.model, created=options.created, response_id=self.id, keep=options.keep
        )
