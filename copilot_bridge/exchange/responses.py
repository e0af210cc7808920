"""A Responses request."""

from collections.abc import Iterator, MutableMapping

from copilot_bridge.dialects.responses import repair
from copilot_bridge.dialects.responses import request as responses
from copilot_bridge.exchange.request import Body, ModelRequest, Reader, Whole
from copilot_bridge.upstream.models import Model
from copilot_bridge.upstream.quirks import responses as quirks
from copilot_bridge.upstream.refusals import STRIP_IDS, Refusal


class ResponsesRequest(ModelRequest):
    """POST /responses, where Copilot offers the model through it."""

    dialect = "responses"
    path = "/responses"

    def read(self, data: bytes) -> Body:
        return responses.read(data)

    def initiator(self) -> str:
        return responses.initiator(self._body)

    def images(self) -> Iterator[tuple[str, Body]]:
        return responses.image_parts(self._body)

    def inline(self, where: str, image: Body, model: Model) -> bool:
        url = image.get("image_url")
        if not isinstance(url, str) or url.startswith("data:"):
            return False
        image["image_url"] = "data:{};base64,{}".format(*self.fetch_image(url, where, model))
        return True

    def fit(self, model: Model) -> bool:
        return quirks.fit(self._body, model, self._bridge.genuine_ids)

    def mend(self, refusal: Refusal, _model: Model) -> bool:
        return refusal.remedy == STRIP_IDS and quirks.strip_ids(self._body)

    def output_limit(self) -> int:
        return 0  # no model is known to say less in one piece here

    def reader(self) -> Reader:
        return RememberingRepair(self._bridge.genuine_ids, keep=self._bridge.config.keep_copilot_fields)

    def fold(self, _pieces: Iterator[bytes]) -> Whole:
        raise AssertionError("no answer of this API is folded: see output_limit")

    def mend_whole(self, data: bytes) -> Whole:
        whole, usage, genuine = repair.mend_whole(data, keep=self._bridge.config.keep_copilot_fields)
        self._bridge.genuine_ids.update(genuine)
        return whole, usage


class RememberingRepair(repair.Repair):
    """Notes which id Copilot wants to hear again, for the conversation's next request."""

    def __init__(self, memory: MutableMapping[str, str], *, keep: bool) -> None:
        super().__init__(keep=keep)
        self._memory = memory

    def feed(self, piece: bytes) -> bytes:
        out = super().feed(piece)
        if self.done:
            self._memory.update(self.genuine_ids)
        return out
