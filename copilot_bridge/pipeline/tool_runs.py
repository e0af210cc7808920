"""Runs of server tools for a request, each with a row of its own in the log."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import gevent

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.call_kinds import BACKGROUND
from copilot_bridge.dialects.events import Source
from copilot_bridge.dialects.prompt import Prompt, ServerTool
from copilot_bridge.dialects.responses.usage import as_chat_usage
from copilot_bridge.dialects.server_tools.functions import FETCH, SEARCH
from copilot_bridge.dialects.server_tools.texts import error_text, known_texts, result_text, shortened
from copilot_bridge.errors import BridgeError
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.models.catalogue import Catalogue, Model
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.response_facts import note_whole_response
from copilot_bridge.search.query import (
    MAX_TITLE,
    Access,
    Engine,
    SearchFailed,
    SearchQuery,
    SearchResult,
    is_wanted,
)
from copilot_bridge.threads import run_in_thread
from copilot_bridge.upstream.copilot import Copilot
from copilot_bridge.upstream.public_web.errors import FetchError, NoText
from copilot_bridge.upstream.signals import Signals

if TYPE_CHECKING:
    from copilot_bridge.upstream.public_web.pages import Page

log = logging.getLogger(__name__)

TIME_LIMIT = 60.0  # seconds for one search, another engine included

MAX_URL = 2_000  # characters
MAX_PAGE = 80_000  # characters of a page's text
CHARACTERS_PER_TOKEN = 4

SEARCH_SIZE = 2_000  # bytes of a search's request, for its reservation in budgets


class RunResult(NamedTuple):
    """The result of a run.

    :param error: why there is none, as one of Anthropic's error codes.  :param text: for the model.
    """

    sources: tuple[Source, ...]
    error: str | None
    text: str


def failed(code: str) -> RunResult:
    return RunResult((), code, error_text(code))


class ToolRunner:
    """Runs the server tools of one request.

    :param signals: of that request.
    """

    def __init__(self, context: RequestContext, entry: RequestLogEntry, signals: Signals) -> None:
        self._context = context
        self._entry = entry
        self._signals = signals.for_background(BACKGROUND)

    def run(self, tool: ServerTool, arguments: dict[str, Any], prompt: Prompt) -> RunResult:
        """Run a tool, no longer than a client should wait.  Blocks.

        :param prompt: the conversation so far.
        """
        return RUNS[tool.kind](self, tool, arguments, prompt)

    def _fetch(self, tool: ServerTool, arguments: dict[str, Any], prompt: Prompt) -> RunResult:
        """Read a page, if its address is in the conversation outside the model's own words.

        Otherwise a malicious page could have the model send data away in an address.
        """
        url = arguments.get("url")
        if not isinstance(url, str) or not url.strip():
            return failed("invalid_input")
        url = url.strip()
        if len(url) > MAX_URL:
            return failed("url_too_long")
        restriction = SearchQuery("", tool.allowed_domains, tool.blocked_domains)
        if not is_wanted(url, restriction) or not is_named(url, prompt):
            return failed("url_not_allowed")
        try:
            pages = self._context.bridge.pages
            page = run_in_thread(pages.read, pages.fetch_page(url))
        except NoText:
            return failed("unsupported_content_type")
        except (FetchError, BridgeError) as error:
            log.info("a page could not be read: %s", error)
            return failed("url_not_accessible")
        return page_result(page, tool.max_tokens)

    def _search(self, tool: ServerTool, arguments: dict[str, Any], _prompt: Prompt) -> RunResult:
        query = arguments.get("query")
        if not isinstance(query, str) or not query.strip():
            return failed("invalid_tool_input")
        search = self._context.bridge.web_search.search
        try:
            with gevent.Timeout(TIME_LIMIT, SearchFailed("it took too long")):
                found = search(search_query(tool, query), self._conversation, self._attempt)
        except SearchFailed as error:
            return failed(error.code)
        return RunResult(found.sources, None, result_text(found.sources, found.summary))

    @property
    def _conversation(self) -> str:
        return f"{self._context.account.fingerprint} {self._context.caller.id} {self._signals.session}"

    def _attempt(self, engine: Engine, search: Callable[[Access], SearchResult]) -> SearchResult:
        """Search by an engine, and log it."""
        run = LoggedRun(self._context, self._entry, engine.path, self._signals)
        with run:
            return search(run.access(self._context.copilot()))


RUNS: dict[str, Callable[[ToolRunner, ServerTool, dict[str, Any], Prompt], RunResult]] = {
    SEARCH: ToolRunner._search,
    FETCH: ToolRunner._fetch,
}


def is_named(url: str, prompt: Prompt) -> bool:
    """Return whether an address is in the conversation outside the model's own words."""
    name = url.partition("#")[0].rstrip("/")
    return any(name in text for text in known_texts(prompt))


def page_result(page: "Page", max_tokens: int | None) -> RunResult:
    """Return a page as a result, cut to a length that the model can read."""
    most = min(MAX_PAGE, (max_tokens or MAX_PAGE) * CHARACTERS_PER_TOKEN)
    text = shortened(page.text, most)
    read_at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    source = Source(page.url, page.title[:MAX_TITLE], text, read_at)
    return RunResult((source,), None, f"{source.title}\n{page.url}\n{text}")


def search_query(tool: ServerTool, text: str) -> SearchQuery:
    location = tuple((tool.location or {}).items())
    return SearchQuery(text.strip(), tool.allowed_domains, tool.blocked_domains, location, tool.offline)


class LoggedRun:
    """One call of Copilot for a server tool: a row of the log that belongs to the client's request."""

    def __init__(self, context: RequestContext, parent: RequestLogEntry, path: str, signals: Signals) -> None:
        self._outer = context
        self._context = context.for_part()
        self.entry = RequestLogEntry(parent.caller, "POST", path, caller_id=parent.caller_id)
        self.entry.parent, self.entry.client = parent.id, parent.client
        self.entry.session, self.entry.interaction = parent.session, parent.interaction
        self.entry.initiator, self.entry.kind = signals.initiator, signals.type
        self.entry.searches = 1
        self._signals = signals

    def access(self, copilot: Copilot) -> Access:
        """Return the access of an engine, which notes in the row what it costs."""
        return Access(copilot, self._signals, self.entry.id, self.find_model, self.note_response)

    def find_model(self) -> Model | None:
        """Return the model that searches, once its estimated cost is reserved; None: no model can.

        :raises BridgeError: a budget is used up.
        """
        bridge = self._outer.bridge
        catalogue = bridge.models.catalogue(self._outer.copilot())
        model = search_model(catalogue, bridge.config.web_search_model)
        if model is not None:
            self.entry.model, self.entry.upstream = model.id, "responses"
            self._context.before_sending(self.entry, model, SEARCH_SIZE)
        return model

    def note_response(self, data: bytes) -> None:
        self.entry.accepted = True
        response = codec.read_object(data)
        note_whole_response(self.entry, response)
        self.entry.note_usage(as_chat_usage(response or {}))

    def __enter__(self) -> None:
        """Do nothing: the row says when the call began."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Write the row."""
        self.entry.status = 200
        if isinstance(error, BridgeError):
            self.entry.note_error(error)
            self.entry.status = error.http_status
        elif isinstance(error, SearchFailed):
            self.entry.outcome, self.entry.error, self.entry.status = "unavailable", str(error), 502
        elif error is not None:
            self.entry.outcome = "client_disconnected"
        self._context.write_log(self.entry)
        self.entry.write()


def search_model(catalogue: Catalogue, name: str | None) -> Model | None:
    """Return the model that searches: the one of the setting, or the cheapest that can."""
    if name:
        named = catalogue.find(name)
        return named if named and can_search(named) else None
    return min(filter(can_search, catalogue.models.values()), key=price_of, default=None)


def can_search(model: Model) -> bool:
    """Return whether Copilot runs the search for a model: it does so in Responses, for OpenAI's."""
    is_openai = model.id.startswith(("gpt-", "o"))
    return model.enabled and model.type == "chat" and "responses" in model.dialects and is_openai


def price_of(model: Model) -> tuple[float, float, str]:
    """Return what to compare models by: what they cost, whether they are small, their name."""
    tier = model.prices.usual if model.prices else None
    cost = tier.given + (tier.out or 0.0) if tier else 0.0 if model.multiplier == 0 else float("inf")
    return cost, model.multiplier or 0.0, model.id
