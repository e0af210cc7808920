"""The text of an HTML page, with its headings, lists and links."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString

# Elements that are not shown to readers.
HIDDEN = ("script", "style", "noscript", "template", "svg", "iframe", "head", "title")
# Elements that begin a line of their own.
BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figure", "figcaption"),
        *("footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol"),
        *("p", "pre", "section", "table", "tr", "ul"),
    )
)
# Prefixes of the texts of elements.
MARKS = {"li": "- ", "td": "| ", "th": "| ", **{f"h{level}": f"{'#' * level} " for level in range(1, 7)}}
MAX_DEPTH = 150  # of elements within elements; what is deeper is left out
KEPT_SPACE = "\ue000"  # stands for a space of preformatted text, until all others are joined


def html_to_text(content: bytes, url: str) -> tuple[str, str]:
    """Return the title and the text of a page.

    :param content: in the encoding that it names.  :param url: of the page, for its links.
    """
    soup = BeautifulSoup(content, "html.parser")
    title = " ".join(soup.title.get_text().split()) if soup.title else ""
    pieces = [*pieces_of(soup, url)]
    lines = (" ".join(line.split()) for line in "".join(pieces).splitlines())
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return title or url, text.replace(KEPT_SPACE, " ")


def pieces_of(element: Tag, url: str, depth: int = 0, *, pre: bool = False) -> Iterator[str]:
    """Yield the text of an element in pieces.

    :param pre: whether its white space counts.
    """
    for child in element.children:
        if isinstance(child, Tag):
            if depth < MAX_DEPTH and child.name not in HIDDEN:
                yield from marked(
                    child, pieces_of(child, url, depth + 1, pre=pre or child.name == "pre"), url
                )
        elif type(child) is NavigableString:  # and no comment or declaration
            yield child.replace(" ", KEPT_SPACE) if pre else re.sub(r"\s+", " ", child)


def marked(element: Tag, pieces: Iterator[str], url: str) -> Iterator[str]:
    """Yield the pieces of an element, with marks at its beginning and end."""
    end = "\n" if element.name in BLOCKS else ""
    yield end + MARKS.get(element.name, "")
    if element.name == "a":
        yield link("".join(pieces), element.get("href"), url)
    else:
        yield from pieces
    yield end


def link(text: str, target: object, url: str) -> str:
    """Return a link as in Markdown, so that a model can follow it; a text, if it leads nowhere else."""
    text = " ".join(text.split())
    try:
        address = urljoin(url, target) if isinstance(target, str) else ""
    except ValueError:
        return text
    is_page = address.startswith(("https://", "http://")) and address.partition("#")[0] != url
    return f"[{text}]({address})" if text and is_page else text
