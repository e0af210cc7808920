"""OpenAI's embeddings.  What is checked stands in `dialects/embeddings.py`."""

from copilot_bridge.openapi.chat import MODEL
from copilot_bridge.openapi.endpoint import Answer, Endpoint
from copilot_bridge.openapi.errors import ALL
from copilot_bridge.openapi.schemas import (
    always,
    any_of,
    list_of,
    number,
    one_of,
    or_null,
    passed_on,
    ref,
    text,
    thing,
    whole,
)

EMBEDDER = "text-embedding-3-small"

SCHEMAS = {
    "EmbeddingsRequest": thing(
        {
            "model": MODEL | {"examples": [EMBEDDER]},
            "input": any_of(
                text(),
                list_of(text(), minItems=1),
                about="A text, or texts, as many as you like; no token numbers.",
            ),
            "encoding_format": one_of(
                "float", "base64", None, about="base64 is that of little-endian 32-bit floats."
            ),
            "dimensions": or_null(whole("For models that can have fewer.", 1)),
            "user": passed_on("Not sent on."),
        },
        ("model", "input"),
    ),
    "Embeddings": thing(
        {
            "object": always("list"),
            "model": text(),
            "data": list_of(
                thing(
                    {
                        "object": always("embedding"),
                        "index": whole(),
                        "embedding": any_of(list_of(number()), text("base64")),
                    },
                    ("object", "index", "embedding"),
                )
            ),
            "usage": thing(
                {"prompt_tokens": whole(), "total_tokens": whole()}, ("prompt_tokens", "total_tokens")
            ),
        },
        ("object", "model", "data", "usage"),
    ),
}

ENDPOINTS = (
    Endpoint(
        route="POST /embeddings",
        id="createEmbeddings",
        prefixed=True,
        summary="Turn texts into vectors",
        about="[OpenAI's reference](https://platform.openai.com/docs/api-reference/embeddings)",
        body=ref("EmbeddingsRequest"),
        examples={
            "Two texts": {"model": EMBEDDER, "input": ["a cat", "a dog"]},
            "In base64": {"model": EMBEDDER, "input": "a cat", "encoding_format": "base64"},
        },
        answers={200: Answer("The vectors, in the order of the texts.", ref("Embeddings"))},
        kinds=ALL,
    ),
)
