"""Results of server tools as texts for models, in the conversation and in what clients send back."""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from copilot_bridge.dialects.events import Source
from copilot_bridge.dialects.prompt import Message, Part, Prompt, Reasoning, Text, ToolResult
from copilot_bridge.dialects.provider_details import is_foreign, pack, unpack

# The key of a result among the details that clients carry.
CARRIED = "server_tools"

MAX_SOURCE, MAX_RESULT = 4_000, 24_000  # characters

NOTHING = "Nothing was found."

# The text that a model gets after a failed run, by Anthropic's error codes.
ERRORS = {
    "max_uses_exceeded": "It has run as often as it may: answer now, with what you know.",
    "too_many_requests": "It has run too often lately. Answer with what you know, and say so.",
    "invalid_tool_input": "The argument is missing, or not a text.",
    "query_too_long": "The query is too long: ask in fewer words.",
    "invalid_input": "The argument is missing, or is not an address.",
    "url_too_long": "The address is too long.",
    "url_not_allowed": "This address may not be read.",
    "url_not_accessible": "The page can't be read.",
    "unsupported_content_type": "There is no text at this address.",
    "unavailable": "It does not work at present. Answer with what you know, and say so.",
}


def result_text(sources: Iterable[Source], summary: str = "") -> str:
    """Write a result for a model, numbered, with addresses.

    :param summary: what all pages say together.
    """
    texts = [summary] if summary else []
    texts += [source_text(number, source) for number, source in enumerate(sources, 1)]
    return shortened("\n\n".join(texts), MAX_RESULT) or NOTHING


def source_text(number: int, source: Source) -> str:
    head = (f"[{number}] {source.title or source.url}", source.url, source.age)
    return "\n".join(filter(None, (*head, shortened(source.text, MAX_SOURCE))))


def shortened(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else f"{text[: max_length - 1]}…"


def error_text(code: str) -> str:
    return f"Error: {ERRORS.get(code, ERRORS['unavailable'])}"


def called_text(tool: str, argument: object) -> str:
    """Write an earlier call for a model that is shown the conversation."""
    verb = "Searched the web for" if tool == "web_search" else "Read the web page"
    return f"[{verb} {str(argument)[:500]!r}]"


# Clients return these values in later requests.


def encode_text(text: str) -> str:
    """Write a page's text as the value that clients carry without looking into it."""
    return pack([text])


def decode_text(encoded: Any) -> str:
    """Read such a value; "" if the bridge has not written it."""
    content = unpack(encoded) if is_foreign(encoded) else None
    texts = content if isinstance(content, list) else []
    return "\n".join(text for text in texts if isinstance(text, str))


def with_carried_results(prompt: Prompt) -> Prompt:
    """Return the prompt with the results that its reasoning carries, as texts."""
    found = any(is_carried(part) for message in prompt.messages for part in message.parts)
    if not found:
        return prompt
    return replace(prompt, messages=tuple(map(with_carried_texts, prompt.messages)))


def known_texts(prompt: Prompt) -> Iterator[str]:
    """Yield the texts that others than the model have written: the user, the client, tools and pages."""
    for message in prompt.messages:
        for part in message.parts:
            if isinstance(part, ToolResult):
                yield from (shown.text for shown in part.parts if isinstance(shown, Text))
            elif isinstance(part, Reasoning):
                yield str(part.provider_details.get(CARRIED) or "")
            elif isinstance(part, Text) and message.role != "assistant":
                yield part.text


def with_carried_texts(message: Message) -> Message:
    return Message(message.role, tuple(map(carried_text, message.parts)))


def is_carried(part: Part) -> bool:
    return isinstance(part, Reasoning) and CARRIED in part.provider_details


def carried_text(part: Part) -> Part:
    return Text(part.provider_details[CARRIED]) if isinstance(part, Reasoning) and is_carried(part) else part
