"""GET /docs: the description of the API as a page."""

import json
import re
import shlex
from html import unescape

import pytest
from integration.harness import Bridge, Response, Start

from copilot_bridge.openapi.document import document

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def docs(bridge: Bridge) -> Response:
    response = bridge.request("GET", "/docs", headers=BROWSER)
    assert response.status == 200
    return response


def lines(response: Response) -> list[list[str]]:
    """What is there to be pasted, as a shell takes it."""
    blocks = re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", response.body.decode(), re.DOTALL)
    return [shlex.split(unescape(block)) for block in blocks]


def test_each_endpoint_and_each_schema_has_a_place_of_its_own(docs: Response) -> None:
    html = docs.body.decode()
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    paths = document()["paths"].values()
    operations = {row["operationId"] for item in paths for row in item.values() if "operationId" in row}
    assert operations <= set(ids)
    assert {f"schema-{name}" for name in document()["components"]["schemas"]} <= set(ids)
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)


def test_only_the_operator_is_led_on_to_the_other_pages(docs: Response, start_bridge: Start) -> None:
    assert b'href="/approvals"' in docs.body
    locked = start_bridge(api_key="operators-key").request("GET", "/docs", headers=BROWSER)
    assert locked.status == 200
    assert b'href="/approvals"' not in locked.body


def test_nothing_comes_from_elsewhere(docs: Response) -> None:
    html = docs.body.decode()
    assert re.findall(r"\b(?:src|srcset|action)=\"(?!/)[^\"]*\"", html) == []
    assert all(re.search(r'href="/', link) for link in re.findall(r"<link [^>]+>", html))
    assert "default-src 'none'" in docs.headers["content-security-policy"]
    assert not re.search(r"<style|\bstyle=|\bon\w+=\"|<script(?! src)", html)


def test_commands_to_paste_work(bridge: Bridge, docs: Response) -> None:
    commands = lines(docs)
    assert len(commands) > 20
    for curl, *words in commands:
        assert curl == "curl"
        url = next(word for word in words if word.startswith("http"))
        assert url.startswith(bridge.url + "/")
        body = words[words.index("-d") + 1] if "-d" in words else None
        response = bridge.request(
            "POST" if body else "GET", url.removeprefix(bridge.url), body and body.encode()
        )
        # 403: the token, unless it is to be shown; 404: what nobody has made.
        unmade = any(part in url for part in ("/requests/", "/resp_0", "/conv_0"))
        assert response.status in ((404,) if unmade else (200, 426, 403)), words
        if body and json.loads(body).get("stream"):
            assert "-N" in words
            assert response.headers["content-type"].startswith("text/event-stream")


def test_the_key_stands_in_the_lines_where_one_is_needed(start_bridge: Start, docs: Response) -> None:
    """The page itself is for everybody, and the key is not in it."""
    assert not any("$API_KEY" in word for line in lines(docs) for word in line)
    bridge = start_bridge(api_key="sk-secret")
    response = bridge.request("GET", "/docs", headers=BROWSER)
    assert response.status == 200
    assert b"sk-secret" not in response.body
    keyed = {line[1] if line[1] != "-N" else line[2] for line in lines(response) if KEY in line}
    assert f"{bridge.url}/v1/chat/completions" in keyed
    assert f"{bridge.url}/healthz" not in keyed


KEY = "Authorization: Bearer $API_KEY"


@pytest.mark.parametrize(("language", "word"), [("en", "Schemas"), ("zh-CN", "数据结构")])
def test_the_docs_page_is_in_the_readers_language(bridge: Bridge, language: str, word: str) -> None:
    response = bridge.request("GET", "/docs", headers=BROWSER | {"Accept-Language": language})
    assert f"{word}</h2>" in response.body.decode()


def test_all_of_it_is_in_the_readers_language(bridge: Bridge) -> None:
    response = bridge.request("GET", "/docs", headers=BROWSER | {"Accept-Language": "zh-CN"})
    main = response.body.decode().partition("<main")[2].partition("</main>")[0]
    assert re.findall(r'lang="en">.*', main) == []
    assert "由本服务为 Responses 保留的会话。" in main


def test_the_base_url_is_the_one_in_use(bridge: Bridge) -> None:
    response = bridge.request("GET", "/docs", headers=BROWSER | {"Host": "bridge:8443"})
    assert b"http://bridge:8443/v1/chat/completions" in response.body
    assert b"127.0.0.1:4141" not in response.body
