"""A client's completion, and the response to it."""

from collections.abc import Iterator
from dataclasses import dataclass

from copilot_bridge.dialects.chat.client_response import ChatResponse
from copilot_bridge.dialects.chat.errors import error_frame
from copilot_bridge.dialects.chat.framing import FRAMING
from copilot_bridge.dialects.client_request import (
    ClientRequest,
    ClientResponse,
    ResponseOptions,
)
from copilot_bridge.dialects.completions import request
from copilot_bridge.dialects.completions.prompt_reader import read_prompt
from copilot_bridge.dialects.completions.response import CompletionsAccumulator
from copilot_bridge.dialects.completions.writer import CompletionsWriter
from copilot_bridge.dialects.conversation import MODEL, USER, Conversation, read_steps
from copilot_bridge.dialects.images import ImageHolder, ImagePart, ImageSource
from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.errors import BridgeError


@dataclass(frozen=True, slots=True)
class CompletionsResponse(ClientResponse):
    """Makes completions.

    :param model: the client's name of it.
    :param echo: the prompt, if the client wants it before the text.
    """

    options: ResponseOptions
    model: str
    wants_usage: bool
    echo: str

    def writer(self) -> CompletionsWriter:
        return CompletionsWriter(
            response_id=f"cmpl-{self.options.id}",
            model=self.model,
            created=self.options.created,
            usage=self.wants_usage,
            echo=self.echo,
        )

    def accumulator(self) -> CompletionsAccumulator:
        return CompletionsAccumulator()

    def failed_stream(self, error: BridgeError) -> bytes:
        return FRAMING.encode([error_frame(error)])


class CompletionsRequest(ClientRequest):
    """The body of `POST /completions`, with a single prompt."""

    @classmethod
    def read(cls, data: bytes) -> "CompletionsRequest":
        return cls(request.read(data))

    def response(self, options: ResponseOptions) -> ClientResponse:
        usage = request.wants_usage(self.body) or not self.streaming
        echo = self.body["prompt"][0] if self.body.get("echo") else ""
        return CompletionsResponse(options, self.model, usage, echo)

    def conversation(self) -> Conversation:
        """Return the turn of a person, unless there is a gap: an editor asks by itself while one types."""
        prompt = self.read_prompt()
        by_editor = prompt.gap is not None and prompt.gap.suffix
        return read_steps([(USER, self.body["prompt"][0]), *([(MODEL, "")] if by_editor else [])])

    def set_effort(self, effort: str) -> None:
        self.body["reasoning_effort"] = self.body.get("reasoning_effort") or effort

    def images(self) -> list[ImagePart]:
        return []

    def image_holders(self) -> Iterator[ImageHolder]:
        return iter(())

    def put_image(self, _image: ImageHolder, _source: ImageSource) -> bool:
        raise AssertionError("a completion has no images")

    def requires_translation(self) -> bool:
        """Return True, since editors send marks and more stop sequences than a model takes."""
        return True

    def read_prompt(self) -> Prompt:
        return read_prompt(self.body)


class FillRequest(CompletionsRequest):
    """The body of `POST /fim/completions`, the same request, whose response has the form of a chat.

    https://docs.mistral.ai/api/endpoint/fim
    """

    def response(self, options: ResponseOptions) -> ClientResponse:
        return ChatResponse(options, self.model, self.streaming, request.wants_usage(self.body))
