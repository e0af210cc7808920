"""A Messages request, and the counting of its tokens."""

import logging
from collections.abc import Iterator

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.accumulation import ResponseAccumulator, WholeResponse
from copilot_bridge.dialects.call_kinds import BACKGROUND
from copilot_bridge.dialects.conversation import Conversation
from copilot_bridge.dialects.images import ImageHolder, ImagePart
from copilot_bridge.dialects.messages import prompt_reader, response
from copilot_bridge.dialects.messages import request as messages
from copilot_bridge.dialects.messages.errors import error_frame
from copilot_bridge.dialects.messages.framing import FRAMING
from copilot_bridge.dialects.messages.normalize import MANAGED, MessagesNormalizer
from copilot_bridge.dialects.messages.writer import MessagesWriter
from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.errors import BridgeError, InvalidRequest, KindName, Unsupported
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.model_request import Body, ModelRequest
from copilot_bridge.upstream.catalogues import ResolvedModel
from copilot_bridge.upstream.quirks.messages import LONG_CONTEXT_BETA
from copilot_bridge.upstream.transport.bodies import read_whole

log = logging.getLogger(__name__)


class MessagesRequest(ModelRequest):
    """POST /v1/messages."""

    dialect = "messages"
    stop_field = "stop_sequences"
    reports_prompt_size = True

    def read(self, data: bytes) -> Body:
        body = messages.read(data)
        self._managed = MANAGED in body
        self._payload_changed |= messages.move_output_format(body)
        return body

    def talk(self) -> Conversation:
        return messages.read_conversation(self._payload)

    def ask_effort(self, effort: str) -> None:
        self._payload["output_config"] = {"effort": effort} | (self._payload.get("output_config") or {})

    def pictures(self) -> list[ImagePart]:
        return messages.images(self._payload)

    def images(self) -> Iterator[ImageHolder]:
        return messages.image_holders(self._payload)

    def inline(self, image: ImageHolder, model: Model) -> bool:
        where, holder, shown = image
        if holder.get("type") != "url":
            return self._fit_image(image, model)
        url = str(holder.pop("url", ""))
        media, data = self._bridge.pictures.fetch(url, f"{where}.url", model, shown=shown)
        holder |= {"type": "base64", "media_type": media, "data": data}
        return True

    def _fit_image(self, image: ImageHolder, model: Model) -> bool:
        where, holder, shown = image
        told, data = holder.get("media_type"), holder.get("data")
        if not isinstance(told, str) or not isinstance(data, str):
            return False
        fitted = self._bridge.pictures.fit(told, data, f"{where}.media_type", model, shown=shown)
        holder["media_type"], holder["data"] = fitted
        return fitted != (told, data)

    def choose(self) -> ResolvedModel:
        """Claude Code says by a beta that it wants a model's longer context."""
        if LONG_CONTEXT_BETA in self._betas_given and not self.name.endswith("[1m]"):
            return self._call.models.resolve(self._call.copilot(), f"{self.name}[1m]", self.occasion)
        return super().choose()

    def normalizer(self) -> MessagesNormalizer:
        return MessagesNormalizer(keep=self._keep, managed=self._managed, answer_id=self._entry.id)

    def read_prompt(self) -> Prompt:
        return prompt_reader.read_prompt(self._payload)

    def writer(self) -> MessagesWriter:
        return MessagesWriter(answer_id=f"msg_{self._entry.id.replace('-', '')}", model=self.name)

    def fail(self, error: BridgeError) -> bytes:
        return FRAMING.encode([error_frame(error)])

    def accumulator(self) -> ResponseAccumulator:
        return response.MessagesAccumulator(keep=self._keep, managed=self._managed, answer_id=self._entry.id)

    def normalize_response(self, data: bytes) -> WholeResponse:
        return response.normalize_response(
            data, keep=self._keep, managed=self._managed, answer_id=self._entry.id
        )

    @property
    def _betas_given(self) -> str:
        return str(self._client_headers.get("anthropic-beta", ""))

    @property
    def _keep(self) -> bool:
        return self._bridge.config.keep_copilot_fields


# What counting has nothing to do with, and refuses.
NOT_COUNTED = ("max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata")


# Where upstream does not count for some reason of its own, the count is made here.
NOT_COUNTED_FOR: tuple[KindName, ...] = (
    "not_found",
    "unsupported",
    "rate_limited",
    "overloaded",
    "unavailable",
    "timeout",
)


class CountRequest(MessagesRequest):
    """POST /v1/messages/count_tokens -> {"input_tokens": N}: upstream's own count where it has one."""

    path = "/v1/messages/count_tokens"
    kind = BACKGROUND

    def read(self, data: bytes) -> Body:
        return super().read(data) | {"stream": False}

    def complete(self) -> bytes:
        model = self._prepare()
        if not self._passthrough:
            return self._counted_here(model)
        body = {key: value for key, value in self._payload.items() if key not in NOT_COUNTED}
        self._payload, self._upstream_bytes = body, codec.write(body)
        try:
            return read_whole(self._send(model))
        except BridgeError as error:
            if error.kind not in NOT_COUNTED_FOR:
                raise
            log.info("Copilot counted no tokens, the bridge does: %s", error.kind)
            try:
                return self._counted_here(model)
            except (InvalidRequest, Unsupported):  # only Claude knows what stands there
                raise error from None

    def _counted_here(self, model: Model) -> bytes:
        return codec.write({"input_tokens": self.count(model)})
