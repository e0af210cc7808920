"""The framing of Anthropic's Messages."""

from copilot_bridge.dialects.framing.sse import ServerSentEvents

FRAMING = ServerSentEvents(keepalive=b'event: ping\ndata: {"type": "ping"}\n\n')
