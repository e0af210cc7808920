"""The part of a request's body that is the same in all dialects: a JSON object with a model."""

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
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


def check_model(body: JsonObject) -> None:
    """Check the name of the model.

    :raises InvalidRequest: it is missing or wrong.
    """
    model = body.get("model")
    if not isinstance(model, str) or not model.strip() or not model.isprintable():
        raise InvalidRequest("model: expected the name of a model", param="model")
    if len(model) > MAX_MODEL_NAME:
        raise InvalidRequest(f"model: no model has a name of {len(model):,} characters", param="model")
