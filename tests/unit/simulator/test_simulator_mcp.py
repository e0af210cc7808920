"""GitHub's MCP server on the Copilot host, in both revisions of the protocol."""

import json
from typing import Any

import pytest
import requests
from simulator_calls import Client

VERSION = "2026-07-28"
META = {"_meta": {"io.modelcontextprotocol/protocolVersion": VERSION}}
WANTED = {"X_MCP_Tools": "get_file_contents,web_search"}


def call(
    client: Client, method: str, params: Any = None, path: str = "/mcp/readonly", **headers: str
) -> requests.Response:
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params or {}}
    return client.request("POST", path, json=body, headers=client.headers(**headers))


def search(client: Client, query: Any, **more: Any) -> Any:
    params = {"name": "web_search", "arguments": {"query": query}, **more}
    return call(client, "tools/call", params, **WANTED).json()


def test_the_newer_revision_needs_no_session(client: Client) -> None:
    response = call(client, "server/discover", META, Mcp_Method="server/discover").json()
    assert response["id"] == 7
    assert response["result"]["supportedVersions"][0] == VERSION
    assert response["result"]["resultType"] == "complete"
    listed = call(client, "tools/list", META, **WANTED).json()["result"]
    assert [tool["name"] for tool in listed["tools"]] == ["web_search"]
    assert listed["resultType"] == "complete"


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18"])
def test_the_earlier_revision_is_served(client: Client, version: str) -> None:
    response = call(client, "initialize", {"protocolVersion": version}, "/mcp").json()["result"]
    assert response["protocolVersion"] == version
    done = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert client.request("POST", "/mcp", json=done, headers=client.headers()).status_code == 202
    assert "resultType" not in call(client, "tools/list", None, "/mcp").json()["result"]


def test_web_search_has_to_be_asked_for(client: Client) -> None:
    tools = call(client, "tools/list").json()["result"]["tools"]
    assert "web_search" not in [tool["name"] for tool in tools]
    tools = call(client, "tools/list", X_MCP_Toolsets="web_search").json()["result"]["tools"]
    assert [tool["name"] for tool in tools] == ["web_search"]
    assert tools[0]["inputSchema"]["required"] == ["query"]
    refused = call(client, "tools/call", {"name": "web_search", "arguments": {"query": "x"}}).json()
    assert refused["error"]["code"] == -32602


@pytest.mark.parametrize("query", ["red pandas", "Wie spät ist es?", "?!"])
def test_a_search_finds_pages(client: Client, query: str) -> None:
    (content,) = search(client, query)["result"]["content"]
    found = json.loads(content["text"])
    assert query in found["text"]["value"]
    for annotation in found["text"]["annotations"]:
        span = slice(annotation["start_index"], annotation["end_index"])
        assert found["text"]["value"][span] == annotation["text"]
        assert annotation["url_citation"]["url"].startswith("https://example.")
    assert found["bing_searches"][0]["text"] == query


def test_a_search_for_nothing_fails_as_a_tool(client: Client) -> None:
    for wrong in ("", None, 7):
        assert search(client, wrong)["result"]["isError"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, -32700),
        (b"[]", 400, -32600),
        (b'{"jsonrpc": "2.0", "id": 1}', 400, -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "resources/list"}', 200, -32601),
    ],
)
def test_a_body_that_is_not_a_call_is_an_error(client: Client, body: bytes, status: int, code: int) -> None:
    response = client.request("POST", "/mcp", data=body, headers=client.headers())
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


def test_the_newer_revision_is_strict(client: Client) -> None:
    assert call(client, "tools/list", META, Mcp_Method="tools/call").json()["error"]["code"] == -32020
    old = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2024-01-01"}}
    assert call(client, "tools/list", old).json()["error"]["code"] == -32022
    unknown = call(client, "initialize", META)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, -32601)


def test_the_mcp_server_needs_the_bearer(client: Client) -> None:
    assert call(client, "tools/list", Authorization="Bearer nothing").status_code == 401
