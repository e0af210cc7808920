"""A soak: agents' traffic in all dialects, and a fault every few seconds; `make soak`."""
