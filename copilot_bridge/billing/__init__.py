"""What Copilot costs: the prices of models."""
