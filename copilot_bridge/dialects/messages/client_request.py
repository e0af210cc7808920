"""A client's Messages request, and the response to it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from copilot_bridge.dialects.accumulation import ReceivedResponse, ResponseAccumulator, WholeResponse
from copilot_bridge.dialects.client_request import ClientRequest, NormalizedResponse, ResponseOptions
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.conversation import Conversation
from copilot_bridge.dialects.images import ImageHolder, ImagePart, ImageSource
from copilot_bridge.dialects.messages import prompt_reader, request, response
from copilot_bridge.dialects.messages.errors import error_frame
from copilot_bridge.dialects.messages.framing import FRAMING
from copilot_bridge.dialects.messages.normalize import MANAGED, MessagesNormalizer
from copilot_bridge.dialects.messages.server_tools import read_server_tools
from copilot_bridge.dialects.messages.writer import MessagesWriter
from copilot_bridge.dialects.prompt import Prompt, ServerTool
from copilot_bridge.errors import BridgeError

LONG_CONTEXT_BETA = "context-1m-"  # Claude Code's sign that it wants a model's longer context
LONG_CONTEXT = "[1m]"  # at the end of a model's name: the same
SERVER_BLOCK = b'"server_tool_use"'  # the type of a server tool's call


@dataclass(frozen=True, slots=True)
class MessagesResponse(NormalizedResponse):
    """Makes messages.

    :param model: the client's name of it.
    :param managed: whether the client asked for `context_management`.
    """

    options: ResponseOptions
    model: str
    managed: bool

    def normalizer(self) -> MessagesNormalizer:
        options = self.options
        return MessagesNormalizer(keep=options.keep, managed=self.managed, response_id=options.id)

    def writer(self) -> MessagesWriter:
        return MessagesWriter(response_id=f"msg_{self.options.id.replace('-', '')}", model=self.model)

    def accumulator(self) -> ResponseAccumulator:
        options = self.options
        return response.MessagesAccumulator(keep=options.keep, managed=self.managed, response_id=options.id)

    def normalize(self, received: ReceivedResponse) -> WholeResponse:
        options = self.options
        return response.normalize_response(
            received, keep=options.keep, managed=self.managed, response_id=options.id
        )

    def failed_stream(self, error: BridgeError) -> bytes:
        return FRAMING.encode([error_frame(error)])


class MessagesRequest(ClientRequest):
    """The body of `POST /v1/messages`."""

    stop_field = "stop_sequences"
    reports_prompt_size = True  # Claude Code compacts its conversation by it
    resumes_turns = True

    def __init__(self, body: JsonObject) -> None:
        super().__init__(body)
        self._has_server_blocks = False

    @classmethod
    def read(cls, data: bytes) -> "MessagesRequest":
        body = request.read(data)
        moved = request.move_output_format(body)
        found = cls(body)
        found.changed = moved
        found._has_server_blocks = SERVER_BLOCK in data
        return found

    def response(self, options: ResponseOptions) -> MessagesResponse:
        return MessagesResponse(options, self.model, MANAGED in self.body)

    def conversation(self) -> Conversation:
        return request.read_conversation(self.body)

    def set_effort(self, effort: str) -> None:
        self.body["output_config"] = {"effort": effort} | (self.body.get("output_config") or {})

    def images(self) -> list[ImagePart]:
        return request.images(self.body)

    def image_holders(self) -> Iterator[ImageHolder]:
        return request.image_holders(self.body)

    def put_image(self, image: ImageHolder, source: ImageSource) -> bool:
        where, holder, shown = image
        if holder.get("type") != "url":
            return fit_image(image, source)
        url = str(holder.pop("url", ""))
        media, data = source.fetch(url, f"{where}.url", shown=shown)
        holder |= {"type": "base64", "media_type": media, "data": data}
        return True

    def model_name(self, headers: Mapping[str, str]) -> str:
        wants_long_context = LONG_CONTEXT_BETA in headers.get("anthropic-beta", "")
        is_named = self.model.endswith(LONG_CONTEXT)
        return self.model + LONG_CONTEXT if wants_long_context and not is_named else self.model

    def server_tools(self) -> tuple[ServerTool, ...]:
        return tuple(read_server_tools(self.body)) if self.body.get("tools") else ()

    def requires_translation(self) -> bool:
        """Return whether there are blocks of server tools, which Copilot refuses."""
        return self._has_server_blocks

    def read_prompt(self) -> Prompt:
        return prompt_reader.read_prompt(self.body)


def fit_image(image: ImageHolder, source: ImageSource) -> bool:
    """Correct the media type of an image in base64, and scale it down.  Returns whether anything changed."""
    where, holder, shown = image
    declared, data = holder.get("media_type"), holder.get("data")
    if not isinstance(declared, str) or not isinstance(data, str):
        return False
    fitted = source.fit(declared, data, f"{where}.media_type", shown=shown)
    holder["media_type"], holder["data"] = fitted
    return fitted != (declared, data)
