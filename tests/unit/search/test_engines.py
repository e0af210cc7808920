"""What the engines of the web search make of Copilot's responses."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from copilot_bridge.billing.prices import Prices, Tier
from copilot_bridge.dialects.events import Source
from copilot_bridge.models.catalogue import Catalogue, Model
from copilot_bridge.pipeline.tool_runs import search_model
from copilot_bridge.search import mcp_engine, responses_engine
from copilot_bridge.search.query import SearchFailed, SearchQuery, SearchResult, bounded, is_wanted, within
from copilot_bridge.upstream.mcp import payloads, text_of

Json = dict[str, Any]

SEARCHED = {"type": "web_search_call", "action": {"sources": [{"url": "https://a.example/1"}]}}


def response(text: str, *annotations: Json) -> Json:
    content = [{"type": "output_text", "text": text, "annotations": [*annotations]}]
    return {"status": "completed", "output": [SEARCHED, {"type": "message", "content": content}]}


def cited(url: str, start: Any, end: Any, title: Any = "T") -> Json:
    return {"type": "url_citation", "url": url, "title": title, "start_index": start, "end_index": end}


def test_pages_are_those_that_are_cited_with_what_is_said_of_each() -> None:
    text = "It rains. ([A](https://a.example/1)) [B](b)\n\nIt snows.\n([A](https://a.example/1))"
    marks = [
        cited("https://a.example/1?utm_source=openai", 10, 36),
        cited("https://b.example/", 37, 43),
        cited("https://a.example/1?utm_source=openai", 55, 81),
    ]
    found = responses_engine.read_result(response(text, *marks))
    assert found.sources == (
        Source("https://a.example/1", "T", "It rains.\nIt snows."),
        Source("https://b.example/", "T", "It rains."),
    )


@pytest.mark.parametrize(
    ("annotation", "source"),
    [
        (cited("javascript:x", 0, 1), Source("https://a.example/1", "https://a.example/1", "")),
        (cited("https://b.example", 99, 2), Source("https://b.example", "T", "It rains.")),
        (
            cited("https://b.example", "x", None, 7),
            Source("https://b.example", "https://b.example", "It rains."),
        ),
        ("no object", Source("https://a.example/1", "https://a.example/1", "")),
    ],
    ids=["no page", "outside of the text", "no places", "no annotation"],
)
def test_malformed_annotations_are_ignored(annotation: Any, source: Source) -> None:
    """Where nothing is cited, the pages that were looked at are named."""
    assert responses_engine.read_result(response("It rains.", annotation)).sources == (source,)


@pytest.mark.parametrize(
    "response",
    [
        {},
        {"output": "x"},
        {"output": [], "status": "completed"},
        {"output": [SEARCHED], "status": "failed"},
        {"output": [{"type": "message", "content": [{"text": "From memory."}]}]},
    ],
    ids=["nothing", "no list", "no search", "failed", "answered from memory"],
)
def test_a_response_without_a_search_is_a_failure(response: Json) -> None:
    with pytest.raises(SearchFailed):
        responses_engine.read_result(response)


def test_the_text_of_githubs_tool_is_read_without_its_marks() -> None:
    mark = {"text": "【3:0†source】", "start_index": 10, "end_index": 22}
    page = {"url_citation": {"title": "A", "url": "https://a.example/1"}}
    value = "It rains. 【3:0†source】 And more."
    found = mcp_engine.read_result(json.dumps({"text": {"value": value, "annotations": [mark | page]}}))
    assert found == SearchResult((Source("https://a.example/1", "A", "It rains."),), "It rains.  And more.")
    assert mcp_engine.read_result("plain") == SearchResult((), "plain")
    assert mcp_engine.read_result("[1]") == SearchResult((), "[1]")


def test_domains_and_location_are_in_the_query_for_githubs_tool() -> None:
    query = SearchQuery(
        "rain", ("a.example", "b.example"), ("c.example",), (("city", "Oslo"), ("country", "NO"))
    )
    assert mcp_engine.query_of(query) == (
        "rain (site:a.example OR site:b.example) -site:c.example (near Oslo, NO)"
    )


def test_an_index_alone_is_nothing_that_githubs_tool_has() -> None:
    with pytest.raises(SearchFailed):
        mcp_engine.McpEngine().search(SearchQuery("rain", offline=True), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "allowed", "blocked", "wanted"),
    [
        ("https://www.a.example/x", ("a.example",), (), True),
        ("https://docs.a.example/x", ("a.example",), (), True),
        ("https://nota.example/x", ("a.example",), (), False),
        ("https://a.example/blog/1", ("a.example/blog",), (), True),
        ("https://a.example/shop", ("https://a.example/blog/*",), (), False),
        ("https://a.example/x", (), ("a.example",), False),
        ("https://A.example/x", (), ("*.A.EXAMPLE",), False),
        ("https://b.example/x", (), ("a.example",), True),
        ("https://[", ("a.example",), (), False),
    ],
)
def test_pages_outside_the_domains_are_dropped(
    url: str, allowed: tuple[str, ...], blocked: tuple[str, ...], wanted: bool
) -> None:
    assert is_wanted(url, SearchQuery("q", allowed, blocked)) is wanted


def test_the_summary_goes_with_the_pages_that_are_left_out() -> None:
    kept, other = Source("https://a.example", "A", "a"), Source("https://b.example", "B", "b")
    assert within(SearchQuery("q", ("a.example",)), SearchResult((kept, other), "both")) == SearchResult(
        (kept,)
    )
    assert within(SearchQuery("q"), SearchResult((kept, other), "both")) == SearchResult(
        (kept, other), "both"
    )


def test_nothing_is_longer_than_a_model_should_read() -> None:
    found = bounded(SearchResult((Source("https://a.example", "t" * 9999, "x" * 99_999),) * 99, "s" * 99_999))
    assert len(found.sources) == 20
    assert (len(found.sources[0].title), len(found.sources[0].text), len(found.summary)) == (
        300,
        4000,
        12_000,
    )


def test_a_stream_of_the_server_has_messages() -> None:
    assert payloads(b'event: message\ndata: {"a":1}\n\ndata: {"result":{}}')[-1] == b'{"result":{}}'
    assert text_of({"content": [{"type": "text", "text": "a"}, {"type": "image"}], "isError": True}) == (
        "a",
        True,
    )
    assert text_of({}) == ("", False)


def model(name: str, price: float, *dialects: str, enabled: bool = True) -> Model:
    row = {"id": name, "policy": {"state": "enabled" if enabled else "disabled"}}
    plain = Model.read(row | {"supported_endpoints": [f"/{dialect}" for dialect in dialects]})
    return replace(plain, prices=Prices(Tier(price, None, None, price)))


def test_the_cheapest_model_that_can_search_does() -> None:
    rows = [
        model("gpt-9", 9, "responses"),
        model("gpt-9-mini", 1, "responses"),
        model("gpt-8-mini", 0.5, "chat/completions"),
        model("gpt-7-mini", 0.5, "responses", enabled=False),
        model("claude-mini", 0.1, "responses"),
    ]
    catalogue = Catalogue({row.id: row for row in rows}, 0.0, "")
    for name, chosen in ((None, "gpt-9-mini"), ("gpt-9", "gpt-9"), ("claude-mini", None), ("none", None)):
        found = search_model(catalogue, name)
        assert (found.id if found else None) == chosen
