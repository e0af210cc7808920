"""The list of models, in OpenAI's form and in Anthropic's."""

from copilot_bridge.dialects.validation import or_null
from copilot_bridge.openapi.endpoint import Answer, Endpoint, header, in_path, query
from copilot_bridge.openapi.errors import FROM_COPILOT
from copilot_bridge.openapi.schemas import (
    always,
    any_of,
    flag,
    list_of,
    ref,
    text,
    thing,
    whole,
)

SCHEMAS = {
    "Model": thing(
        {
            "id": text("What a request names."),
            "object": always("model"),
            "created": whole("Unix time, seconds; 0: Copilot does not say."),
            "owned_by": text("Its vendor."),
        },
        ("id", "object", "created", "owned_by"),
        "A model, as OpenAI describes one.",
    ),
    "ModelList": thing({"object": always("list"), "data": list_of(ref("Model"))}, ("object", "data")),
    "AnthropicModel": thing(
        {
            "type": always("model"),
            "id": text("What a request names."),
            "display_name": text(),
            "created_at": text("RFC 3339.", format="date-time"),
        },
        ("type", "id", "display_name", "created_at"),
        "A model, as Anthropic describes one.",
    ),
    "AnthropicModelList": thing(
        {
            "data": list_of(ref("AnthropicModel")),
            "has_more": flag(),
            "first_id": or_null(text()),
            "last_id": or_null(text()),
        },
        ("data", "has_more", "first_id", "last_id"),
    ),
}

VERSION = header("anthropic-version", text(), "If it is there the answer has Anthropic's form.", "2023-06-01")
BOTH = ("chat", "messages")

ENDPOINTS = (
    Endpoint(
        route="GET /models",
        id="listModels",
        prefixed=True,
        summary="List the models that a request can name",
        about="All of them in OpenAI's form; page by page in Anthropic's, for who sends `anthropic-version`. "
        "A key that is limited to some models sees those. At `/models` a browser gets a "
        "page instead.",
        parameters=(
            VERSION,
            query("limit", whole("", 1, maximum=1000, default=20), "Anthropic's form: of a page."),
            query("after_id", text(), "Anthropic's form: the page behind this model."),
            query("before_id", text(), "Anthropic's form: the page before this model."),
        ),
        answers={200: Answer("The models.", any_of(ref("ModelList"), ref("AnthropicModelList")))},
        dialects=BOTH,
        kinds=(*FROM_COPILOT, "invalid_request"),
        page=True,
    ),
    Endpoint(
        route="GET /models/{id}",
        id="getModel",
        prefixed=True,
        summary="Look up one model",
        about="In Anthropic's form for who sends `anthropic-version`.",
        parameters=(
            in_path("id", text(minLength=1), "Any spelling of its name; it may hold slashes.", "gpt-4o"),
            VERSION,
        ),
        answers={200: Answer("The model.", any_of(ref("Model"), ref("AnthropicModel")))},
        dialects=BOTH,
        kinds=(*FROM_COPILOT, "model_not_found", "not_found"),
    ),
)
