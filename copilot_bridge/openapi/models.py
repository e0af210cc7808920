"""The list of models, in OpenAI's form, in Anthropic's and in Google's."""

from copilot_bridge.dialects.description.endpoint import (
    FROM_COPILOT,
    Description,
    Endpoint,
    Success,
    header,
    in_path,
    query,
)
from copilot_bridge.dialects.description.schemas import (
    always,
    any_of,
    flag,
    list_of,
    ref,
    text,
    thing,
    whole,
)
from copilot_bridge.dialects.gemini.description import VERSIONS
from copilot_bridge.dialects.validation import or_null

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
    "GoogleModel": thing(
        {
            "name": text("What a request names, behind `models/`."),
            "displayName": text(),
            "inputTokenLimit": whole(),
            "outputTokenLimit": whole(),
            "supportedGenerationMethods": list_of(text()),
        },
        ("name", "displayName", "supportedGenerationMethods"),
        "A model, as Google describes one.",
    ),
    "GoogleModelList": thing(
        {"models": list_of(ref("GoogleModel")), "nextPageToken": text("Where the next page begins.")},
        ("models",),
    ),
}

VERSION = header(
    "anthropic-version", text(), "If it is there the response has Anthropic's form.", "2023-06-01"
)
FORMS = ("chat", "messages", "gemini")

ENDPOINTS = (
    Endpoint(
        route="GET /models",
        id="listModels",
        prefixed=True,
        other_prefixes=VERSIONS,
        summary="List the models that a request can name",
        about="All of them in OpenAI's form; page by page in Anthropic's, for who sends `anthropic-version`, "
        "and in Google's, for who sends `x-goog-api-key` or `x-goog-api-client`, and under its versions. "
        "A key that is limited to some models sees those. At `/models` a browser gets a "
        "page instead.",
        parameters=(
            VERSION,
            query(
                "prefix",
                text(),
                "Before each name, like `cb`: for clients that keep some names to themselves.",
            ),
            query("limit", whole("", 1, maximum=1000, default=20), "Anthropic's form: of a page."),
            query("after_id", text(), "Anthropic's form: the page behind this model."),
            query("before_id", text(), "Anthropic's form: the page before this model."),
            query("pageSize", text(), "Google's form: of a page; 50, if it is not said."),
            query(
                "pageToken",
                text(),
                "Google's form: where the page begins, from the previous page's `nextPageToken`.",
            ),
        ),
        responses={
            200: Success(
                "The models.", any_of(ref("ModelList"), ref("AnthropicModelList"), ref("GoogleModelList"))
            )
        },
        dialects=FORMS,
        kinds=(*FROM_COPILOT, "invalid_request"),
        page=True,
    ),
    Endpoint(
        route="GET /models/{id}",
        id="getModel",
        prefixed=True,
        other_prefixes=VERSIONS,
        summary="Look up one model",
        about="In Anthropic's form for who sends `anthropic-version`, and in Google's as for the list.",
        parameters=(
            in_path("id", text(minLength=1), "Any spelling of its name; it may hold slashes.", "gpt-4o"),
            VERSION,
        ),
        responses={
            200: Success("The model.", any_of(ref("Model"), ref("AnthropicModel"), ref("GoogleModel")))
        },
        dialects=FORMS,
        kinds=(*FROM_COPILOT, "model_not_found", "not_found"),
    ),
)

DESCRIPTION = Description("Models", "The models that a request can name.", ENDPOINTS, SCHEMAS)
