"""Web pages behind an address, as text for models."""

from typing import NamedTuple

from copilot_bridge.upstream.public_web.errors import NoText
from copilot_bridge.upstream.public_web.fetcher import Fetched, PublicFetcher
from copilot_bridge.upstream.public_web.html_text import html_to_text

MAX_BYTES = 2_000_000
ACCEPT = "text/html, application/xhtml+xml, text/*;q=0.9, application/json;q=0.9, application/xml;q=0.8"

HTML = ("text/html", "application/xhtml+xml", "")
PLAIN = ("application/json", "application/xml", "application/javascript")


class Page(NamedTuple):
    """A page as text.  `url`: where it was at last."""

    url: str
    title: str
    text: str


class PageFetcher(PublicFetcher):
    """Fetches pages, and reads them as text."""

    def fetch_page(self, url: str) -> Fetched:
        """Fetch a page.  Blocks.

        :raises FetchError: it can't be fetched.
        :raises UpstreamUnreachable: the bridge's own proxy can't be reached, or refuses.
        """
        return self.fetch(url, ACCEPT, MAX_BYTES)

    def read(self, fetched: Fetched) -> Page:
        """Read a page, which takes a second or more of the processor's time if it is large.

        :raises NoText: it is no text.
        """
        url, media_type, content = fetched
        if media_type in HTML:
            return Page(url, *html_to_text(content, url))
        if media_type.startswith("text/") or media_type in PLAIN or media_type.endswith("+json"):
            return Page(url, url, content.decode(errors="replace"))
        raise NoText(f"it is {media_type}, and not text")
