"""Searches that a client makes itself, as some versions of Codex do for their models."""

from collections.abc import Mapping
from typing import ClassVar

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.call_kinds import BACKGROUND
from copilot_bridge.dialects.prompt import Prompt
from copilot_bridge.dialects.responses import request, search_commands
from copilot_bridge.dialects.server_tools.functions import SEARCH
from copilot_bridge.errors import Unsupported
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.attribution import Attribution
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.routing import NO_SEARCH
from copilot_bridge.pipeline.tool_runs import ToolRunner

MAX_QUERIES = 4  # of one request, as Codex tells its models


class SearchRequest:
    """Makes the searches of a request, one after the other.

    :ivar model: for which the client searches.
    :raises InvalidRequest: the body is wrong; the message names the field.
    """

    streaming: ClassVar[bool] = False
    dialect: ClassVar[str] = "responses"

    def __init__(
        self, context: RequestContext, entry: RequestLogEntry, data: bytes, headers: Mapping[str, str]
    ) -> None:
        self._body = search_commands.read(data)
        self._context = context
        self._entry = entry
        self._headers = headers
        self.model: str = self._body["model"]
        self.response_headers: dict[str, str] = {}

    def complete(self) -> bytes:
        """Return what was found, as text.  Blocks.

        :raises Unsupported: the bridge may not search for this caller.
        """
        if not self._context.may_run(SEARCH):
            raise Unsupported(f"commands: {NO_SEARCH}", param="commands")
        talk = request.read_conversation(search_commands.conversation_body(self._body))
        attribution = Attribution(self._context, self._entry, self._headers, talk, BACKGROUND)
        runner = ToolRunner(self._context, self._entry, attribution.signals)
        prompt = Prompt(model=self.model, messages=())
        texts = [
            f"Results for {query!r}:\n\n{runner.run(tool, {'query': query}, prompt).text}"
            for query, tool in [*search_commands.searches(self._body)][:MAX_QUERIES]
        ]
        texts += map(search_commands.NOT_HERE.format, search_commands.other_commands(self._body))
        return codec.write({"output": "\n\n".join(texts)})
