"""OpenAI's embeddings: https://platform.openai.com/docs/api-reference/embeddings/create."""

import base64
import json
import struct
from collections.abc import Sequence
from typing import Any

import pytest

from copilot_bridge.dialects import embeddings
from copilot_bridge.errors import InvalidRequest, Unsupported, UpstreamRefused

GOOD = {"model": "text-embedding-3-small", "input": ["one", "two"]}


def read(**fields: Any) -> dict[str, Any]:
    return embeddings.read(json.dumps({**GOOD, **fields}).encode())


def response(*vectors: Any, tokens: int = 4, **fields: Any) -> bytes:
    data = [
        {"embedding": vector, "index": index, "object": "embedding"} for index, vector in enumerate(vectors)
    ]
    return json.dumps(
        {"data": data, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}, **fields}
    ).encode()


def write_response(
    responses: Sequence[bytes],
    encoding_format: str | None = None,
    sizes: Sequence[int] = (),
    step: int = 1 << 20,
) -> dict[str, Any]:
    """OpenAI's response to responses of Copilot's that arrive in pieces of `step` bytes."""
    writer = embeddings.ResponseWriter("asked-for", encoding_format)
    parts: list[Any] = []
    for response, size in zip(responses, sizes or map(count, responses), strict=True):
        pieces = [response[start : start + step] for start in range(0, len(response), step)]
        parts += map(bytes, writer.add(pieces, size))
    merged: dict[str, Any] = json.loads(b"".join([*parts, writer.end()]))
    assert writer.usage == merged["usage"]
    return merged


def count(response: bytes) -> int:
    """The texts that a response answers, at least one."""
    try:
        return max(1, len(json.loads(response)["data"]))
    except (ValueError, LookupError, TypeError):
        return 1


def merge_responses(*responses: bytes, encoding_format: str | None = None) -> dict[str, Any]:
    whole = write_response(responses, encoding_format)
    assert write_response(responses, encoding_format, step=7) == whole
    return whole


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("model", {"model": None}),
        ("model", {"model": ""}),
        ("input", {"input": None}),
        ("input", {"input": []}),
        ("input", {"input": {"text": "a"}}),
        ("input.0", {"input": [None]}),
        ("input.1", {"input": ["a", {}]}),
        ("input.1", {"input": ["a", 1.5]}),
        ("encoding_format", {"encoding_format": "int8"}),
        ("encoding_format", {"encoding_format": []}),
        ("dimensions", {"dimensions": 0}),
        ("dimensions", {"dimensions": "512"}),
        ("dimensions", {"dimensions": True}),
    ],
)
def test_a_field_of_a_wrong_type_is_refused_by_its_name(param: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**fields)
    assert refused.value.param == param


@pytest.mark.parametrize("tokens", [[1, 2], [[1, 2], [3]], ["a", 1]])
def test_token_ids_are_refused(tokens: Any) -> None:
    with pytest.raises(Unsupported) as refused:
        read(input=tokens)
    assert refused.value.param == "input"


@pytest.mark.parametrize("data", [b"", b"[]", b"{"])
def test_a_body_that_is_not_an_object_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        embeddings.read(data)


def test_a_single_text_becomes_a_list() -> None:
    assert read(input="one")["input"] == ["one"]
    assert read(input="")["input"] == [""]


def test_null_counts_as_absent() -> None:
    body = read(encoding_format=None, dimensions=None, user=None)
    assert json.loads(embeddings.write(body, "m", 9)[0]) == {"model": "m", "input": ["one", "two"]}


def test_fields_that_copilot_lacks_are_left_out() -> None:
    body = read(encoding_format="base64", dimensions=512, user="me", invented="x")
    assert [json.loads(part) for part in embeddings.write(body, "m", 9)] == [
        {"model": "m", "input": ["one", "two"], "dimensions": 512}
    ]


@pytest.mark.parametrize(("most", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (6, [5])])
def test_a_request_has_no_more_texts_than_upstream_takes(most: int, sizes: list[int]) -> None:
    texts = [f"text {number}" for number in range(5)]
    parts = [json.loads(part)["input"] for part in embeddings.write(read(input=texts), "m", most)]
    assert [len(part) for part in parts] == sizes
    assert [text for part in parts for text in part] == texts


def test_the_response_has_openais_form() -> None:
    assert merge_responses(response([0.5, -1], [2, 0.25])) == {
        "object": "list",
        "model": "asked-for",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1]},
            {"object": "embedding", "index": 1, "embedding": [2, 0.25]},
        ],
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }


def test_vectors_and_usage_of_several_responses_are_merged() -> None:
    merged = merge_responses(response([1], [2], tokens=3), response([3], tokens=5))
    assert [(entry["index"], entry["embedding"]) for entry in merged["data"]] == [
        (0, [1]),
        (1, [2]),
        (2, [3]),
    ]
    assert merged["usage"] == {"prompt_tokens": 8, "total_tokens": 8}


def test_vectors_are_ordered_by_their_index() -> None:
    data = [{"embedding": [2], "index": 1}, {"embedding": [1], "index": 0}]
    assert [entry["embedding"] for entry in merge_responses(response(data=data))["data"]] == [[1], [2]]


def test_vectors_without_an_index_keep_their_order() -> None:
    data = [{"embedding": [number]} for number in range(12)]
    assert [entry["embedding"] for entry in merge_responses(response(data=data))["data"]] == [
        [n] for n in range(12)
    ]


@pytest.mark.parametrize("usage", [None, {}])
def test_a_missing_usage_is_zero(usage: Any) -> None:
    assert merge_responses(response([1], usage=usage))["usage"] == {"prompt_tokens": 0, "total_tokens": 0}


def test_base64_encodes_little_endian_32_bit_floats() -> None:
    merged = merge_responses(response([1.0, -2.5, 0.1, 3]), encoding_format="base64")
    packed = base64.b64decode(merged["data"][0]["embedding"], validate=True)
    assert packed[:4] == b"\x00\x00\x80\x3f"
    assert struct.unpack("<4f", packed) == pytest.approx((1.0, -2.5, 0.1, 3.0))


@pytest.mark.parametrize("encoding_format", [None, "float"])
def test_floats_are_not_rounded(encoding_format: str | None) -> None:
    assert merge_responses(response([0.1, 1e-30]), encoding_format=encoding_format)["data"][0][
        "embedding"
    ] == [
        0.1,
        1e-30,
    ]


def test_base64_from_upstream_is_passed_on() -> None:
    assert (
        merge_responses(response("AACAPw=="), encoding_format="base64")["data"][0]["embedding"] == "AACAPw=="
    )


@pytest.mark.parametrize("encoding_format", [None, "base64"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"error": {"message": "no"}}',
        b'{"data": null}',
        b'{"data": [1]}',
        b'{"data": [{}]}',
        b'{"data": [{"embedding": [1], "index": "a"}, {"embedding": [1], "index": 0}]}',
        b'{"data": [{"embedding": [1]}], "usage": {"prompt_tokens": "many"}}',
        b'{"data": [{"embedding": [1]}], "usage": {"prompt_tokens": null}}',
    ],
)
def test_a_response_without_embeddings_is_an_error(data: bytes, encoding_format: str | None) -> None:
    with pytest.raises(UpstreamRefused):
        merge_responses(data, encoding_format=encoding_format)


@pytest.mark.parametrize("vector", [None, 1, ["a"], [None], [1e300]])
def test_a_value_that_is_not_a_vector_is_an_error_in_base64(vector: Any) -> None:
    with pytest.raises(UpstreamRefused):
        merge_responses(response(vector), encoding_format="base64")


ONE, TWO, THREE = ({"embedding": [number], "index": number} for number in range(3))


@pytest.mark.parametrize("encoding_format", [None, "base64"])
@pytest.mark.parametrize(
    ("responses", "parts"),
    [
        ([[]], [1]),
        ([[ONE]], [2]),
        ([[TWO]], [2]),
        ([[ONE, THREE]], [3]),
        ([[TWO, THREE]], [2]),
        ([[ONE, ONE]], [2]),
        ([[{"embedding": [0]}]], [2]),
        ([[ONE, TWO], [TWO]], [2, 1]),
        ([[ONE], [ONE, TWO]], [2, 2]),
    ],
)
def test_a_missing_vector_is_an_error(responses: Any, parts: list[int], encoding_format: str | None) -> None:
    """Else the client would take each vector after the gap for that of the text before its own."""
    sent = [json.dumps({"data": data}).encode() for data in responses]
    with pytest.raises(UpstreamRefused):
        write_response(sent, encoding_format, parts)


def test_a_missing_vector_does_not_shift_the_others() -> None:
    sent = [json.dumps({"data": data}).encode() for data in ([TWO, ONE], [ONE])]
    entries = write_response(sent, sizes=[2, 1])["data"]
    assert [(entry["index"], entry["embedding"]) for entry in entries] == [(0, [0]), (1, [1]), (2, [0])]


@pytest.mark.parametrize(("most", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (6, [5])])
def test_sizes_count_the_texts_of_each_request(most: int, sizes: list[int]) -> None:
    body = read(input=[f"text {number}" for number in range(5)])
    assert embeddings.sizes(body, most) == sizes
    assert [len(json.loads(part)["input"]) for part in embeddings.write(body, "m", most)] == sizes
