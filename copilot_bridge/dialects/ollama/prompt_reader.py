"""Conversion of Ollama's bodies into a `Prompt`.

Calls have no ids in this dialect: results follow their calls in the same order, or name the tool.
"""

from collections.abc import Iterator
from typing import Any

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.completions.fill_marks import read_fill_prompt
from copilot_bridge.dialects.ollama.call_ids import read_id
from copilot_bridge.dialects.ollama.request import options_of
from copilot_bridge.dialects.prompt import (
    Gap,
    Image,
    Message,
    OutputFormat,
    Part,
    Prompt,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)

# Optional fields: the response is as valid without them.  The last three are of models that paint.
DROPPED = ("keep_alive", "template", "context", "top_logprobs", "width", "height", "steps")

# Options of the same kind: how to sample, and how to run a model on a machine of one's own.
DROPPED_OPTIONS = (
    *("seed", "top_k", "min_p", "tfs_z", "typical_p", "repeat_last_n", "repeat_penalty", "presence_penalty"),
    *("frequency_penalty", "penalize_newline", "mirostat", "mirostat_tau", "mirostat_eta", "num_keep"),
    *("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "numa", "low_vram", "f16_kv"),
    *("logits_all", "vocab_only", "embedding_only", "use_mmap", "use_mlock"),
)


EFFORT_OF_TRUE = "medium"  # of `think: true`; the official client's default (2026-11)


def read_chat_prompt(body: JsonObject) -> Prompt:
    """Read the body of a chat."""
    return Prompt(
        messages=tuple(MessageReader().read(body.get("messages") or ())),
        tools=tuple(map(read_tool, body.get("tools") or ())),
        **read_settings(body),
    )


def read_generate_prompt(body: JsonObject) -> Prompt:
    """Read the body of a generation: a gap to fill, or a single message."""
    prompt, suffix = body.get("prompt") or "", body.get("suffix") or ""
    marked = read_fill_prompt(prompt) if not suffix else None
    settings = read_settings(body)
    if marked:
        settings["stop"] = (*settings["stop"], *marked.stops)
        return Prompt(messages=(), gap=Gap(marked.prefix, marked.suffix), **settings)
    if suffix or body.get("raw"):
        return Prompt(messages=(), gap=Gap(prompt, suffix), **settings)
    system = [Message("system", (Text(body["system"]),))] if body.get("system") else []
    user = Message("user", (Text(prompt), *map(read_image, body.get("images") or ())))
    return Prompt(messages=(*system, user), **settings)


def read_settings(body: JsonObject) -> dict[str, Any]:
    options, think = options_of(body), body.get("think")
    stop = options.get("stop")
    max_tokens = options.get("num_predict") or 0
    return {
        "model": body["model"],
        "max_tokens": max_tokens if max_tokens > 0 else None,  # -1 and -2: as many as there is room for
        "temperature": options.get("temperature"),
        "top_p": options.get("top_p"),
        "stop": tuple(filter(None, (stop,) if isinstance(stop, str) else stop or ())),
        "reasoning_effort": EFFORT_OF_TRUE if think is True else think or None,
        "thinking_budget": 0 if think is False else None,
        "output_format": read_format(body.get("format")),
    }


def read_format(given: Any) -> OutputFormat | None:
    if not given:
        return None
    return OutputFormat(None if given == "json" else given)


def read_tool(tool: JsonObject) -> Tool:
    function = tool["function"]
    schema = {"type": "object"} | (function.get("parameters") or {})
    return Tool(function["name"], function.get("description") or "", schema)


def read_image(part: JsonObject) -> Image | Text:
    """Read an image, or the note in place of one that was left out."""
    return Text(part["text"]) if part["type"] == "text" else Image(part["media_type"], part["data"])


class MessageReader:
    """Reads the messages in their order, and gives the calls ids by which their results find them."""

    def __init__(self) -> None:
        self._open: list[ToolCall] = []  # the calls of the last message that have no result yet

    def read(self, messages: Any) -> Iterator[Message]:
        for index, message in enumerate(messages):
            role = message["role"]
            if role == "tool":
                yield Message("user", (self._result(index, message),))
            elif role == "assistant":
                yield Message("assistant", tuple(self._assistant(index, message)))
            else:
                yield Message(role, tuple(read_content(message)))

    def _assistant(self, index: int, message: JsonObject) -> Iterator[Part]:
        if message.get("thinking"):
            yield Reasoning(message["thinking"])
        yield from read_content(message)
        self._open = []
        for position, call in enumerate(message.get("tool_calls") or ()):
            id_, details = read_id(call.get("id") or f"call_{index}_{position}")
            if details:
                yield Reasoning("", details)
            self._open.append(read_call(id_, call))
            yield self._open[-1]

    def _result(self, index: int, message: JsonObject) -> ToolResult:
        """Read a result.  One without a call gets an id that no call has."""
        wanted, _details = read_id(message.get("tool_call_id") or "")
        name = message.get("tool_name")
        call = next((call for call in self._open if wanted and call.id == wanted), None)
        call = call or next((call for call in self._open if name in (None, "", call.name)), None)
        if call is None:
            return ToolResult(wanted or f"result_{index}", tuple(read_content(message)))
        self._open.remove(call)
        return ToolResult(call.id, tuple(read_content(message)))


def read_call(id_: str, call: JsonObject) -> ToolCall:
    function = call["function"]
    return ToolCall(id_, function["name"], codec.write(function.get("arguments") or {}).decode())


def read_content(message: JsonObject) -> Iterator[Any]:
    if message.get("content"):
        yield Text(message["content"])
    yield from map(read_image, message.get("images") or ())
