"""OpenAI's Chat Completions.  What is checked stands in `dialects/chat/request.py`."""

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

MODEL = text(
    "A model's name, by any of its spellings; `GET /v1/models` lists them.",
    pattern=r"\S",
    maxLength=200,
    examples=["gpt-4o"],
)

LIMIT = or_null(
    whole("The most tokens of the answer; what is more than the model's own limit is cut to it.", 1)
)

STREAM = or_null(flag("Events as they come, instead of one answer at the end."))

PART = thing(
    {
        "type": passed_on("`text`, `image_url`, `file`."),
        "text": passed_on("Of a part `text`."),
        "image_url": passed_on('Of a part `image_url`: `{"url": …}`, a data URL or a public address.'),
    }
)

REQUEST = thing(
    {
        "model": MODEL,
        "messages": list_of(ref("ChatMessage"), "The conversation so far.", minItems=1),
        "stream": STREAM,
        "stream_options": or_null(thing({"include_usage": passed_on("true: the last chunk has the usage.")})),
        "max_tokens": LIMIT,
        "max_completion_tokens": LIMIT,
        "tools": or_null(list_of(passed_on("A function that the model may call."))),
        "tool_choice": passed_on("`none`, `auto`, `required`, or a function by its name."),
        "parallel_tool_calls": passed_on("false: one call at a time."),
        "response_format": passed_on('`{"type": "json_schema", …}` for an answer of that shape.'),
        "reasoning_effort": passed_on(
            "How hard to think: `low`, `medium`, `high`; left out for who knows none."
        ),
        "temperature": passed_on("0 to 2."),
        "top_p": passed_on("0 to 1."),
        "stop": passed_on("A text, or a list of texts, at which the answer ends."),
        "seed": passed_on("Advisory."),
        "n": or_null(always(1, "Copilot gives one answer to a request.") | {"type": "integer"}),
        "modalities": or_null(list_of(always("text"), "Copilot's models answer in text.")),
        "web_search_options": {"type": "null", "description": "Copilot's models do not search."},
    },
    ("model", "messages"),
    "Fields that are not named here are passed on as they are.",
)

USAGE = thing(
    {"prompt_tokens": whole(), "completion_tokens": whole(), "total_tokens": whole()},
    ("prompt_tokens", "completion_tokens", "total_tokens"),
)

TOOL_CALL = thing(
    {
        "id": text(),
        "type": always("function"),
        "function": thing({"name": text(), "arguments": text("JSON.")}, ("name", "arguments")),
    },
    ("id", "type", "function"),
)

SCHEMAS = {
    "ChatRequest": REQUEST,
    "ChatMessage": thing(
        {
            "role": text("`system`, `developer`, `user`, `assistant`, `tool`."),
            "content": any_of(text(), list_of(PART), {"type": "null"}),
            "tool_calls": passed_on("Of the assistant: what it called."),
            "tool_call_id": passed_on("Of a tool's result: the call's id."),
            "reasoning_content": passed_on("The assistant's thoughts, as they were told."),
            "reasoning_opaque": passed_on(
                "Their signature: send it back, and the model goes on where it was."
            ),
        },
        ("role",),
    ),
    "ChatCompletion": thing(
        {
            "id": text(),
            "object": always("chat.completion"),
            "created": whole("Unix time, seconds."),
            "model": text(),
            "choices": list_of(
                thing(
                    {
                        "index": always(0),
                        "message": thing(
                            {
                                "role": always("assistant"),
                                "content": or_null(text()),
                                "reasoning_content": or_null(text("Thoughts.")),
                                "reasoning_opaque": or_null(text("Their signature.")),
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
    "ChatChunk": thing(
        {
            "id": text(),
            "object": always("chat.completion.chunk"),
            "created": whole("Unix time, seconds."),
            "model": text(),
            "choices": list_of(
                thing(
                    {
                        "index": always(0),
                        "delta": thing({"role": or_null(text()), "content": or_null(text())}),
                        "finish_reason": one_of("stop", "length", "tool_calls", "content_filter", None),
                    },
                    ("index", "delta"),
                ),
                "One; none in the chunk with the usage.",
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
        summary="Answer a conversation (OpenAI's Chat Completions)",
        about="In one piece, or with `stream: true` event by event. Any model of the plan answers: where "
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
        answers={
            200: Answer("The answer.", ref("ChatCompletion"), event=ref("ChatEvent")),
        },
        kinds=ALL,
    ),
)
