"""Validation of requests of OpenAI's legacy Completions.

https://platform.openai.com/docs/api-reference/completions/create
"""

from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.request_body import MODEL, check_body, read_body
from copilot_bridge.dialects.validation import (
    BOOLEAN,
    NUMBER,
    OBJECT,
    POSITIVE,
    STRING,
    Validator,
    Validators,
    list_of,
    string_or_list_of,
    unsupported,
)
from copilot_bridge.errors import InvalidRequest, Unsupported

MAX_CHOICES = 128  # as OpenAI has it

FIELDS: Validators = {
    "suffix": STRING,
    "max_tokens": POSITIVE,
    "temperature": NUMBER,
    "top_p": NUMBER,
    "n": POSITIVE,
    "best_of": POSITIVE,
    "echo": BOOLEAN,
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
    check_choices(body)
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


def check_choices(body: JsonObject) -> None:
    """Check the fields that ask for several texts."""
    count = body.get("n") or 1
    if (body.get("best_of") or count) != count:
        raise Unsupported("best_of: Copilot does not rank texts; ask for them with n", param="best_of")
    if len(body["prompt"]) * count > MAX_CHOICES:
        raise InvalidRequest(f"n: at most {MAX_CHOICES} texts to a request", param="n")
    if body.get("stream") and len(body["prompt"]) * count > 1:
        field = "n" if count > 1 else "prompt"
        raise Unsupported(f"{field}: a stream has one text; send stream: false for several", param=field)


REQUIRED: Validators = {
    "model": MODEL,
    "prompt": Validator(
        check_prompt, {"anyOf": [STRING.schema, list_of(STRING).schema | {"minItems": 1}, {"type": "null"}]}
    ),
}


def wants_usage(body: JsonObject) -> bool:
    return bool((body.get("stream_options") or {}).get("include_usage"))
