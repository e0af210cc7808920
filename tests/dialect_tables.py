"""The parts of each dialect, as the bridge makes them, but for what changes from one request to the next.

A new dialect has a row in each table.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from copilot_bridge.dialects.accumulation import ResponseAccumulator
from copilot_bridge.dialects.chat import response as chat_response
from copilot_bridge.dialects.chat.chunks import ChunkNormalizer
from copilot_bridge.dialects.chat.reader import ChatReader
from copilot_bridge.dialects.chat.writer import ChatWriter
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import EventReader
from copilot_bridge.dialects.framing.frames import FrameWriter
from copilot_bridge.dialects.gemini.response import GeminiAccumulator
from copilot_bridge.dialects.gemini.writer import GeminiWriter
from copilot_bridge.dialects.messages import response as messages_response
from copilot_bridge.dialects.messages.reader import MessagesReader
from copilot_bridge.dialects.messages.writer import MessagesWriter
from copilot_bridge.dialects.ollama.response import OllamaAccumulator
from copilot_bridge.dialects.ollama.writer import OllamaWriter, chat_members
from copilot_bridge.dialects.responses import response as responses_response
from copilot_bridge.dialects.responses.reader import ResponsesReader
from copilot_bridge.dialects.responses.tool_names import ToolNames
from copilot_bridge.dialects.responses.writer import ResponsesWriter


@dataclass(frozen=True)
class Response:
    """What the parts have to know of a response.

    :param id: without the dialect's prefix.  :param created: unix seconds.
    """

    model: str = "m"
    id: str = "1"
    created: int = 1
    names: ToolNames = field(default_factory=ToolNames)
    on_end: Callable[[JsonObject], None] = lambda _response: None


READERS: dict[str, Callable[[], EventReader]] = {
    "chat": lambda: ChatReader(ChunkNormalizer(model="", created=1)),
    "messages": MessagesReader,
    "responses": ResponsesReader,
}


def chat_writer(response: Response) -> FrameWriter:
    return ChatWriter(
        response_id=f"chatcmpl-{response.id}", model=response.model, created=response.created, usage=True
    )


def messages_writer(response: Response) -> FrameWriter:
    return MessagesWriter(response_id=f"msg_{response.id}", model=response.model)


def responses_writer(response: Response) -> FrameWriter:
    return ResponsesWriter(
        response_id=response.id,
        model=response.model,
        created=response.created,
        names=response.names,
        on_end=response.on_end,
    )


def gemini_writer(response: Response) -> FrameWriter:
    return GeminiWriter(response_id=response.id, model=response.model, thoughts=True)


def ollama_writer(response: Response) -> FrameWriter:
    now = datetime.fromtimestamp(response.created, UTC).isoformat()
    return OllamaWriter(model=response.model, members=chat_members, now=lambda: now)


WRITERS: dict[str, Callable[[Response], FrameWriter]] = {
    "chat": chat_writer,
    "messages": messages_writer,
    "responses": responses_writer,
    "gemini": gemini_writer,
}
# Their streams are no events, so what reads streams back can't read these.
LINE_WRITERS: dict[str, Callable[[Response], FrameWriter]] = {"ollama": ollama_writer}


def chat_accumulator(response: Response) -> ResponseAccumulator:
    normalizer = ChunkNormalizer(
        model=response.model, created=response.created, response_id=f"chatcmpl-{response.id}"
    )
    return chat_response.ChatAccumulator(normalizer)


ACCUMULATORS: dict[str, Callable[[Response], ResponseAccumulator]] = {
    "chat": chat_accumulator,
    "messages": lambda _response: messages_response.MessagesAccumulator(),
    "responses": lambda _response: responses_response.ResponsesAccumulator(),
    "gemini": lambda _response: GeminiAccumulator(),
}
LINE_ACCUMULATORS: dict[str, Callable[[Response], ResponseAccumulator]] = {
    "ollama": lambda _response: OllamaAccumulator()
}


def writers(*, lines: bool = False, **options: Any) -> dict[str, Callable[[], FrameWriter]]:
    """What makes a writer of each dialect for such a response.

    :param lines: of those whose streams are lines, too.
    """
    made = WRITERS | (LINE_WRITERS if lines else {})
    return {dialect: partial(make, Response(**options)) for dialect, make in made.items()}


def accumulators(*, lines: bool = False, **options: Any) -> dict[str, Callable[[], ResponseAccumulator]]:
    made = ACCUMULATORS | (LINE_ACCUMULATORS if lines else {})
    return {dialect: partial(make, Response(**options)) for dialect, make in made.items()}
