"""Anthropic's Messages."""

from copilot_bridge.dialects.description.endpoint import ALL, Description, Endpoint, Success, header
from copilot_bridge.dialects.description.fields import MODEL, PASSED_ON, STREAM
from copilot_bridge.dialects.description.schemas import (
    any_of,
    constant,
    event,
    integer,
    list_of,
    object_with,
    passed_on,
    ref,
    request,
    string,
)
from copilot_bridge.dialects.messages import request as messages
from copilot_bridge.dialects.validation import or_null

REQUEST = request(
    messages.REQUIRED,
    messages.FIELDS,
    {
        "model": MODEL | {"examples": ["claude-sonnet-4.6"]},
        "messages": {"description": "The conversation so far.", "items": ref("Message")},
        "system": {
            "description": "The system prompt of the conversation.",
            "anyOf": [string(), list_of(ref("Block")), {"type": "null"}],
        },
        "tools": "The tools that the model may call.",
        "tool_choice": {"properties": {"type": passed_on("`auto`, `any`, `tool`, `none`.")}},
        "thinking": "`enabled` with a budget, `adaptive` or `disabled`, by its `type`.",
        "output_config": "How hard to think, and the form of the response.",
        "max_tokens": "As in Anthropic's API; may be left out here.",
        "stream": STREAM,
        "temperature": "0 to 1.",
        "top_p": "0 to 1.",
        "top_k": "Removed for models without it.",
        "stop_sequences": "Texts at which the response ends.",
        "metadata": '`{"user_id": …}`.',
    },
    PASSED_ON,
)

SCHEMAS = {
    "MessagesError": object_with(
        {
            "type": constant("error"),
            "error": object_with(
                {
                    "type": string("Anthropic's name for it, like `invalid_request_error`."),
                    "message": string("For people."),
                },
                ("type", "message"),
            ),
            "request_id": string("As in `X-Request-Id`."),
        },
        ("type", "error", "request_id"),
        "A refusal in Anthropic's form.",
    ),
    "MessagesRequest": REQUEST,
    "Message": messages.MESSAGE
    | {"properties": messages.MESSAGE["properties"] | {"content": any_of(string(), list_of(ref("Block")))}},
    "Block": messages.BLOCK
    | {
        "properties": {
            "type": string("`text`, `image`, `document`, `thinking`, `tool_use`, `tool_result`, …")
        },
        "additionalProperties": True,
    },
    "MessagesResponse": object_with(
        {
            "id": string(),
            "type": constant("message"),
            "role": constant("assistant"),
            "model": string(),
            "content": list_of(ref("Block")),
            "stop_reason": or_null(
                string("`end_turn`, `max_tokens`, `stop_sequence`, `tool_use`, `pause_turn`, `refusal`.")
            ),
            "stop_sequence": or_null(string()),
            "usage": ref("MessagesUsage"),
        },
        ("id", "type", "role", "model", "content", "stop_reason", "usage"),
    ),
    "MessagesUsage": object_with(
        {
            "input_tokens": integer(),
            "output_tokens": integer(),
            "cache_read_input_tokens": or_null(integer()),
            "cache_creation_input_tokens": or_null(integer()),
        },
        ("input_tokens", "output_tokens"),
    ),
    "MessagesEvent": event(ref("MessagesEventData"), named=True),
    "MessagesEventData": object_with(
        {
            "type": string(
                "`message_start`, `content_block_start`, `content_block_delta`, `content_block_stop`, "
                "`message_delta`, `message_stop`, `ping`; `error`, if it failed, and nothing after it."
            )
        },
        ("type",),
    ),
    "TokenCount": object_with({"input_tokens": integer()}, ("input_tokens",)),
}

HEADERS = (
    header("anthropic-version", string(), "Accepted, but not needed.", "2023-06-01"),
    header(
        "anthropic-beta", string(), "Betas, separated by commas; those that Copilot knows are passed on.", ""
    ),
)
QUESTION = [{"role": "user", "content": "Say hello."}]

ENDPOINTS = (
    Endpoint(
        route="POST /messages",
        id="createMessage",
        prefixed=True,
        summary="Respond to a conversation (Anthropic's Messages)",
        about="In one piece, or with `stream: true` event by event. Any model of the plan responds, those of "
        "OpenAI and Google included.\n\n[Anthropic's reference](https://docs.anthropic.com/en/api/messages)",
        parameters=HEADERS,
        body=ref("MessagesRequest"),
        examples={
            "A question": {"model": "claude-sonnet-4.6", "max_tokens": 1024, "messages": QUESTION},
            "The same, streamed": {
                "model": "claude-sonnet-4.6",
                "max_tokens": 1024,
                "messages": QUESTION,
                "stream": True,
            },
            "Another vendor's model": {"model": "gpt-5.3-codex", "max_tokens": 1024, "messages": QUESTION},
        },
        responses={200: Success("The response.", ref("MessagesResponse"), event=ref("MessagesEvent"))},
        dialects=("messages",),
        kinds=ALL,
    ),
    Endpoint(
        route="POST /messages/count_tokens",
        id="countTokens",
        prefixed=True,
        summary="Count the tokens of such a request",
        about="As Copilot counts for Claude models; by the bridge's own tokenizer for the others.\n\n"
        "[Anthropic's reference](https://docs.anthropic.com/en/api/messages-count-tokens)",
        parameters=HEADERS,
        body=ref("MessagesRequest"),
        examples={
            "For Claude": {"model": "claude-sonnet-4.6", "messages": QUESTION},
            "For GPT": {"model": "gpt-4o", "messages": QUESTION},
        },
        responses={200: Success("The number of tokens.", ref("TokenCount"))},
        dialects=("messages",),
        kinds=ALL,
    ),
)

DESCRIPTION = Description("Messages", "Anthropic's API, which Claude Code speaks.", ENDPOINTS, SCHEMAS)
