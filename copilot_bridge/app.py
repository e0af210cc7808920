"""Puts the application together; no logic in here."""

from flask import Flask

from copilot_bridge.config import Config
from copilot_bridge.exchange import Bridge
from copilot_bridge.views import chat, edge, embeddings, health, messages, models, responses

APIS = (chat.bp, embeddings.bp, messages.bp, models.bp, responses.bp)


def create_app(config: Config | None = None) -> Flask:
    """The WSGI application.  Without a config: the environment's.  Raises ConfigError."""
    app = Flask(__name__, static_folder=None)
    app.url_map.strict_slashes = False
    app.extensions["copilot_bridge"] = Bridge(config or Config.from_environment())
    edge.init_app(app)
    app.register_blueprint(health.bp)
    for api in APIS:
        app.register_blueprint(api)
        app.register_blueprint(api, url_prefix="/v1", name=f"v1_{api.name}")
    return app
