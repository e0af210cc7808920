"""A client's Chat Completions request."""

from collections.abc import Iterator

from copilot_bridge.dialects.chat import functions, prompt_reader, request
from copilot_bridge.dialects.chat.client_response import ChatResponse
from copilot_bridge.dialects.chat.foreign_forms.body import as_responses_body, normalize
from copilot_bridge.dialects.chat.responses_body import ResponsesBody
from copilot_bridge.dialects.chat.server_tools import read_server_tools
from copilot_bridge.dialects.client_request import ClientRequest, ResponseOptions
from copilot_bridge.dialects.conversation import Conversation
from copilot_bridge.dialects.images import ImageHolder, ImagePart, ImageSource
from copilot_bridge.dialects.prompt import Prompt, ServerTool, budget_for
from copilot_bridge.dialects.request_body import read_body


class ChatRequest(ClientRequest):
    """The body of `POST /chat/completions`.

    :ivar offers_functions: in the form before tools, in which the response has to be, too.
    """

    stop_field = "stop"
    offers_functions = False

    @classmethod
    def read(cls, data: bytes) -> ClientRequest:
        """Read a body in the form of any of three APIs.

        :raises InvalidRequest, Unsupported: a field is wrong or not supported; the error names it.
        """
        body = read_body(data)
        if (other := as_responses_body(body)) is not None:
            return ResponsesBody.from_body(other)
        offers_functions = bool(body.get("functions"))
        changed = normalize(body) | functions.normalize(body)
        request.check(body)
        found = cls(body)
        found.changed, found.offers_functions = changed, offers_functions
        return found

    def response(self, options: ResponseOptions) -> ChatResponse:
        usage = request.wants_usage(self.body)
        return ChatResponse(options, self.model, self.streaming, usage, self.offers_functions)

    def conversation(self) -> Conversation:
        return request.read_conversation(self.body)

    def set_effort(self, effort: str) -> None:
        """Set the effort, and the budget that stands for it with models that know only budgets."""
        self.body["reasoning_effort"] = self.body.get("reasoning_effort") or effort
        self.body.setdefault("thinking_budget", budget_for(effort))

    def images(self) -> list[ImagePart]:
        return request.images(self.body)

    def image_holders(self) -> Iterator[ImageHolder]:
        return request.image_holders(self.body)

    def put_image(self, image: ImageHolder, source: ImageSource) -> bool:
        where, holder, shown = image
        before = holder["url"]
        holder["url"] = source.in_place(before, where, shown=shown)
        return bool(holder["url"] != before)

    def requires_translation(self) -> bool:
        """Return whether there are functions, or custom tools, which nobody has seen Copilot take here."""
        return self.offers_functions or request.has_custom_tools(self.body)

    def nearest_dialect(self) -> str:
        """Return Responses for custom tools, whose input has to follow its grammar only there."""
        return "responses" if request.has_custom_tools(self.body) else ""

    def server_tools(self) -> tuple[ServerTool, ...]:
        return read_server_tools(self.body)

    def read_prompt(self) -> Prompt:
        return prompt_reader.read_prompt(self.body)
