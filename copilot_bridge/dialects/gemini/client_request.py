"""A client's Gemini request, and the response to it."""

from collections.abc import Iterator
from dataclasses import dataclass

from copilot_bridge.dialects.accumulation import ResponseAccumulator
from copilot_bridge.dialects.client_request import ClientRequest, ClientResponse, ResponseOptions
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.conversation import Conversation
from copilot_bridge.dialects.framing.frames import Framing
from copilot_bridge.dialects.gemini import prompt_reader, request
from copilot_bridge.dialects.gemini.errors import error_frame
from copilot_bridge.dialects.gemini.framing import FRAMING, JsonArray
from copilot_bridge.dialects.gemini.response import GeminiAccumulator
from copilot_bridge.dialects.gemini.server_tools import read_server_tools
from copilot_bridge.dialects.gemini.writer import GeminiWriter
from copilot_bridge.dialects.images import ImageHolder, ImagePart, ImageSource
from copilot_bridge.dialects.prompt import Prompt, ServerTool
from copilot_bridge.errors import BridgeError


@dataclass(frozen=True, slots=True)
class GeminiResponse(ClientResponse):
    """Makes chunks.

    :param model: the client's name of it.
    :param thoughts: whether the client wants to see the model's reasoning.
    :param framing: of the stream.
    """

    options: ResponseOptions
    model: str
    thoughts: bool
    framing: Framing

    def writer(self) -> GeminiWriter:
        return GeminiWriter(response_id=self.options.id, model=self.model, thoughts=self.thoughts)

    def accumulator(self) -> ResponseAccumulator:
        return GeminiAccumulator()

    def failed_stream(self, error: BridgeError) -> bytes:
        return self.framing.encode([error_frame(error)])


class GeminiRequest(ClientRequest):
    """The body of a request for a model's content, or for the number of its tokens.

    :param framing: of the stream that the client wants.
    """

    framing: Framing

    def __init__(self, body: JsonObject, framing: Framing = FRAMING) -> None:
        super().__init__(body)
        self.framing = framing

    @classmethod
    def read(cls, data: bytes) -> "GeminiRequest":
        """Read a request for a whole response that names its model itself."""
        return cls(request.read_with_model(data))

    @classmethod
    def read_whole(cls, data: bytes, model: str) -> "GeminiRequest":
        """Read a request for a whole response.

        :param model: its name in the request's path.
        """
        return cls(request.read(data, model, stream=False))

    @classmethod
    def read_stream(cls, data: bytes, model: str, *, as_events: bool) -> "GeminiRequest":
        """Read a request for a stream: of events, or of the elements of an array."""
        return cls(request.read(data, model, stream=True), FRAMING if as_events else JsonArray())

    @classmethod
    def read_count(cls, data: bytes, model: str) -> "GeminiRequest":
        """Read a request for the number of tokens."""
        return cls(request.read_count(data, model))

    def response(self, options: ResponseOptions) -> GeminiResponse:
        thoughts = prompt_reader.includes_thoughts(self.body)
        return GeminiResponse(options, self.model, thoughts, self.framing)

    def conversation(self) -> Conversation:
        return request.read_conversation(self.body)

    def set_effort(self, effort: str) -> None:
        request.set_effort(self.body, effort)

    def images(self) -> list[ImagePart]:
        return request.images(self.body)

    def image_holders(self) -> Iterator[ImageHolder]:
        return request.image_holders(self.body)

    def put_image(self, image: ImageHolder, source: ImageSource) -> bool:
        where, part, shown = image
        if url := request.image_url(where, part):
            media, data = source.fetch(url, f"{where}.fileData.fileUri", shown=shown)
            del part["fileData"]
            part["inlineData"] = {"mimeType": media, "data": data}
            return True
        return fit_image(image, source)

    def server_tools(self) -> tuple[ServerTool, ...]:
        return tuple(read_server_tools(self.body)) if self.body.get("tools") else ()

    def read_prompt(self) -> Prompt:
        return prompt_reader.read_prompt(self.body)


def fit_image(image: ImageHolder, source: ImageSource) -> bool:
    """Correct the media type of an image in the request, and scale it down.

    Returns whether anything changed.
    """
    where, part, shown = image
    blob = part["inlineData"]
    declared, data = blob.get("mimeType"), blob.get("data")
    if not isinstance(declared, str) or not isinstance(data, str):
        return False
    data = prompt_reader.standard_base64(data)
    fitted = source.fit(declared, data, f"{where}.inlineData.mimeType", shown=shown)
    blob["mimeType"], blob["data"] = fitted
    return fitted != (declared, data)
