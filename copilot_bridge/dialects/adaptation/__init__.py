"""Prompts, made such that their target takes them, and the way back: a table of limits, a module a kind."""
