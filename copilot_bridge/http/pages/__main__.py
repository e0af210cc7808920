"""`python -m copilot_bridge.http.pages`: compiles the templates, so that the first reader need not wait."""

from copilot_bridge.http.pages.rendering import compile_all

compile_all(None)
