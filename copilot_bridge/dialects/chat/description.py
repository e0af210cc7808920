"""OpenAI's Chat Completions."""

from copilot_bridge.dialects.chat import request as chat
from copilot_bridge.dialects.description.endpoint import ALL, Description, Endpoint, Success
from copilot_bridge.dialects.description.fields import LIMIT, MODEL, PASSED_ON, STREAM
from copilot_bridge.dialects.description.schemas import (
    any_of,
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
from copilot_bridge.dialects.validation import STRING, or_null

PART = object_with(
    {
        "type": passed_on("`text`, `image_url`, `file`."),
        "text": passed_on("Of a part `text`."),
        "image_url": passed_on('Of a part `image_url`: `{"url": …}`, a data URL or a public address.'),
    }
)

REQUEST = request(
    chat.REQUIRED,
    chat.FIELDS,
    {
        "model": MODEL,
        "messages": list_of(ref("ChatMessage"), "The conversation so far.", minItems=1),
        "stream": STREAM,
        "stream_options": {"properties": {"include_usage": passed_on("true: the last chunk has the usage.")}},
        "max_tokens": LIMIT,
        "max_completion_tokens": LIMIT,
        "tools": "The functions that the model may call.",
        "tool_choice": "`none`, `auto`, `required`, or a function by its name.",
        "parallel_tool_calls": "false: one call at a time.",
        "response_format": '`{"type": "json_schema", …}` for a response of that shape.',
        "reasoning_effort": "How hard to think; removed for models without efforts.",
        "temperature": "0 to 2.",
        "top_p": "0 to 1.",
        "stop": "A text, or a list of texts, at which the response ends.",
        "seed": "Advisory.",
        "n": "Copilot returns one response per request.",
        "modalities": "Copilot's models respond in text.",
        "web_search_options": "Has the model search the web; the response's `annotations` name its sources.",
    },
    PASSED_ON,
)

USAGE = object_with(
    {"prompt_tokens": integer(), "completion_tokens": integer(), "total_tokens": integer()},
    ("prompt_tokens", "completion_tokens", "total_tokens"),
)

TOOL_CALL = object_with(
    {
        "id": string(),
        "type": constant("function"),
        "function": object_with({"name": string(), "arguments": string("JSON.")}, ("name", "arguments")),
    },
    ("id", "type", "function"),
)

SCHEMAS = {
    "Error": object_with(
        {
            "error": object_with(
                {
                    "message": string("For people."),
                    "type": string("OpenAI's name for it, like `invalid_request_error`."),
                    "param": or_null(string("The field that is at fault, like `messages.0.content`.")),
                    "code": or_null(
                        string("For programs, like `model_not_found`; what Copilot gave, if it gave one.")
                    ),
                },
                ("message", "type", "param", "code"),
            )
        },
        ("error",),
        "A refusal in OpenAI's form.",
    ),
    "ChatRequest": REQUEST,
    "ChatMessage": request(
        {"role": STRING},
        {},
        {
            "role": "`system`, `developer`, `user`, `assistant`, `tool`.",
            "content": any_of(string(), list_of(PART), {"type": "null"}),
            "tool_calls": "For the assistant: the tools that it called.",
            "tool_call_id": "For a tool's result: the id of the call.",
            "reasoning_content": "The assistant's reasoning, as it was sent.",
            "reasoning_opaque": "Their signature: send it back, and the model goes on where it was.",
        },
    ),
    "ChatCompletion": object_with(
        {
            "id": string(),
            "object": constant("chat.completion"),
            "created": integer("Unix time, seconds."),
            "model": string(),
            "choices": list_of(
                object_with(
                    {
                        "index": constant(0),
                        "message": object_with(
                            {
                                "role": constant("assistant"),
                                "content": or_null(string()),
                                "reasoning_content": or_null(string("Thoughts.")),
                                "reasoning_opaque": or_null(string("Their signature.")),
                                "tool_calls": or_null(list_of(TOOL_CALL)),
                            },
                            ("role", "content"),
                        ),
                        "finish_reason": one_of("stop", "length", "tool_calls", "content_filter"),
                    },
                    ("index", "message", "finish_reason"),
                ),
                "One.",
                minItems=1,
                maxItems=1,
            ),
            "usage": ref("ChatUsage"),
        },
        ("id", "object", "created", "model", "choices"),
    ),
    "ChatUsage": USAGE,
    "ChatChunk": object_with(
        {
            "id": string(),
            "object": constant("chat.completion.chunk"),
            "created": integer("Unix time, seconds."),
            "model": string(),
            "choices": list_of(
                object_with(
                    {
                        "index": constant(0),
                        "delta": object_with({"role": or_null(string()), "content": or_null(string())}),
                        "finish_reason": one_of("stop", "length", "tool_calls", "content_filter", None),
                    },
                    ("index", "delta"),
                ),
                "One choice; none in the chunk with the usage.",
                maxItems=1,
            ),
            "usage": or_null(ref("ChatUsage")),
        },
        ("id", "object", "created", "model", "choices"),
    ),
    "ChatEvent": event(
        any_of(ref("ChatChunk"), ref("Error")),
        "[DONE]",
        about="`[DONE]` comes last; a stream that failed ends with an `Error` instead.",
    ),
}

QUESTION = [{"role": "user", "content": "Say hello."}]
READ_FILE = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a file",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    },
}

ENDPOINTS = (
    Endpoint(
        route="POST /chat/completions",
        id="createChatCompletion",
        prefixed=True,
        summary="Respond to a conversation (OpenAI's Chat Completions)",
        about="In one piece, or with `stream: true` event by event. Any model of the plan responds: where "
        "Copilot does not offer it through this API, the bridge translates.\n\n"
        "[OpenAI's reference](https://platform.openai.com/docs/api-reference/chat)",
        body=ref("ChatRequest"),
        examples={
            "A question": {"model": "gpt-4o", "messages": QUESTION},
            "The same, streamed": {
                "model": "gpt-4o",
                "messages": QUESTION,
                "stream": True,
                "stream_options": {"include_usage": True},
            },
            "A tool": {
                "model": "claude-sonnet-4.6",
                "messages": [{"role": "user", "content": "What does read_file say of notes.txt?"}],
                "tools": [READ_FILE],
            },
        },
        responses={
            200: Success("The response.", ref("ChatCompletion"), event=ref("ChatEvent")),
        },
        kinds=ALL,
    ),
)

DESCRIPTION = Description("Chat Completions", "OpenAI's API that most tools speak.", ENDPOINTS, SCHEMAS)
