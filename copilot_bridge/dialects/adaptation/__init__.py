"""Adaptation of prompts to what their target accepts, and back.

There is a table of limits, and a module per subject.
"""
