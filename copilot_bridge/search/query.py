"""The query of a search, the account that pays for it, and its result."""

from collections.abc import Callable, Iterable
from typing import Protocol
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from copilot_bridge.dialects.events import Source
from copilot_bridge.errors import BridgeError
from copilot_bridge.models.catalogue import Model
from copilot_bridge.upstream.copilot import Copilot
from copilot_bridge.upstream.signals import Signals

MAX_SOURCES, MAX_TITLE, MAX_TEXT, MAX_SUMMARY = 20, 300, 4_000, 12_000  # all but the first: characters


class SearchQuery(Struct, frozen=True):
    """A search.

    :param allowed, blocked: domains of pages, each with its subdomains; none allowed: all.
    :param location: the user's, as pairs of "city", "region", "country" or "timezone" and a name.
    :param offline: only in an index, and not on the live web.
    """

    text: str
    allowed: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    location: tuple[tuple[str, str], ...] = ()
    offline: bool = False


class SearchResult(Struct, frozen=True):
    """The pages that a search has found.

    :param summary: what they say together, in the engine's words.
    """

    sources: tuple[Source, ...]
    summary: str = ""


class Access(Struct, frozen=True):
    """The account that pays for a search, and the callback for its costs.

    :param signals: of the calls.  :param request_id: of the call, for the limits and GitHub's support.
    :param model: gives the model that searches; None: the account has none that can.
    :param on_response: called with the body of Copilot's response, which says what the search cost.
    """

    copilot: Copilot
    signals: Signals
    request_id: str
    model: Callable[[], Model | None]
    on_response: Callable[[bytes], None]


class Engine(Protocol):
    """A way to search.

    :ivar path: of Copilot's API.
    """

    @property
    def path(self) -> str: ...
    def search(self, query: SearchQuery, access: Access) -> SearchResult:
        """Search.  Blocks.  :raises SearchFailed, BridgeError: the search failed."""


class SearchFailed(Exception):
    """A failed search.  `code`: one of Anthropic's error codes."""

    def __init__(self, message: str, code: str = "unavailable") -> None:
        super().__init__(message)
        self.code = code


def as_failure(error: BridgeError) -> SearchFailed:
    """Return what an error of Copilot's means for a search."""
    limited = error.kind in ("rate_limited", "quota")
    return SearchFailed(str(error), "too_many_requests" if limited else "unavailable")


def within(query: SearchQuery, found: SearchResult) -> SearchResult:
    """Return what was found in the domains that the query allows.

    The summary is left out if it may rely on other pages.
    """
    kept = tuple(source for source in found.sources if is_wanted(source.url, query))
    return found if len(kept) == len(found.sources) else replace(found, sources=kept, summary="")


def bounded(found: SearchResult) -> SearchResult:
    """Return what was found, no longer than a model should have to read."""
    sources = tuple(
        replace(source, title=source.title[:MAX_TITLE], text=source.text[:MAX_TEXT])
        for source in found.sources[:MAX_SOURCES]
    )
    return SearchResult(sources, found.summary[:MAX_SUMMARY])


def is_wanted(url: str, query: SearchQuery) -> bool:
    return (not query.allowed or is_in(url, query.allowed)) and not is_in(url, query.blocked)


def is_in(url: str, domains: Iterable[str]) -> bool:
    """Return whether an address is in one of the domains, which may name a path, too."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower().removeprefix("www.")
    except ValueError:
        return False
    return any(matches(host, parts.path, domain) for domain in domains)


def matches(host: str, path: str, domain: str) -> bool:
    name, _, start = domain.strip().lower().removeprefix("https://").removeprefix("http://").partition("/")
    name = name.removeprefix("www.").removeprefix("*.")
    in_domain = host == name or host.endswith(f".{name}")
    return in_domain and path.lower().lstrip("/").startswith(start.rstrip("*/"))
