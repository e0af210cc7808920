"""GitHub's MCP server on the Copilot host, as a client of one of its tools (streamable HTTP).

It uses the revision without sessions (2026-07-28); if the server does not support that, the one before, with
its handshake.  Sources: what Copilot's CLI 1.0.102 sends (November 2026), and the specification.
"""

import logging
import time
from itertools import count
from typing import Any

import requests

from copilot_bridge.dialects import codec
from copilot_bridge.dialects.codec import JsonObject
from copilot_bridge.dialects.framing import sse
from copilot_bridge.errors import BridgeError
from copilot_bridge.upstream.copilot import Copilot
from copilot_bridge.upstream.signals import Signals
from copilot_bridge.upstream.transport.bodies import SIZE_LIMIT, read_whole

log = logging.getLogger(__name__)

PATH = "/mcp/readonly"
MODERN, LEGACY = "2026-07-28", "2025-11-25"
META = "io.modelcontextprotocol/"
CLIENT = {"name": "copilot-bridge", "version": "1"}

TIMEOUT = 30.0  # seconds between two bytes
MAX_RESPONSE = 2_000_000  # bytes
LEGACY_FOR = 3600.0  # seconds for which a server is not asked again whether it knows the newer revision

# Refusals by which a server says that it does not know a revision or a method.
UNKNOWN = ("invalid_request", "unsupported", "not_found", "method_not_allowed", "model_not_found")


class McpError(Exception):
    """The server responds with an error, or not at all."""


class McpServer:
    """Calls one tool of the server.

    :param tool: its name.
    """

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self._legacy_until = 0.0
        self._ids = count(1)

    def call(self, copilot: Copilot, signals: Signals, arguments: JsonObject) -> tuple[str, bool]:
        """Call the tool, and return its text, and whether it is an error.  Blocks.

        :raises McpError, BridgeError: it can't be called.
        """
        params = {"name": self._tool, "arguments": arguments}
        connection = Connection(copilot, signals, self._tool, self._ids)
        if time.monotonic() >= self._legacy_until:
            try:
                return text_of(connection.request("tools/call", params | {"_meta": meta()}, modern=True))
            except (McpError, BridgeError) as error:
                if isinstance(error, BridgeError) and error.kind not in UNKNOWN:
                    raise
                log.info("GitHub's MCP server does not speak %s: %s", MODERN, error)
        result = text_of(connection.after_handshake("tools/call", params))
        self._legacy_until = time.monotonic() + LEGACY_FOR
        return result


def meta() -> JsonObject:
    return {f"{META}protocolVersion": MODERN, f"{META}clientInfo": CLIENT, f"{META}clientCapabilities": {}}


class Connection:
    """Messages to the server, as JSON-RPC.  `session`: its id, if the server gives one."""

    def __init__(self, copilot: Copilot, signals: Signals, tool: str, ids: "count[int]") -> None:
        self._copilot = copilot
        self._signals = signals
        self._tool = tool
        self._ids = ids
        self._headers = {
            "Accept": "application/json, text/event-stream",
            "X-MCP-Tools": tool,
            "X-MCP-Host": CLIENT["name"],
        }

    def after_handshake(self, method: str, params: JsonObject) -> JsonObject:
        hello = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": CLIENT}
        response = self._send({"id": next(self._ids), "method": "initialize", "params": hello})
        session = response.headers.get("Mcp-Session-Id")
        version = result_of(response).get("protocolVersion")
        self._headers["MCP-Protocol-Version"] = version if isinstance(version, str) else LEGACY
        if session:
            self._headers["Mcp-Session-Id"] = session
        self._send({"method": "notifications/initialized"}).close()
        return self.request(method, params)

    def request(self, method: str, params: JsonObject, *, modern: bool = False) -> JsonObject:
        named = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method, "Mcp-Name": self._tool}
        message = {"id": next(self._ids), "method": method, "params": params}
        return result_of(self._send(message, named if modern else {}))

    def _send(self, message: JsonObject, headers: dict[str, str] | None = None) -> requests.Response:
        body = codec.write({"jsonrpc": "2.0", **message})
        sent = self._headers | (headers or {})
        response = self._copilot.send("POST", PATH, body, sent, signals=self._signals, timeout=TIMEOUT)
        setattr(response, SIZE_LIMIT, MAX_RESPONSE)
        return response


def result_of(response: requests.Response) -> JsonObject:
    """Read the result from a response, which is JSON or a stream of events.

    :raises McpError: it is an error, or none.
    """
    is_stream = response.headers.get("Content-Type", "").startswith("text/event-stream")
    data = read_whole(response)
    messages = (codec.read_object(payload) for payload in (payloads(data) if is_stream else [data]))
    found = next(
        (message for message in messages if message and ("result" in message or "error" in message)), {}
    )
    result: Any = found.get("result")
    if not isinstance(result, dict):
        error = found.get("error")
        raise McpError(str(error.get("message") if isinstance(error, dict) else "no result")[:300])
    return result


def payloads(stream: bytes) -> list[bytes]:
    splitter = sse.Splitter()
    return [sse.read_data(block) for block in (*splitter.feed(stream), splitter.rest())]


def text_of(result: JsonObject) -> tuple[str, bool]:
    """Return the text of a tool's result, and whether it is an error."""
    content = result.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    texts = (part["text"] for part in parts if isinstance(part.get("text"), str))
    return "\n".join(texts), bool(result.get("isError"))
