"""Web pages as text."""

import pytest

from copilot_bridge.config import Config
from copilot_bridge.upstream.public_web.errors import NoText
from copilot_bridge.upstream.public_web.fetcher import Fetched
from copilot_bridge.upstream.public_web.html_text import html_to_text
from copilot_bridge.upstream.public_web.pages import PageFetcher

URL = "https://example.com/a/b"
PAGE = """<!doctype html><html><head><title> A
 page </title><style>p {}</style></head><body><script>alert(1)</script><!-- no -->
<nav><a href="/home">Home</a></nav><h2>News</h2><p>It <b>rains</b>
in <a href="oslo?x=1">Oslo</a>. <a href="#top">Up</a> <a href="javascript:x()">Do</a>
<a href="//[">Odd</a></p>
<ul><li>one<li>two</ul><table><tr><th>City<th>Rain<tr><td>Oslo<td>yes</table><pre>a  b
  c</pre></body></html>"""

TEXT = """[Home](https://example.com/home)

## News

It rains in [Oslo](https://example.com/a/oslo?x=1). Up Do Odd

- one

- two

| City| Rain

| Oslo| yes

a  b
  c"""


def test_a_page_is_text_with_its_headings_lists_and_links() -> None:
    title, text = html_to_text(PAGE.encode(), URL)
    assert title == "A page"
    assert [line for line in text.splitlines() if line] == [line for line in TEXT.splitlines() if line]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"<p>caf\xe9" + b"<meta charset=latin-1>", "caf\u00e9"),
        ("<meta charset=utf-8><p>\u4f60\u597d".encode(), "\u4f60\u597d"),
        (b"<div>" * 5000 + b"deep", ""),
    ],
    ids=["empty", "latin-1", "utf-8", "too deep"],
)
def test_malformed_pages_still_have_a_text(content: bytes, text: str) -> None:
    title, found = html_to_text(content, URL)
    assert (title, found) == (URL, text)


@pytest.mark.parametrize(
    ("media_type", "text"),
    [("text/plain", "<b>x"), ("application/json", "<b>x"), ("text/html", "x"), ("", "x")],
)
def test_texts_are_read_as_what_they_are(media_type: str, text: str) -> None:
    pages = PageFetcher(Config(proxy_env=False))
    assert pages.read(Fetched(URL, media_type, b"<b>x")).text == text


@pytest.mark.parametrize("media_type", ["application/pdf", "image/png", "application/octet-stream"])
def test_only_text_is_read_of_a_page(media_type: str) -> None:
    with pytest.raises(NoText):
        PageFetcher(Config(proxy_env=False)).read(Fetched(URL, media_type, b"x"))
