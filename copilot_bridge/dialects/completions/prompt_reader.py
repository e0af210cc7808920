"""Conversion of a Completions body into a `Prompt`."""

from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.completions.fill_marks import read_fill_prompt
from copilot_bridge.dialects.prompt import Gap, Prompt

# Optional fields: the response is as valid without them.
DROPPED = ("seed", "presence_penalty", "frequency_penalty", "logit_bias", "user")


def read_prompt(body: JsonObject) -> Prompt:
    """Read a body with a single prompt, a text or one with the marks of a fill-in-the-middle model."""
    stop = body.get("stop")
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    prefix, suffix = body["prompt"][0], body.get("suffix") or ""
    marked = read_fill_prompt(prefix) if not suffix else None
    if marked:
        prefix, suffix, stops = marked.prefix, marked.suffix, (*stops, *marked.stops)
    return Prompt(
        model=body["model"],
        messages=(),
        gap=Gap(prefix, suffix),
        max_tokens=body.get("max_tokens"),
        temperature=body.get("temperature"),
        top_p=body.get("top_p"),
        stop=tuple(dict.fromkeys(filter(None, stops))),
        reasoning_effort=body.get("reasoning_effort"),
    )
