"""Errors in Ollama's format.

Source: https://docs.ollama.com/api/errors
"""

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.framing.frames import Frame
from copilot_bridge.errors import BridgeError


def write_error(error: BridgeError, _request_id: str = "") -> tuple[int, dict[str, str], bytes]:
    """Write the (status, headers, body) of an error before the first byte of a response."""
    return error.http_status, error.headers, codec.write({"error": str(error)})


def error_frame(error: BridgeError) -> Frame:
    """Return the last line of a stream that failed."""
    return "", {"error": str(error)}
