"""A Responses request."""

import time
from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.accumulation import ResponseAccumulator, WholeResponse
from copilot_bridge.dialects.conversation import Conversation
from copilot_bridge.dialects.filtered import StreamConverter
from copilot_bridge.dialects.images import ImageHolder, ImagePart
from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.dialects.responses import normalize, prompt_reader, response
from copilot_bridge.dialects.responses import request as responses
from copilot_bridge.dialects.responses.errors import error_frame
from copilot_bridge.dialects.responses.framing import FRAMING
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.dialects.responses.writer import ResponsesWriter
from copilot_bridge.errors import BridgeError, InvalidRequest
from copilot_bridge.models.catalogue import Model
from copilot_bridge.pipeline.model_request import Body, ModelRequest
from copilot_bridge.pipeline.response_store import StoredResponse, as_items, caller_of


class ResponsesRequest(ModelRequest):
    """POST /responses."""

    dialect = "responses"
    text_part = "input_text"

    def read(self, data: bytes) -> Body:
        self._names = ToolNames()
        body = responses.read(data)
        self._previous = body.pop("previous_response_id", None)
        before = self._before(self._previous) if self._previous else None
        kept = body.get("store") is not False and self._bridge.response_store.most
        self._link = StoredResponse(before, data) if kept else None
        if before:
            body["input"] = [*before.items(), *as_items(body["input"])]
            self._payload_changed = True
        return body

    def _before(self, id_: str) -> StoredResponse:
        """Raises InvalidRequest: it is not kept, or not any more, or is somebody else's."""
        if found := self._bridge.response_store.find(self._caller(), id_):
            return found
        raise InvalidRequest(
            f"the response {id_[:200]!r} is not kept (any more): send the whole conversation",
            param="previous_response_id",
            code="previous_response_not_found",
        )

    def _caller(self) -> str:
        account = self._call.account.fingerprint
        return caller_of(self._call.caller, account, self._client_headers)

    def _remember(self, response: Body) -> None:
        """A later request may go on from here."""
        if self._link:
            link = replace(self._link, answer=codec.write(response["output"]))
            self._bridge.response_store.keep(self._caller(), response["id"], link)

    def talk(self) -> Conversation:
        return responses.read_conversation(self._payload)

    def ask_effort(self, effort: str) -> None:
        self._payload["reasoning"] = {"effort": effort} | (self._payload.get("reasoning") or {})

    def pictures(self) -> list[ImagePart]:
        return responses.images(self._payload)

    def images(self) -> Iterator[ImageHolder]:
        return responses.image_holders(self._payload)

    def inline(self, image: ImageHolder, model: Model) -> bool:
        where, holder, shown = image
        before = holder.get("image_url")
        if not isinstance(before, str):
            return False
        holder["image_url"] = self._bridge.pictures.in_place(before, where, model, shown=shown)
        return bool(holder["image_url"] != before)

    def normalizer(self) -> StreamConverter:
        return RememberingNormalizer(
            self._bridge.upstream_item_ids,
            keep=self._bridge.config.keep_copilot_fields,
            previous=self._previous,
            on_end=self._remember,
            answer_id=self._entry.id,
        )

    def read_prompt(self) -> Prompt:
        return prompt_reader.read_prompt(self._payload, self._names)

    def writer(self) -> ResponsesWriter:
        answer_id = self._entry.id.replace("-", "")
        return ResponsesWriter(
            answer_id=answer_id,
            model=self.name,
            created=int(time.time()),
            names=self._names,
            previous=self._previous,
            on_end=self._remember,
        )

    def fail(self, error: BridgeError) -> bytes:
        response = {"object": "response", "id": f"resp_{self._entry.id}", "output": []}
        return FRAMING.encode([error_frame(error, response, 0)])

    def accumulator(self) -> ResponseAccumulator:
        return response.ResponsesAccumulator()

    def normalize_response(self, data: bytes) -> WholeResponse:
        whole, usage, upstream_item_ids = response.normalize_response(
            data, keep=self._bridge.config.keep_copilot_fields, answer_id=self._entry.id
        )
        self._bridge.upstream_item_ids.update(upstream_item_ids)
        self._remember(whole)
        if self._previous:
            whole["previous_response_id"] = self._previous
        return codec.write(whole), usage


class RememberingNormalizer(normalize.ResponsesNormalizer):
    """Notes which id Copilot wants to hear again, for the conversation's next request."""

    def __init__(self, memory: MutableMapping[str, str], **options: Any) -> None:
        super().__init__(**options)
        self._memory = memory

    def feed(self, piece: bytes) -> bytes:
        out = super().feed(piece)
        if self.done:
            self._memory.update(self.upstream_item_ids)
        return out
