"""A Chat Completions request."""

import time
from collections.abc import Iterator

from copilot_bridge.dialects.accumulation import ResponseAccumulator, WholeResponse
from copilot_bridge.dialects.adaptation.limits import OPENAI
from copilot_bridge.dialects.chat import prompt_reader, response
from copilot_bridge.dialects.chat import request as chat
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.errors import error_frame
from copilot_bridge.dialects.chat.framing import FRAMING
from copilot_bridge.dialects.chat.normalize import ChatNormalizer
from copilot_bridge.dialects.chat.writer import ChatWriter
from copilot_bridge.dialects.conversation import Conversation
from copilot_bridge.dialects.images import ImageHolder, ImagePart
from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.errors import BridgeError
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.model_request import Body, ModelRequest


class ChatRequest(ModelRequest):
    """POST /chat/completions."""

    dialect = "chat"
    stop_field = "stop"

    def read(self, data: bytes) -> Body:
        body = chat.read(data)
        self._wants_usage = chat.wants_usage(body)
        return body

    def talk(self) -> Conversation:
        return chat.read_conversation(self._payload)

    def ask_effort(self, effort: str) -> None:
        self._payload["reasoning_effort"] = self._payload.get("reasoning_effort") or effort

    def pictures(self) -> list[ImagePart]:
        return chat.images(self._payload)

    def images(self) -> Iterator[ImageHolder]:
        return chat.image_holders(self._payload)

    def inline(self, image: ImageHolder, model: Model) -> bool:
        where, holder, shown = image
        before = holder["url"]
        holder["url"] = self._bridge.pictures.in_place(before, where, model, shown=shown)
        return bool(holder["url"] != before)

    def has_to_be_fitted(self, model: Model) -> bool:
        """Only OpenAI's models know custom tools."""
        return model.vendor not in OPENAI and chat.has_custom_tools(self._payload)

    def normalizer(self) -> ChatNormalizer:
        return ChatNormalizer(self._normalizer(), usage=self._wants_usage)

    def read_prompt(self) -> Prompt:
        return prompt_reader.read_prompt(self._payload)

    def writer(self) -> ChatWriter:
        return ChatWriter(
            answer_id=f"chatcmpl-{self._entry.id}",
            model=self.name,
            created=int(time.time()),
            usage=self._wants_usage or not self.streaming,
        )

    def fail(self, error: BridgeError) -> bytes:
        return FRAMING.encode([error_frame(error)])

    def accumulator(self) -> ResponseAccumulator:
        return response.ChatAccumulator(self._normalizer())

    def normalize_response(self, data: bytes) -> WholeResponse:
        return response.normalize_response(data, self._normalizer())

    def _normalizer(self) -> ChunkNormalizer:
        return ChunkNormalizer(
            model=self.name,
            created=int(time.time()),
            answer_id=f"chatcmpl-{self._entry.id}",
            keep=self._bridge.config.keep_copilot_fields,
        )
