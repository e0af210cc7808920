"""The bridge's search: an engine, another one if the first fails, and a short-lived cache."""

import logging
import time
from collections.abc import Callable
from functools import partial

from cachetools import TTLCache

from copilot_bridge.errors import BridgeError
from copilot_bridge.search.mcp_engine import McpEngine
from copilot_bridge.search.query import (
    Access,
    Engine,
    SearchFailed,
    SearchQuery,
    SearchResult,
    as_failure,
    bounded,
    within,
)
from copilot_bridge.search.responses_engine import ResponsesEngine

log = logging.getLogger(__name__)

ENGINES: dict[str, Callable[[], Engine]] = {"responses": ResponsesEngine, "mcp": McpEngine}

MAX_QUERY = 1_000  # characters
CACHE_SIZE, CACHE_TTL = 1_000, 300.0  # searches, seconds

Attempt = Callable[[Engine, Callable[[Access], SearchResult]], SearchResult]
"""Runs a search with an engine: it passes Copilot's access to the function, and logs the result."""


class WebSearch:
    """Searches, by the engine of the setting; with "auto", by the other one where the first fails.

    :param setting: "auto", or the name of an engine.
    """

    def __init__(self, setting: str, clock: Callable[[], float] = time.monotonic) -> None:
        names = [setting] if setting in ENGINES else [*ENGINES]
        self._engines = [ENGINES[name]() for name in names]
        self._found: TTLCache[tuple[str, SearchQuery], SearchResult] = TTLCache(CACHE_SIZE, CACHE_TTL, clock)

    def search(self, query: SearchQuery, conversation: str, attempt: Attempt) -> SearchResult:
        """Search, or return what the same search of this conversation found minutes ago.  Blocks.

        :raises SearchFailed: no engine found anything.
        """
        if len(query.text) > MAX_QUERY:
            raise SearchFailed("the query is too long", "query_too_long")
        key = (conversation, query)
        if key not in self._found:
            self._found[key] = bounded(within(query, self._ask(query, attempt)))
        return self._found[key]

    def _ask(self, query: SearchQuery, attempt: Attempt) -> SearchResult:
        failed: SearchFailed | None = None
        for engine in self._engines:
            try:
                return attempt(engine, partial(engine.search, query))
            except BridgeError as error:
                failed = failed or as_failure(error)
            except SearchFailed as error:
                failed = failed or error
            log.info("a search by %s failed", engine.path)
        assert failed
        raise failed
