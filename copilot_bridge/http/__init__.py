"""The HTTP surface: a blueprint for each API, and the middleware that every request passes."""
