"""OpenAI's Responses."""

from copilot_bridge.dialects.responses import request as responses
from copilot_bridge.dialects.validation import or_null
from copilot_bridge.openapi.chat import LIMIT, MODEL, PASSED_ON, STREAM
from copilot_bridge.openapi.endpoint import Answer, Endpoint
from copilot_bridge.openapi.errors import ALL
from copilot_bridge.openapi.schemas import (
    always,
    event,
    list_of,
    one_of,
    passed_on,
    ref,
    request,
    text,
    thing,
    whole,
)

ITEM = thing({"type": passed_on("`message`, `function_call`, `function_call_output`, `reasoning`, …")})

REQUEST = request(
    responses.REQUIRED,
    responses.FIELDS,
    {
        "model": MODEL | {"examples": ["gpt-5.3-codex"]},
        "input": {
            "description": "A text, or the conversation's items.",
            "anyOf": [text(), list_of(ITEM, minItems=1)],
        },
        "instructions": "What holds for all of it.",
        "stream": STREAM,
        "max_output_tokens": LIMIT,
        "tools": "The functions that the model may call.",
        "tool_choice": "`none`, `auto`, `required`, or a function by its name.",
        "reasoning": "How hard to think; `summary`: `auto`.",
        "text": {"properties": {"format": passed_on("For an answer of a given shape.")}},
        "include": "`reasoning.encrypted_content`.",
        "store": "false: the bridge does not remember this answer either.",
        "previous_response_id": "An answer to go on from; the bridge remembers it for an hour.",
        "temperature": "0 to 2.",
        "top_p": "0 to 1.",
        "conversation": "Nothing is kept: send the whole conversation.",
        "prompt": "Stored prompts are not kept here: send the text itself.",
        "background": "An answer is given while the client waits.",
    },
    PASSED_ON,
)

SCHEMAS = {
    "ResponsesRequest": REQUEST,
    "Response": thing(
        {
            "id": text(),
            "object": always("response"),
            "created_at": {"type": "number", "description": "Unix time, seconds."},
            "status": one_of("completed", "incomplete", "failed", "in_progress"),
            "model": text(),
            "output": list_of(thing({"type": text("`message`, `reasoning`, `function_call`, …")}, ("type",))),
            "usage": or_null(ref("ResponsesUsage")),
            "store": always(False, "Copilot stores no responses."),
            "previous_response_id": or_null(text()),
        },
        ("id", "object", "status", "model", "output", "store"),
    ),
    "ResponsesUsage": thing(
        {"input_tokens": whole(), "output_tokens": whole(), "total_tokens": whole()},
        ("input_tokens", "output_tokens", "total_tokens"),
    ),
    "ResponsesEvent": event(ref("ResponsesEventData"), named=True),
    "ResponsesEventData": thing(
        {
            "type": text(
                "`response.created`, `response.output_item.added`, `response.output_text.delta`, …; last "
                "`response.completed`, `response.incomplete` or `response.failed`."
            ),
            "sequence_number": whole(),
        },
        ("type", "sequence_number"),
    ),
}

ENDPOINTS = (
    Endpoint(
        route="POST /responses",
        id="createResponse",
        prefixed=True,
        summary="Answer a text or a conversation (OpenAI's Responses)",
        about="In one piece, or with `stream: true` event by event. What will not change by itself (an "
        "unknown model, a missing permission) is told with a 400 here: Codex tries everything else again.\n\n"
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
        answers={200: Answer("The answer.", ref("Response"), event=ref("ResponsesEvent"))},
        dialects=("responses",),
        kinds=ALL,
    ),
    Endpoint(
        route="GET /responses",
        id="refuseWebSocket",
        prefixed=True,
        summary="Say that there is no WebSocket",
        about="Codex asks for one first, and at this status goes on with `POST` at once.",
        answers={426: Answer("Send a `POST` request.", ref("Error"))},
        dialects=("responses",),
    ),
)
