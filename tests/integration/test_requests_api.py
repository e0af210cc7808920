"""Chat requests: refused, adapted, or passed to Copilot unchanged."""

import gzip
import http.client
import json
import socket
from contextlib import closing, suppress
from typing import Any

import pytest
from integration.dialects import CELLS, DIALECTS
from integration.harness import Bridge, Json, Response, Simulator, Start, chat_body, tool

from copilot_bridge.pipeline.image_inlining import MAX_IMAGES

CHAT = "/v1/chat/completions"
TEXT = {"chat": "text", "messages": "text", "responses": "input_text"}  # the type of a text part
HELLO = [{"role": "user", "content": "hello"}]
# A PNG of 70 bytes: one pixel.
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def post(bridge: Bridge, body: Json | bytes, path: str = CHAT, **headers: str) -> Response:
    return bridge.request("POST", path, body, headers)


WRONG: dict[str, tuple[Json, str]] = {
    "no messages": ({"model": "gpt-4o"}, "messages"),
    "messages null": ({"model": "gpt-4o", "messages": None}, "messages"),
    "messages empty": ({"model": "gpt-4o", "messages": []}, "messages"),
    "messages text": ({"model": "gpt-4o", "messages": "hi"}, "messages"),
    "message text": ({"model": "gpt-4o", "messages": ["hi"]}, "messages.0"),
    "no role": ({"model": "gpt-4o", "messages": [{"content": "hi"}]}, "messages.0.role"),
    "role number": ({"model": "gpt-4o", "messages": [*HELLO, {"role": 1}]}, "messages.1.role"),
    "content number": (
        {"model": "gpt-4o", "messages": [{"role": "user", "content": 5}]},
        "messages.0.content",
    ),
    "part text": (
        {"model": "gpt-4o", "messages": [{"role": "user", "content": ["a"]}]},
        "messages.0.content.0",
    ),
    "no model": ({"messages": HELLO}, "model"),
    "model empty": ({"model": " ", "messages": HELLO}, "model"),
    "model number": ({"model": 4, "messages": HELLO}, "model"),
    "stream text": ({"model": "gpt-4o", "messages": HELLO, "stream": "yes"}, "stream"),
    "stream options": ({"model": "gpt-4o", "messages": HELLO, "stream_options": True}, "stream_options"),
    "max_tokens text": ({"model": "gpt-4o", "messages": HELLO, "max_tokens": "9"}, "max_tokens"),
    "max_tokens 0": ({"model": "gpt-4o", "messages": HELLO, "max_tokens": 0}, "max_tokens"),
    "max_tokens true": ({"model": "gpt-4o", "messages": HELLO, "max_tokens": True}, "max_tokens"),
    "max_tokens 1.5": ({"model": "gpt-4o", "messages": HELLO, "max_tokens": 1.5}, "max_tokens"),
    "limit -1": (
        {"model": "gpt-4o", "messages": HELLO, "max_completion_tokens": -1},
        "max_completion_tokens",
    ),
    "tools object": ({"model": "gpt-4o", "messages": HELLO, "tools": {}}, "tools"),
    "n 2": ({"model": "gpt-4o", "messages": HELLO, "n": 2}, "n"),
    "n text": ({"model": "gpt-4o", "messages": HELLO, "n": "1"}, "n"),
    "audio": ({"model": "gpt-4o", "messages": HELLO, "modalities": ["text", "audio"]}, "modalities"),
    "modality object": ({"model": "gpt-4o", "messages": HELLO, "modalities": [{}]}, "modalities"),
    "image without url": (
        {
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
        },
        "messages.0.content.0.image_url",
    ),
    "image as text": (
        {
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": PIXEL}]}],
        },
        "messages.0.content.0.image_url",
    ),
    "image at home": (
        {
            "model": "gpt-4o",
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/a.png"}}],
                }
            ],
        },
        "messages.0.content.0.image_url.url",
    ),
}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("case", WRONG)
def test_the_error_names_the_wrong_field(bridge: Bridge, case: str, stream: bool) -> None:
    body, param = WRONG[case]
    response = post(bridge, {"stream": stream} | body)
    assert response.status == 400
    assert response.error["type"] == "invalid_request_error"
    assert response.error["param"] == param
    assert param.split(".")[0] in response.error["message"] or "image" in response.error["message"]
    assert bridge.logged(response.headers["x-request-id"])["status"] == 400


@pytest.mark.parametrize(
    ("method", "path", "plain", "versioned"),
    [
        ("POST", CHAT, "chat", "chat"),
        ("POST", "/embeddings", "chat", "chat"),
        ("POST", "/responses", "responses", "responses"),
        ("GET", "/v1/responses/resp_1", "responses", "responses"),
        ("POST", "/messages", "messages", "messages"),
        ("POST", "/v1/messages/count_tokens", "messages", "messages"),
        ("GET", "/v1/models/no-such-model", "chat", "messages"),
        ("GET", "/v1/nowhere", "chat", "messages"),
    ],
)
def test_the_form_of_an_error_follows_path_then_header(
    bridge: Bridge, method: str, path: str, plain: str, versioned: str
) -> None:
    """Some gateways send Anthropic's header with whatever they ask."""
    for dialect, headers in ((plain, {}), (versioned, {"anthropic-version": "2023-06-01"})):
        response = bridge.request(method, path, b"{", headers)
        assert response.status in (400, 404)
        assert DIALECTS[dialect].error(response)["message"]


@pytest.mark.parametrize("path", [CHAT, "/v1/embeddings", "/chat/completions", "/embeddings"])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe{}", b"model=gpt-4o", b'{"model": NaN}', b"[" * 5000],
)
def test_a_body_that_is_not_a_json_object_is_refused(bridge: Bridge, path: str, body: bytes) -> None:
    response = post(bridge, body, path)
    assert response.status == 400
    assert response.error["type"] == "invalid_request_error"
    assert "JSON" in response.error["message"]


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""])
def test_the_content_type_does_not_matter(bridge: Bridge, kind: str) -> None:
    assert post(bridge, chat_body("hello", "gpt-4o"), **{"Content-Type": kind}).status == 200


@pytest.mark.parametrize("path", [CHAT, "/v1/embeddings"])
@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd"])
def test_a_packed_body_is_refused(bridge: Bridge, path: str, encoding: str) -> None:
    packed = gzip.compress(json.dumps(chat_body("hello", "gpt-4o")).encode())
    response = post(bridge, packed, path, **{"Content-Encoding": encoding})
    assert response.status == 415
    assert response.error["type"] == "invalid_request_error"


def test_an_identity_body_is_not_packed(bridge: Bridge) -> None:
    assert post(bridge, chat_body("hello", "gpt-4o"), **{"Content-Encoding": "identity"}).status == 200


@pytest.mark.parametrize("path", ["/v1/nothing", "/nothing", "/v1", "/v1/chat", "/v1/v1", "/v1/moderations"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_a_404_in_json(bridge: Bridge, method: str, path: str) -> None:
    response = bridge.request(method, path, {} if method == "POST" else None)
    assert response.status == 404
    assert response.error["code"] == "not_found"
    assert response.error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", CHAT, "POST"),
        ("PUT", CHAT, "POST"),
        ("DELETE", "/v1/models", "GET"),
        ("POST", "/v1/models", "GET"),
        ("GET", "/v1/embeddings", "POST"),
        ("POST", "/healthz", "GET"),
    ],
)
def test_the_wrong_method_is_a_405_in_json(bridge: Bridge, method: str, path: str, allowed: str) -> None:
    response = bridge.request(method, path)
    assert response.status == 405
    assert response.error["code"] == "method_not_allowed"
    assert allowed in response.headers["allow"]


@pytest.mark.parametrize("path", ["/chat/completions", CHAT, "/chat/completions/", "/v1/chat/completions/"])
def test_paths_work_with_and_without_v1_and_slash(bridge: Bridge, path: str) -> None:
    assert post(bridge, chat_body("hello", "gpt-4o"), path).message["content"]
    stream = bridge.dial("POST", path, json.dumps(chat_body("hello", "gpt-4o", stream=True)).encode())
    assert stream.all()[-1].is_done
    stream.close()


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/v1/models", "/models", CHAT, "/api/hello"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_head_and_options_do_no_harm(any_bridge: Bridge, method: str, path: str) -> None:
    response = any_bridge.request(method, path)
    assert response.status in (200, 404, 405)
    assert response.body == b"" or response.json
    assert response.headers["x-request-id"]


def test_the_health_endpoints_report_readiness(any_bridge: Bridge) -> None:
    assert any_bridge.request("GET", "/healthz").json == {"status": "alive"}
    assert any_bridge.request("GET", "/readyz").json["status"] == "ready"
    about = any_bridge.request("GET", "/").json
    assert about["name"] == "copilot-bridge"
    assert "POST /v1/chat/completions" in about["endpoints"]


def test_a_body_of_megabytes_is_taken(any_bridge: Bridge) -> None:
    response = any_bridge.chat("word " * 3_000_000)
    assert response.status == 200


@pytest.mark.parametrize("path", [CHAT, "/v1/embeddings"])
def test_a_body_beyond_64_mb_is_refused(any_bridge: Bridge, path: str) -> None:
    """Said before it is sent, so it need not be."""
    with any_bridge.connect() as sock:
        length = 64 * 1024 * 1024 + 1
        sock.sendall(f"POST {path} HTTP/1.1\r\nHost: bridge\r\nContent-Length: {length}\r\n\r\n".encode())
        status = sock.recv(65536).split(b" ")[1]
    assert status == b"413"


def test_a_chunked_body_beyond_64_mb_is_refused(any_bridge: Bridge, simulator: Simulator, mark: str) -> None:
    """Nobody knows its length before its end.  What came up to the limit must not be taken for the whole."""
    body = json.dumps(chat_body(f"hello {mark}", "gpt-4o")).encode()
    with any_bridge.connect() as sock:
        sock.sendall(f"POST {CHAT} HTTP/1.1\r\nHost: bridge\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        with suppress(BrokenPipeError, ConnectionResetError):  # cut off: the response is there all the same
            for piece in (body, *[b" " * (1 << 20)] * 65, b"}"):
                sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            sock.sendall(b"0\r\n\r\n")
        status = sock.recv(65536).split(b" ")[1]
    assert status == b"413"
    assert simulator.ledger(mark) == []


def test_a_chunked_body_is_taken(any_bridge: Bridge) -> None:
    body = json.dumps(chat_body("hello", "gpt-4o")).encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
    with any_bridge.connect() as sock:
        sock.sendall(
            f"POST {CHAT} HTTP/1.1\r\nHost: bridge\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunks
        )
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_client_that_leaves_while_it_sends_does_no_harm(any_bridge: Bridge) -> None:
    before = len(any_bridge.log.all())
    with any_bridge.connect() as sock:
        sock.sendall(f"POST {CHAT} HTTP/1.1\r\nHost: bridge\r\nContent-Length: 1000\r\n\r\n{{".encode())
        sock.shutdown(socket.SHUT_RDWR)
    assert any_bridge.request("GET", "/healthz").status == 200
    assert not [line for line in any_bridge.log.all()[before:] if "Traceback" in line]


# What is sent -> what Copilot receives, beyond model and messages.
LIMITS: dict[str, tuple[str, Json, Json]] = {
    "filled in": ("gpt-4o", {}, {"max_tokens": 4096}),
    "null": ("gpt-4o", {"max_tokens": None}, {"max_tokens": 4096}),
    "kept": ("gpt-4o", {"max_tokens": 7}, {"max_tokens": 7}),
    "clamped": ("gpt-4o", {"max_tokens": 999_999}, {"max_tokens": 4096}),
    "renamed": ("gpt-5.2", {"max_tokens": 7}, {"max_completion_tokens": 7}),
    "filled in, renamed": ("gpt-5-mini", {}, {"max_completion_tokens": 64000}),
    "renamed back": ("claude-sonnet-4.5", {"max_completion_tokens": 7}, {"max_tokens": 7}),
    "both": ("gpt-4o", {"max_tokens": 7, "max_completion_tokens": 9}, {"max_tokens": 9}),
    "clamped for Claude": ("claude-haiku-4.5", {"max_tokens": 128_000}, {"max_tokens": 64000}),
}


@pytest.mark.parametrize("case", LIMITS)
def test_the_limit_is_filled_in_clamped_and_named_for_the_model(
    bridge: Bridge, simulator: Simulator, mark: str, case: str
) -> None:
    model, given, expected = LIMITS[case]
    bridge.receive_stream(f"hello {mark}", model, **given)
    body = simulator.only(mark)["body"]
    assert {key: value for key, value in body.items() if key.startswith("max_")} == expected


def sent_on(bridge: Bridge, simulator: Simulator, mark: str, model: str = "gpt-4o", **given: Any) -> Json:
    assert bridge.chat(f"hello {mark}", model, **({"max_tokens": 9} | given)).status == 200
    body: Json = simulator.only(mark)["body"]
    return body


def test_fields_that_copilot_refuses_are_dropped(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    given: Json = {
        "store": True,
        "metadata": {"a": "b"},
        "service_tier": "auto",
        "modalities": ["text"],
        "prompt_cache_retention": "24h",
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
    }
    body = sent_on(bridge, simulator, mark, **given)
    assert body.keys() == {"model", "messages", "max_tokens"}


def test_every_other_field_is_passed_on(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    given: Json = {
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["x"],
        "seed": 4,
        "user": "me",
        "n": 1,
        "presence_penalty": 0.1,
        "logit_bias": {"50256": -100},
        "reasoning_effort": "low",
        "response_format": {"type": "text"},
        "something_new": {"deep": [1, None, "\u2028"]},
        "tools": [tool("read_file")],
        "tool_choice": "none",
    }
    body = sent_on(bridge, simulator, mark, **given)
    assert {key: body[key] for key in given} == given


def test_a_body_without_need_of_mending_is_sent_on_as_it_came(
    bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    body = {"messages": [{"role": "user", "content": f"Grüße {mark}"}], "max_tokens": 9, "model": "gpt-4o"}
    raw = json.dumps(body, indent=1).encode()
    assert post(bridge, raw).status == 200
    assert simulator.only(mark)["headers"]["content-length"] == str(len(raw))


def test_an_effort_goes_only_to_who_knows_it(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    assert "reasoning_effort" in sent_on(bridge, simulator, f"{mark}1", "gpt-5-mini", reasoning_effort="low")
    assert "reasoning_effort" in sent_on(
        bridge, simulator, f"{mark}2", "claude-opus-4.6", reasoning_effort="low"
    )
    body = sent_on(bridge, simulator, f"{mark}3", "claude-sonnet-4.5", reasoning_effort="low")
    assert "reasoning_effort" not in body


def test_the_developer_role_becomes_system_where_it_is_unknown(
    bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    for model, role in (("gpt-5.2", "developer"), ("claude-sonnet-4.5", "system")):
        messages = [
            {"role": "developer", "content": "be kind"},
            {"role": "user", "content": f"{mark} {model}"},
        ]
        assert post(bridge, {"model": model, "messages": messages}).status == 200
        assert simulator.only(f"{mark} {model}")["body"]["messages"][0]["role"] == role


@pytest.mark.parametrize("model", ["claude-sonnet-4.5", "gpt-4o"])
def test_cache_breakpoints_are_sent_under_copilots_name(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    """As agents mark what they say to Claude's models; the others need no marks."""
    ephemeral = {"cache_control": {"type": "ephemeral"}}
    messages = [
        {"role": "system", "content": "be kind", **ephemeral},
        {"role": "user", "content": [{"type": "text", "text": mark, **ephemeral}]},
    ]
    assert post(bridge, {"model": model, "messages": messages}).status == 200
    body = simulator.only(mark)["body"]
    marks = {"copilot_cache_control": {"type": "ephemeral"}} if model.startswith("claude") else {}
    assert body["messages"] == [
        {"role": "system", "content": "be kind"} | marks,
        {"role": "user", "content": [{"type": "text", "text": mark}]} | marks,
    ]


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4.5", "gemini-3-pro-preview"])
def test_a_tool_loop_has_one_user_request(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    """Billing is per request that a person started; it is neither bent nor forgotten."""
    messages: list[Json] = [{"role": "user", "content": f"read_file a {mark}"}]
    body = {"model": model, "tools": [tool("read_file")], "messages": messages}
    message = post(bridge, body).message
    messages.append(message)
    messages += [
        {"role": "tool", "tool_call_id": call["id"], "content": "42"} for call in message["tool_calls"]
    ]
    answered = post(bridge, body).message
    assert "42" in answered["content"]
    messages += [answered, {"role": "user", "content": f"and now? {mark}"}]
    assert post(bridge, body).status == 200
    messages.append({"role": "system", "content": "a reminder"})
    assert post(bridge, body).status == 200
    initiators = [entry["headers"]["x-initiator"] for entry in simulator.ledger(mark)]
    assert initiators == ["user", "agent", "user", "user"]


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4.5"])
def test_images_come_with_the_vision_header(
    bridge: Bridge, simulator: Simulator, mark: str, model: str
) -> None:
    image = {"type": "image_url", "image_url": {"url": PIXEL}}
    parts = [{"type": "text", "text": f"what is it? {mark}"}, image]
    response = post(bridge, {"model": model, "messages": [{"role": "user", "content": parts}]})
    assert response.status == 200
    assert "image/png of 70 bytes" in response.message["content"]
    assert simulator.only(mark)["headers"]["copilot-vision-request"] == "true"


def image_in(client: str) -> Json:
    if client == "chat":
        return {"type": "image_url", "image_url": {"url": PIXEL}}
    if client == "messages":
        source = {"type": "base64", "media_type": "image/png", "data": PIXEL.rpartition(",")[2]}
        return {"type": "image", "source": source}
    return {"type": "input_image", "image_url": PIXEL}


MOST = {"claude-sonnet-4.5": 20, "gemini-3-pro-preview": 10}


@pytest.mark.parametrize(("client", "model"), [cell[:2] for cell in CELLS])
def test_more_images_than_any_model_takes_are_refused(
    bridge: Bridge, simulator: Simulator, mark: str, client: str, model: str
) -> None:
    """Before anything is sent; the first one that is too many is named."""
    dialect, image = DIALECTS[client], image_in(client)
    most = MOST.get(model, MAX_IMAGES)
    parts = [*[image] * most, {"type": TEXT[client], "text": mark}]
    assert dialect.post(bridge, dialect.body(parts, model)).status == 200
    simulator.only(mark)
    parts = [*[image] * (most + 1), {"type": TEXT[client], "text": f"{mark}more"}]
    response = dialect.post(bridge, dialect.body(parts, model))
    assert response.status == 400
    error = dialect.error(response)
    assert error["type"] == "invalid_request_error"
    turn = "input" if client == "responses" else "messages"
    assert error["message"].startswith(f"{turn}.0.content.{most}")
    assert f"more than {most} images" in error["message"]
    assert error.get("param", error["message"].partition(":")[0]) == error["message"].partition(":")[0]
    assert simulator.ledger(f"{mark}more") == []


def test_without_images_there_is_no_vision_header(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    sent_on(bridge, simulator, mark)
    assert "copilot-vision-request" not in simulator.only(mark)["headers"]


def test_request_ids_are_unique_and_upstreams_too(
    any_bridge: Bridge, simulator: Simulator, mark: str
) -> None:
    responses = [any_bridge.chat(f"{mark} {number}") for number in range(5)]
    ids = [response.headers["x-request-id"] for response in responses]
    assert len(set(ids)) == 5
    assert [entry["headers"]["x-request-id"] for entry in simulator.ledger(mark)] == ids
    others = [
        any_bridge.request("GET", path).headers["x-request-id"] for path in ("/", "/healthz", "/nothing")
    ]
    assert len({*ids, *others}) == 8


def test_a_client_can_not_name_its_request(bridge: Bridge) -> None:
    response = post(bridge, chat_body("hello", "gpt-4o"), **{"X-Request-Id": "mine"})
    assert response.headers["x-request-id"] != "mine"


def test_the_clients_own_headers_stay_here(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    theirs = {
        "Authorization": "Bearer sk-mine",
        "Cookie": "a=b",
        "X-Api-Key": "k",
        "OpenAI-Organization": "o",
    }
    assert post(bridge, chat_body(mark, "gpt-4o"), **theirs).status == 200
    headers = simulator.only(mark)["headers"]
    assert headers["authorization"].startswith("Bearer tid=")
    assert not headers.keys() & {"cookie", "x-api-key", "openai-organization"}


def test_a_connection_serves_many_requests(any_bridge: Bridge) -> None:
    with closing(
        http.client.HTTPConnection(any_bridge.address[0], any_bridge.address[1], timeout=10)
    ) as connection:
        connection.connect()
        sock = connection.sock
        for streaming in (False, True, False, True):
            connection.request("POST", CHAT, json.dumps(chat_body("hello", "gpt-4o", stream=streaming)))
            response = connection.getresponse()
            assert response.status == 200
            assert response.read()
            assert connection.sock is sock, "the bridge closed it"


def test_an_unreachable_github_is_a_503(start_bridge: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    gone = f"http://127.0.0.1:{port}"
    bridge = start_bridge(github_api_url=gone, server="gevent")
    response = bridge.chat("hello")
    assert response.status == 503
    assert 1 <= int(response.headers["retry-after"]) <= 60
    assert response.error["code"] == "upstream_unreachable"
    assert "Connection refused" in response.error["message"]
    assert bridge.request("GET", "/healthz").status == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403),
        ("http://evil.example:8080", 403),
        ("http://127.0.0.1:3000", 403),
        ("http://localhost:3000", 403),
        ("app://cherry-studio", 200),
        ("null", 403),
    ],
)
def test_a_web_page_can_not_spend_the_plan(bridge: Bridge, origin: str, status: int) -> None:
    """A simple POST needs no preflight, so a page could send it; programs' origins are no websites."""
    response = bridge.request("POST", CHAT, chat_body("hello", "gpt-4o"), {"Origin": origin})
    assert response.status == status
