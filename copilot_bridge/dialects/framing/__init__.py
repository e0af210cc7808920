"""Framings: how the events of a response become bytes, and bytes events again.

A writer yields frames, which say nothing of bytes; a framing encodes them.
"""
