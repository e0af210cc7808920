"""Writes OpenAPI's Operation Object of an endpoint."""

from typing import Any

from copilot_bridge.dialects.description.endpoint import (
    BY_KEY,
    FOR_EVERYBODY,
    HTML,
    JSON,
    Endpoint,
    Success,
)
from copilot_bridge.openapi.errors import refusals

Json = dict[str, Any]

EVENTS = "text/event-stream"
LINES = "application/x-ndjson"
PAGE: Json = {"schema": {"type": "string"}}
REQUEST_ID = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}

# The responses of a page to a browser without a key, and while the store is out of order.
SIGN_IN: Json = {"description": "A browser without a key: to where it gives one.", "headers": REQUEST_ID}
STORE_GONE: Json = {"description": "To a browser: the store can't be used just now.", "headers": REQUEST_ID}


def write_operation(endpoint: Endpoint, tag: str) -> Json:
    """Write the Operation Object of an endpoint, in the group `tag`."""
    operation: Json = {"tags": [tag], "operationId": endpoint.id, "summary": endpoint.summary}
    if endpoint.about:
        operation["description"] = endpoint.about
    if endpoint.parameters:
        operation["parameters"] = list(endpoint.parameters)
    if endpoint.body is not None:
        operation["requestBody"] = write_body(endpoint)
    operation["responses"] = write_responses(endpoint)
    if endpoint.security is not BY_KEY:
        operation["security"] = list(endpoint.security)
    return operation


def write_body(endpoint: Endpoint) -> Json:
    examples = {name: {"summary": name, "value": value} for name, value in endpoint.examples.items()}
    content = {"schema": endpoint.body} | ({"examples": examples} if examples else {})
    return {"required": True, "content": {JSON: content}}


def write_responses(endpoint: Endpoint) -> Json:
    """Write the responses by status: the successes, what only browsers get, and the refusals."""
    responses = {str(status): write_success(success) for status, success in endpoint.responses.items()}
    refused = {
        status: refusal for status, refusal in write_refusals(endpoint).items() if status not in responses
    }
    if endpoint.page and endpoint.security is BY_KEY:
        responses |= {"303": dict(SIGN_IN), "503": dict(STORE_GONE)}
    responses |= refused
    if endpoint.page:
        for response in responses.values():
            response["content"] = response.get("content", {}) | {HTML: PAGE}
    return responses


def write_success(success: Success) -> Json:
    content: Json = {success.kind: {"schema": success.schema}}
    if success.event:
        content[EVENTS] = {"schema": success.event}
    if success.lines:
        content[LINES] = {"schema": success.schema}
    return {"description": success.about, "headers": REQUEST_ID | dict(success.headers), "content": content}


def write_refusals(endpoint: Endpoint) -> Json:
    """Write the error responses, in the order of their statuses."""
    by_key = ("authentication",) if endpoint.security is BY_KEY else ()
    found = refusals(endpoint.dialects, (*FOR_EVERYBODY, *endpoint.kinds, *by_key))
    return {
        status: {**refusal, "headers": REQUEST_ID | refusal["headers"]}
        for status, refusal in sorted(found.items())
    }
