"""A small made-up web, in which both of Copilot's searches find the same two pages."""

import re
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

# The first page in a result, as a program shows it to a model, for responses that cite it.
FIRST = re.compile(r"^\[1\] (.{1,200})\n(https?://\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Page:
    url: str
    title: str
    text: str


def search(query: str) -> tuple[Page, Page]:
    """Find two pages, which repeat the query."""
    slug = re.sub(r"\W+", "-", query.lower()).strip("-")[:60] or "nothing"
    return (
        Page(f"https://example.com/{slug}", f"{query} explained", f"{query} explained (simulated)."),
        Page(f"https://example.org/notes/{slug}", f"Notes on {query}", f"Notes on {query} (simulated)."),
    )


def by_model(query: str) -> tuple[str, list[Json]]:
    """The response of a model that has searched, and its annotations."""
    text, annotations = "", []
    for page in search(query):
        text += f"{page.text} "
        link = f"([{page.title}]({page.url}?utm_source=openai))"
        where = {"start_index": len(text), "end_index": len(text) + len(link)}
        cited = {"type": "url_citation", "title": page.title, "url": f"{page.url}?utm_source=openai"}
        annotations.append({**cited, **where})
        text += f"{link}\n\n"
    return text, annotations


def citing(results: str) -> str:
    """A sentence that cites the first page of a result; "" if there is none."""
    found = FIRST.search(results)
    return f" It says so here: [{found[1]}]({found[2]})." if found else ""
