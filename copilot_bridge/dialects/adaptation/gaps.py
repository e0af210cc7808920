"""Gaps in texts.

Models that only hold conversations are asked in words to fill them.  For models that only fill gaps, a text
that asks for a response becomes one to be continued.
"""

from collections.abc import Iterator
from itertools import count

from msgspec.structs import replace

from copilot_bridge.dialects.prompt import Gap, Message, Prompt, Text
from copilot_bridge.errors import Unsupported

CURSOR = "<|cursor|>"

FILL = (
    "You are the code completion of an editor. The user's message is a text with the mark {mark} in it. "
    "Reply with the text to insert in place of the mark, and with nothing else: no explanation, no code "
    "fences, and nothing that already stands before or after the mark."
)
CONTINUE = (
    "Reply with the text that follows the user's message, and with nothing else. If the message is code or "
    "breaks off, continue it from its last character, without repeating it and without code fences. If it is "
    "a question or an instruction, reply with the answer alone."
)


def ask_in_words(prompt: Prompt) -> Prompt:
    """Return a prompt without a gap, whose messages ask for the text in it."""
    if prompt.gap is None:
        return prompt
    request, shown = fill(prompt.gap) if prompt.gap.suffix else (CONTINUE, prompt.gap.prefix)
    messages = (Message("system", (Text(request),)), Message("user", (Text(shown),)))
    return replace(prompt, gap=None, messages=messages)


def as_gap(prompt: Prompt) -> Prompt:
    """Return a prompt whose messages are a text to be continued.

    :raises Unsupported: they hold more than texts, or a response of the model.
    """
    if prompt.gap is not None:
        return prompt
    parts = [part for message in prompt.messages for part in message.parts]
    texts = [part.text for part in parts if isinstance(part, Text)]
    if len(texts) < len(parts) or any(message.role == "assistant" for message in prompt.messages):
        raise Unsupported(f"model {prompt.model!r} only completes texts", param="model")
    return replace(prompt, messages=(), gap=Gap("\n\n".join(texts)))


def fill(gap: Gap) -> tuple[str, str]:
    """Return the request, and the text with a mark in its gap."""
    text = gap.prefix + gap.suffix
    mark = next(mark for mark in marks() if mark not in text)
    return FILL.format(mark=mark), f"{gap.prefix}{mark}{gap.suffix}"


def marks() -> Iterator[str]:
    """Yield marks until one is not in the text itself."""
    yield CURSOR
    yield from (f"<|cursor-{number}|>" for number in count(2))
