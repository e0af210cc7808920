"""Adaptations of request bodies to Copilot's quirks: a module for each dialect, a rule for each quirk."""
