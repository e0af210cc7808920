"""Ollama's API, which many desktop tools speak and nothing else."""
