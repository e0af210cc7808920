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
    any_of,
    boolean,
    constant,
    integer,
    list_of,
    object_with,
    ref,
    string,
)
from copilot_bridge.dialects.gemini.description import VERSIONS
from copilot_bridge.dialects.validation import or_null

SCHEMAS = {
    "Model": object_with(
        {
            "id": string("What a request names."),
            "object": constant("model"),
            "created": integer("Unix time, seconds; 0: Copilot does not say."),
            "owned_by": string("Its vendor."),
        },
        ("id", "object", "created", "owned_by"),
        "A model, as OpenAI describes one.",
    ),
    "ModelList": object_with({"object": constant("list"), "data": list_of(ref("Model"))}, ("object", "data")),
    "AnthropicModel": object_with(
        {
            "type": constant("model"),
            "id": string("What a request names."),
            "display_name": string(),
            "created_at": string("RFC 3339.", format="date-time"),
        },
        ("type", "id", "display_name", "created_at"),
        "A model, as Anthropic describes one.",
    ),
    "AnthropicModelList": object_with(
        {
            "data": list_of(ref("AnthropicModel")),
            "has_more": boolean(),
            "first_id": or_null(string()),
            "last_id": or_null(string()),
        },
        ("data", "has_more", "first_id", "last_id"),
    ),
    "GoogleModel": object_with(
        {
            "name": string("What a request names, behind `models/`."),
            "displayName": string(),
            "inputTokenLimit": integer(),
            "outputTokenLimit": integer(),
            "supportedGenerationMethods": list_of(string()),
        },
        ("name", "displayName", "supportedGenerationMethods"),
        "A model, as Google describes one.",
    ),
    "GoogleModelList": object_with(
        {"models": list_of(ref("GoogleModel")), "nextPageToken": string("Where the next page begins.")},
        ("models",),
    ),
}

VERSION = header(
    "anthropic-version", string(), "If it is there the response has Anthropic's form.", "2023-06-01"
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
                string(),
                "Before each name, like `cb`: for clients that keep some names to themselves.",
            ),
            query("limit", integer("", 1, maximum=1000, default=20), "Anthropic's form: of a page."),
            query("after_id", string(), "Anthropic's form: the page behind this model."),
            query("before_id", string(), "Anthropic's form: the page before this model."),
            query("pageSize", string(), "Google's form: of a page; 50, if it is not said."),
            query(
                "pageToken",
                string(),
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
            in_path("id", string(minLength=1), "Any spelling of its name; it may hold slashes.", "gpt-4o"),
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
