"""The framing of OpenAI's Responses."""

from copilot_bridge.dialects.framing.sse import ServerSentEvents

FRAMING = ServerSentEvents()
