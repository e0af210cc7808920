"""The framing of OpenAI's Chat Completions."""

from copilot_bridge.dialects.framing.sse import ServerSentEvents

FRAMING = ServerSentEvents(end=b"data: [DONE]\n\n")
