"""The APIs as they are spoken: pure functions and state machines, bytes and dicts in and out.

No I/O, no clock, no Flask, no requests in here.
"""
