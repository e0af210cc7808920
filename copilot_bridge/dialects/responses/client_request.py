"""A client's Responses request, and the response to it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.accumulation import (
    ReceivedResponse,
    ResponseAccumulator,
    WholeResponse,
    accumulate,
)
from copilot_bridge.dialects.adaptation.tool_choice import check_tool_choice
from copilot_bridge.dialects.client_request import (
    ClientRequest,
    Continuation,
    NormalizedResponse,
    ResponseOptions,
)
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.conversation import Conversation
from copilot_bridge.dialects.images import ImageHolder, ImagePart, ImageSource
from copilot_bridge.dialects.prompt import Prompt, ServerTool
from copilot_bridge.dialects.responses import prompt_reader, request, response
from copilot_bridge.dialects.responses.compaction_items import COMPACTION, open_item
from copilot_bridge.dialects.responses.conversations import id_of
from copilot_bridge.dialects.responses.errors import error_frame
from copilot_bridge.dialects.responses.framing import FRAMING
from copilot_bridge.dialects.responses.item_references import FindItem, is_reference, resolved
from copilot_bridge.dialects.responses.normalize import ResponsesNormalizer
from copilot_bridge.dialects.responses.server_tools import read_server_tools, without_search
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.dialects.responses.writer import ResponsesWriter
from copilot_bridge.errors import BridgeError


@dataclass(frozen=True, slots=True)
class ResponsesResponse(NormalizedResponse):
    """Makes responses.

    :param model: the client's name of it.
    :param names: the original names of tools, which the translation of the request fills in.
    :param previous: the id of the response that this one continues.
    :param conversation: the id of the conversation that it belongs to.
    """

    options: ResponseOptions
    model: str
    names: ToolNames
    previous: str | None
    conversation: str | None

    @property
    def relations(self) -> JsonObject:
        """The fields of a response that say what it belongs to."""
        found: JsonObject = {"previous_response_id": self.previous} if self.previous else {}
        return found | ({"conversation": {"id": self.conversation}} if self.conversation else {})

    def normalizer(self) -> ResponsesNormalizer:
        options = self.options
        return ResponsesNormalizer(
            keep=options.keep,
            relations=self.relations,
            on_end=options.on_end,
            response_id=options.id,
            item_ids=options.upstream_item_ids,
        )

    def writer(self) -> ResponsesWriter:
        return ResponsesWriter(
            response_id=self.options.id.replace("-", ""),
            model=self.model,
            created=self.options.created,
            names=self.names,
            relations=self.relations,
            on_end=self.options.on_end,
        )

    def accumulator(self) -> ResponseAccumulator:
        return response.ResponsesAccumulator()

    def accumulate(self, pieces: Iterable[bytes]) -> WholeResponse:
        return accumulate(map(self.normalizer().feed, pieces), self.accumulator())

    def normalize(self, received: ReceivedResponse) -> WholeResponse:
        options = self.options
        whole, usage, upstream_item_ids = response.normalize_response(
            received, keep=options.keep, response_id=options.id
        )
        options.upstream_item_ids.update(upstream_item_ids)
        whole |= self.relations
        options.on_end(whole)
        return codec.write(whole), usage

    def failed_stream(self, error: BridgeError) -> bytes:
        failed = {"object": "response", "id": f"resp_{self.options.id}", "output": []}
        return FRAMING.encode([error_frame(error, failed, 0)])


class ResponsesRequest(ClientRequest):
    """The body of `POST /responses`."""

    text_part = "input_text"

    def __init__(self, body: JsonObject) -> None:
        super().__init__(body)
        self._names = ToolNames()
        self._previous = body.pop("previous_response_id", None)
        self._conversation = id_of(body.pop("conversation", None))
        is_kept = body.get("store") is not False
        resolve = self._resolve if any(map(is_reference, request.items(body))) else None
        self.continuation = Continuation(self._previous, is_kept, self._prepend, self._conversation, resolve)
        self._open(request.items(body))

    @classmethod
    def read(cls, data: bytes) -> "ResponsesRequest":
        return cls(request.read(data))

    def _prepend(self, items: Iterable[JsonObject]) -> None:
        self.body["input"] = [*items, *request.as_items(self.body["input"])]
        self.changed = True
        self._open(self.body["input"])

    def _resolve(self, find: FindItem) -> list[JsonObject]:
        """Put items in place of references, and return the input.

        :raises InvalidRequest: there is no such item.
        """
        items = [
            resolved(f"input.{index}", item, find) for index, item in enumerate(request.items(self.body))
        ]
        self.body["input"] = items
        self.changed = True
        self._open(items)
        return items

    def _open(self, items: list[JsonObject]) -> None:
        """Replace the bridge's own compactions by their summaries."""
        if any(item.get("type") == COMPACTION for item in items):
            self.body["input"] = [open_item(item) for item in items]
            self.changed = True

    def response(self, options: ResponseOptions) -> ResponsesResponse:
        return ResponsesResponse(options, self.model, self._names, self._previous, self._conversation)

    def conversation(self) -> Conversation:
        return request.read_conversation(self.body)

    def set_effort(self, effort: str) -> None:
        self.body["reasoning"] = {"effort": effort} | (self.body.get("reasoning") or {})

    def images(self) -> list[ImagePart]:
        return request.images(self.body)

    def image_holders(self) -> Iterator[ImageHolder]:
        return request.image_holders(self.body)

    def put_image(self, image: ImageHolder, source: ImageSource) -> bool:
        where, holder, shown = image
        before = holder.get("image_url")
        if not isinstance(before, str):
            return False
        holder["image_url"] = source.in_place(before, where, shown=shown)
        return bool(holder["image_url"] != before)

    def server_tools(self) -> tuple[ServerTool, ...]:
        return tuple(read_server_tools(self.body)) if self.body.get("tools") else ()

    def drop_server_tools(self) -> None:
        kept = without_search(self.body["tools"])
        choice = self.body.get("tool_choice")
        if isinstance(choice, dict) and not without_search([choice]):
            check_tool_choice("tool", str(choice["type"]), [])
        if choice == "required":
            check_tool_choice(choice, None, kept)
        self.changed |= len(kept) != len(self.body["tools"])
        self.body["tools"] = kept

    def read_prompt(self) -> Prompt:
        return prompt_reader.read_prompt(self.body, self._names)
