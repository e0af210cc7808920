"""OpenAI's Responses."""

from copilot_bridge.dialects.description.endpoint import ALL, Description, Endpoint, Success, in_path, query
from copilot_bridge.dialects.description.fields import LIMIT, MODEL, PASSED_ON, STREAM
from copilot_bridge.dialects.description.schemas import (
    boolean,
    constant,
    event,
    integer,
    list_of,
    object_with,
    one_of,
    passed_on,
    ref,
    request,
    string,
)
from copilot_bridge.dialects.responses import request as responses
from copilot_bridge.dialects.validation import or_null
from copilot_bridge.errors import KindName

ITEM = object_with({"type": passed_on("`message`, `function_call`, `function_call_output`, `reasoning`, …")})

REQUEST = request(
    responses.REQUIRED,
    responses.FIELDS,
    {
        "model": MODEL | {"examples": ["gpt-5.3-codex"]},
        "input": {
            "description": "A text, or the conversation's items.",
            "anyOf": [string(), list_of(ITEM, minItems=1)],
        },
        "instructions": "The system prompt of the conversation.",
        "stream": STREAM,
        "max_output_tokens": LIMIT,
        "tools": "The functions that the model may call.",
        "tool_choice": "`none`, `auto`, `required`, or a function by its name.",
        "reasoning": "How hard to think; `summary`: `auto`.",
        "text": {"properties": {"format": passed_on("For a response of a given shape.")}},
        "include": "`reasoning.encrypted_content`.",
        "store": "false: the bridge does not keep this response either.",
        "previous_response_id": "The response to continue; the bridge keeps it for an hour.",
        "temperature": "0 to 2.",
        "top_p": "0 to 1.",
        "conversation": "A conversation of `POST /conversations`, by its id: it goes before the input, and "
        "the input and the response are added to it.",
        "prompt": "Stored prompts are not kept here: send the text itself.",
        "background": passed_on(
            "true: the response is fetched later (`GET /responses/{id}`). With `stream: true` its events can "
            "be fetched again, too."
        ),
    },
    PASSED_ON,
)

SCHEMAS = {
    "ResponsesRequest": REQUEST,
    "Response": object_with(
        {
            "id": string(),
            "object": constant("response"),
            "created_at": {"type": "number", "description": "Unix time, seconds."},
            "status": one_of("completed", "incomplete", "failed", "in_progress", "queued", "cancelled"),
            "model": string(),
            "output": list_of(
                object_with({"type": string("`message`, `reasoning`, `function_call`, …")}, ("type",))
            ),
            "usage": or_null(ref("ResponsesUsage")),
            "store": boolean("Copilot stores no responses; the bridge does for an hour."),
            "previous_response_id": or_null(string()),
        },
        ("id", "object", "status", "model", "output", "store"),
    ),
    "ResponsesUsage": object_with(
        {"input_tokens": integer(), "output_tokens": integer(), "total_tokens": integer()},
        ("input_tokens", "output_tokens", "total_tokens"),
    ),
    "ResponsesItem": object_with(
        {"id": string(), "type": string()}, ("id", "type"), "A message, a call, a result, …"
    ),
    "ResponsesItemList": object_with(
        {
            "object": constant("list"),
            "data": list_of(ref("ResponsesItem")),
            "first_id": or_null(string()),
            "last_id": or_null(string()),
            "has_more": boolean(),
        },
        ("object", "data", "first_id", "last_id", "has_more"),
    ),
    "DeletedResponse": object_with(
        {"id": string(), "object": constant("response"), "deleted": constant(True)},
        ("id", "object", "deleted"),
    ),
    "CompactionRequest": object_with(
        {
            "model": MODEL | {"examples": ["gpt-5.3-codex"]},
            "input": REQUEST["properties"]["input"],
            "instructions": or_null(string("The system prompt of the conversation.")),
            "previous_response_id": or_null(string("A response whose conversation goes before the input.")),
            **{name: REQUEST["properties"][name] for name in ("tools", "reasoning")},
        },
        ("model", "input"),
    ),
    "Compaction": object_with(
        {
            "id": string(),
            "object": constant("response.compaction"),
            "created_at": {"type": "number", "description": "Unix time, seconds."},
            "output": list_of(ref("ResponsesItem"), "What to send from now on, in place of all before."),
            "usage": or_null(ref("ResponsesUsage")),
        },
        ("id", "object", "output"),
    ),
    "InputTokens": object_with(
        {"object": constant("response.input_tokens"), "input_tokens": integer()}, ("object", "input_tokens")
    ),
    "ResponsesEvent": event(ref("ResponsesEventData"), named=True),
    "ResponsesEventData": object_with(
        {
            "type": string(
                "`response.created`, `response.output_item.added`, `response.output_text.delta`, …; last "
                "`response.completed`, `response.incomplete` or `response.failed`."
            ),
            "sequence_number": integer(),
        },
        ("type", "sequence_number"),
    ),
}

ID = in_path("id", string(minLength=1), "The id of a response.", "resp_0")
PAGE = (
    query("limit", integer("", 1, maximum=100, default=20), "Of a page."),
    query("order", one_of("asc", "desc"), "By their age; the newest first, if it is not said."),
    query("after", string(), "The page behind this item."),
)
RESUMED = (
    query(
        "stream", {"type": "boolean"}, "true: the events of a response in the background that is a stream."
    ),
    query("starting_after", integer("", 0), "The `sequence_number` of the last event that the client has."),
)
KEPT: tuple[KindName, ...] = ("authentication", "not_found", "invalid_request", "unsupported", "unavailable")

ENDPOINTS = (
    Endpoint(
        route="POST /responses",
        id="createResponse",
        prefixed=True,
        summary="Respond to a text or a conversation (OpenAI's Responses)",
        about="In one piece, or with `stream: true` event by event. What will not change by itself (an "
        "unknown model, a missing permission) is a 400 here: Codex tries everything else again.\n\n"
        "[OpenAI's reference](https://platform.openai.com/docs/api-reference/responses)",
        body=ref("ResponsesRequest"),
        examples={
            "A question": {"model": "gpt-5.3-codex", "input": "Say hello."},
            "The same, streamed": {"model": "gpt-5.3-codex", "input": "Say hello.", "stream": True},
            "Another vendor's model": {
                "model": "claude-sonnet-4.6",
                "instructions": "Be brief.",
                "input": [{"role": "user", "content": "Say hello."}],
                "reasoning": {"effort": "low"},
            },
        },
        responses={200: Success("The response.", ref("Response"), event=ref("ResponsesEvent"))},
        dialects=("responses",),
        kinds=ALL,
    ),
    Endpoint(
        route="GET /responses",
        id="openWebSocket",
        prefixed=True,
        summary="Open a WebSocket",
        about="With `Upgrade: websocket`.  Each message of the type `response.create`, with the fields of a "
        "`POST` request, is a turn, and its events come back, one a message.",
        responses={
            101: Success("A WebSocket, whose messages are these events.", ref("ResponsesEvent")),
            426: Success(
                "This is no upgrade, or WebSockets are turned off: send a `POST` request.", ref("Error")
            ),
        },
        dialects=("responses",),
    ),
    Endpoint(
        route="POST /responses/input_tokens",
        id="countInputTokens",
        prefixed=True,
        summary="Count the tokens of such a request (OpenAI's form)",
        about="By the bridge's own tokenizer.",
        body=ref("ResponsesRequest"),
        examples={"A question": {"model": "gpt-5.3-codex", "input": "Say hello."}},
        responses={200: Success("The number.", ref("InputTokens"))},
        dialects=("responses",),
        kinds=ALL,
    ),
    Endpoint(
        route="POST /responses/compact",
        id="compactConversation",
        prefixed=True,
        summary="Replace a conversation by a summary",
        about="The model itself writes the summary. It comes back in a `compaction` item behind what the "
        "user has said, and every model understands that item in a later request. The settings of the "
        "prompt cache, tools, reasoning and verbosity reach the model, which calls no tool; fields that a "
        "compaction can't obey are refused, such as `stream` and a format of the text.",
        body=ref("CompactionRequest"),
        examples={"A question": {"model": "gpt-5.3-codex", "input": "Say hello."}},
        responses={200: Success("The items that replace it.", ref("Compaction"))},
        dialects=("responses",),
        kinds=ALL,
    ),
    Endpoint(
        route="GET /responses/{id}",
        id="getResponse",
        prefixed=True,
        summary="Fetch a response again, or one that is made in the background",
        about="The bridge keeps responses for an hour, unless `store` is false, as many as "
        "`COPILOT_BRIDGE_RESPONSE_STORE_MB` has room for.",
        parameters=(ID, *RESUMED),
        responses={200: Success("The response.", ref("Response"))},
        kinds=KEPT,
    ),
    Endpoint(
        route="DELETE /responses/{id}",
        id="deleteResponse",
        prefixed=True,
        summary="Forget a response",
        parameters=(ID,),
        responses={200: Success("The object was deleted.", ref("DeletedResponse"))},
        kinds=KEPT,
    ),
    Endpoint(
        route="GET /responses/{id}/input_items",
        id="listInputItems",
        prefixed=True,
        summary="List what a response was given",
        about="The items of its own request, without those of the responses before it.",
        parameters=(ID, *PAGE),
        responses={200: Success("The items.", ref("ResponsesItemList"))},
        kinds=KEPT,
    ),
    Endpoint(
        route="POST /responses/{id}/cancel",
        id="cancelResponse",
        prefixed=True,
        summary="Cancel a response that is made in the background",
        parameters=(ID,),
        responses={200: Success("The response, cancelled.", ref("Response"))},
        kinds=KEPT,
    ),
)

DESCRIPTION = Description("Responses", "OpenAI's API that Codex speaks.", ENDPOINTS, SCHEMAS)
