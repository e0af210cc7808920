"""The framing of Ollama's API."""

from copilot_bridge.dialects.framing.ndjson import NewlineDelimitedJson

FRAMING = NewlineDelimitedJson()
