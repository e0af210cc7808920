"""The HTTP surface: a blueprint for each API, and the edge that all answers pass."""
