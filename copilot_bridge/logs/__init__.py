"""The log: readable on a terminal, JSON elsewhere, without secrets anywhere; one line per request."""
