"""A single web search, to see whether it works."""

import uuid
from collections.abc import Callable

from copilot_bridge.access.authentication import LOCAL_OPERATOR
from copilot_bridge.dialects.call_kinds import BACKGROUND
from copilot_bridge.logs.entry import RequestLogEntry
from copilot_bridge.pipeline.context import RequestContext
from copilot_bridge.pipeline.services import Bridge
from copilot_bridge.pipeline.tool_runs import LoggedRun
from copilot_bridge.search.query import Access, Engine, SearchQuery, SearchResult
from copilot_bridge.upstream.signals import AGENT, Signals

QUERY = "GitHub Copilot"


def try_search(bridge: Bridge) -> tuple[str, SearchResult]:
    """Search the web once, and return the path of the engine that did, and what it found.  Blocks.

    :raises SearchFailed: no engine found anything.
    """
    context = RequestContext(bridge, LOCAL_OPERATOR)
    entry = RequestLogEntry("doctor", "POST", "")
    session, interaction, task = (str(uuid.uuid4()) for _ in range(3))
    signals = Signals(AGENT, session, interaction, task, BACKGROUND)
    used: list[str] = []

    def attempt(engine: Engine, search: Callable[[Access], SearchResult]) -> SearchResult:
        used.append(engine.path)
        run = LoggedRun(context, entry, engine.path, signals)
        with run:
            return search(run.access(context.copilot()))

    found = bridge.web_search.search(SearchQuery(QUERY), session, attempt)
    return used[-1], found
