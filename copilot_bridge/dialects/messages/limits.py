"""The limits of Messages."""

from copilot_bridge.dialects.adaptation.limits import Limits

LIMITS = Limits(
    id_length=64,
    name_length=128,
    blank_stops=False,
    blank_texts=False,
    properties=False,
    items=False,
    texts_inline=False,
    strict="anthropic",
)
