"""`python -m copilot_bridge.http.pages`: makes what the first reader would have to wait for."""

from copilot_bridge.http.pages.disk_cache import read_toml
from copilot_bridge.http.pages.i18n import FOLDER
from copilot_bridge.http.pages.rendering import compile_all

compile_all(None)
for path in FOLDER.glob("*.toml"):
    read_toml(path)
