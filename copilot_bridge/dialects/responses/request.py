"""What a Responses client may send.  https://platform.openai.com/docs/api-reference/responses/create

Only what the bridge itself relies on is checked; every other field is upstream's to judge.
"""

from collections.abc import Iterator
from typing import Any

from copilot_bridge.dialects.chat.request import check_model, read_object
from copilot_bridge.dialects.shapes import FLAG, LIST, OBJECT, POSITIVE, Table, check, plain
from copilot_bridge.errors import InvalidRequest, Unsupported

Body = dict[str, Any]


FIELDS: Table = {
    "stream": FLAG,
    "store": FLAG,
    "previous_response_id": plain(
        "the id of a response", lambda value: isinstance(value, str) and value != "" and value.isprintable()
    ),
    "max_output_tokens": POSITIVE,
    "tools": LIST,
    "include": LIST,
    "reasoning": OBJECT,
    "text": OBJECT,
}

# What Copilot can't do, and the bridge does not do in its place.
REFUSED = {
    "conversation": "nothing is kept between two requests: send the whole conversation",
    "prompt": "stored prompts are not kept here: send the text itself",
}


def read(data: bytes) -> Body:
    """The body as a dict, its `input` a list.  Raises InvalidRequest or Unsupported, naming the field."""
    body = read_object(data)
    check_model(body)
    check(FIELDS, body)
    for field, reason in REFUSED.items():
        if body.get(field) is not None:
            raise Unsupported(f"{field}: {reason}", param=field)
    if body.get("background"):
        raise Unsupported("background: an answer is given while the client waits", param="background")
    check_input(body.get("input"))
    return body


def check_input(given: Any) -> None:
    if isinstance(given, str):
        return
    if not isinstance(given, list) or not given:
        raise InvalidRequest("input: expected a text or a list of items", param="input")
    for index, item in enumerate(given):
        if not isinstance(item, dict):
            raise InvalidRequest(f"input.{index}: expected an object", param=f"input.{index}")


def items(body: Body) -> list[dict[str, Any]]:
    given = body["input"]
    return given if isinstance(given, list) else []


def image_parts(body: Body) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where it stands, the part) of each image, those in tools' outputs included."""
    for index, item in enumerate(items(body)):
        for field in ("content", "output"):
            parts = item.get(field)
            for place, part in enumerate(parts if isinstance(parts, list) else ()):
                if isinstance(part, dict) and part.get("type") == "input_image":
                    yield f"input.{index}.{field}.{place}.image_url", part


def initiator(body: Body) -> str:
    """Whose turn it is: a person's ("user") or the tool loop's ("agent").

    Told by the last item, as the official bridges do; what a program says as developer is no turn.
    """
    if isinstance(body["input"], str):
        return "user"
    last = [item for item in items(body) if item.get("role") not in ("system", "developer")][-1:]
    return "user" if not last or last[0].get("role") == "user" else "agent"
