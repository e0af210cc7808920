"""The pages in a text with citations, and what the text says of each."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.events import Source

TRACKING = "?utm_source=openai"  # what OpenAI adds to the addresses of pages
BULLETS = " \t\n*-•"


class Mark(NamedTuple):
    """A citation.  `start`, `end`: of its mark in the text."""

    start: int
    end: int
    url: str
    title: str


def read_marks(annotations: Any, text: str) -> list[Mark]:
    """Read the citations among annotations, in the order of the text.

    Copilot's Responses have the address in the annotation itself, GitHub's MCP server in a member of it.
    """
    listed = annotations if isinstance(annotations, list) else []
    marks = (mark_of(entry, len(text)) for entry in listed if isinstance(entry, dict))
    return sorted(mark for mark in marks if mark)


def mark_of(annotation: JsonObject, length: int) -> Mark | None:
    inner = annotation.get("url_citation")
    page = inner if isinstance(inner, dict) else annotation
    url, title = page.get("url"), page.get("title")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        return None
    start, end = annotation.get("start_index"), annotation.get("end_index")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start <= end <= length:
        start = end = length
    return Mark(start, end, without_tracking(url), title if isinstance(title, str) else "")


def without_tracking(url: str) -> str:
    """Return an address without the name of the search engine that OpenAI adds to it."""
    return url.removesuffix(TRACKING).removesuffix(TRACKING.replace("?", "&"))


def sources_of(text: str, marks: Iterable[Mark], others: Iterable[str] = ()) -> tuple[Source, ...]:
    """Return the cited pages, each with the sentences that rely on it.

    :param others: the addresses of pages that were looked at; they are named if nothing is cited.
    """
    titles: dict[str, str] = {}
    texts: dict[str, list[str]] = {}
    for mark, claim in with_claims(text, marks):
        titles[mark.url] = titles.get(mark.url) or mark.title
        texts.setdefault(mark.url, []).append(claim)
    named = texts or {url: [] for url in others}
    return tuple(
        Source(url, titles.get(url) or url, "\n".join(dict.fromkeys(filter(None, claims))))
        for url, claims in named.items()
    )


def with_claims(text: str, marks: Iterable[Mark]) -> Iterator[tuple[Mark, str]]:
    """Yield each citation with the words before it; marks side by side share these words."""
    begin, claim = 0, ""
    for mark in marks:
        words = text[begin : mark.start].rsplit("\n\n", 1)[-1].strip(BULLETS)
        claim = words if any(character.isalnum() for character in words) else claim
        yield mark, claim.rstrip(" ([")
        begin = max(begin, mark.end)
