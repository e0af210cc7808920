"""POST /embeddings, as OpenAI's SDKs call it."""

import base64
import json
import struct
import threading
from collections.abc import Iterator
from http.client import IncompleteRead
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from integration.harness import SERVERS, Bridge, Json, Response, Simulator, Start

MODEL = "text-embedding-3-small"
CUT, LONG_VECTOR = "cut", 1536  # the input of a response that breaks off, and the numbers of its vectors


def embed(bridge: Bridge, given: object, **more: object) -> Response:
    return bridge.request("POST", "/v1/embeddings", {"model": MODEL, "input": given, **more})


def vectors(response: Response) -> list[list[float]]:
    assert response.status == 200, response.body
    body: Json = response.json
    assert body.keys() == {"object", "data", "model", "usage"}
    assert body["object"] == "list"
    assert [entry["index"] for entry in body["data"]] == list(range(len(body["data"])))
    assert {entry["object"] for entry in body["data"]} == {"embedding"}
    return [entry["embedding"] for entry in body["data"]]


def decoded(text: str) -> list[float]:
    raw = base64.b64decode(text)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def single(numbers: list[float]) -> list[float]:
    """As 32-bit floats hold them."""
    return list(struct.unpack(f"<{len(numbers)}f", struct.pack(f"<{len(numbers)}f", *numbers)))


@pytest.mark.parametrize("path", ["/v1/embeddings", "/embeddings", "/v1/embeddings/"])
def test_one_text_has_one_embedding(bridge: Bridge, simulator: Simulator, mark: str, path: str) -> None:
    response = bridge.request("POST", path, {"model": MODEL, "input": mark, "encoding_format": "float"})
    (vector,) = vectors(response)
    assert len(vector) == 1536
    assert response.json["model"] == MODEL
    assert response.json["usage"]["prompt_tokens"] > 0
    assert simulator.only(mark)["body"] == {"model": MODEL, "input": [mark]}
    line = bridge.logged(response.headers["x-request-id"])
    assert (line["dialect"], line["model"], line["outcome"]) == ("embeddings", MODEL, "ok")
    assert line["tokens_in"] == response.json["usage"]["prompt_tokens"]


def test_a_list_keeps_its_order(bridge: Bridge) -> None:
    texts = [f"text {number}" for number in range(5)]
    assert vectors(embed(bridge, texts)) == [vectors(embed(bridge, text))[0] for text in texts]


def test_base64_is_the_same_numbers(bridge: Bridge) -> None:
    floats = vectors(embed(bridge, ["one", "two"], encoding_format="float"))
    packed = [
        entry["embedding"] for entry in embed(bridge, ["one", "two"], encoding_format="base64").json["data"]
    ]
    assert all(isinstance(text, str) for text in packed)
    assert [decoded(text) for text in packed] == [single(vector) for vector in floats]


@pytest.mark.parametrize(("count", "requests"), [(512, 1), (513, 2), (1300, 3)])
def test_more_texts_than_copilot_takes_are_sent_in_parts(
    bridge: Bridge, simulator: Simulator, mark: str, count: int, requests: int
) -> None:
    texts = [f"{mark} {number}" for number in range(count)]
    response = embed(bridge, texts, dimensions=2)
    found = vectors(response)
    assert len(found) == count
    entries = simulator.ledger(mark)
    assert len(entries) == requests
    assert found[-1] == vectors(embed(bridge, texts[-1], dimensions=2))[0]
    assert response.json["usage"]["prompt_tokens"] == sum(len(text) // 4 for text in texts)


def test_dimensions_are_passed_on(bridge: Bridge, simulator: Simulator, mark: str) -> None:
    assert len(vectors(embed(bridge, mark, dimensions=64))[0]) == 64
    assert simulator.only(mark)["body"]["dimensions"] == 64


WRONG: dict[str, tuple[Json, str]] = {
    "no input": ({"model": MODEL}, "input"),
    "input null": ({"model": MODEL, "input": None}, "input"),
    "input empty": ({"model": MODEL, "input": []}, "input"),
    "input object": ({"model": MODEL, "input": {}}, "input"),
    "input number": ({"model": MODEL, "input": 5}, "input"),
    "tokens": ({"model": MODEL, "input": [1, 2, 3]}, "input"),
    "token lists": ({"model": MODEL, "input": [[1, 2], [3]]}, "input"),
    "null among texts": ({"model": MODEL, "input": ["a", None]}, "input.1"),
    "format": ({"model": MODEL, "input": "a", "encoding_format": "int8"}, "encoding_format"),
    "dimensions": ({"model": MODEL, "input": "a", "dimensions": 0}, "dimensions"),
    "dimensions text": ({"model": MODEL, "input": "a", "dimensions": "12"}, "dimensions"),
    "fixed dimensions": ({"model": "text-embedding-ada-002", "input": "a", "dimensions": 64}, "dimensions"),
    "chat model": ({"model": "gpt-4o", "input": "a"}, "model"),
    "no model": ({"input": "a"}, "model"),
    "model null": ({"model": None, "input": "a"}, "model"),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_error_names_the_wrong_field(bridge: Bridge, case: str) -> None:
    body, param = WRONG[case]
    response = bridge.request("POST", "/v1/embeddings", body)
    assert response.status == 400
    assert response.error["type"] == "invalid_request_error"
    assert response.error["param"] == param


def test_an_unknown_embedder_is_a_404_with_a_suggestion(bridge: Bridge) -> None:
    response = bridge.request("POST", "/v1/embeddings", {"model": "text-embedding-3-smal", "input": "a"})
    assert response.status == 404
    assert response.error["code"] == "model_not_found"
    assert MODEL in response.error["message"]


def test_an_empty_text_is_upstreams_to_judge(bridge: Bridge) -> None:
    assert len(vectors(embed(bridge, ""))) == 1


@pytest.mark.parametrize("status", [429, 500])
def test_a_refusal_of_embeddings_keeps_its_status(
    bridge: Bridge, simulator: Simulator, mark: str, status: int
) -> None:
    response = embed(bridge, f"[[sim:status code={status} retry-after=9]] {mark}")
    assert response.status == status
    assert len(simulator.ledger(mark)) == (2 if status == 500 else 1)
    assert response.headers["retry-after"] == "9"


@pytest.mark.parametrize("transport", ["gzip", "close-delimited", "pieces size=100", "slow-body seconds=0.3"])
def test_any_transport_gives_the_same_response(any_bridge: Bridge, transport: str) -> None:
    assert len(vectors(embed(any_bridge, f"[[sim:{transport}]]"))) == 1


@pytest.mark.parametrize("cut", ["cut-in-frame after=0", "reset after=0"])
def test_a_response_that_breaks_off_is_an_error(bridge: Bridge, cut: str) -> None:
    response = embed(bridge, f"[[sim:{cut}]]")
    assert response.status == 502
    assert response.error["type"] == "server_error"


class Forgetful(BaseHTTPRequestHandler):
    """Copilot's API, with one model, which leaves a text out of each part."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.tell({"data": [{"id": MODEL, "capabilities": {"type": "embeddings"}}]})

    def do_POST(self) -> None:
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        size = LONG_VECTOR if texts[0] == CUT else 1
        data = [{"index": index, "embedding": [0.5] * size} for index in range(len(texts))]
        if texts[0] == CUT:
            self.tell({"data": data}, missing=100)
        else:
            self.tell({"data": data[:3] + data[4:]})

    def tell(self, content: Json, missing: int = 0) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) - missing])
        self.close_connection = missing > 0

    def log_message(self, *_: object) -> None:
        """Nothing: this is no server to be looked at."""


@pytest.fixture
def forgetful() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Forgetful) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


@pytest.mark.parametrize("server", SERVERS)
def test_a_long_response_that_breaks_off_is_cut_off_for_the_client_too(
    start_bridge: Start, forgetful: str, server: str
) -> None:
    bridge = start_bridge(server=server, copilot_api_url=forgetful)
    with pytest.raises(IncompleteRead):
        embed(bridge, [CUT] * 500)
    line = json.loads(bridge.log.wait_for(lambda text: "request.done" in text))
    assert (line["dialect"], line["status"], line["outcome"]) == ("embeddings", 200, "stream_cut")
    assert not [text for text in bridge.log.all() if "Traceback" in text]


@pytest.mark.parametrize("count", [5, 600])
def test_a_missing_vector_is_an_error(start_bridge: Start, forgetful: str, count: int) -> None:
    """A shorter list would give each text behind the gap the meaning of another."""
    bridge = start_bridge(server="gevent", copilot_api_url=forgetful)
    assert len(vectors(embed(bridge, ["one", "two", "three"]))) == 3, "as long as there is none, all is well"
    response = embed(bridge, [f"text {number}" for number in range(count)])
    assert response.status == 502
    assert response.error["type"] == "server_error"
    assert "embeddings" in response.error["message"]
