"""The pages for people, and what their scripts ask."""

from copilot_bridge.openapi.endpoint import ANYBODY, HTML, Answer, Endpoint
from copilot_bridge.openapi.schemas import Schema, text

SCHEMAS: dict[str, Schema] = {}

# What there is nothing but a page of.
A_PAGE = {200: Answer("A page.", text(), kind=HTML)}

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        route="GET /docs",
        id="showDocs",
        summary="Show this description to people",
        answers=A_PAGE,
        security=ANYBODY,
        page=True,
    ),
)
