"""`python -m copilot_bridge.http.pages`: makes what the first reader would have to wait for."""

from flask import Flask

from copilot_bridge.config import Config
from copilot_bridge.http.pages.disk_cache import read_toml
from copilot_bridge.http.pages.docs import content
from copilot_bridge.http.pages.i18n import FOLDER, LANGUAGES
from copilot_bridge.http.pages.rendering import compile_all
from copilot_bridge.pipeline import Bridge
from copilot_bridge.redaction import Secret

compile_all(None)
for path in FOLDER.glob("*.toml"):
    read_toml(path)
app = Flask(__name__)
for keys in ((), (Secret("any"),)):
    app.extensions["copilot_bridge"] = Bridge(Config(persist=False, api_key=keys))
    for language in LANGUAGES:
        with app.test_request_context(headers={"Accept-Language": language}):
            content()
