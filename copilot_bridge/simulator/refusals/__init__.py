"""Refusals of GitHub and of Copilot, word by word, by name."""
