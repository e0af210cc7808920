"""OpenAI's legacy Completions, with which editors complete code."""

from copilot_bridge.dialects.completions import request as completions
from copilot_bridge.dialects.description.endpoint import ALL, Description, Endpoint, Success
from copilot_bridge.dialects.description.fields import MODEL, PASSED_ON, STREAM
from copilot_bridge.dialects.description.schemas import (
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

COMPLETER = "gpt-41-copilot"
REFERENCE = "[OpenAI's reference](https://platform.openai.com/docs/api-reference/completions)"

CHOICE = object_with(
    {
        "index": constant(0),
        "text": string(),
        "logprobs": {"type": "null"},
        "finish_reason": passed_on("`stop`, `length` or `content_filter`; null before the end."),
    },
    ("index", "text", "finish_reason"),
)
USAGE = passed_on("true: the last chunk has the usage.")
SCHEMAS = {
    "CompletionsRequest": request(
        completions.REQUIRED,
        completions.FIELDS,
        {
            "model": MODEL | {"examples": [COMPLETER]},
            "prompt": "A text. The marks of open models (`<fim_prefix>` and the like) are understood.",
            "suffix": "The text after the gap.",
            "max_tokens": "The maximum number of tokens of the text.",
            "temperature": "0 to 2.",
            "top_p": "0 to 1.",
            "n": "Copilot returns one text per request.",
            "best_of": "Copilot does not rank texts.",
            "reasoning_effort": "How much to reason, for models that do.",
            "echo": "true: the prompt comes before the text.",
            "stop": "A text, or as many texts as you like, at which the text ends.",
            "stream": STREAM,
            "stream_options": {
                "properties": {"include_usage": passed_on("true: the last chunk has the usage.")}
            },
            "logprobs": "There are none.",
        },
        PASSED_ON.replace("passed on as they are", "left out"),
    ),
    "Completion": object_with(
        {
            "id": string(),
            "object": constant("text_completion"),
            "created": integer("Unix time, seconds."),
            "model": string(),
            "choices": list_of(CHOICE),
            "usage": passed_on("The tokens."),
        },
        ("id", "object", "created", "model", "choices"),
    ),
    "CompletionEvent": event(ref("Completion"), "[DONE]"),
}

GAP = {"model": COMPLETER, "prompt": "def add(a, b):\n", "suffix": "\n    return c"}

ENDPOINTS = (
    Endpoint(
        route="POST /completions",
        id="createCompletion",
        prefixed=True,
        summary="Complete a text, or fill a gap in it",
        about="A model of the type *completion* fills gaps by itself, and is not metered on paid plans; any "
        f"other is asked in words. {REFERENCE}",
        body=ref("CompletionsRequest"),
        examples={"A gap": GAP, "A text": {"model": "gpt-4o", "prompt": "Once upon a time"}},
        responses={200: Success("The text.", ref("Completion"), event=ref("CompletionEvent"))},
        kinds=ALL,
    ),
    Endpoint(
        route="POST /fim/completions",
        id="fillInTheMiddle",
        prefixed=True,
        summary="The same, with a response in the form of a chat",
        about="As Mistral's clients ask. [Mistral's reference](https://docs.mistral.ai/api/endpoint/fim)",
        body=ref("CompletionsRequest"),
        examples={"A gap": GAP},
        responses={200: Success("The text.", ref("ChatCompletion"), event=ref("ChatEvent"))},
        kinds=ALL,
    ),
)

DESCRIPTION = Description(
    "Completions", "OpenAI's older API, with which editors complete code.", ENDPOINTS, SCHEMAS
)
