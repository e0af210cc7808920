"""Google's Gemini API."""

from typing import Any

from copilot_bridge.dialects.description.endpoint import ALL, Description, Endpoint, Success, in_path, query
from copilot_bridge.dialects.description.fields import NAME
from copilot_bridge.dialects.description.schemas import (
    Schema,
    constant,
    event,
    integer,
    list_of,
    number,
    object_with,
    one_of,
    passed_on,
    ref,
    string,
)
from copilot_bridge.dialects.description.schemas import request as body
from copilot_bridge.dialects.gemini import embeddings, request, schema

VERSIONS = {
    "/v1beta": "Google's clients, and the Gemini CLI",
    "/v1alpha": "the same, for what is new",
}
# Google's SDKs ask there since 2026; litellm puts nothing but the path behind the base URL that it is given.
STABLE = {"/v1": "Google's newer clients", "/": "the same, without a prefix"}
PREFIXES = VERSIONS | STABLE

SPELLINGS = "Each field is read in camel case and in snake case. Fields that are not named here are left out."

ABOUT: dict[str, str | Schema] = {
    "contents": request.CONTENTS.schema | {"description": "The conversation so far."},
    "systemInstruction": request.SYSTEM_INSTRUCTION
    | {"description": "The system prompt of the conversation."},
    "tools": "`[{functionDeclarations: […]}]`; their arguments are described by `parameters` or "
    "`parametersJsonSchema`. Google's own tools are left out.",
    "toolConfig": schema.BODY["toolConfig"].schema
    | {"description": "Which functions the model may call, has to call, or may not."},
    "generationConfig": schema.GENERATION_CONFIG.schema | {"description": "How the model responds."},
}
FIELDS = {name: rule for name, rule in request.REQUIRED.items() if name != "model"}

SCHEMAS = {
    "GeminiError": object_with(
        {
            "error": object_with(
                {
                    "code": integer("The HTTP status."),
                    "message": string(),
                    "status": string("Its name, like `INVALID_ARGUMENT`."),
                    "details": list_of(
                        object_with({"@type": string()}, ("@type",)),
                        "The field at fault, or when to try again.",
                    ),
                },
                ("code", "message", "status"),
            )
        },
        ("error",),
        "A refusal in Google's form.",
    ),
    "GeminiRequest": body(FIELDS, request.FIELDS, ABOUT, SPELLINGS),
    "GeminiCountRequest": body(
        {},
        FIELDS,
        {
            "contents": "The content to count.",
            "generateContentRequest": passed_on("A whole request instead: it is counted with all it has."),
        },
        SPELLINGS,
    ),
    "GeminiChunk": object_with(
        {
            "candidates": list_of(
                object_with(
                    {
                        "content": object_with(
                            {"role": constant("model"), "parts": list_of(ref("GeminiPart"))}
                        ),
                        "finishReason": one_of("STOP", "MAX_TOKENS", "SAFETY", "MALFORMED_FUNCTION_CALL"),
                        "index": constant(0),
                    },
                    ("content", "index"),
                ),
                "One.",
            ),
            "usageMetadata": object_with(
                {
                    "promptTokenCount": integer(),
                    "candidatesTokenCount": integer("Of the response, without thoughts."),
                    "thoughtsTokenCount": integer(),
                    "cachedContentTokenCount": integer(),
                    "totalTokenCount": integer(),
                }
            ),
            "modelVersion": string(),
            "responseId": string(),
        },
        ("candidates", "modelVersion", "responseId"),
        "A response, or a piece of one.",
    ),
    "GeminiPart": object_with(
        {
            "text": string(),
            "thought": one_of(True, about="The text is a thought."),
            "functionCall": object_with(
                {"id": string(), "name": string(), "args": object_with({})}, ("id", "name", "args")
            ),
            "thoughtSignature": string("Send it back with its part, and the model goes on where it was."),
        }
    ),
    "GeminiEvent": event(ref("GeminiChunk"), about="A stream that failed ends with a `GeminiError`."),
    "GeminiTokenCount": object_with({"totalTokens": integer()}, ("totalTokens",)),
    "GeminiEmbedding": object_with({"values": list_of(number())}, ("values",)),
    "GeminiEmbedRequest": body(
        embeddings.REQUIRED,
        embeddings.FIELDS,
        {
            "content": "The text, in one part or more.",
            "outputDimensionality": "For models that can have fewer dimensions.",
            "taskType": passed_on("Left out."),
        },
        SPELLINGS,
    ),
}

MODEL = in_path("model", string(minLength=1), NAME, "gpt-4o")
EMBEDDER = in_path("model", string(minLength=1), NAME, "text-embedding-3-small")
SSE = query("alt", one_of("sse", "json"), "`sse`: events; else the pieces are the elements of one array.")

QUESTION = {"contents": [{"role": "user", "parts": [{"text": "Say hello."}]}]}
READ_FILE = {
    "name": "read_file",
    "description": "Read a file",
    "parametersJsonSchema": {
        "type": "object",
        "properties": {"path": {"type": "string"}},
        "required": ["path"],
    },
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "A question": QUESTION,
    "A tool": {
        "contents": [{"role": "user", "parts": [{"text": "What does read_file say of notes.txt?"}]}],
        "tools": [{"functionDeclarations": [READ_FILE]}],
    },
    "A response in JSON": {
        **QUESTION,
        "generationConfig": {
            "responseMimeType": "application/json",
            "responseSchema": {"type": "OBJECT", "properties": {"greeting": {"type": "STRING"}}},
        },
    },
}
EMBEDDED = {"content": {"parts": [{"text": "A text."}]}}
REFERENCE = "[Google's reference](https://ai.google.dev/api/generate-content)"

ENDPOINTS = (
    Endpoint(
        route="POST /models/{model}:generateContent",
        id="generateContent",
        other_prefixes=PREFIXES,
        summary="Respond to a conversation (Google's Gemini API)",
        about=f"In one piece. Any model of the plan responds, whoever made it.\n\n{REFERENCE}",
        parameters=(MODEL,),
        body=ref("GeminiRequest"),
        examples=EXAMPLES,
        responses={200: Success("The response.", ref("GeminiChunk"))},
        dialects=("gemini",),
        kinds=ALL,
    ),
    Endpoint(
        route="POST /models/{model}:streamGenerateContent",
        id="streamGenerateContent",
        other_prefixes=PREFIXES,
        summary="The same, piece by piece",
        about=REFERENCE,
        parameters=(MODEL, SSE),
        body=ref("GeminiRequest"),
        examples={"A question": QUESTION},
        responses={200: Success("The pieces.", list_of(ref("GeminiChunk")), event=ref("GeminiEvent"))},
        dialects=("gemini",),
        kinds=ALL,
    ),
    Endpoint(
        route="POST /models/{model}:countTokens",
        id="countGeminiTokens",
        other_prefixes=PREFIXES,
        summary="Count the tokens of such a Gemini request",
        about="By the bridge's own tokenizer.",
        parameters=(MODEL,),
        body=ref("GeminiCountRequest"),
        examples={"Contents": QUESTION, "A whole request": {"generateContentRequest": QUESTION}},
        responses={200: Success("The number of tokens.", ref("GeminiTokenCount"))},
        dialects=("gemini",),
        kinds=ALL,
    ),
    Endpoint(
        route="POST /models/{model}:embedContent",
        id="embedContent",
        other_prefixes=PREFIXES,
        summary="Embed a text",
        parameters=(EMBEDDER,),
        body=ref("GeminiEmbedRequest"),
        examples={"A text": EMBEDDED},
        responses={
            200: Success("The vector.", object_with({"embedding": ref("GeminiEmbedding")}, ("embedding",))),
        },
        dialects=("gemini",),
        kinds=ALL,
    ),
    Endpoint(
        route="POST /models/{model}:batchEmbedContents",
        id="batchEmbedContents",
        other_prefixes=PREFIXES,
        summary="Embed several texts",
        parameters=(EMBEDDER,),
        body=object_with({"requests": list_of(ref("GeminiEmbedRequest"), minItems=1)}, ("requests",)),
        examples={"Two texts": {"requests": [EMBEDDED, EMBEDDED]}},
        responses={
            200: Success(
                "The vectors, in their order.",
                object_with({"embeddings": list_of(ref("GeminiEmbedding"))}, ("embeddings",)),
            ),
        },
        dialects=("gemini",),
        kinds=ALL,
    ),
)

DESCRIPTION = Description("Gemini", "Google's API, which the Gemini CLI speaks.", ENDPOINTS, SCHEMAS)
