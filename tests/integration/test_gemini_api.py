"""Google's Gemini API on the wire: its paths and forms, streams as events and as an array, and keys."""

import json
from typing import Any

import pytest
from integration.harness import Bridge, Json, Response, Simulator, Start, Stream

KEY = "cbk_a-key-of-0123456789abcdef"
MODELS = ("gemini-3.1-pro-preview", "gpt-5.3-codex", "claude-sonnet-4.5")
VERSIONS = ("", "/v1", "/v1beta", "/v1alpha")  # litellm asks without one
each_model = pytest.mark.parametrize("model", MODELS)


def body_of(text: str, **more: Any) -> Json:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}], **more}


def path_of(method: str, model: str = "gpt-4.1", version: str = "/v1beta") -> str:
    return f"{version}/models/{model}:{method}"


def post(bridge: Bridge, path: str, body: Json, **headers: str) -> Response:
    return bridge.request("POST", path, body, headers)


def stream(bridge: Bridge, text: str, model: str, *, query: str, **more: Any) -> Stream:
    path = path_of("streamGenerateContent", model) + query
    return bridge.dial("POST", path, json.dumps(body_of(text, **more)).encode())


def error_in(response: Response) -> Json:
    """The error, after a look at its form."""
    assert response.headers["content-type"] == "application/json"
    (fields,) = response.json.values()
    assert fields["code"] == response.status
    assert fields["message"]
    assert fields["status"].isupper()
    error: Json = fields
    return error


def texts_in(chunks: list[Json]) -> str:
    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
    return "".join(part.get("text", "") for part in parts if not part.get("thought"))


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_of_the_path_returns_a_whole_response(bridge: Bridge, mark: str, version: str) -> None:
    response = post(bridge, path_of("generateContent", version=version), body_of(f"Hello {mark}"))
    assert response.status == 200
    assert mark in texts_in([response.json])
    assert response.json["modelVersion"] == "gpt-4.1"
    assert response.json["candidates"][0]["finishReason"] == "STOP"
    assert bridge.logged(response.headers["x-request-id"])["dialect"] == "gemini"


@each_model
def test_a_stream_of_events(bridge: Bridge, mark: str, model: str) -> None:
    response = stream(bridge, f"Hello {mark}", model, query="?alt=sse")
    assert (response.status, response.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
    frames = response.all()
    assert not any(frame.is_comment or frame.is_done for frame in frames)
    chunks = [frame.json for frame in frames]
    assert mark in texts_in(chunks)
    ends = [chunk["candidates"][0].get("finishReason") for chunk in chunks]
    assert ends == [None] * (len(chunks) - 1) + ["STOP"]


@each_model
def test_without_alt_a_stream_is_one_array(bridge: Bridge, mark: str, model: str) -> None:
    response = post(bridge, path_of("streamGenerateContent", model), body_of(f"Hello {mark}"))
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert len(response.json) > 3
    assert mark in texts_in(response.json)
    assert response.json[-1]["candidates"][0]["finishReason"] == "STOP"


def test_an_array_that_fails_ends_in_an_error(bridge: Bridge) -> None:
    response = post(bridge, path_of("streamGenerateContent"), body_of("Hello [[sim:error-in-stream]]"))
    *_chunks, last = response.json
    assert response.status == 200
    assert last["error"]["status"].isupper()


def test_silence_is_bridged_without_comments(start_bridge: Start) -> None:
    """Google's SDK for Python would look for JSON in them."""
    bridge = start_bridge(keepalive=0.2)
    response = stream(bridge, "Hello [[sim:slow-body seconds=1]]", "gpt-4.1", query="?alt=sse")
    frames = response.all()
    assert not any(frame.is_comment for frame in frames)
    assert frames[-1].json["candidates"][0]["finishReason"] == "STOP"


@each_model
def test_thoughts_are_shown_if_asked_for(bridge: Bridge, model: str) -> None:
    def thoughts(**thinking: Any) -> list[str]:
        config = {"thinkingConfig": {"thinkingBudget": 2000, **thinking}}
        response = post(bridge, path_of("generateContent", model), body_of("Hello", generationConfig=config))
        parts = response.json["candidates"][0]["content"]["parts"]
        return [part["text"] for part in parts if part.get("thought")]

    assert thoughts(includeThoughts=True)
    assert not thoughts()


@pytest.mark.parametrize("name", ["gemini-3.5-flash-lite", "gemini-3.8-flash", "models/gpt-4.1"])
def test_models_are_found_by_googles_spellings(bridge: Bridge, name: str) -> None:
    assert post(bridge, path_of("generateContent", name), body_of("Hello")).status == 200


def test_tokens_are_counted(bridge: Bridge) -> None:
    def count(body: Json) -> int:
        response = post(bridge, path_of("countTokens"), body)
        assert response.json.keys() == {"totalTokens"}
        return int(response.json["totalTokens"])

    few, many = (count(body_of("word " * number)) for number in (1, 100))
    assert few < many
    whole = body_of("word", systemInstruction={"parts": [{"text": "word " * 100}]})
    assert count({"generateContentRequest": whole | {"model": "models/gpt-4.1"}}) > many


def test_texts_are_embedded_singly_and_in_batches(bridge: Bridge) -> None:
    model, text = "text-embedding-3-small", {"content": {"parts": [{"text": "a"}]}}
    single = post(bridge, path_of("embedContent", model), text | {"outputDimensionality": 8})
    assert len(single.json["embedding"]["values"]) == 8
    batch = post(bridge, path_of("batchEmbedContents", model), {"requests": [text, text]})
    assert [len(embedding["values"]) for embedding in batch.json["embeddings"]] == [1536, 1536]
    wrong = post(bridge, path_of("embedContent"), text)
    assert (wrong.status, error_in(wrong)["status"]) == (400, "INVALID_ARGUMENT")


def test_the_list_of_models(bridge: Bridge) -> None:
    """In Google's form under Google's versions, and under /v1 for Google's clients."""
    google = {"x-goog-api-client": "google-genai-sdk/3.6.1"}
    lists = [
        bridge.request("GET", "/v1beta/models").json,
        bridge.request("GET", "/v1alpha/models").json,
        bridge.request("GET", "/v1/models", headers=google).json,
        bridge.request("GET", "/v1/models", headers={"x-goog-api-key": "any"}).json,
    ]
    assert all(listing == lists[0] for listing in lists)
    methods = {model["name"]: model["supportedGenerationMethods"] for model in lists[0]["models"]}
    assert "generateContent" in methods["models/gpt-4.1"]
    assert methods["models/text-embedding-3-small"] == ["embedContent", "batchEmbedContents"]
    assert "data" in bridge.request("GET", "/v1/models").json
    one = bridge.request("GET", "/v1beta/models/gpt-4.1").json
    assert one["name"] == "models/gpt-4.1"


def test_the_list_of_models_has_pages(bridge: Bridge) -> None:
    found, token = [], ""
    while True:
        page = bridge.request("GET", f"/v1beta/models?pageSize=4&pageToken={token}").json
        found += [model["name"] for model in page["models"]]
        assert len(page["models"]) <= 4
        if not (token := page.get("nextPageToken", "")):
            break
    assert found == [model["name"] for model in bridge.request("GET", "/v1beta/models").json["models"]]
    assert error_in(bridge.request("GET", "/v1beta/models?pageSize=x"))["code"] == 400


def test_errors_have_googles_form(bridge: Bridge) -> None:
    missing = post(bridge, path_of("generateContent", "nope"), body_of("Hello"))
    assert error_in(missing)["status"] == "NOT_FOUND"
    wrong = error_in(post(bridge, path_of("generateContent"), {"contents": "Hello"}))
    assert wrong["details"][0]["fieldViolations"][0]["field"] == "contents"
    assert error_in(bridge.request("POST", "/v1beta/interactions", {}))["code"] == 404
    assert error_in(bridge.request("GET", path_of("generateContent", "gpt-4.1")))["code"] in (404, 405)


def test_keys_are_read_from_headers_and_the_query(start_bridge: Start, mark: str) -> None:
    """The one in the query is in no log, though it is a part of the address."""
    bridge = start_bridge(api_key=KEY)
    path, body = path_of("generateContent"), body_of(f"Hello {mark}")
    refused = post(bridge, path, body)
    assert (refused.status, error_in(refused)["status"]) == (401, "UNAUTHENTICATED")
    assert post(bridge, f"{path}?key=wrong", body).status == 401
    assert post(bridge, path, body, **{"x-goog-api-key": KEY}).status == 200
    response = post(bridge, f"{path}?key={KEY}", body)
    assert response.status == 200
    assert post(bridge, f"/v1beta/models/nope:generateContent?key={KEY}", body).status == 404
    assert bridge.request("GET", f"/v1beta/nothing?key={KEY}").status == 404
    assert bridge.request("GET", f"/v1/models?key={KEY}").status == 401, "OpenAI's clients send no such key"
    bridge.logged(response.headers["x-request-id"])
    assert KEY not in "\n".join(bridge.log.all())


def test_an_image_by_its_address_is_refused_if_it_is_at_google(bridge: Bridge, simulator: Simulator) -> None:
    uri = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    part = {"fileData": {"mimeType": "image/png", "fileUri": uri}}
    response = post(bridge, path_of("generateContent"), {"contents": [{"parts": [part]}]})
    assert response.status == 400
    assert "inlineData" in error_in(response)["message"]
