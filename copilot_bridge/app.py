"""Puts the application together; no logic in here."""

from flask import Flask
from gevent import monkey

from copilot_bridge.config import Config, load_config
from copilot_bridge.http import errors, middleware, pages
from copilot_bridge.http.api import (
    conversations,
    dialects,
    estimate,
    gemini,
    health,
    metrics,
    models,
    ollama,
    openapi,
    responses,
    token,
    usage,
)
from copilot_bridge.http.cleanup import ErrorBoundary
from copilot_bridge.http.path_prefixes import Application
from copilot_bridge.http.taken_over import SESSIONS
from copilot_bridge.http.websocket.sessions import Sessions
from copilot_bridge.pipeline import Bridge

ABOUT = (health.bp, metrics.bp, ollama.bp, openapi.bp, token.bp, usage.bp)

# Those of OpenAI's and Anthropic's APIs; `http/path_prefixes.py` has more for the second.
PREFIXES = ("", "/v1")

# The versions of Google's API that no other API has.
GOOGLE_PREFIXES = ("/v1beta", "/v1alpha")

APIS = (
    (dialects.bp, PREFIXES),
    (responses.bp, PREFIXES),
    (responses.kept, PREFIXES),
    (conversations.bp, PREFIXES),
    (estimate.bp, PREFIXES),
    (models.bp, (*PREFIXES, *GOOGLE_PREFIXES)),
    (gemini.bp, ("", "/v1", *GOOGLE_PREFIXES)),
)


def create_app(config: Config | None = None) -> Flask:
    """Create the WSGI application; without a config, with that of the environment.  Raises ConfigError."""
    app = Application(__name__, static_folder=None)
    app.url_map.strict_slashes = False
    bridge = app.extensions["copilot_bridge"] = Bridge(config or load_config())
    bridge.require_keys_when_public()
    if monkey.is_module_patched("threading"):  # a worker, not a command that reads the routes
        bridge.request_log_writer.start()
        bridge.response_store.start()
        bridge.metrics.start()
        bridge.start_telemetry()
        bridge.budgets.recover()
        bridge.health.start()
        bridge.ready_connections.start()
        bridge.websockets.start()
    app.extensions[SESSIONS] = Sessions()
    middleware.init_app(app)
    errors.init_app(app)
    pages.init_app(app)
    for about in ABOUT:
        app.register_blueprint(about)
    for api, prefixes in APIS:
        for prefix in prefixes:
            app.register_blueprint(api, url_prefix=prefix, name=f"{prefix}/{api.name}".replace("/", "_"))
    app.wsgi_app = ErrorBoundary(app.wsgi_app)  # type: ignore[method-assign]
    return app
