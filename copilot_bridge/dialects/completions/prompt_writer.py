"""Conversion of a `Prompt` into a body for Copilot's completion models.

They are served by a host of their own, which only streams.
"""

from collections.abc import Callable
from typing import Any

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.prompt import Gap, Prompt

MAX_TOKENS = 500  # what GitHub's own client asks for


def write_prompt(prompt: Prompt) -> JsonObject:
    settings = {name: write(prompt) for name, write in SETTINGS.values()}
    present = {name: value for name, value in settings.items() if value is not None}
    suffix = prompt.gap.suffix if prompt.gap else ""
    return {"model": prompt.model, "suffix": suffix, "n": 1, "stream": True} | present


# Each of a prompt's settings: its name in this dialect, and how its value is written.
SETTINGS: dict[str, tuple[str, Callable[[Prompt], Any]]] = {
    "gap": ("prompt", lambda prompt: (prompt.gap or Gap("")).prefix),
    "max_tokens": ("max_tokens", lambda prompt: prompt.max_tokens or MAX_TOKENS),
    "temperature": ("temperature", lambda prompt: prompt.temperature),
    "top_p": ("top_p", lambda prompt: prompt.top_p),
    "stop": ("stop", lambda prompt: list(prompt.stop) or None),
}

# A prompt for these models has a gap to be filled, and none of this.
UNSUPPORTED_SETTINGS = (
    "tools",
    "tool_choice",
    "parallel_tools",
    "reasoning_effort",
    "thinking_budget",
    "output_format",
    "cache_key",
)
