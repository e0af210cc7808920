"""OpenAI's Responses.  What is checked stands in `dialects/responses/request.py`."""

from copilot_bridge.openapi.chat import LIMIT, MODEL, STREAM
from copilot_bridge.openapi.endpoint import Answer, Endpoint
from copilot_bridge.openapi.errors import ALL
from copilot_bridge.openapi.schemas import (
    always,
    any_of,
    event,
    flag,
    list_of,
    one_of,
    or_null,
    passed_on,
    ref,
    text,
    thing,
    whole,
)

ITEM = thing({"type": passed_on("`message`, `function_call`, `function_call_output`, `reasoning`, …")})

REQUEST = thing(
    {
        "model": MODEL | {"examples": ["gpt-5.3-codex"]},
        "input": any_of(text(), list_of(ITEM, minItems=1), about="A text, or the conversation's items."),
        "instructions": passed_on("What holds for all of it."),
        "stream": STREAM,
        "max_output_tokens": LIMIT,
        "tools": or_null(list_of(passed_on("A function that the model may call."))),
        "tool_choice": passed_on("`none`, `auto`, `required`, or a function by its name."),
        "reasoning": or_null(
            thing({"effort": passed_on("How hard to think."), "summary": passed_on("`auto`.")})
        ),
        "text": or_null(thing({"format": passed_on("For an answer of a given shape.")})),
        "include": or_null(list_of(passed_on("`reasoning.encrypted_content`."))),
        "store": or_null(flag("false: the bridge does not remember this answer either.")),
        "previous_response_id": or_null(
            text("An answer to go on from; the bridge remembers it for an hour.", minLength=1)
        ),
        "temperature": passed_on("0 to 2."),
        "top_p": passed_on("0 to 1."),
        "conversation": {"type": "null", "description": "Nothing is kept: send the whole conversation."},
        "prompt": {"type": "null", "description": "Stored prompts are not kept here: send the text itself."},
        "background": one_of(False, None, about="An answer is given while the client waits."),
    },
    ("model", "input"),
    "Fields that are not named here are passed on as they are.",
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
