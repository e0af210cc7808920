"""Framings: how the events of a response become bytes, and bytes events.

A writer yields frames, which are independent of the encoding; a framing encodes them.
"""
