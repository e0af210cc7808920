"""Anthropic's Messages, as its clients speak it, and Copilot's own way with it.

`request` reads what a client sends, `repair` mends a stream, `reply` an answer in one piece, `errors`
tells what went wrong.
"""
