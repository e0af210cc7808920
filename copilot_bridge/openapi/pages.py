"""The pages for people, and what their scripts ask."""

from copilot_bridge.openapi.endpoint import Answer, Endpoint
from copilot_bridge.openapi.schemas import Schema, text

SCHEMAS: dict[str, Schema] = {}

HTML = Answer("A page.", text(), kind="text/html")

ENDPOINTS: tuple[Endpoint, ...] = ()
