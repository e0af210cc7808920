"""Requests of Chat Completions clients beyond OpenAI's documentation: the table of docs/clients.md."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from integration.harness import Bridge, Json, Simulator, chat_body, tool

ROOT = Path(__file__).parents[2]
ELECTRON = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "CherryStudio/1.9.3 Chrome/146.0.0.0 Electron/41.2.1 Safari/537.36"
)
CACHED = {"cache_control": {"type": "ephemeral"}}
PARTS = [{"type": "text", "text": "hello", **CACHED}]
PREFILLED = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "Well,"}]

# A client's headers, and the fields of its body besides the model and the messages.
BODIES: dict[str, tuple[Json, Json]] = {
    "AnythingLLM": ({}, {"temperature": 0.7, "max_tokens": 1024, "user": ""}),
    "ChatBox": (
        {"HTTP-Referer": "https://chatboxai.app", "X-Title": "Chatbox AI"},
        {"messages": [{"role": "user", "content": PARTS}], "stream_options": {"include_usage": True}},
    ),
    "Cherry Studio": (
        {"HTTP-Referer": "https://cherry-ai.com", "X-Title": "Cherry Studio", "User-Agent": ELECTRON},
        {"stream_options": {"include_usage": True}, "enable_thinking": None},
    ),
    "Dify": ({}, {"max_tokens": 5, "user": "abc", "stop": []}),
    "Kilo Code": (
        {
            "HTTP-Referer": "https://kilocode.ai",
            "X-Title": "Kilo Code",
            "X-KiloCode-Version": "4.81.0",
            "User-Agent": "Kilo-Code/4.81.0",
        },
        {"messages": [{"role": "user", "content": PARTS}], "stream_options": {"include_usage": True}},
    ),
    "LibreChat": ({}, {"user": "6650c0ffee", "stream_options": {"include_usage": True}, "top_p": 1}),
    "LobeChat": (
        {},
        {
            "frequency_penalty": 0,
            "presence_penalty": 0,
            "top_p": 1,
            "user": "u",
            "stream_options": {"include_usage": True},
        },
    ),
    "NextChat": ({}, {"temperature": 0.5, "presence_penalty": 0, "frequency_penalty": 0, "top_p": 1}),
    "Open WebUI": (
        {"X-OpenWebUI-User-Name": "Ada%20L", "X-OpenWebUI-User-Id": "1", "X-OpenWebUI-User-Role": "admin"},
        {"logit_bias": {}, "stream_options": {"include_usage": True}},
    ),
    "Raycast": ({}, {"stream_options": {"include_usage": True}, "temperature": 1, "tools": []}),
    "Roo Code": (
        {"HTTP-Referer": "https://github.com/RooVetGit/Roo-Cline", "X-Title": "Roo Code"},
        {
            "messages": [{"role": "system", "content": PARTS}, {"role": "user", "content": PARTS}],
            "tools": [tool("read_file")],
            "tool_choice": "auto",
            "parallel_tool_calls": False,
        },
    ),
    "SillyTavern": (
        {},
        {
            "messages": PREFILLED,
            "logit_bias": {},
            "top_k": 40,
            "stop": [],
            "presence_penalty": 0,
            "seed": None,
        },
    ),
    "Xcode": (
        {"Accept": "text/event-stream"},
        {
            "messages": [
                {"role": "system", "content": "You are a coding assistant."},
                {"role": "user", "content": [{"type": "text", "text": "hello"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "Hi."}]},
                {"role": "user", "content": [{"type": "text", "text": "hello"}]},
            ]
        },
    ),
    "Immersive Translate": (
        {"Origin": "chrome-extension://bpoadfkcbjbfhfodiogcnhhhpibjhbnh"},
        {"temperature": 0},
    ),
}
MODELS = ("gpt-4.1", "claude-sonnet-4.5", "gemini-3-pro-preview", "gpt-5.3-codex")


@pytest.mark.parametrize("client", BODIES)
@pytest.mark.parametrize("model", MODELS)
def test_other_clients_requests_are_served(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str
) -> None:
    """And Copilot gets none of their headers."""
    headers, more = BODIES[client]
    body = json.loads(json.dumps(chat_body("hello", model) | more).replace("hello", f"hello {mark}"))
    response = bridge.request("POST", "/v1/chat/completions", body, headers)
    assert response.status == 200, response.body
    assert response.message["content"]
    entry = simulator.only(mark)
    assert not entry["headers"].keys() & {*map(str.lower, headers)} - {"user-agent", "accept"}
    assert entry["headers"]["user-agent"] != headers.get("User-Agent")


@pytest.mark.parametrize("client", ["Roo Code", "Kilo Code", "ChatBox"])
def test_cache_marks_on_parts_are_breakpoints_for_claude(
    bridge: Bridge, simulator: Simulator, mark: str, client: str
) -> None:
    for model in ("claude-sonnet-4.5", "gpt-4.1"):
        text = f"hello {mark} {model}."
        body = json.loads(json.dumps(chat_body("hello", model) | BODIES[client][1]).replace("hello", text))
        assert bridge.request("POST", "/v1/chat/completions", body).status == 200
        sent = json.dumps(simulator.only(text)["body"])
        assert ("copilot_cache_control" in sent) == (model == "claude-sonnet-4.5")
        assert '"cache_control"' not in sent


@pytest.mark.parametrize("model", MODELS)
def test_difys_check_of_five_tokens_ends_with_length(bridge: Bridge, model: str) -> None:
    response = bridge.request("POST", "/v1/chat/completions", chat_body("hello", model) | BODIES["Dify"][1])
    assert response.json["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/openai/v1/chat/completions", "/api/chat"])
def test_open_webui_chats_by_each_of_its_connections(bridge: Bridge, path: str) -> None:
    """It adds the tag to the names that it has got from an Ollama server without one."""
    name = "gpt-4.1:latest" if path == "/api/chat" else "gpt-4.1"
    response = bridge.request(
        "POST", path, chat_body("hello", name) | {"stream": False}, BODIES["Open WebUI"][0]
    )
    assert response.status == 200, response.body


def test_each_client_of_the_table_is_tried() -> None:
    table = (ROOT / "docs/clients.md").read_text().partition("## Others")[2]
    rows = re.findall(r"^\| ([^|]+) \| ", table, re.MULTILINE)[1:]
    named = [name for row in rows for name in re.split(r", | and ", row) if not name.startswith("other ")]
    assert len(named) > 15
    tried = Path(__file__).read_text()
    assert [name for name in named if name.removesuffix("'s plugins") not in tried] == []


# Where they look besides the paths of OpenAI's documentation, and how each of them sends its key.
PATHS: dict[str, tuple[str, Json]] = {
    "NextChat, n8n, SillyTavern and Xcode check the address by the list": ("/v1/models", {}),
    "Xcode sends its key in a header of your choice": ("/v1/models", {"x-api-key": "anything"}),
    "Raycast and others are given the address without /v1": ("/models", {}),
    "Open WebUI for Azure": ("/openai/v1/models", {"api-key": "anything"}),
    "JetBrains AI Assistant and Open WebUI look for Ollama": ("/api/tags", {}),
}


@pytest.mark.parametrize("case", PATHS)
def test_the_paths_they_read_have_a_list_of_models(bridge: Bridge, case: str) -> None:
    path, headers = PATHS[case]
    response = bridge.request("GET", path, headers=headers)
    assert response.status == 200
    listed: list[Any] = response.json.get("data") or response.json["models"]
    assert listed


@pytest.mark.parametrize("path", ["/dashboard/billing/usage", "/v1/dashboard/billing/subscription"])
def test_nextchats_billing_paths_are_404s(bridge: Bridge, path: str) -> None:
    response = bridge.request("GET", path, headers={"Authorization": "Bearer anything", "Accept": "*/*"})
    assert (response.status, response.error["type"]) == (404, "invalid_request_error")


def test_a_request_of_n8n_is_answered(bridge: Bridge) -> None:
    body = {"model": "claude-sonnet-4.5", "input": [{"role": "user", "content": "hello"}], "metadata": {}}
    assert bridge.request("POST", "/v1/responses", body).json["status"] == "completed"


@pytest.mark.parametrize("origin", ["app://obsidian.md", "tauri://localhost", "vscode-webview://0abc"])
def test_the_pages_of_desktop_programs_may_read_what_comes(bridge: Bridge, origin: str) -> None:
    """Obsidian's plugins ask from such a page, by OpenAI's SDK with its many headers."""
    wanted = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang",
    }
    before = bridge.request("OPTIONS", "/v1/chat/completions", headers=wanted)
    assert before.status == 204
    assert before.headers["access-control-allow-origin"] == origin
    assert "x-stainless-lang" in before.headers["access-control-allow-headers"]
    response = bridge.request(
        "POST", "/v1/chat/completions", chat_body("hello", "gpt-4.1"), {"Origin": origin}
    )
    assert (response.status, response.headers["access-control-allow-origin"]) == (200, origin)


def test_the_pages_of_others_may_not(bridge: Bridge) -> None:
    body = chat_body("hello", "gpt-4.1")
    extension = bridge.request("POST", "/v1/chat/completions", body, {"Origin": "chrome-extension://abc"})
    assert extension.status == 200
    assert "access-control-allow-origin" not in extension.headers
    for origin in ("https://app", "null", "app:obsidian.md", "apps://x"):
        response = bridge.request("POST", "/v1/chat/completions", body, {"Origin": origin})
        assert "access-control-allow-origin" not in response.headers


def test_orphaned_results_do_not_end_a_conversation(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """Cursor cuts its history so that a result can come without its call."""
    result = {"type": "tool_result", "tool_use_id": "toolu_lost", "content": "lost"}
    text_block = {"type": "text", "text": f"hello {mark}"}
    for model in MODELS:
        body = {"model": model, "messages": [{"role": "user", "content": [result, text_block]}]}
        response = bridge.request("POST", "/v1/chat/completions", body)
        assert response.status == 200, (model, response.body)
    assert len(json.dumps(simulator.ledger(mark))) > 0
