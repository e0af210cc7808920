"""The pages on which a response relies, found by the links that the model puts into its text."""

import re
from collections.abc import Iterator

from copilot_bridge.dialects.events import Citation, Event, Source, TextDelta

# [title](address), the address with at most one pair of parentheses in it.
LINK = re.compile(
    r"\[([^\[\]\n]{1,300})\]\((https?://[^\s()<>]{1,2000}(?:\([^\s()]{0,200}\)[^\s()<>]{0,500})?)\)"
)

MAX_LINK = 3_000  # characters that are kept back for a link that may go on
MAX_CLAIM = 400  # characters before a link

# The words that a link is for begin after one of these: a new line, another link, the end of a sentence.
BEGINNING = re.compile(r".*(?:\n|\)\)?[.,;]?\s|[.!?][\"')\]]*\s)", re.DOTALL)


def key_of(url: str) -> str:
    """Return an address without what differs between its spellings."""
    return re.sub(r"[?&]utm_source=[^&#]*|#.*$", "", url).rstrip("/").lower()


class CitationFinder:
    """Passes events on, each text followed by the citations that are complete with it."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        self._part = -1
        self._text = ""  # the end of the part's text
        self._offset = 0  # characters before it
        self._searched = 0  # characters of the end that have been looked at

    def add(self, sources: tuple[Source, ...]) -> None:
        """Add pages that the response may cite."""
        for source in sources:
            self._sources.setdefault(key_of(source.url), source)

    def feed(self, event: Event) -> Iterator[Event]:
        yield event
        if self._sources and isinstance(event, TextDelta):
            yield from self._find(event)

    def _find(self, event: TextDelta) -> Iterator[Citation]:
        if event.part != self._part:
            self._part, self._text, self._offset, self._searched = event.part, "", 0, 0
        self._text += event.text
        for link in LINK.finditer(self._text, self._searched):
            self._searched = link.end()
            if source := self._sources.get(key_of(link[2])):
                start, end = self._offset + link.start(), self._offset + link.end()
                yield Citation(event.part, source, start, end, claim_before(self._text[: link.start()]))
        self._forget()

    def _forget(self) -> None:
        """Keep only the beginning of a link, and the words before it."""
        begun = self._text.rfind("[", self._searched)
        is_open = begun >= 0 and len(self._text) - begun <= MAX_LINK
        self._searched = begun if is_open else len(self._text)
        dropped = max(0, self._searched - MAX_CLAIM)
        self._text, self._offset = self._text[dropped:], self._offset + dropped
        self._searched -= dropped


def claim_before(text: str) -> str:
    """Return the words before a link that it is for."""
    text = text[-MAX_CLAIM:].rstrip(" (")
    found = BEGINNING.match(text)
    return text[found.end() :] if found else text
