"""The limits of Chat Completions."""

from copilot_bridge.dialects.adaptation.limits import ANTHROPIC, Limits, Override

LIMITS = Limits(stops=4)

# Copilot passes Chat Completions on to Claude.
CLAUDE = {"id_length": 64, "blank_texts": False, "blank_stops": False, "strict": "anthropic"}

OVERRIDES = (
    # "Expected a string with maximum length 40": Chat Completions of OpenAI and Azure.
    Override({"id_length": 40}, vendor="OpenAI"),
    Override(CLAUDE, vendor=ANTHROPIC),
    # "Unsupported parameter: 'stop' is not supported with this model": reasoning models.
    Override({"stops": 0}, model=r"^(gpt-[5-9]|o\d)"),
)
