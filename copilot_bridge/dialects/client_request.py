"""The client's side of a dialect: what is read from its requests, and how its responses are made.

A dialect with conversations derives both classes in its folder and names its request in its record.  The
pipeline knows nothing else of the dialect.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import ClassVar, NamedTuple

from msgspec import Struct

from copilot_bridge.dialects.accumulation import (
    ReceivedResponse,
    ResponseAccumulator,
    WholeResponse,
    accumulate,
)
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.conversation import Conversation
from copilot_bridge.dialects.filtered import StreamConverter
from copilot_bridge.dialects.framing.frames import FrameWriter, Framing
from copilot_bridge.dialects.images import ImageHolder, ImagePart, ImageSource
from copilot_bridge.dialects.prompt import Prompt, ServerTool
from copilot_bridge.errors import BridgeError

OnEnd = Callable[[JsonObject], None]


def ignore(_response: JsonObject) -> None:
    """Do nothing with a response that is not kept."""


class ResponseOptions(NamedTuple):
    """The facts about a response that are not in the request.

    :param id: for responses without an id.  :param created: unix seconds.
    :param keep: whether to leave Copilot's own fields in.
    :param upstream_item_ids: takes up the ids of items, the client's -> Copilot's.
    :param on_end: called with the whole response when it is complete, if later requests may continue it.
    :param elapsed: returns the seconds since the request came.
    :param now: returns the present time by RFC 3339.
    """

    id: str
    created: int
    keep: bool
    upstream_item_ids: MutableMapping[str, str]
    on_end: OnEnd = ignore
    elapsed: Callable[[], float] = float
    now: Callable[[], str] = str


class Continuation(Struct, frozen=True):
    """A request's relation to the responses that are kept.

    :param previous: the id of the response that it continues, if any.
    :param is_kept: whether later requests may continue its own response.
    :param prepend: puts items of a conversation before those of the request.
    :param conversation: the id of the conversation to which it and its response are added, if any.
    :param resolve: puts items of kept responses in place of references to them, and returns the input; None:
        there are no references.
    """

    previous: str | None
    is_kept: bool
    prepend: Callable[[Iterable[JsonObject]], None]
    conversation: str | None = None
    resolve: Callable[[Callable[[str], JsonObject | None]], list[JsonObject]] | None = None


class ClientResponse(ABC):
    """Makes the response to one request in the client's dialect.  It holds nothing of the conversation."""

    @abstractmethod
    def writer(self) -> FrameWriter:
        """Return a writer for a stream that is translated."""

    @abstractmethod
    def accumulator(self) -> ResponseAccumulator:
        """Return an accumulator for a stream if the client wants the whole response."""

    def accumulate(self, pieces: Iterable[bytes]) -> WholeResponse:
        """Join a stream in the client's own dialect, whose bytes may be cut anywhere, into a whole response.

        :raises StreamCut: the stream has no end.
        :raises UpstreamRefused: it contains an error.
        """
        return accumulate(pieces, self.accumulator())

    @abstractmethod
    def failed_stream(self, error: BridgeError) -> bytes:
        """Return the only event of a stream that failed before it began."""

    def ready(self) -> bytes | None:
        """Return the whole response to a request that needs no model; None: the model has to respond."""
        return None


class NormalizedResponse(ClientResponse):
    """Makes responses in a dialect that Copilot has, too, so that its own can be passed on."""

    @abstractmethod
    def normalizer(self) -> StreamConverter:
        """Return a converter for a stream in the client's own dialect."""

    @abstractmethod
    def normalize(self, received: ReceivedResponse) -> WholeResponse:
        """Normalize a whole response in the client's own dialect.

        :raises UpstreamRefused: it is not a response, or an error.
        """


class ClientRequest(ABC):
    """A request of a conversation, as its dialect reads it.

    :cvar stop_field: the field of the stop sequences; "" if the dialect has none.
    :cvar text_part: the type of a part that is text.
    :cvar call_kind: the kind of call that such requests are; None: the client says it.
    :cvar reports_prompt_size: whether the error for a prompt that is too long has its size in tokens.
    :cvar resumes_turns: whether clients send a paused response back to continue it.
    :ivar body: changed in place until the request is sent.
    :ivar changed: whether reading changed the body, so that it can't be sent as it came.
    :ivar model: the model's name, as the client gives it.
    :ivar streaming: whether the client wants events.
    :ivar continuation: None: the dialect keeps no responses.
    :ivar framing: of the stream that the client wants; None: that of the dialect.
    """

    stop_field: ClassVar[str] = ""
    text_part: ClassVar[str] = "text"
    reports_prompt_size: ClassVar[bool] = False
    resumes_turns: ClassVar[bool] = False
    call_kind: ClassVar[str | None] = None

    def __init__(self, body: JsonObject) -> None:
        self.body = body
        self.changed = False
        self.model: str = body["model"]
        self.streaming = bool(body.get("stream"))
        self.continuation: Continuation | None = None
        self.framing: Framing | None = None

    @classmethod
    @abstractmethod
    def read(cls, data: bytes) -> "ClientRequest":
        """Read the body of a request.

        :raises InvalidRequest, Unsupported: a field is wrong or not supported; the error names it.
        """

    @abstractmethod
    def response(self, options: ResponseOptions) -> ClientResponse:
        """Return what makes the response to this request."""

    @abstractmethod
    def conversation(self) -> Conversation:
        """Return the conversation: whose turn it is, and how it began."""

    @abstractmethod
    def set_effort(self, effort: str) -> None:
        """Set the reasoning effort that the model's name asks for, unless the body says otherwise."""

    @abstractmethod
    def images(self) -> list[ImagePart]:
        """Return all images of the body in their order."""

    @abstractmethod
    def image_holders(self) -> Iterator[ImageHolder]:
        """Yield the images that may have to be put into the body itself."""

    @abstractmethod
    def put_image(self, image: ImageHolder, source: ImageSource) -> bool:
        """Put an image into its place in the form that the model takes.  Returns whether anything changed.

        :raises InvalidRequest: there is no such image, or the model does not take it.
        """

    @abstractmethod
    def read_prompt(self) -> Prompt:
        """Read the body in neutral form.

        :raises InvalidRequest, Unsupported: a field is wrong or not supported; the error names it.
        """

    def model_name(self, _headers: Mapping[str, str]) -> str:
        """Return the name of the model with what the headers say about it.

        :param _headers: the client's, their names in lower case.
        """
        return self.model

    def server_tools(self) -> tuple[ServerTool, ...]:
        """Return the tools that the client leaves to the server, as far as the bridge can run them.

        :raises InvalidRequest: a field of one is wrong; the error names it.
        """
        return ()

    def drop_server_tools(self) -> None:  # noqa: B027 - most dialects have none
        """Take tools that Copilot itself would run out of the body.

        :raises Unsupported: the request demands one.
        """

    def requires_translation(self) -> bool:
        """Return whether Copilot does not take the body even in the client's own dialect."""
        return False

    def nearest_dialect(self) -> str:
        """Return the dialect in which Copilot understands most of the body; "": the client's own."""
        return ""
