"""The APIs that clients speak and Copilot offers: pure functions and state machines, bytes and dicts in and
out.

Nothing in here does I/O, reads a clock, or imports flask or requests.
"""
