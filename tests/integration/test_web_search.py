"""Searches that the bridge makes for models: the application in this process, in front of the simulator."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import gevent
import pytest
from flask.testing import FlaskClient
from gevent.event import Event
from integration.harness import Simulator, new_token

from copilot_bridge.app import create_app
from copilot_bridge.config import Config
from copilot_bridge.dialects.events import Source
from copilot_bridge.errors import UpstreamRefused
from copilot_bridge.pipeline import Bridge as Services
from copilot_bridge.redaction import Secret
from copilot_bridge.search.mcp_engine import McpEngine
from copilot_bridge.search.query import Access, SearchFailed, SearchQuery, SearchResult
from copilot_bridge.search.web_search import WebSearch
from copilot_bridge.store.keys import KEY, Key
from copilot_bridge.upstream.public_web.pages import PageFetcher

Json = dict[str, Any]

CLAUDE, GPT, GEMINI = "claude-sonnet-4.5", "gpt-5.3-codex", "gemini-2.5-pro"
MODELS = (CLAUDE, GPT, GEMINI)

SEARCH = {"type": "web_search_20250305", "name": "web_search"}
WEATHER = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}

PAGE = Source("https://example.com/held", "Held", "It was held.")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("search")


@pytest.fixture(scope="module")
def services(simulator: Simulator, home: Path) -> Iterator[Services]:
    """One application for all tests; a test that changes its search changes it back."""
    app = create_app(
        Config(
            home=home,
            github_token=Secret(new_token()),
            github_url=simulator.url,
            github_api_url=simulator.url,
            keepalive=0.2,
        )
    )
    services: Services = app.extensions["copilot_bridge"]
    services.app = app  # type: ignore[attr-defined]
    yield services
    services.store.close()


@pytest.fixture
def client(services: Services, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setitem(services.__dict__, "web_search", WebSearch("auto"))
    client: FlaskClient = services.app.test_client()  # type: ignore[attr-defined]
    return client


class FakeEngine:
    """An engine that does what a test wants."""

    path = "/fake"

    def __init__(self) -> None:
        self.begun = Event()
        self.go = Event()
        self.asked: list[SearchQuery] = []

    def search(self, query: SearchQuery, _access: Access) -> SearchResult:
        self.asked.append(query)
        self.begun.set()
        assert self.go.wait(30)
        return SearchResult((PAGE,))


@pytest.fixture
def engine(services: Services, client: FlaskClient) -> FakeEngine:
    engine = FakeEngine()
    services.web_search._engines = [engine]
    return engine


def ask(text: str, tools: list[Json], model: str = CLAUDE, **more: Any) -> Json:
    messages = [{"role": "user", "content": text}]
    return {"model": model, "max_tokens": 2000, "messages": messages, "tools": tools, **more}


def plan(*queries: str, say: str = "Done.") -> str:
    """A prompt that makes the simulated model search for these, one after the other."""
    steps = [{"tool": "web_search", "arguments": {"query": query}} for query in queries]
    return f"[[sim:plan]] {json.dumps(steps)} [[sim:say]] {say}"


def answered(client: FlaskClient, body: Json) -> Json:
    response = client.post("/v1/messages", json=body)
    assert response.status_code == 200, response.text
    content: Json = response.get_json()
    return content


def kinds(response: Json) -> list[str]:
    return [block["type"] for block in response["content"] if block["type"] != "thinking"]


# Each client, each model.


def said_by(dialect: str, response: Json) -> tuple[str, list[str]]:
    """The text of a response, and the addresses that it cites."""
    if dialect == "messages":
        text = next(block for block in reversed(response["content"]) if block["type"] == "text")
        return text["text"], [citation["url"] for citation in text["citations"]]
    if dialect == "responses":
        part = response["output"][-1]["content"][0]
        return part["text"], [annotation["url"] for annotation in part["annotations"]]
    if dialect == "chat":
        message = response["choices"][0]["message"]
        return message["content"], [
            annotation["url_citation"]["url"] for annotation in message["annotations"]
        ]
    candidate = response["candidates"][0]
    chunks = candidate["groundingMetadata"]["groundingChunks"]
    supports = candidate["groundingMetadata"]["groundingSupports"]
    cited = [
        chunks[index]["web"]["uri"] for support in supports for index in support["groundingChunkIndices"]
    ]
    return "".join(part.get("text", "") for part in candidate["content"]["parts"]), cited


def request_of(dialect: str, model: str, text: str) -> tuple[str, Json]:
    messages = [{"role": "user", "content": text}]
    if dialect == "gemini":
        contents = [{"role": "user", "parts": [{"text": text}]}]
        path = f"/v1beta/models/{model}:generateContent"
        return path, {"contents": contents, "tools": [{"google_search": {}}]}
    return {
        "messages": ("/v1/messages", ask(text, [SEARCH], model)),
        "chat": ("/v1/chat/completions", {"model": model, "messages": messages, "web_search_options": {}}),
        "responses": (
            "/v1/responses",
            {"model": model, "input": messages, "tools": [{"type": "web_search"}]},
        ),
    }[dialect]


ROWS_SHARE = {"services", "simulator"}


@pytest.mark.parametrize("dialect", ["messages", "chat", "responses", "gemini"])
@pytest.mark.parametrize("model", MODELS)
def test_each_client_searches_with_each_model_and_gets_the_sources(
    services: Services, simulator: Simulator, mark: str, dialect: str, model: str
) -> None:
    client = services.app.test_client()  # type: ignore[attr-defined]
    wanted = "[[sim:search]] " if (dialect, model) == ("responses", GPT) else ""
    path, body = request_of(dialect, model, f"{wanted}Do a web_search for {mark}")
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    text, cited = said_by(dialect, response.get_json())
    assert cited
    assert all(url.startswith(("https://example.com/", "https://example.org/")) for url in cited)
    assert "simulated" in text
    asked = [entry for entry in simulator.ledger(mark) if entry["path"] == "/responses"]
    if wanted:  # Copilot's own
        assert [entry["headers"]["x-initiator"] for entry in asked] == ["user"]


# What leaves and what is counted.


def test_a_search_is_an_agents_call_with_a_row_that_belongs_to_its_request(
    services: Services, client: FlaskClient, simulator: Simulator, mark: str
) -> None:
    response = client.post("/v1/messages", json=ask(plan(mark), [SEARCH]))
    assert kinds(response.get_json())[-3:] == ["server_tool_use", "web_search_tool_result", "text"]
    calls = simulator.ledger(mark)
    assert [(call["path"], call["headers"]["x-initiator"]) for call in calls] == [
        ("/v1/messages", "user"),
        ("/responses", "agent"),
        ("/v1/messages", "agent"),
    ]
    assert len({call["headers"]["x-interaction-id"] for call in calls}) == 1
    assert calls[1]["headers"]["x-interaction-type"] == "conversation-background"
    assert calls[1]["body"]["tools"] == [{"type": "web_search"}]
    response.close()
    services.request_log_writer.flush()
    whole = services.store.request_log.find(response.headers["x-request-id"])
    assert whole
    [part] = services.store.request_log.parts_of(whole)
    assert (part.path, part.model, part.searches, part.outcome) == (
        "/responses",
        calls[1]["body"]["model"],
        1,
        "ok",
    )
    assert (part.parent, part.session, part.interaction) == (whole.id, whole.session, whole.interaction)
    assert part.tokens_in
    assert whole.tokens_in
    assert whole.searches == 1


def test_filters_and_place_go_to_the_engine_and_bind_what_it_finds(
    client: FlaskClient, simulator: Simulator, mark: str
) -> None:
    location = {"type": "approximate", "city": "Oslo", "country": "NO"}
    tool = SEARCH | {"allowed_domains": ["example.org"], "user_location": location}
    response = answered(client, ask(plan(mark), [tool]))
    [found] = [block for block in response["content"] if block["type"] == "web_search_tool_result"]
    assert [page["url"].split("/")[2] for page in found["content"]] == ["example.org"]
    [call] = [call for call in simulator.ledger(mark) if call["path"] == "/responses"]
    assert call["body"]["tools"] == [
        {
            "type": "web_search",
            "filters": {"allowed_domains": ["example.org"]},
            "user_location": location,
        }
    ]


def test_the_same_search_is_made_once(client: FlaskClient, simulator: Simulator, mark: str) -> None:
    response = answered(client, ask(plan(mark, mark), [SEARCH]))
    assert response["usage"]["server_tool_use"]["web_search_requests"] == 2
    assert len([call for call in simulator.ledger(mark) if call["path"] == "/responses"]) == 1


def test_a_forced_search_is_forced_once(client: FlaskClient, simulator: Simulator, mark: str) -> None:
    """Claude Code's WebSearch is a request of its own with that choice."""
    choice = {"type": "tool", "name": "web_search"}
    response = answered(client, ask(f"Perform a web search for {mark}", [SEARCH], tool_choice=choice))
    assert kinds(response)[-3:] == ["server_tool_use", "web_search_tool_result", "text"]
    assert response["stop_reason"] == "end_turn"
    first, last = (call["body"] for call in simulator.ledger(mark) if call["path"] == "/v1/messages")
    assert (first["tool_choice"], last["tool_choice"]) == (choice, {"type": "auto"})


def test_a_turn_with_a_search_and_a_call_of_the_clients(
    client: FlaskClient, simulator: Simulator, mark: str
) -> None:
    body = ask(f"Do a web_search and get_weather, {mark}", [SEARCH, WEATHER])
    response = answered(client, body)
    assert kinds(response) == ["text", "tool_use", "server_tool_use", "web_search_tool_result"]
    assert response["stop_reason"] == "tool_use"
    use = next(block for block in response["content"] if block["type"] == "tool_use")
    result = {"type": "tool_result", "tool_use_id": use["id"], "content": "sunny"}
    body["messages"] += [
        {"role": "assistant", "content": response["content"]},
        {"role": "user", "content": [result]},
    ]
    again = answered(client, body)
    assert "sunny" in again["content"][-1]["text"]
    sent = json.dumps(simulator.ledger(mark)[-1]["body"]["messages"])
    assert "https://example.com/" in sent
    assert "server_tool_use" not in sent


# Live.


def test_the_search_is_seen_while_it_runs(client: FlaskClient, engine: FakeEngine, mark: str) -> None:
    response = client.post("/v1/messages", json=ask(plan(mark), [SEARCH], stream=True))
    seen = b""
    for piece in response.iter_encoded():
        seen += piece
        if b'"server_tool_use"' in seen and b"content_block_stop" in seen.partition(b'"server_tool_use"')[2]:
            break
    assert mark.encode() in seen
    assert not engine.go.is_set()
    assert b"web_search_tool_result" not in seen
    engine.go.set()
    rest = b"".join(response.iter_encoded())
    assert b"web_search_tool_result" in rest
    assert b"message_stop" in rest


def test_a_long_search_has_signs_of_life(client: FlaskClient, engine: FakeEngine, mark: str) -> None:
    response = client.post("/v1/messages", json=ask(plan(mark), [SEARCH], stream=True))
    pieces = response.iter_encoded()
    for piece in pieces:
        if engine.begun.is_set() and b"ping" in piece:
            break
    engine.go.set()
    assert b"message_stop" in b"".join(pieces)


def test_a_client_that_leaves_ends_the_search(
    services: Services, client: FlaskClient, engine: FakeEngine, mark: str
) -> None:
    response = client.post("/v1/messages", json=ask(plan(mark), [SEARCH], stream=True))
    for _piece in response.iter_encoded():
        if engine.begun.is_set():
            break
    response.close()
    services.request_log_writer.flush()
    row = services.store.request_log.find(response.headers["x-request-id"])
    assert row
    [part] = services.store.request_log.parts_of(row)
    assert (row.outcome, part.outcome) == ("client_disconnected", "client_disconnected")
    assert not engine.go.is_set()


def test_a_refusal_in_the_middle_ends_as_an_error(
    services: Services, client: FlaskClient, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copilot accepts the first step, and refuses the one after the search."""

    def refuse(*_given: object) -> None:
        raise UpstreamRefused("overloaded", kind="overloaded")

    monkeypatch.setattr("copilot_bridge.pipeline.tool_loop.send_prepared", refuse)
    response = client.post("/v1/messages", json=ask(plan(mark), [SEARCH], stream=True))
    said = response.get_data(as_text=True)
    assert "web_search_tool_result" in said
    assert said.rstrip().split("\n\n")[-1].startswith("event: error\n")
    assert "message_stop" not in said
    response.close()
    services.request_log_writer.flush()
    row = services.store.request_log.find(response.headers["x-request-id"])
    assert row
    assert row.outcome == "overloaded"
    whole = client.post("/v1/messages", json=ask(plan(mark), [SEARCH]))
    assert (whole.status_code, whole.get_json()["error"]["type"]) == (529, "overloaded_error")


# Bounds.


def test_a_model_that_searches_for_ever_is_stopped(
    client: FlaskClient, simulator: Simulator, mark: str
) -> None:
    """The model knows a client's own number of uses; then it has to respond, or the turn is paused."""
    queries = [f"{mark} {number}" for number in range(30)]
    response = answered(client, ask(plan(*queries), [SEARCH | {"max_uses": 2}]))
    results = [block["content"] for block in response["content"] if block["type"] == "web_search_tool_result"]
    assert [isinstance(content, list) for content in results[:2]] == [True, True]
    assert {content["error_code"] for content in results[2:]} == {"max_uses_exceeded"}
    assert response["stop_reason"] == "pause_turn"
    assert len(results) < 10
    again = ask(plan(*queries), [SEARCH])
    again["messages"].append({"role": "assistant", "content": response["content"]})
    assert answered(client, again)["stop_reason"] in ("pause_turn", "end_turn")


def test_a_client_that_knows_no_pause_gets_a_response(client: FlaskClient, mark: str) -> None:
    queries = [f"{mark} {number}" for number in range(30)]
    messages = [{"role": "user", "content": plan(*queries)}]
    body = {"model": GEMINI, "messages": messages, "web_search_options": {}}
    response = client.post("/v1/chat/completions", json=body).get_json()
    assert response["choices"][0]["finish_reason"] == "stop"
    assert response["choices"][0]["message"]["content"]


class Down:
    path = "/down"

    def search(self, query: SearchQuery, _access: Access) -> SearchResult:
        raise SearchFailed("it is down")


class Huge:
    path = "/huge"

    def search(self, query: SearchQuery, _access: Access) -> SearchResult:
        return SearchResult((Source("https://example.com/huge", "Huge", "x" * 5_000_000),), "y" * 5_000_000)


class Stuck:
    path = "/stuck"

    def search(self, query: SearchQuery, _access: Access) -> SearchResult:
        gevent.sleep(30)
        raise AssertionError


def test_an_engine_that_is_down_is_an_error_result(
    services: Services, client: FlaskClient, mark: str
) -> None:
    services.web_search._engines = [Down()]
    response = answered(client, ask(plan(mark), [SEARCH]))
    [result] = [block for block in response["content"] if block["type"] == "web_search_tool_result"]
    assert result["content"] == {"type": "web_search_tool_result_error", "error_code": "unavailable"}
    assert response["stop_reason"] == "end_turn"
    assert response["content"][-1]["text"].startswith("Done.")


def test_an_engine_that_hangs_is_given_up(
    services: Services, client: FlaskClient, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot_bridge.pipeline.tool_runs.TIME_LIMIT", 0.2)
    services.web_search._engines = [Stuck()]
    began = time.monotonic()
    response = answered(client, ask(plan(mark), [SEARCH]))
    assert time.monotonic() - began < 10
    [result] = [block for block in response["content"] if block["type"] == "web_search_tool_result"]
    assert result["content"]["error_code"] == "unavailable"


def test_a_huge_result_is_cut(
    services: Services, client: FlaskClient, simulator: Simulator, mark: str
) -> None:
    services.web_search._engines = [Huge()]
    response = client.post("/v1/messages", json=ask(plan(mark), [SEARCH]))
    assert len(response.data) < 100_000
    last = simulator.ledger(mark)[-1]["body"]
    assert len(json.dumps(last)) < 100_000


def test_the_other_engine_searches_where_the_first_fails(
    services: Services, client: FlaskClient, simulator: Simulator, mark: str
) -> None:
    services.web_search._engines = [Down(), *WebSearch("mcp")._engines]
    response = answered(client, ask(plan(mark), [SEARCH]))
    [result] = [block for block in response["content"] if block["type"] == "web_search_tool_result"]
    assert [page["title"] for page in result["content"]] == [f"{mark} explained", f"Notes on {mark}"]
    [call] = [call for call in simulator.ledger(mark) if call["path"] == "/mcp/readonly"]
    assert call["headers"]["x-mcp-tools"] == "web_search"
    assert call["headers"]["x-initiator"] == "agent"


def test_a_server_of_the_earlier_protocol_is_searched(
    services: Services, client: FlaskClient, simulator: Simulator, mark: str
) -> None:
    engine: Any = McpEngine()
    engine._server._legacy_until = float("inf")
    services.web_search._engines = [engine]
    response = answered(client, ask(plan(mark), [SEARCH]))
    [result] = [block for block in response["content"] if block["type"] == "web_search_tool_result"]
    assert [page["title"] for page in result["content"]] == [f"{mark} explained", f"Notes on {mark}"]
    [call] = [call for call in simulator.ledger(mark) if call["path"] == "/mcp/readonly"]
    assert call["headers"]["mcp-protocol-version"] == "2025-11-25"


# Mistakes.


@pytest.mark.parametrize(
    ("dialect", "change", "field"),
    [
        ("messages", {"tools": [SEARCH | {"max_uses": "x"}]}, "tools.0.max_uses"),
        ("messages", {"tools": [SEARCH | {"allowed_domains": "a.example"}]}, "tools.0.allowed_domains"),
        ("messages", {"tools": [SEARCH | {"allowed_domains": ["a"], "blocked_domains": ["b"]}]}, "tools.0"),
        ("messages", {"tools": [SEARCH | {"user_location": {"city": 1}}]}, "tools.0.user_location.city"),
        ("chat", {"web_search_options": "x"}, "web_search_options"),
        ("chat", {"web_search_options": {"user_location": 1}}, "web_search_options.user_location"),
        ("responses", {"tools": [{"type": "web_search", "filters": 1}]}, "tools.0.filters"),
        ("gemini", {"tools": [{"googleSearch": 1}]}, "tools.0.googleSearch"),
    ],
)
def test_a_mistake_is_named_by_its_field(services: Services, dialect: str, change: Json, field: str) -> None:
    client = services.app.test_client()  # type: ignore[attr-defined]
    path, body = request_of(dialect, CLAUDE, "Hello")
    response = client.post(path, json=body | change)
    assert response.status_code == 400, response.text
    assert f"{field}: " in response.get_json()["error"]["message"]


# Switched off.


@pytest.mark.parametrize("model", MODELS)
def test_search_that_is_off_is_not_offered(
    services: Services, simulator: Simulator, mark: str, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(services, "config", replace(services.config, web_search="off"))
    client = services.app.test_client()  # type: ignore[attr-defined]
    body = ask(f"web_search {mark}", [SEARCH], model)
    assert kinds(answered(client, body)) == ["text"]
    choice = {"type": "tool", "name": "web_search"}
    refused = client.post("/v1/messages", json=body | {"tool_choice": choice})
    assert (refused.status_code, refused.get_json()["error"]["type"]) == (400, "invalid_request_error")
    responses_body = {"model": model, "input": f"[[sim:search]] {mark}", "tools": [{"type": "web_search"}]}
    assert "web_search_call" not in client.post("/v1/responses", json=responses_body).text
    wanted = {"model": model, "messages": body["messages"], "web_search_options": {}}
    refused = client.post("/v1/chat/completions", json=wanted)
    assert (refused.status_code, refused.get_json()["error"]["param"]) == (400, "web_search_options")
    assert not any("web_search" in json.dumps(call["body"].get("tools")) for call in simulator.ledger(mark))


# Codex.


def test_codex_searches_by_itself(client: FlaskClient, simulator: Simulator, mark: str) -> None:
    queries = [{"q": mark, "recency": 7, "domains": ["example.org"]}, {"q": f"{mark} again"}]
    body = {
        "id": "1",
        "model": GPT,
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Find"}]}],
        "commands": {"search_query": queries, "open": [{"ref_id": "x"}], "response_length": "short"},
        "settings": {"external_web_access": True, "filters": {"blocked_domains": ["example.org"]}},
    }
    response = client.post("/v1/alpha/search", json=body)
    assert response.status_code == 200, response.text
    output = response.get_json()["output"]
    first, second = output.split("Results for ")[1:]
    assert (("example.org" in first), ("example.com" in second)) == (False, True)
    assert output.endswith("open: not available here; use search_query.")
    assert [call["headers"]["x-initiator"] for call in simulator.ledger(mark)] == ["agent", "agent"]
    for wrong, field in (
        ({"model": GPT}, "commands"),
        ({"model": GPT, "commands": {"search_query": [{"q": 1}]}}, "commands.search_query.0.q"),
    ):
        refused = client.post("/v1/alpha/search", json=wrong)
        assert (refused.status_code, refused.get_json()["error"]["param"]) == (400, field)


# Pages.

FETCH = {"type": "web_fetch_20250910", "name": "web_fetch"}


class Site(BaseHTTPRequestHandler):
    def log_message(self, *_args: Any) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        body = b"<title>Rain</title><p>It rains. " + b"x" * (200_000 if self.path == "/long" else 0)
        self.send_response(404 if self.path == "/none" else 200)
        self.send_header("Content-Type", "image/png" if self.path == "/png" else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def reading(services: Services, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """The bridge reads pages, those of this machine included."""
    monkeypatch.setattr(services, "config", replace(services.config, web_fetch=True))
    pages = PageFetcher(replace(services.config, proxy_env=False), lambda _address: True)
    monkeypatch.setitem(services.__dict__, "pages", pages)
    return client


def fetch_plan(url: str, named: str = "") -> str:
    steps = json.dumps([{"tool": "web_fetch", "arguments": {"url": url}}])
    say = f"So says [it]({url})." if named.endswith(url) else "Done."
    return f"{named} [[sim:plan]] {steps.replace('/', chr(92) + '/')} [[sim:say]] {say}"


def fetched(client: FlaskClient, text: str, **more: Any) -> tuple[Json, Json]:
    """The response, and the content of the result in it."""
    response = answered(client, ask(text, [FETCH | more]))
    [result] = [block for block in response["content"] if block["type"] == "web_fetch_tool_result"]
    return response, result["content"]


def test_a_page_is_read_and_cited(reading: FlaskClient, simulator: Simulator, site: str, mark: str) -> None:
    url = f"{site}/rain?{mark}"
    response, content = fetched(reading, fetch_plan(url, f"Read {url}"))
    assert (content["type"], content["url"]) == ("web_fetch_result", url)
    assert content["content"]["source"]["data"] == "It rains."
    assert response["content"][-1]["citations"][0]["url"] == url
    assert response["usage"]["server_tool_use"]["web_fetch_requests"] == 1
    assert "It rains." in json.dumps(simulator.ledger(mark)[-1]["body"]["messages"][-1])


@pytest.mark.parametrize(
    ("path", "tool", "code"),
    [
        ("/none", {}, "url_not_accessible"),
        ("/png", {}, "unsupported_content_type"),
        ("/rain", {"blocked_domains": ["127.0.0.1"]}, "url_not_allowed"),
    ],
)
def test_a_page_that_can_not_be_read(
    reading: FlaskClient, site: str, path: str, tool: Json, code: str
) -> None:
    _response, content = fetched(reading, fetch_plan(f"{site}{path}", f"Read {site}{path}"), **tool)
    assert content == {"type": "web_fetch_tool_result_error", "error_code": code}


def test_a_long_page_is_cut(reading: FlaskClient, site: str) -> None:
    _response, content = fetched(reading, fetch_plan(f"{site}/long", f"Read {site}/long"))
    assert len(content["content"]["source"]["data"]) == 80_000
    _response, content = fetched(
        reading, fetch_plan(f"{site}/long", f"Read {site}/long"), max_content_tokens=100
    )
    assert len(content["content"]["source"]["data"]) == 400


def test_an_address_that_only_the_model_names_is_not_read(reading: FlaskClient, site: str) -> None:
    _response, content = fetched(reading, fetch_plan(f"{site}/rain?secret=1", f"Read {site}/rain"))
    assert content["error_code"] == "url_not_allowed"


def test_an_address_inside_the_network_is_not_read(
    services: Services, reading: FlaskClient, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(services.__dict__, "pages", PageFetcher(replace(services.config, proxy_env=False)))
    _response, content = fetched(reading, fetch_plan(f"{site}/rain", f"Read {site}/rain"))
    assert content["error_code"] == "url_not_accessible"


def test_gemini_reads_pages_by_their_addresses(reading: FlaskClient, site: str) -> None:
    contents = [{"role": "user", "parts": [{"text": fetch_plan(f"{site}/rain", f"Read {site}/rain")}]}]
    body = {"contents": contents, "tools": [{"urlContext": {}}]}
    response = reading.post(f"/v1beta/models/{GEMINI}:generateContent", json=body)
    [candidate] = response.get_json()["candidates"]
    status = "URL_RETRIEVAL_STATUS_SUCCESS"
    assert candidate["urlContextMetadata"]["urlMetadata"] == [
        {"retrievedUrl": f"{site}/rain", "urlRetrievalStatus": status}
    ]


def test_nothing_is_read_unless_the_operator_wants_it(
    client: FlaskClient, simulator: Simulator, mark: str
) -> None:
    assert kinds(answered(client, ask(f"web_fetch https://example.com/{mark}", [FETCH]))) == ["text"]
    assert "tools" not in simulator.only(mark)["body"]


def test_a_key_without_search_gets_no_search(services: Services, client: FlaskClient, mark: str) -> None:
    keys = services.store.keys
    secret = keys.add(Key("friend", KEY, b"", web=False))
    try:
        body = ask(f"web_search {mark}", [SEARCH])
        response = client.post("/v1/messages", json=body, headers={"x-api-key": secret})
        assert kinds(response.get_json()) == ["text"]
    finally:
        keys.revoke("friend", KEY)
