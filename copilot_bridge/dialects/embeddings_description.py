"""OpenAI's embeddings."""

from copilot_bridge.dialects import embeddings
from copilot_bridge.dialects.description.endpoint import ALL, Description, Endpoint, Success
from copilot_bridge.dialects.description.fields import MODEL
from copilot_bridge.dialects.description.schemas import (
    any_of,
    constant,
    integer,
    list_of,
    number,
    object_with,
    ref,
    request,
    string,
)

EMBEDDER = "text-embedding-3-small"

SCHEMAS = {
    "EmbeddingsRequest": request(
        embeddings.REQUIRED,
        embeddings.FIELDS,
        {
            "model": MODEL | {"examples": [EMBEDDER]},
            "input": "A text, or texts, as many as you like; no token numbers.",
            "encoding_format": "base64 is that of little-endian 32-bit floats.",
            "dimensions": "For models that can have fewer.",
            "user": "Not sent to Copilot.",
        },
    ),
    "Embeddings": object_with(
        {
            "object": constant("list"),
            "model": string(),
            "data": list_of(
                object_with(
                    {
                        "object": constant("embedding"),
                        "index": integer(),
                        "embedding": any_of(list_of(number()), string("base64")),
                    },
                    ("object", "index", "embedding"),
                )
            ),
            "usage": object_with(
                {"prompt_tokens": integer(), "total_tokens": integer()}, ("prompt_tokens", "total_tokens")
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
        responses={200: Success("The vectors, in the order of the texts.", ref("Embeddings"))},
        kinds=ALL,
    ),
)

DESCRIPTION = Description("Embeddings", "Texts as vectors.", ENDPOINTS, SCHEMAS)
