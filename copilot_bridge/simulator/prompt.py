"""A chat request, read: what the user said, which tools are offered, which images came along."""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from copilot_bridge.simulator.kinds import CHAT, first_misfit
from copilot_bridge.simulator.refusals.forms import invalid
from copilot_bridge.simulator.refusals.refusal import Refused

DATA_URL = re.compile(r"^data:([\w/+.-]+);base64,")
TOOL_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
MAX_TOOLS = 128
IMAGE_TOKENS = 765  # a plausible price of an image in the prompt


@dataclass(frozen=True, slots=True)
class Image:
    media_type: str
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    schema: Mapping[str, Any]
    custom: bool = False  # takes free text instead of JSON
    namespace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The parts of a request that its response depends on.

    `text` is the last user message's; `results` are tool results after it.  `body` holds the settings under
    the names that chat has for them, whatever the surface.
    """

    body: Mapping[str, Any]
    text: str
    images: tuple[Image, ...]
    tools: tuple[Tool, ...]
    results: tuple[str, ...]
    tokens: int
    documents: tuple[Image, ...] = ()
    cached: int = 0  # of the tokens, those read from the cache
    written: int = 0  # of the tokens, those written into it

    @property
    def stream(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def max_tokens(self) -> int | None:
        given = self.body.get("max_completion_tokens", self.body.get("max_tokens"))
        return given if isinstance(given, int) else None


def read_prompt(body: object) -> Prompt:
    """Reads a chat request.

    :raise Refused: it is none, or has a value of a wrong kind.
    """
    if not isinstance(body, dict):
        raise Refused(invalid("failed to parse request body"))
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(item, dict) for item in messages):
        raise Refused(invalid("messages: a list with at least one message is required"))
    if misfit := first_misfit(body, CHAT):
        where = re.sub(r"\.(\d+)", r"[\1]", misfit[0])
        raise Refused(invalid(f"Invalid type for '{where}'.", "invalid_type", param=where))
    last = max((index for index, item in enumerate(messages) if asks(item)), default=0)
    results = [item for item in messages[last:] if item.get("role") == "tool"]
    return Prompt(
        body=body,
        text=typed(text_of(messages[last])),
        images=tuple(image for item in messages for image in images_of(item)),
        tools=read_tools(body.get("tools") or []),
        results=tuple(map(text_of, results)),
        tokens=max(1, sum(map(count_tokens, messages)) + len(str(body.get("tools") or "")) // 4),
    )


# What agents put beside a tool's result, or send alone: nobody has typed it, and it names tools.
NOTICE = re.compile(r"<(system-reminder|task-notification)>.*?(?:</\1>|$)", re.DOTALL)


def typed(text: str) -> str:
    return NOTICE.sub("", text).strip("\n")


def asks(message: Mapping[str, Any]) -> bool:
    if message.get("role") != "user":
        return False
    return bool(typed(text_of(message))) or any("image_url" in part for part in parts_of(message))


def parts_of(message: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    content = message.get("content")
    if isinstance(content, list):
        yield from (part for part in content if isinstance(part, dict))
    elif isinstance(content, str):
        yield {"type": "text", "text": content}


def text_of(message: Mapping[str, Any]) -> str:
    return "\n".join(str(part["text"]) for part in parts_of(message) if "text" in part)


def images_of(message: Mapping[str, Any]) -> Iterator[Image]:
    """The images of a message.

    :raise Refused: an image by address: Copilot fetches none.
    """
    for part in parts_of(message):
        if "image_url" in part:
            image = part["image_url"]
            yield read_image(str(image.get("url", "") if isinstance(image, dict) else image))


def read_image(url: str) -> Image:
    match = DATA_URL.match(url)
    if match is None:
        raise Refused(invalid("external image URLs are not supported"))
    try:
        return Image(match[1], len(base64.b64decode(url[match.end() :], validate=True)))
    except ValueError:  # binascii.Error is one
        raise Refused(invalid("invalid image data")) from None


def read_tools(tools: list[Any]) -> tuple[Tool, ...]:
    """The tools of a request.

    :raise Refused: too many, of another type than `function`, or with an impossible name.
    """
    if len(tools) > MAX_TOOLS:
        raise Refused(
            invalid(f"Invalid 'tools': array too long. Expected at most {MAX_TOOLS}, got {len(tools)}.")
        )
    return tuple(read_tool(index, tool) for index, tool in enumerate(tools))


def read_tool(index: int, tool: Any) -> Tool:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict):
        raise Refused(invalid(f"Invalid 'tools[{index}]': only tools of type function are supported"))
    name = str(function.get("name", ""))
    if not TOOL_NAME.match(name):
        raise Refused(invalid(f"Invalid 'tools[{index}].function.name': does not match {TOOL_NAME.pattern}"))
    return Tool(name, function.get("parameters") or {})


def count_tokens(message: Mapping[str, Any]) -> int:
    """About four characters make a token; images have a price of their own."""
    images = sum(IMAGE_TOKENS for part in parts_of(message) if "image_url" in part)
    return 4 + len(text_of(message)) // 4 + images + len(str(message.get("tool_calls") or "")) // 4
