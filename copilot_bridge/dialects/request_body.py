"""The part of a request's body that is the same in all dialects: a JSON object with a model."""

from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.validation import Validator, Validators, validate
from copilot_bridge.errors import InvalidRequest

MAX_MODEL_NAME = 200


def read_body(data: bytes) -> JsonObject:
    """Decode a body.

    :raises InvalidRequest: it is not a JSON object.
    """
    try:
        body = codec.read(data)
    except ValueError as error:
        reason = "it is empty" if not data.strip() else str(error)
        raise InvalidRequest(f"the request's body is not valid JSON: {reason}") from error
    if not isinstance(body, dict):
        raise InvalidRequest("the request's body has to be a JSON object")
    return body


def check_model_name(where: str, model: Any) -> None:
    """Check the name of the model.

    :raises InvalidRequest: it is missing or wrong.
    """
    if not isinstance(model, str) or not model.strip() or not model.isprintable():
        raise InvalidRequest(f"{where}: expected a model name", param=where)
    if len(model) > MAX_MODEL_NAME:
        raise InvalidRequest(f"{where}: a model's name has at most {MAX_MODEL_NAME} characters", param=where)


MODEL = Validator(check_model_name, {"type": "string", "pattern": r"\S", "maxLength": MAX_MODEL_NAME})


def check_body(required: Validators, optional: Validators, body: JsonObject) -> None:
    """Validate the fields of a body.

    :raises InvalidRequest, Unsupported: a field is wrong or not supported; the error names it.
    """
    for name, validator in required.items():
        validator.check(name, body.get(name))
    validate(optional, body)
