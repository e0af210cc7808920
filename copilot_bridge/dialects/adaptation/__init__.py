"""Adaptation of prompts to what their target accepts, and back: a table of limits, and a module per
subject.
"""
