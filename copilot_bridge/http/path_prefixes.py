"""Prefixes of paths that mean `/v1`, because some clients can't be told another one.

They are resolved when a request is routed: a rule for each of them would cost every start 30 ms.  The log
and the responses have the path that the client requested.
"""

import re

from flask import Flask, Request
from werkzeug.routing import MapAdapter

from copilot_bridge.http.url_rules import LazyRule

# Anthropic's clients request the first if their base URL ends with /v1.  The next three are those of Azure's
# clients: today's, and the older ones with an `api-version`, of which the second is for requests without a
# deployment; the body names the model in any case.  The last two are Google's for clients of OpenAI, and
# OpenRouter's, which is below Ollama's paths.
ALIASES = (
    *("/v1/v1", "/openai/v1", "/openai/deployments/{deployment}", "/openai"),
    *("/v1beta/openai", "/api/v1"),
)

# A deployment without anything behind it is no endpoint.
PREFIX = re.compile(
    f"(?:{'|'.join(re.sub('{.+?}', '[^/]+', alias) for alias in ALIASES)})(?=/(?!deployments/))"
)


class Application(Flask):
    """A Flask application that knows the aliases of its routes."""

    url_rule_class = LazyRule

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        adapter = super().create_url_adapter(request)
        if adapter is not None:
            adapter.path_info = resolve(adapter.path_info)
        return adapter


def resolve(path: str) -> str:
    """Return the path by which a requested path is routed."""
    match = PREFIX.match(path)
    return f"/v1{path[match.end() :]}" if match else path
