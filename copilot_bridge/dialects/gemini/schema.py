"""Validators of Gemini bodies that are read into prompts, beyond those of `request.py`."""

from typing import Any

from copilot_bridge.dialects.validation import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    POSITIVE,
    STRING,
    Validator,
    Validators,
    both,
    list_of,
    object_of,
    one_of,
    predicate,
    reject,
    supported,
    unsupported,
)

NUMBER = predicate(
    "a number",
    lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    {"type": "number"},
)

BLOB = object_of({"mimeType": STRING, "data": STRING})
FILE = object_of({"fileUri": STRING}, optional={"mimeType": STRING})
SHOWN: Validators = {"text": STRING, "inlineData": BLOB, "fileData": FILE}

CALL = object_of({"name": STRING}, optional={"id": STRING, "args": OBJECT})
RESULT = object_of(
    optional={"name": STRING, "id": STRING, "response": OBJECT, "parts": list_of(object_of(optional=SHOWN))}
)


def is_image(media_type: str) -> bool:
    """Return whether a part has an image; everything else is a document."""
    return media_type.lower().startswith("image/")


# The content of a part, by its field, and the authors whose parts can have it.
PART_FIELDS: Validators = {**SHOWN, "functionCall": CALL, "functionResponse": RESULT}
FIELDS_BY_ROLE = {
    "user": (*SHOWN, "functionResponse"),
    "model": ("text", "functionCall"),
}

# A conversation's authors; Google's first version had a third one for the results of functions.
ROLES = {"user": "user", "model": "model", "function": "user"}
ROLE = one_of(*ROLES)


def role_of(content: dict[str, Any]) -> str:
    """Return the author of a content: "user" or "model"."""
    return ROLES[content.get("role") or "user"]


def check_content(where: str, content: Any) -> None:
    ROLE.check(f"{where}.role", content.get("role") or "user")
    allowed = FIELDS_BY_ROLE[role_of(content)]
    for index, part in enumerate(content.get("parts") or ()):
        check_part(f"{where}.parts.{index}", part, allowed)


def check_part(where: str, part: dict[str, Any], allowed: tuple[str, ...]) -> None:
    """Check the fields of a part that the bridge knows.  Others are for the reader of the request."""
    for name, validator in PART_FIELDS.items():
        if part.get(name) is None:
            continue
        if name not in allowed:
            reject(f"{where}.{name}", f"{', '.join(allowed[:-1])} or {allowed[-1]} from this role")
        validator.check(f"{where}.{name}", part[name])
    for name, validator in MARKS.items():
        if part.get(name) is not None:
            validator.check(f"{where}.{name}", part[name])


MARKS: Validators = {"thought": BOOLEAN, "thoughtSignature": STRING}

PART_SCHEMA = {
    "type": "object",
    "properties": {name: field.schema for name, field in {**PART_FIELDS, **MARKS}.items()},
}
CONTENT = Validator(
    check_content,
    {
        "type": "object",
        "properties": {"role": ROLE.schema, "parts": {"type": "array", "items": PART_SCHEMA}},
    },
)

FUNCTION = object_of(
    {"name": STRING}, optional={"description": STRING, "parameters": OBJECT, "parametersJsonSchema": OBJECT}
)
TOOL = object_of(optional={"functionDeclarations": list_of(FUNCTION)})

MODES = {
    "MODE_UNSPECIFIED": "auto",
    "AUTO": "auto",
    "VALIDATED": "auto",  # the model chooses, and the schemas are enforced
    "ANY": "required",
    "NONE": "none",
}
CALLING = object_of(optional={"mode": one_of(*MODES), "allowedFunctionNames": list_of(STRING)})

# Google's levels, and the efforts for which it has none.
EFFORTS = ("minimal", "low", "medium", "high", "none", "xhigh", "max")
LEVELS = {"THINKING_LEVEL_UNSPECIFIED": None, **{effort.upper(): effort for effort in EFFORTS}}


def check_level(where: str, level: Any) -> None:
    if not isinstance(level, str) or level.upper() not in LEVELS:
        reject(where, ", ".join(LEVELS))


LEVEL = Validator(check_level, {"enum": [*LEVELS]})
BUDGET = predicate(
    "an integer from -1",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= -1,
    {"type": "integer", "minimum": -1},
)
THINKING = object_of(optional={"includeThoughts": BOOLEAN, "thinkingBudget": BUDGET, "thinkingLevel": LEVEL})

MEDIA_TYPES = ("text/plain", "application/json")

GENERATION_CONFIG = object_of(
    optional={
        "candidateCount": both(
            INTEGER, supported(lambda n: n == 1, "Copilot returns one response per request", {"const": 1})
        ),
        "stopSequences": list_of(STRING),
        "maxOutputTokens": POSITIVE,
        "temperature": NUMBER,
        "topP": NUMBER,
        "responseMimeType": both(
            STRING,
            supported(
                lambda media: media in ("", *MEDIA_TYPES),
                "Copilot's models respond in text/plain or application/json",
                {"enum": [*MEDIA_TYPES]},
            ),
        ),
        "responseSchema": OBJECT,
        "responseJsonSchema": OBJECT,
        "responseModalities": both(
            list_of(STRING),
            supported(
                lambda modalities: (
                    {modality.upper() for modality in modalities} <= {"TEXT", "MODALITY_UNSPECIFIED"}
                ),
                "Copilot's models respond in text",
                {"items": {"const": "TEXT"}},
            ),
        ),
        "responseLogprobs": supported(
            lambda wanted: wanted is False, "Copilot gives no log probabilities", {"const": False}
        ),
        "thinkingConfig": THINKING,
    }
)

BODY: Validators = {
    "contents": list_of(CONTENT),
    "tools": list_of(TOOL),
    "toolConfig": object_of(optional={"functionCallingConfig": CALLING}),
    "generationConfig": GENERATION_CONFIG,
    "cachedContent": unsupported("the bridge keeps no cached contents: send the whole conversation"),
}
