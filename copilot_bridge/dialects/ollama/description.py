"""Ollama's API."""

from typing import Any

from copilot_bridge.dialects.description.endpoint import ALL, FROM_COPILOT, Description, Endpoint, Success
from copilot_bridge.dialects.description.fields import MODEL
from copilot_bridge.dialects.description.schemas import (
    boolean,
    integer,
    list_of,
    number,
    object_with,
    passed_on,
    ref,
    request,
    string,
)
from copilot_bridge.dialects.ollama import embeddings
from copilot_bridge.dialects.ollama import request as ollama
from copilot_bridge.dialects.validation import BOOLEAN, POSITIVE

EMBEDDER = "text-embedding-3-small"
REFERENCE = "[Ollama's reference](https://docs.ollama.com/api)"
OTHERS = "Fields that are not named here are left out."

COMMON: dict[str, Any] = {
    "model": MODEL | {"examples": ["gpt-4o", "gpt-4o:latest"]},
    "stream": "Lines as they come; false: one response at the end.",
    "format": "`json`, or a JSON Schema.",
    "options": "`num_predict`, `stop`, `temperature` and `top_p`; others are left out.",
    "think": "Whether to reason, or how hard.",
}
LINE = {
    "model": string(),
    "created_at": string("RFC 3339."),
    "done": boolean("true in the last line."),
    "done_reason": passed_on("`stop`, `length` or `load`."),
    "total_duration": passed_on("Nanoseconds."),
    "prompt_eval_count": passed_on("Tokens."),
    "eval_count": passed_on("Tokens."),
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "OllamaError": object_with({"error": string("For people.")}, ("error",), "A refusal in Ollama's form."),
    "OllamaChatRequest": request(
        ollama.REQUIRED,
        ollama.CHAT_FIELDS,
        COMMON | {"messages": "The conversation so far.", "tools": "The functions that the model may call."},
        OTHERS,
    ),
    "OllamaGenerateRequest": request(
        ollama.REQUIRED,
        ollama.GENERATE_FIELDS,
        COMMON
        | {
            "prompt": "A text. Without one the model is only loaded, which it always is.",
            "suffix": "The text after a gap that is to be filled.",
            "system": "The system prompt.",
            "images": "In base64.",
            "raw": "true: the model continues the prompt instead of responding to it.",
        },
        OTHERS,
    ),
    "OllamaEmbedRequest": request(
        embeddings.EMBED,
        {"dimensions": POSITIVE},
        {
            "model": MODEL | {"examples": [EMBEDDER]},
            "input": "A text, or texts.",
            "dimensions": "For models that can have fewer.",
        },
        OTHERS,
    ),
    "OllamaEmbeddingsRequest": request(
        embeddings.EMBEDDINGS,
        {},
        {"model": MODEL | {"examples": [EMBEDDER]}, "prompt": "A text."},
        OTHERS,
    ),
    "OllamaName": request(
        ollama.REQUIRED, {"stream": BOOLEAN}, {"model": MODEL, "stream": COMMON["stream"]}, OTHERS
    ),
    "OllamaChatLine": object_with(
        LINE | {"message": passed_on("`role`, `content`, `thinking` and `tool_calls`.")},
        ("model", "created_at", "done", "message"),
    ),
    "OllamaGenerateLine": object_with(
        LINE | {"response": string(), "thinking": passed_on("The reasoning.")},
        ("model", "created_at", "done", "response"),
    ),
    "OllamaEmbeddings": object_with(
        {
            "model": string(),
            "embeddings": list_of(list_of(number())),
            "prompt_eval_count": integer("Tokens."),
            "total_duration": integer("Nanoseconds."),
            "load_duration": integer("Always 0."),
        },
        ("model", "embeddings"),
    ),
    "OllamaModel": object_with(
        {
            "capabilities": list_of(string()),
            "model_info": passed_on("With the context as `copilot.context_length`."),
            "details": passed_on("The vendor, as `family`."),
        },
        ("capabilities", "model_info", "details"),
    ),
    "OllamaModels": object_with(
        {"models": list_of(object_with({"name": string(), "model": string()}, ("name", "model")))},
        ("models",),
    ),
}

HELLO = [{"role": "user", "content": "Hello!"}]
BY_DEFAULT = "The response; by default as lines of JSON."


ENDPOINTS = (
    Endpoint(
        route="POST /api/chat",
        id="ollamaChat",
        prefixed=True,
        summary="Respond to a conversation (Ollama)",
        about=REFERENCE,
        body=ref("OllamaChatRequest"),
        examples={"In one piece": {"model": "gpt-4o", "messages": HELLO, "stream": False}},
        responses={200: Success(BY_DEFAULT, ref("OllamaChatLine"), lines=True)},
        dialects=("ollama",),
        kinds=ALL,
    ),
    Endpoint(
        route="POST /api/generate",
        id="ollamaGenerate",
        prefixed=True,
        summary="Respond to a text, or fill a gap in it (Ollama)",
        about=REFERENCE,
        body=ref("OllamaGenerateRequest"),
        examples={"In one piece": {"model": "gpt-4o", "prompt": "Hello!", "stream": False}},
        responses={
            200: Success("The response; by default as lines of JSON.", ref("OllamaGenerateLine"), lines=True)
        },
        dialects=("ollama",),
        kinds=ALL,
    ),
    Endpoint(
        route="POST /api/embed",
        id="ollamaEmbed",
        summary="Turn texts into vectors (Ollama)",
        about=REFERENCE,
        body=ref("OllamaEmbedRequest"),
        examples={"A text": {"model": EMBEDDER, "input": "a cat"}},
        responses={200: Success("The vectors.", ref("OllamaEmbeddings"))},
        dialects=("ollama",),
        kinds=ALL,
    ),
    Endpoint(
        route="POST /api/embeddings",
        id="ollamaEmbeddings",
        summary="The same for one text, in an older form",
        about=REFERENCE,
        body=ref("OllamaEmbeddingsRequest"),
        examples={"A text": {"model": EMBEDDER, "prompt": "a cat"}},
        responses={
            200: Success("The vector.", object_with({"embedding": list_of(number())}, ("embedding",)))
        },
        dialects=("ollama",),
        kinds=ALL,
    ),
    Endpoint(
        route="GET /api/tags",
        id="ollamaTags",
        summary="List the models (Ollama)",
        about=REFERENCE,
        responses={200: Success("The models.", ref("OllamaModels"))},
        dialects=("ollama",),
        kinds=FROM_COPILOT,
    ),
    Endpoint(
        route="GET /api/ps",
        id="ollamaPs",
        summary="List the models that run on this machine: none",
        responses={200: Success("None.", ref("OllamaModels"))},
        dialects=("ollama",),
    ),
    Endpoint(
        route="GET /api/version",
        id="ollamaVersion",
        summary="The version of Ollama's API that is spoken",
        responses={200: Success("The version.", object_with({"version": string()}, ("version",)))},
        dialects=("ollama",),
    ),
    Endpoint(
        route="POST /api/show",
        id="ollamaShow",
        summary="Describe a model (Ollama)",
        about=REFERENCE,
        body=ref("OllamaName"),
        examples={"A model": {"model": "gpt-4o"}},
        responses={200: Success("The model.", ref("OllamaModel"))},
        dialects=("ollama",),
        kinds=ALL,
    ),
    Endpoint(
        route="POST /api/pull",
        id="ollamaPull",
        summary="Download a model: there is nothing to download",
        about=REFERENCE,
        body=ref("OllamaName"),
        examples={"A model": {"model": "gpt-4o", "stream": False}},
        responses={200: Success("Done.", object_with({"status": string()}, ("status",)), lines=True)},
        dialects=("ollama",),
        kinds=ALL,
    ),
)

DESCRIPTION = Description("Ollama", "For tools that speak nothing else.", ENDPOINTS, SCHEMAS)
