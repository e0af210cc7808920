"""Validation of requests of OpenAI's legacy Completions.

https://platform.openai.com/docs/api-reference/completions/create
"""

from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.request_body import MODEL, check_body, read_body
from copilot_bridge.dialects.validation import (
    BOOLEAN,
    EFFORT,
    NUMBER,
    OBJECT,
    POSITIVE,
    STRING,
    Validator,
    Validators,
    both,
    list_of,
    string_or_list_of,
    supported,
    unsupported,
)
from copilot_bridge.errors import InvalidRequest, Unsupported

FIELDS: Validators = {
    "suffix": STRING,
    "max_tokens": POSITIVE,
    "temperature": NUMBER,
    "top_p": NUMBER,
    "n": both(POSITIVE, supported(lambda n: n == 1, "Copilot returns one text per request", {"const": 1})),
    "best_of": both(POSITIVE, supported(lambda n: n == 1, "Copilot does not rank texts", {"const": 1})),
    "echo": BOOLEAN,
    "reasoning_effort": EFFORT,
    "stop": string_or_list_of(STRING),
    "stream": BOOLEAN,
    "stream_options": OBJECT,
    "logprobs": unsupported("Copilot's models give no log probabilities here"),
}


def read(data: bytes) -> JsonObject:
    """Read a request body, and make its `prompt` a list of strings.

    :raises InvalidRequest, Unsupported: a field is wrong or not supported; the error names it.
    """
    body = read_body(data)
    check_body(REQUIRED, FIELDS, body)
    prompt = body.get("prompt")
    body["prompt"] = [prompt or ""] if not isinstance(prompt, list) else prompt
    return body


def check_prompt(where: str, value: Any) -> None:
    if value is None or isinstance(value, str):
        return
    if not isinstance(value, list) or not value:
        raise InvalidRequest(f"{where}: expected a string or a list of strings", param=where)
    for index, text in enumerate(value):
        if isinstance(text, int | list):
            raise Unsupported(f"{where}: Copilot takes texts, not lists of token ids", param=where)
        if not isinstance(text, str):
            raise InvalidRequest(f"{where}.{index}: expected a string", param=f"{where}.{index}")
    if len(value) > 1:
        raise Unsupported(f"{where}: Copilot takes one text in a request", param=where)


REQUIRED: Validators = {
    "model": MODEL,
    "prompt": Validator(
        check_prompt, {"anyOf": [STRING.schema, list_of(STRING).schema | {"minItems": 1}, {"type": "null"}]}
    ),
}


def wants_usage(body: JsonObject) -> bool:
    return bool((body.get("stream_options") or {}).get("include_usage"))
