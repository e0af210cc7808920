"""Images and documents are sent in a form that the target accepts, or are refused by their field."""

import base64
import json
import re
from io import BytesIO

import pytest
from integration.dialects import ALL_DIALECTS, DIALECTS, MESSAGES
from integration.harness import Bridge, Json, Simulator
from PIL import Image

from tests.integration.adaptation import (
    CALLED,
    CODEX,
    GEMINI,
    GPT,
    PAIRS,
    SONNET,
    conversation,
    refusal_of,
    upstream_body,
)

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def picture(client: str, media: str, data: str) -> Json:
    url = f"data:{media};base64,{data}"
    if client == "chat":
        return {"type": "image_url", "image_url": {"url": url}}
    if client == "responses":
        return {"type": "input_image", "image_url": url}
    return {"type": "image", "source": {"type": "base64", "media_type": media, "data": data}}


HEIC = "AAAAGGZ0eXBoZWljAAAAAGhlaWNtaWYx"
SVG = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode()
JPEG, GIF = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgG", "R0lGODlhAQABAAAAACwAAAAAAQABAAA="


@pytest.mark.parametrize(("media", "data", "right"), [
    ("image/jpg", JPEG, "image/jpeg"),
    ("image/jpeg", PNG, "image/png"),
    ("application/octet-stream", GIF, "image/gif"),
    ("image/JPG", "AAAA", "image/jpeg"),
])  # fmt: skip
@pytest.mark.parametrize(
    ("client", "model"), [(client, model) for client in DIALECTS for model in (CODEX, SONNET)]
)
def test_a_wrong_media_type_of_an_image_is_corrected(
    bridge: Bridge,
    simulator: Simulator,
    mark: str,
    client: str,
    model: str,
    media: str,
    data: str,
    right: str,
) -> None:
    text = {"type": "input_text" if client == "responses" else "text", "text": mark}
    body = DIALECTS[client].body([text, picture(client, media, data)], model)
    sent_text = json.dumps(upstream_body(bridge, simulator, mark, client, body))
    assert right in sent_text
    assert media == right or media not in sent_text


SHOWN = {
    "chat": lambda shown: [
        *CALLED["chat"]("call_1", "look")[:1],
        {"role": "tool", "tool_call_id": "call_1", "content": [shown]},
    ],
    "messages": lambda shown: [
        *CALLED["messages"]("call_1", "look")[:1],
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": [shown]}]},
    ],
    "responses": lambda shown: [
        *CALLED["responses"]("call_1", "look")[:1],
        {"type": "function_call_output", "call_id": "call_1", "output": [shown]},
    ],
}


def screen() -> str:
    out = BytesIO()
    Image.new("1", (3136, 8)).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


@pytest.mark.parametrize(("model", "width"), [(SONNET, 1568), (CODEX, 3136)])
@pytest.mark.parametrize("client", DIALECTS)
def test_a_tools_image_is_scaled_to_what_the_model_sees(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, width: int
) -> None:
    messages = [{"role": "user", "content": mark}, *SHOWN[client](picture(client, "image/png", screen()))]
    body = conversation(client, model, messages, tools=[DIALECTS[client].tool("look")])
    sent_text = json.dumps(upstream_body(bridge, simulator, mark, client, body))
    (data,) = re.findall(r"iVBORw0KGgo[A-Za-z0-9+/=]*", sent_text)
    assert Image.open(BytesIO(base64.b64decode(data))).width == width


@pytest.mark.parametrize("client", DIALECTS)
def test_an_image_of_an_unsupported_type_is_refused(
    bridge: Bridge, simulator: Simulator, mark: str, client: str
) -> None:
    text = {"type": "input_text" if client == "responses" else "text", "text": mark}
    body = DIALECTS[client].body([text, picture(client, "image/png", HEIC)], SONNET)
    message = refusal_of(bridge, simulator, mark, client, body)
    assert "content.1" in message
    assert "it is image/heic; this model takes image/" in message


def shown_by(client: str, mark: str, model: str, data: str) -> Json:
    """Return a request with an image, of which these clients say a wrong type, or none."""
    if client == "gemini":
        parts = [{"text": mark}, {"inlineData": {"mimeType": "image/jpeg", "data": data}}]
        return {"model": model, "contents": [{"role": "user", "parts": parts}]}
    messages = [{"role": "user", "content": mark, "images": [data]}]
    return {"model": model, "messages": messages, "stream": False}


@pytest.mark.parametrize("model", [GPT, CODEX, SONNET])
@pytest.mark.parametrize("client", ["gemini", "ollama"])
def test_an_image_of_googles_and_ollamas_clients_is_sent_by_its_type(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str
) -> None:
    sent_text = json.dumps(upstream_body(bridge, simulator, mark, client, shown_by(client, mark, model, PNG)))
    assert "image/png" in sent_text
    assert "image/jpeg" not in sent_text
    assert PNG in sent_text


@pytest.mark.parametrize(
    ("data", "media"), [(HEIC, "image/heic"), ("Qk1GAAAAAAAAADYAAAA=", "image/bmp"), (SVG, "image/svg+xml")]
)
@pytest.mark.parametrize(
    ("client", "where"), [("gemini", "contents.0.parts.1"), ("ollama", "messages.0.images.0")]
)
def test_an_image_that_the_model_lacks_is_refused_by_its_place(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, where: str, data: str, media: str
) -> None:
    response = ALL_DIALECTS[client].post(bridge, shown_by(client, mark, SONNET, data))
    assert response.status == 400
    message = ALL_DIALECTS[client].error(response)["message"]
    assert message.startswith(where)
    assert f"it is {media}; this model takes image/" in message
    assert simulator.ledger(mark) == []


@pytest.mark.parametrize(("model", "width"), [(SONNET, 1568), (CODEX, 3136)])
def test_a_tools_image_from_googles_clients_is_scaled_to_what_the_model_sees(
    bridge: Bridge, simulator: Simulator, mark: str, model: str, width: int
) -> None:
    shown = {"inlineData": {"mimeType": "image/png", "data": screen()}}
    response = {"name": "look", "response": {"output": "see"}, "parts": [shown]}
    contents = [
        {"role": "user", "parts": [{"text": mark}]},
        {"role": "model", "parts": [{"functionCall": {"name": "look", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": response}]},
    ]
    body = {"model": model, "contents": contents, "tools": [ALL_DIALECTS["gemini"].tool("look")]}
    sent_text = json.dumps(upstream_body(bridge, simulator, mark, "gemini", body))
    (data,) = re.findall(r"iVBORw0KGgo[A-Za-z0-9+/=]*", sent_text)
    assert Image.open(BytesIO(base64.b64decode(data))).width == width


def document(client: str, media: str, data: str) -> Json:
    url = f"data:{media};base64,{data}"
    if client == "chat":
        return {"type": "file", "file": {"filename": "notes.txt", "file_data": url}}
    if client == "responses":
        return {"type": "input_file", "filename": "notes.txt", "file_data": url}
    source = {"type": "base64", "media_type": media, "data": data}
    return {"type": "document", "title": "notes.txt", "source": source}


@pytest.mark.parametrize("media", ["text/plain", "text/markdown; charset=utf-8", "application/json"])
@pytest.mark.parametrize(
    ("client", "model"), [*(way for way in PAIRS if way != ("responses", CODEX)), ("messages", GEMINI)]
)
def test_text_documents_are_sent_as_text(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str, media: str
) -> None:
    text = {"type": "input_text" if client == "responses" else "text", "text": mark}
    body = DIALECTS[client].body([text, document(client, media, "SGVsbG8gw7w=")], model)
    sent_text = json.dumps(upstream_body(bridge, simulator, mark, client, body), ensure_ascii=False)
    assert "Hello ü" in sent_text
    assert "notes.txt" in sent_text
    assert "SGVsbG8" not in sent_text
    if model == SONNET:
        assert (
            '"type": "text", "media_type": "text/plain", "data": "Hello ü"' in sent_text or client == "chat"
        )


@pytest.mark.parametrize("model", [GPT, CODEX])
def test_titles_and_contexts_of_documents_are_sent(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    about = {"title": "A title", "context": "Its context"}
    sources = [
        {"type": "text", "media_type": "text/plain", "data": "plain"},
        {"type": "content", "content": "in blocks"},
        {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
    ]
    parts = [{"type": "document", "source": source} | about for source in sources]
    sent_text = json.dumps(
        upstream_body(
            bridge,
            simulator,
            mark,
            "messages",
            MESSAGES.body([*parts, {"type": "text", "text": mark}], model),
        )
    )
    assert sent_text.count("A title") == sent_text.count("Its context") == 3


@pytest.mark.parametrize("model", [GPT, CODEX, SONNET])
def test_documents_by_url_are_refused(bridge: Bridge, simulator: Simulator, mark: str, model: str) -> None:
    source = {"type": "url", "url": "https://example.com/a.pdf"}
    body = MESSAGES.body([{"type": "text", "text": mark}, {"type": "document", "source": source}], model)
    message = refusal_of(bridge, simulator, mark, "messages", body)
    assert message.startswith("messages.0.content.1")
    assert "content" in message


def test_documents_of_an_unsupported_type_are_refused(
    bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    body = DIALECTS["responses"].body(
        [{"type": "input_text", "text": mark}, document("responses", sheet, "UEsDBA==")], SONNET
    )
    assert refusal_of(bridge, simulator, mark, "responses", body).startswith(
        "input.0.content.1: this model does not accept documents"
    )
